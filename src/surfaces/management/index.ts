import { authenticateAdmin } from "../../auth/admin-token";
import type { Environment } from "../../domain/environment";
import { SluiceError } from "../../domain/errors";
import { problemResponse } from "../../http/problem";
import { requestId } from "../../http/request-id";
import { chosenEnvironment } from "../../operations/access/organizations";
import { accessKeys } from "./access-keys";
import { diagrams } from "./diagrams";
import { flows } from "./flows";
import { groups } from "./groups";
import { integrations } from "./integrations";
import { interfaces } from "./interfaces";
import { organizations } from "./organizations";
import { projects } from "./projects";
import type { ManagementContext } from "./request";
import { roles } from "./roles";
import { newRouter } from "./router";
import { runs } from "./runs";
import { schedules } from "./schedules";
import { secrets } from "./secrets";
import { users } from "./users";
import { webhooks } from "./webhooks";

export type { ManagementVariables } from "./request";

/** The management API, `/admin/v1` (contract, section 5). */
export const management = newRouter();

management.onError((error, context) => problemResponse(error, context));

management.use("*", async (context, next) => {
  const user = await authenticateAdmin(
    context.req.header("authorization") ?? null,
    context.get("adminToken"),
  );
  context.set("user", user);
  context.set("environment", await environmentOf(context));
  await next();
  if (context.res.headers.has("x-request-id")) return;
  context.res.headers.set("cache-control", "no-store");
  context.res.headers.set("x-request-id", requestId(context.req.raw.headers as unknown as Headers));
});

for (const resource of [
  projects,
  integrations,
  flows,
  diagrams,
  runs,
  schedules,
  webhooks,
  users,
  groups,
  roles,
  secrets,
  organizations,
  accessKeys,
  interfaces,
])
  management.route("/", resource);

/**
 * Whose projects and data a call is about: the environment whose id `X-Environment` says, else the one of the host name.
 * @throws SluiceError invalid_request, not_found
 */
async function environmentOf(context: ManagementContext): Promise<Environment> {
  const services = context.get("management");
  const chosen = context.req.header("x-environment")?.trim();
  if (chosen === undefined || chosen === "") {
    return services.catalog.environment(new URL(context.req.url).hostname);
  }
  if (!/^[1-9]\d{0,14}$/.test(chosen)) {
    const reason = "it is the id of an environment, a whole number";
    throw new SluiceError("invalid_request", `X-Environment: ${reason}.`, {
      problems: [{ path: "X-Environment", reason }],
    });
  }
  return chosenEnvironment(services, Number(chosen));
}

/** What stands at each path, from the routes' own definitions. */
const table = management.openAPIRegistry.definitions.flatMap((definition) => {
  if (definition.type !== "route") return [];
  const { method, path } = definition.route;
  return [
    { method: method.toUpperCase(), pattern: new RegExp(`^/admin/v1${path.replace(/\{\w+\}/g, "[^/]+")}$`) },
  ];
});

management.all("*", (context) => {
  const { pathname } = new URL(context.req.url);
  const methods = table.filter(({ pattern }) => pattern.test(pathname)).map(({ method }) => method);
  if (methods.length === 0) {
    throw new SluiceError("not_found", `There is nothing at ${pathname}; /openapi.json lists what there is.`);
  }
  const allow = [...methods, ...(methods.includes("GET") ? ["HEAD"] : []), "OPTIONS"];
  if (context.req.method === "OPTIONS") return context.body(null, 204, { allow: allow.join(", ") });
  throw new SluiceError(
    "method_not_allowed",
    `${pathname} takes ${allow.join(", ")}, not ${context.req.method}.`,
    {
      allow,
    },
  );
});
