import { OpenAPIHono } from "@hono/zod-openapi";
import type { Bindings } from "./bindings";
import { SluiceError } from "./domain/errors";
import { problemResponse } from "./http/problem";
import { bundleSchema } from "./nodes/bundle-schema";
import { servicesOf } from "./services";
import { type ActionVariables, action } from "./surfaces/action";
import { describeAction } from "./surfaces/action/openapi";
import { docs } from "./surfaces/docs";
import { type ManagementVariables, management } from "./surfaces/management";

interface AppEnvironment {
  Bindings: Bindings;
  Variables: ActionVariables["Variables"] & ManagementVariables["Variables"] & { assets: Fetcher };
}

/** The Worker's HTTP side: what every surface needs is put into the context, then one mount line each. */
export const app = new OpenAPIHono<AppEnvironment>();

app.use("*", (context, next) => {
  const services = servicesOf(context.env);
  context.set("trigger", services);
  context.set("instance", services.settings.INSTANCE);
  return next();
});

app.route("/", action);

app.use("/admin/*", (context, next) => {
  const services = servicesOf(context.env);
  context.set("management", services);
  context.set("adminToken", services.settings.ADMIN_TOKEN);
  return next();
});
app.route("/admin/v1", management);

app.use("/docs/*", (context, next) => {
  context.set("assets", servicesOf(context.env).assets);
  return next();
});
app.route("/docs", docs);

app.openAPIRegistry.registerComponent("securitySchemes", "adminToken", {
  type: "http",
  scheme: "bearer",
  description: "The deployment's ADMIN_TOKEN.",
});
describeAction(app.openAPIRegistry);

app.doc31("/openapi.json", {
  openapi: "3.1.0",
  info: {
    title: "Sluice",
    version: "1",
    description:
      "An API-triggered flow engine at the edge. Each project has a document of its own endpoints too, at /admin/v1/projects/{project}/openapi.json.",
  },
});

app.get("/schemas/bundle.json", (context) => context.json(bundleSchema()));
app.get("/health", (context) => context.json({ status: "ok" }));
app.get("/", (context) => context.redirect("/docs"));

app.notFound((context) =>
  problemResponse(
    new SluiceError(
      "not_found",
      `There is nothing at ${new URL(context.req.url).pathname}; /docs lists what there is.`,
    ),
    context,
  ),
);
app.onError((error, context) => problemResponse(error, context));
