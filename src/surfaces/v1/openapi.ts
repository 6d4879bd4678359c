import { type OpenAPIHono, z } from "@hono/zod-openapi";
import type { CallAuthority } from "../../operations/access/authenticate-call";
import type { V1Route } from "./route";
import { routes } from "./routes";

const Failure = z
  .object({
    id: z.literal("error"),
    code: z.number().int().describe("The HTTP status."),
    "request-ip": z.string(),
    resource: z.array(z.unknown()).describe("Always empty."),
    message: z.string(),
    error: z.object({
      code: z.number().int().describe("The HTTP status, or an internal code: 436 token, 437 address."),
      message: z.string(),
      errors: z.array(z.object({ path: z.string(), reason: z.string() })).optional(),
    }),
  })
  .openapi("V1Failure");

const Answer = z
  .unknown()
  .describe(
    "The envelope `{ id, code, request-ip, resource, message, error }`; tables and environments have shapes of their own, keystores answer with the bare value. XML on request.",
  );

const STATUSES: Record<string, string> = {
  400: "Something that was sent is wrong; `error` says what.",
  401: "The credentials are missing or wrong.",
  403: "The credentials do not allow this; 436 is a token that is not valid, 437 an address that is not allowed.",
  404: "There is no such thing.",
  405: "The path does not take this method.",
  409: "The state of the thing does not allow this.",
  413: "The body is too large.",
  415: "The body's type is not taken.",
  429: "Too many requests in this window.",
  503: "The deployment or the environment lacks a setting or a secret that this needs, or cannot answer now.",
};

const SECURITY: Record<CallAuthority, Record<string, string[]>[]> = {
  interface: [{ v1Token: [] }, { v1ApiKey: [], v1App: [] }],
  apikey: [{ v1Token: [] }, { v1ApiKey: [] }],
  client: [{ v1ClientId: [], v1ClientSecret: [] }],
  organization: [{ v1ApiKey: [] }],
  none: [],
};

/** Describes every route of this surface for the OpenAPI document, from the table that the frame serves. */
export function describeV1(registry: OpenAPIHono["openAPIRegistry"]): void {
  const header = (name: string, description: string) =>
    ({ type: "apiKey", in: "header", name, description }) as const;
  registry.registerComponent("securitySchemes", "v1Token", {
    type: "oauth2",
    description: "An access token of an interface.",
    flows: { clientCredentials: { tokenUrl: "/oauth/token", scopes: {} } },
  });
  registry.registerComponent("securitySchemes", "v1ApiKey", header("X-Apikey", "An API key."));
  registry.registerComponent("securitySchemes", "v1App", header("X-App", "The interface's name or app key."));
  registry.registerComponent(
    "securitySchemes",
    "v1ClientId",
    header("client_id", "The interface's client id."),
  );
  registry.registerComponent("securitySchemes", "v1ClientSecret", header("client_secret", "Its secret."));
  for (const route of routes) for (const path of pathsOf(route.path)) describeRoute(registry, route, path);
}

/** `/v1/record/{uuid?}` stands for two paths. */
function pathsOf(path: string): string[] {
  const optional = /\/\{(\w+)\?\}$/.exec(path);
  if (optional === null) return [path];
  return [path.slice(0, optional.index), path.replace("?}", "}")];
}

function describeRoute(registry: OpenAPIHono["openAPIRegistry"], route: V1Route, path: string): void {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  const parameters = Object.values(route.parameters ?? {});
  // One spelling each: the first is the one that the seed documents.
  const headers = parameters.flatMap(({ headers: [name], description }) =>
    name === undefined ? [] : [[name, z.string().optional().describe(description)] as const],
  );
  const query = parameters.flatMap(({ url: [name], description }) =>
    name === undefined ? [] : [[name, z.string().optional().describe(description)] as const],
  );
  registry.registerPath({
    method: route.method.toLowerCase() as "get" | "post" | "put" | "delete",
    path,
    summary: route.summary,
    ...(route.scope === undefined ? {} : { description: `Needs the scope \`${route.scope}\`.` }),
    operationId: `v1-${route.method.toLowerCase()}-${path
      .replace(/^\/v1\//, "")
      .replace(/\W+/g, "-")
      .replace(/-$/, "")}`,
    tags: [route.tag],
    security: SECURITY[route.authority],
    request: {
      ...(names.length === 0
        ? {}
        : { params: z.object(Object.fromEntries(names.map((name) => [name, z.string()]))) }),
      query: z.object({
        ...Object.fromEntries(query),
        fields: z.string().optional().describe("Fields of the answer to keep, divided by commas."),
      }),
      ...(headers.length === 0 ? {} : { headers: z.object(Object.fromEntries(headers)) }),
      ...(route.body === "none"
        ? {}
        : {
            body: {
              required: route.bodyRequired === true,
              content: Object.fromEntries(
                bodyTypes(route).map((type) => [type, { schema: z.unknown() }] as const),
              ),
            },
          }),
    },
    responses: {
      200: {
        description: "Done.",
        content: { "application/json": { schema: Answer }, "application/xml": { schema: Answer } },
      },
      ...Object.fromEntries(
        Object.entries(STATUSES).map(([status, description]) => [
          status,
          { description, content: { "application/json": { schema: Failure } } },
        ]),
      ),
    },
  });
}

const TYPES: Record<string, string> = {
  json: "application/json",
  xml: "application/xml",
  form: "application/x-www-form-urlencoded",
  multipart: "multipart/form-data",
  text: "text/plain",
  bytes: "*/*",
};

function bodyTypes(route: V1Route): string[] {
  if (route.body === "bytes") return ["*/*"];
  return (route.accepts ?? ["json", "xml"]).map((kind) => TYPES[kind] ?? "*/*");
}
