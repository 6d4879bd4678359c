import { OpenAPIHono } from "@hono/zod-openapi";
import type { Bindings } from "./bindings";
import { SluiceError } from "./domain/errors";
import { problemResponse } from "./http/problem";
import { requestTarget } from "./http/request-target";
import { bundleSchema } from "./nodes/bundle-schema";
import { type Services, servicesOf } from "./services";
import { answerActionCall, isActionCall } from "./surfaces/action";
import { describeAction } from "./surfaces/action/openapi";
import { type CallbackVariables, callbacks } from "./surfaces/callback";
import { docs } from "./surfaces/docs";
import { type EventVariables, event } from "./surfaces/event";
import { type ManagementVariables, management } from "./surfaces/management";
import { answerOAuthCall, isOAuth } from "./surfaces/oauth";
import { describeOAuth } from "./surfaces/oauth/openapi";
import { answerSiteCall } from "./surfaces/site";
import { answerSoapCall, isSoap } from "./surfaces/soap";
import { describeSoap } from "./surfaces/soap/openapi";
import { answerV1Call, isV1 } from "./surfaces/v1";
import { describeV1 } from "./surfaces/v1/openapi";

interface ApiEnvironment {
  Bindings: Bindings;
  Variables: ManagementVariables["Variables"] &
    EventVariables["Variables"] &
    CallbackVariables["Variables"] & { assets: Fetcher };
}

/** The Hono app: management, callbacks, events, documentation, websites; described, with all else, by `/openapi.json`. */
const api = new OpenAPIHono<ApiEnvironment>();

api.use("/admin/*", (context, next) => {
  const services = servicesOf(context.env);
  context.set("management", services);
  context.set("instance", services.settings.INSTANCE);
  return next();
});
api.route("/admin/v1", management);

api.use("/callback/*", (context, next) => {
  context.set("callbacks", servicesOf(context.env));
  return next();
});
api.route("/callback", callbacks);

api.use("/docs/*", (context, next) => {
  context.set("assets", servicesOf(context.env).assets);
  return next();
});
api.route("/docs", docs);

api.use("/workflow/*", (context, next) => {
  context.set("workflows", servicesOf(context.env));
  return next();
});
api.route("/workflow", event);

api.openAPIRegistry.registerComponent("securitySchemes", "adminToken", {
  type: "http",
  scheme: "bearer",
  description:
    "The deployment's ADMIN_TOKEN; a token of Cloudflare Access; or, below one project, the API key of a user who may administer or view it.",
});
describeAction(api.openAPIRegistry);
describeV1(api.openAPIRegistry);
describeSoap(api.openAPIRegistry);
describeOAuth(api.openAPIRegistry);

api.doc31("/openapi.json", {
  openapi: "3.1.0",
  info: {
    title: "Sluice",
    version: "1",
    description:
      "An API-triggered flow engine at the edge. Each project has a document of its own endpoints too, at /admin/v1/projects/{project}/openapi.json.",
  },
});

api.get("/schemas/bundle.json", (context) => context.json(bundleSchema()));
api.get("/health", (context) => context.json({ status: "ok" }));
api.get("/", async (context) => {
  const page = await site(context.req.raw as unknown as Request, context.env);
  return (page as unknown as globalThis.Response | undefined) ?? context.redirect("/docs");
});

api.notFound(async (context) => {
  const page = await site(context.req.raw as unknown as Request, context.env);
  if (page !== undefined) return page as unknown as globalThis.Response;
  return problemResponse(
    new SluiceError(
      "not_found",
      `There is nothing at ${new URL(context.req.url).pathname}; /docs lists what there is.`,
    ),
    context,
  );
});
api.onError((error, context) => problemResponse(error, context));

/** What the environment's websites and hosted pages have at a path; they come last where they share a host with the APIs. */
function site(request: Request, env: Bindings): Promise<Response | undefined> {
  return answerSiteCall(request, servicesOf(env));
}

/**
 * The Worker's HTTP side. The surfaces that other systems call all day are told by one look at the URL, and take the request as it is: a
 * router, and the context that it makes for each request, would cost a synchronous call more than finding its endpoint does. They answer their own errors.
 */
export const app = {
  fetch(request: Request, env: Bindings, context: ExecutionContext): Response | Promise<Response> {
    return (
      called(request, env) ??
      (api.fetch(request as never, env, context as never) as unknown as Promise<Response>)
    );
  },
};

/** The answer of a surface outside the Hono app; `undefined` where none is called, or the deployment's settings are wrong, as the app then says. */
function called(request: Request, env: Bindings): Promise<Response> | undefined {
  let services: Services;
  try {
    services = servicesOf(env);
  } catch {
    return undefined;
  }
  const { url } = request;
  if (isActionCall(url)) return answerActionCall(request, url, services);
  const { path } = requestTarget(url);
  if (isV1(path)) return isSoap(path) ? answerSoapCall(request, services) : answerV1Call(request, services);
  return isOAuth(path) ? answerOAuthCall(request, services) : undefined;
}
