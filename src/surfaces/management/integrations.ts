import { createRoute, z } from "@hono/zod-openapi";
import { parse } from "yaml";
import { SluiceError } from "../../domain/errors";
import { IntegrationDefinition, IntegrationName } from "../../domain/integration";
import { MAX_BUNDLE_BYTES, MAX_YAML_ALIASES } from "../../domain/limits";
import { decodeText } from "../../domain/text-encoding";
import { readBody } from "../../http/request-body";
import { importIntegration } from "../../operations/import-integration";
import { readName, readQuery } from "./request";
import { guarded, json, newRouter, problem, security } from "./router";
import { ApplyReport, Flag, ProjectParams } from "./schemas";

/** Integrations made of published API descriptions. */
export const integrations = newRouter();

const ImportQuery = z.strictObject({
  name: IntegrationName.optional().openapi({
    description: "The integration's name. Of the API's title otherwise.",
  }),
  baseUrl: z
    .string()
    .max(2_000)
    .optional()
    .openapi({ description: "Where the API is, when the document does not say so, or says otherwise." }),
  only: z
    .string()
    .max(20_000)
    .optional()
    .openapi({ description: "Operations to take, by operation id or endpoint name, separated by commas." }),
  apply: Flag.optional().openapi({
    description:
      "`true` puts the integration into the project, in the place of one of its name, and publishes it.",
  }),
});

const ImportReport = z
  .object({
    integration: IntegrationDefinition.describe("What to put under `integrations` in the bundle."),
    notes: z.array(z.string()).describe("What was left out, or has to be looked at."),
    secrets: z.array(z.string()).describe("Secrets to set before flows that call it are published."),
    applied: ApplyReport.optional(),
  })
  .openapi("ImportReport");

// Registered by hand: the body may be YAML, and is of somebody else's making.
integrations.openAPIRegistry.registerPath(
  createRoute({
    method: "post",
    path: "/projects/{project}/integrations:import",
    operationId: "importIntegration",
    summary: "Make an integration of an OpenAPI document",
    description:
      "Reads an OpenAPI 3 document (JSON or YAML) and answers with the integration that it makes: base URL, endpoints, parameters, credentials as names of secrets. Nothing is changed unless `apply=true`.",
    tags: ["Projects"],
    security,
    request: {
      params: ProjectParams,
      query: ImportQuery,
      body: {
        required: true,
        content: {
          "application/json": { schema: z.looseObject({}) },
          "application/yaml": { schema: z.string() },
        },
      },
    },
    responses: {
      200: json(ImportReport, "The integration."),
      ...guarded,
      409: problem("Someone else changed the project at the same moment."),
      412: problem("The project was changed while the integration was being put into it."),
      413: problem("The document is too large."),
      422: problem(
        "With `apply`: the project would be wrong; every problem is listed and nothing was changed.",
      ),
    },
  }),
);

// The braces keep the router from taking `:import` for a parameter.
integrations.post("/projects/:project/:action{integrations:import}", async (context) => {
  const project = readName(context.req.param("project"));
  const { apply = false, only, ...options } = readQuery(ImportQuery, context);
  const bytes = await readBody(context.req.raw as unknown as Request, MAX_BUNDLE_BYTES, "MAX_BUNDLE_BYTES");
  const result = await importIntegration(context.get("management"), {
    environment: context.get("environment"),
    project,
    document: readForeign(decodeText(bytes, context.req.header("content-type") ?? null)),
    ...options,
    only: only?.split(",").map((name) => name.trim()),
    apply,
    by: context.get("user"),
  });
  return context.json(result, 200);
});

/** A document of somebody else's: numbers beyond 2^53 stand in many a description, and nothing is made of them. */
function readForeign(text: string): unknown {
  try {
    if (text.trimStart().startsWith("{")) return JSON.parse(text.replace(/^\uFEFF/, ""));
    return JSON.parse(
      JSON.stringify(parse(text, { maxAliasCount: MAX_YAML_ALIASES, logLevel: "error" })) ?? "null",
    );
  } catch (cause) {
    const [reason] = (cause instanceof Error ? cause.message : "").split("\n", 1);
    throw new SluiceError(
      "invalid_request",
      `The document is neither JSON nor YAML: ${(reason ?? "").slice(0, 200)}.`,
      {},
      { cause },
    );
  }
}
