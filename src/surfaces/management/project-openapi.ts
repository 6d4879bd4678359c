import { DEFAULT_SYNC_TIMEOUT_MS, MAX_TIMEOUT_MS } from "../../domain/limits";
import type { Plan } from "../../engine/plan";
import type { StoredProject } from "../../operations/ports";

type Schema = Record<string, unknown>;

/** An OpenAPI 3.1 document of a project's endpoints, made from what its flows declare. */
export function projectOpenApi(
  project: StoredProject,
  plans: readonly Plan[],
  instance: string,
  origin: string,
): Schema {
  const paths: Record<string, Schema> = {};
  for (const plan of plans)
    paths[triggerPath(instance, project.name, plan)] = {
      get: operation(plan, false),
      post: operation(plan, true),
    };
  return {
    openapi: "3.1.0",
    info: {
      title: project.name,
      version: String(project.version),
      ...(project.description === null ? {} : { description: project.description }),
    },
    servers: [{ url: origin }],
    paths,
    components: {
      securitySchemes: {
        apiKey: {
          type: "http",
          scheme: "bearer",
          description: "An API key of a user who has the privilege Use API Key.",
        },
      },
      schemas: { Failure },
    },
  };
}

function triggerPath(instance: string, project: string, plan: Plan): string {
  const alias = plan.endpoint?.alias;
  const name = alias === undefined ? [project, plan.name] : [alias];
  return `/${instance}/api/1/action/${name.map(encodeURIComponent).join("/")}/trigger`;
}

/** @param changing POST rather than GET; both do the same, and both may carry a body */
function operation(plan: Plan, changing: boolean): Schema {
  const { query, body } = plan.inputShapes;
  const record = body?.toJsonSchema();
  return {
    operationId: `${changing ? "post" : "get"}-${plan.name}`,
    ...(plan.definition.description === undefined ? {} : { description: plan.definition.description }),
    summary: plan.name,
    ...(plan.definition.package === undefined ? {} : { tags: [plan.definition.package] }),
    ...(plan.endpoint?.anonymous === true ? {} : { security: [{ apiKey: [] }] }),
    parameters: [
      ...queryParameters(query?.toJsonSchema()),
      {
        name: "timeout",
        in: "query",
        required: false,
        description: `Milliseconds to wait; default ${plan.timeoutMs ?? DEFAULT_SYNC_TIMEOUT_MS}.`,
        schema: { type: "integer", minimum: 1, maximum: MAX_TIMEOUT_MS },
      },
    ],
    ...(record === undefined || !changing
      ? {}
      : {
          requestBody: {
            required: body?.optional !== true,
            content: {
              "application/json": {
                schema: plan.endpoint?.records === "$" ? { type: "array", items: record } : record,
              },
            },
          },
        }),
    responses: {
      "200": {
        description: "The run succeeded.",
        content: { "application/json": { schema: success(plan) } },
      },
      "400": failure("The input is wrong, the flow failed, or its connected output returned no record."),
      ...(plan.endpoint?.anonymous === true ? {} : { "401": failure("No or a bad API key.") }),
      "409": failure("The flow is paused or inactive."),
      "413": failure("The body is too large."),
      "504": failure("The run took longer than its timeout, and was aborted."),
    },
  };
}

function queryParameters(schema: Schema | undefined): Schema[] {
  const properties = (schema?.properties ?? {}) as Record<string, Schema>;
  const required = new Set((schema?.required ?? []) as string[]);
  return Object.entries(properties).map(([name, type]) => ({
    name,
    in: "query",
    required: required.has(name),
    schema: type,
  }));
}

function success(plan: Plan): Schema {
  const data: Record<string, Schema> = {};
  for (const output of plan.connected)
    data[output] = { type: "array", items: plan.outputShapes.get(output)?.toJsonSchema() ?? {} };
  return {
    type: "object",
    required: ["processId", "status", "data"],
    properties: {
      processId: { type: "string" },
      status: { const: "Success" },
      data: { type: "object", properties: data, required: Object.keys(data) },
      errors: { type: "array", items: RecordError, description: "Records that failed, when others did not." },
    },
  };
}

const RecordError: Schema = {
  type: "object",
  properties: {
    index: { type: "integer" },
    message: { type: "string" },
    code: { type: "string" },
    node: { type: "string" },
  },
};

const Failure: Schema = {
  type: "object",
  required: ["status", "message"],
  properties: {
    processId: { type: "string", description: "Absent when nothing ran." },
    status: { enum: ["Fail", "Timeout", "Cancelled"] },
    message: { type: "string" },
    errors: { type: "array", items: RecordError },
  },
};

function failure(description: string): Schema {
  return {
    description,
    content: { "application/json": { schema: { $ref: "#/components/schemas/Failure" } } },
  };
}
