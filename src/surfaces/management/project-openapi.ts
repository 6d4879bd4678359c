import { DEFAULT_SYNC_TIMEOUT_MS, MAX_TIMEOUT_MS } from "../../domain/limits";
import type { DescribedEndpoint, DescribedProject } from "../../operations/projects";

type Schema = Record<string, unknown>;

/** An OpenAPI 3.1 document of a project's endpoints, made from what its flows declare. */
export function projectOpenApi(project: DescribedProject, instance: string, origin: string): Schema {
  const paths: Record<string, Schema> = {};
  for (const endpoint of project.endpoints) {
    paths[triggerPath(instance, project.name, endpoint)] = {
      get: operation(endpoint, false),
      post: operation(endpoint, true),
    };
  }
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

function triggerPath(instance: string, project: string, { alias, flow }: DescribedEndpoint): string {
  const name = alias === undefined ? [project, flow] : [alias];
  return `/${instance}/api/1/action/${name.map(encodeURIComponent).join("/")}/trigger`;
}

/** @param post POST rather than GET; both do the same, but OpenAPI knows no body of a GET */
function operation(endpoint: DescribedEndpoint, post: boolean): Schema {
  const { anonymous, body } = endpoint;
  return {
    operationId: `${post ? "post" : "get"}-${endpoint.flow}`,
    ...(endpoint.description === undefined ? {} : { description: endpoint.description }),
    summary: endpoint.flow,
    ...(endpoint.package === undefined ? {} : { tags: [endpoint.package] }),
    ...(anonymous ? {} : { security: [{ apiKey: [] }] }),
    parameters: [
      ...queryParameters(endpoint.query),
      {
        name: "timeout",
        in: "query",
        required: false,
        description: `Milliseconds to wait; default ${endpoint.timeoutMs ?? DEFAULT_SYNC_TIMEOUT_MS}.`,
        schema: { type: "integer", minimum: 1, maximum: MAX_TIMEOUT_MS },
      },
    ],
    ...(body === undefined || !post ? {} : { requestBody: requestBody(endpoint, body) }),
    responses: {
      "200": {
        description: "The run succeeded.",
        content: { "application/json": { schema: success(endpoint) } },
      },
      ...(endpoint.ownAnswer
        ? {
            default: {
              description: "The flow sets its own answer on some of its ways.",
              content: { "*/*": {} },
            },
          }
        : {}),
      "400": failure("The input is wrong, the flow failed, or its connected output returned no record."),
      ...(anonymous ? {} : { "401": failure("No or a bad API key.") }),
      "409": failure("The flow is paused or inactive."),
      "413": failure("The body is too large."),
      "415": failure("The body's type, character set or compression is not taken."),
      "504": failure("The run took longer than its timeout, and was aborted."),
    },
  };
}

function requestBody({ records, bodyOptional }: DescribedEndpoint, body: Schema): Schema {
  if (records === undefined) {
    return { required: !bodyOptional, content: { "application/json": { schema: body } } };
  }
  const list = { type: "array", items: body };
  const schema =
    records === "$"
      ? list
      : {
          type: "object",
          description: `${records} holds the records, each like this: ${JSON.stringify(body)}`,
        };
  return { required: true, content: { "application/json": { schema } } };
}

function queryParameters(schema: Schema | undefined): Schema[] {
  const properties = (schema?.properties ?? {}) as Record<string, Schema>;
  const required = new Set((schema?.required ?? []) as string[]);
  return Object.entries(properties).map(([name, shape]) => ({
    name,
    in: "query",
    required: required.has(name),
    schema: withoutNull(shape),
  }));
}

/** A parameter that is not given is absent: a URL cannot say null, as an optional field of JSON may. */
function withoutNull(shape: Schema): Schema {
  if (!Array.isArray(shape.type)) return shape;
  const types = shape.type.filter((type) => type !== "null");
  return { ...shape, type: types.length === 1 ? types[0] : types };
}

function success({ outputs }: DescribedEndpoint): Schema {
  const data = Object.fromEntries(
    Object.entries(outputs).map(([name, record]) => [name, { type: "array", items: record }]),
  );
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
