import { createRoute, z } from "@hono/zod-openapi";
import {
  EnvironmentName,
  type HostedEnvironment,
  HostName,
  type Organization,
  OrganizationName,
} from "../../domain/organization";
import {
  changeEnvironment,
  createEnvironment,
  createOrganization,
  renameOrganization,
  requireEnvironment,
  requireOrganization,
} from "../../operations/access/organizations";
import { readJson, readParams, readQuery } from "./request";
import { guarded, json, NoQuery, newRouter, problem, security, time } from "./router";
import { Cursor, Page as GeneralPage } from "./schemas";

/** Organizations and their environments. */
export const organizations = newRouter();
const tags = ["Organizations"];

const ID_RULE = "it is the id that this API gave, a whole number from 1 on";
const Id = z.coerce.number({ error: ID_RULE }).int(ID_RULE).positive(ID_RULE);
export const OrganizationParams = z.object({
  organization: Id.openapi({ param: { name: "organization", in: "path" } }),
});
const EnvironmentParams = z.object({
  environment: Id.openapi({ param: { name: "environment", in: "path" } }),
});
const Page = z.strictObject({
  limit: GeneralPage.limit,
  cursor: z
    .string()
    .regex(/^\d{1,15}$/, "it is the `next` of the page before")
    .optional(),
});

const OrganizationOnWire = z
  .object({ id: z.number().int(), name: z.string(), createdAt: z.iso.datetime() })
  .openapi("Organization");
const EnvironmentOnWire = z
  .object({
    id: z.number().int().describe("Given as `X-Environment`, it is whose data a management call is about."),
    organization: z.number().int(),
    name: z.string(),
    host: z.string().nullable().describe("Calls to this host name are calls to this environment."),
    default: z.boolean().describe("Where the organization's calls go whose host name is no environment's."),
    createdAt: z.iso.datetime(),
  })
  .openapi("Environment");

const NewOrganization = z.strictObject({ name: OrganizationName });
const NewEnvironment = z.strictObject({ name: EnvironmentName, host: HostName.nullable().default(null) });
const EnvironmentPatch = z.strictObject({
  name: EnvironmentName.optional(),
  host: HostName.nullable().optional(),
  default: z.literal(true, { error: "make another one the default instead" }).optional(),
});

const organizationOnWire = ({ id, name, createdAt }: Organization) => ({
  id,
  name,
  createdAt: time(createdAt),
});
const environmentOnWire = ({ id, organizationId, name, host, isDefault, createdAt }: HostedEnvironment) => ({
  id,
  organization: organizationId,
  name,
  host,
  default: isDefault,
  createdAt: time(createdAt),
});

const body = (schema: z.ZodType) => ({ required: true, content: { "application/json": { schema } } });
const unknownOrganization = problem("There is no such organization.");
const unknownEnvironment = problem("There is no such environment.");
const taken = problem("The name or the host name is taken.");

organizations.openapi(
  createRoute({
    method: "get",
    path: "/organizations",
    operationId: "listOrganizations",
    summary: "List organizations",
    tags,
    security,
    request: { query: Page },
    responses: {
      200: json(z.object({ organizations: z.array(OrganizationOnWire), next: Cursor }), "A page."),
      ...guarded,
    },
  }),
  async (context) => {
    const { limit, cursor } = context.req.valid("query");
    const found = await context.get("management").organizations.list(limit + 1, Number(cursor ?? 0));
    const page = found.slice(0, limit);
    const next = found.length > limit ? String(page.at(-1)?.id) : null;
    return context.json({ organizations: page.map(organizationOnWire), next }, 200);
  },
);

organizations.openAPIRegistry.registerPath({
  method: "post",
  path: "/organizations",
  operationId: "createOrganization",
  summary: "Create an organization",
  description: "It has one environment, `default`, from the start.",
  tags,
  security,
  request: { query: NoQuery, body: body(NewOrganization) },
  responses: { 201: json(OrganizationOnWire, "The organization."), ...guarded, 409: taken },
});

organizations.post("/organizations", async (context) => {
  readQuery(NoQuery, context);
  const { name } = await readJson(NewOrganization, context);
  return context.json(organizationOnWire(await createOrganization(context.get("management"), name)), 201);
});

organizations.openapi(
  createRoute({
    method: "get",
    path: "/organizations/{organization}",
    operationId: "readOrganization",
    summary: "Read an organization",
    tags,
    security,
    request: { params: OrganizationParams, query: NoQuery },
    responses: { 200: json(OrganizationOnWire, "The organization."), ...guarded, 404: unknownOrganization },
  }),
  async (context) => {
    const { organization } = context.req.valid("param");
    return context.json(
      organizationOnWire(await requireOrganization(context.get("management"), organization)),
      200,
    );
  },
);

organizations.openAPIRegistry.registerPath({
  method: "patch",
  path: "/organizations/{organization}",
  operationId: "renameOrganization",
  summary: "Rename an organization",
  tags,
  security,
  request: { params: OrganizationParams, query: NoQuery, body: body(NewOrganization) },
  responses: {
    200: json(OrganizationOnWire, "The organization."),
    ...guarded,
    404: unknownOrganization,
    409: taken,
  },
});

organizations.patch("/organizations/:organization", async (context) => {
  readQuery(NoQuery, context);
  const { organization } = readParams(OrganizationParams, context);
  const { name } = await readJson(NewOrganization, context);
  const renamed = await renameOrganization(context.get("management"), organization, name);
  return context.json(organizationOnWire(renamed), 200);
});

organizations.openapi(
  createRoute({
    method: "get",
    path: "/organizations/{organization}/environments",
    operationId: "listEnvironments",
    summary: "List the environments of an organization",
    tags,
    security,
    request: { params: OrganizationParams, query: NoQuery },
    responses: {
      200: json(z.object({ environments: z.array(EnvironmentOnWire) }), "All of them."),
      ...guarded,
      404: unknownOrganization,
    },
  }),
  async (context) => {
    const services = context.get("management");
    const { id } = await requireOrganization(services, context.req.valid("param").organization);
    const environments = await services.organizations.environments(id);
    return context.json({ environments: environments.map(environmentOnWire) }, 200);
  },
);

organizations.openAPIRegistry.registerPath({
  method: "post",
  path: "/organizations/{organization}/environments",
  operationId: "createEnvironment",
  summary: "Create an environment",
  tags,
  security,
  request: { params: OrganizationParams, query: NoQuery, body: body(NewEnvironment) },
  responses: {
    201: json(EnvironmentOnWire, "The environment."),
    ...guarded,
    404: unknownOrganization,
    409: taken,
  },
});

organizations.post("/organizations/:organization/environments", async (context) => {
  readQuery(NoQuery, context);
  const { organization } = readParams(OrganizationParams, context);
  const created = await createEnvironment(
    context.get("management"),
    organization,
    await readJson(NewEnvironment, context),
  );
  return context.json(environmentOnWire(created), 201);
});

organizations.openapi(
  createRoute({
    method: "get",
    path: "/environments/{environment}",
    operationId: "readEnvironment",
    summary: "Read an environment",
    tags,
    security,
    request: { params: EnvironmentParams, query: NoQuery },
    responses: { 200: json(EnvironmentOnWire, "The environment."), ...guarded, 404: unknownEnvironment },
  }),
  async (context) => {
    const { environment } = context.req.valid("param");
    return context.json(
      environmentOnWire(await requireEnvironment(context.get("management"), environment)),
      200,
    );
  },
);

organizations.openAPIRegistry.registerPath({
  method: "patch",
  path: "/environments/{environment}",
  operationId: "changeEnvironment",
  summary: "Rename an environment, give it a host name, make it the default",
  description:
    "A host name is in force at once where it was changed, and within a minute everywhere else. `host: null` takes it away.",
  tags,
  security,
  request: { params: EnvironmentParams, query: NoQuery, body: body(EnvironmentPatch) },
  responses: {
    200: json(EnvironmentOnWire, "The environment."),
    ...guarded,
    404: unknownEnvironment,
    409: taken,
  },
});

organizations.patch("/environments/:environment", async (context) => {
  readQuery(NoQuery, context);
  const { environment } = readParams(EnvironmentParams, context);
  const { name, host, default: isDefault } = await readJson(EnvironmentPatch, context);
  const changed = await changeEnvironment(context.get("management"), environment, {
    name,
    host,
    isDefault,
  });
  return context.json(environmentOnWire(changed), 200);
});
