import { type OpenAPIHono, z } from "@hono/zod-openapi";
import { MAX_TIMEOUT_MS } from "../../domain/limits";

const Answer = z
  .object({
    processId: z.string(),
    status: z.enum(["Success", "Fail", "Timeout", "Cancelled"]),
    data: z.record(z.string(), z.array(z.unknown())).describe("Records by output connection point."),
    errors: z
      .array(
        z.object({
          index: z.number().int().optional(),
          message: z.string(),
          code: z.string(),
          node: z.string().optional(),
        }),
      )
      .optional(),
    message: z.string().optional(),
  })
  .openapi("ActionAnswer");

const Refusal = z
  .object({ status: z.literal("Fail"), code: z.string(), message: z.string() })
  .describe("The call was refused; nothing ran.")
  .openapi("ActionRefusal");

const STATUSES: Record<string, [string, z.ZodType]> = {
  200: [
    "The run succeeded. A flow that maps body, headers, contentType or statusCode answers with exactly that instead.",
    Answer,
  ],
  400: ["The input is wrong, the flow failed, or a connected output returned no record.", Answer],
  401: ["No or a bad API key.", Refusal],
  404: ["There is no such endpoint.", Refusal],
  405: ["Neither GET nor POST.", Refusal],
  409: ["The flow is paused or inactive, or the version-10 name is not unique.", Refusal],
  413: ["The body is too large.", Refusal],
  415: ["The body's type, character set or compression is not taken.", Refusal],
  504: ["The run took longer than its timeout, and was aborted.", Answer],
};

/**
 * Describes the action API for the OpenAPI document. Its routes are not made by the OpenAPI router: they match raw path
 * segments, and they are the hot path.
 */
export function describeAction(registry: OpenAPIHono["openAPIRegistry"]): void {
  const responses = Object.fromEntries(
    Object.entries(STATUSES).map(([status, [description, schema]]) => [
      status,
      { description, content: { "application/json": { schema } } },
    ]),
  );
  const forms = [
    {
      path: "/{instance}/api/1/action/{project}/{flow}/trigger",
      summary: "Call an endpoint by project and flow",
      deprecated: false,
      names: ["project", "flow"],
    },
    {
      path: "/{instance}/api/1/action/{alias}/trigger",
      summary: "Call an endpoint by its URL alias, or in the way of version 10 by its flow's name",
      deprecated: false,
      names: ["alias"],
    },
  ];
  for (const { path, summary, names } of forms) {
    for (const method of ["get", "post"] as const) {
      registry.registerPath({
        method,
        path,
        summary,
        operationId: `${method}-action-by-${names.at(-1)}`,
        tags: ["Action API"],
        request: {
          params: z.object(Object.fromEntries(["instance", ...names].map((name) => [name, z.string()]))),
          query: z.object({
            timeout: z.coerce
              .number()
              .int()
              .min(1)
              .max(MAX_TIMEOUT_MS)
              .optional()
              .describe("Milliseconds to wait."),
          }),
          ...(method === "post"
            ? { body: { required: false, content: { "application/json": { schema: z.unknown() } } } }
            : {}),
        },
        responses,
      });
    }
  }
}
