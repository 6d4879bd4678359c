import { SluiceError } from "../../domain/errors";
import { problemResponse } from "../../http/problem";
import { accessKeys } from "./access-keys";
import { audit } from "./audit";
import { diagrams } from "./diagrams";
import { files } from "./files";
import { flows } from "./flows";
import { groups } from "./groups";
import { BASE, guard, type Operation } from "./guard";
import { integrations } from "./integrations";
import { interfaces } from "./interfaces";
import { keystores } from "./keystores";
import { organizations } from "./organizations";
import { projects } from "./projects";
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

management.use(
  "*",
  guard(() => operations),
);

for (const resource of [
  projects,
  integrations,
  flows,
  diagrams,
  runs,
  schedules,
  keystores,
  webhooks,
  users,
  groups,
  roles,
  secrets,
  audit,
  organizations,
  accessKeys,
  interfaces,
  files,
])
  management.route("/", resource);

/** What stands at each path, from the routes' own definitions. */
const operations: Operation[] = management.openAPIRegistry.definitions.flatMap((definition) => {
  if (definition.type !== "route") return [];
  const { method, path, operationId } = definition.route;
  const pattern = new RegExp(`^${BASE}${path.replace(/\{\w+\}/g, "[^/]+")}$`);
  return [{ id: operationId ?? `${method} ${path}`, method: method.toUpperCase(), pattern }];
});

management.all("*", (context) => {
  const { pathname } = new URL(context.req.url);
  const methods = operations.filter(({ pattern }) => pattern.test(pathname)).map(({ method }) => method);
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
