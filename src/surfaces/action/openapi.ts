import { type OpenAPIHono, z } from "@hono/zod-openapi";
import { MAX_IDEMPOTENCY_KEY_CHARS, MAX_PREFER_WAIT_S, MAX_TIMEOUT_MS } from "../../domain/limits";
import { RUN_STATUSES } from "../../domain/run";

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

const State = z
  .object({
    processId: z.string(),
    status: z.enum(RUN_STATUSES),
    data: z
      .record(z.string(), z.unknown())
      .describe(
        "Empty until the run has ended; then its records by output connection point, or the attributes that it mapped.",
      ),
    startedAt: z.iso.datetime().optional(),
    endedAt: z.iso.datetime().optional(),
    nextWakeAt: z.iso.datetime().optional().describe("When a run that waits goes on."),
    progress: z
      .object({ done: z.number().int(), of: z.number().int(), current: z.string().nullable() })
      .optional()
      .describe("Nodes that have finished, of all; the one that executes or waits."),
    errors: Answer.shape.errors,
    message: z.string().optional(),
  })
  .openapi("ActionState");

const Refusal = z
  .object({
    status: z.literal("Fail"),
    code: z.string(),
    message: z.string(),
    group: z.string().optional().describe("The exclusion group that is taken."),
    holder: z
      .object({
        processId: z.string(),
        project: z.string(),
        flow: z.string(),
        since: z.iso.datetime(),
      })
      .optional()
      .describe("The run that holds the group."),
    place: z
      .number()
      .int()
      .optional()
      .describe("The place in the group's queue that the call would have had."),
  })
  .describe("The call was refused; nothing ran.")
  .openapi("ActionRefusal");

const STATUSES: Record<string, [string, z.ZodType]> = {
  200: [
    "The run succeeded, or an asynchronous one was accepted. A flow that maps body, headers, contentType or statusCode answers with exactly that instead.",
    z.union([Answer, State]),
  ],
  202: ["The run takes longer than its timeout, and goes on; poll it.", State],
  400: ["The input is wrong, the flow failed, or a connected output returned no record.", Answer],
  401: ["No or a bad API key.", Refusal],
  404: ["There is no such endpoint.", Refusal],
  405: ["Neither GET nor POST.", Refusal],
  409: [
    "The flow is paused or inactive, the exclusion group is busy, the Idempotency-Key was used for another request, or the version-10 name is not unique.",
    Refusal,
  ],
  413: ["The body is too large.", Refusal],
  415: ["The body's type, character set or compression is not taken.", Refusal],
  503: [
    "The run could not be accepted in time. A process id in the answer says that this is not certain.",
    Refusal,
  ],
  504: ["The run took longer than its timeout, and was aborted.", Answer],
};

const IdempotencyKey = z
  .string()
  .max(MAX_IDEMPOTENCY_KEY_CHARS)
  .optional()
  .describe("The same key and request are the same run and answer; the run is durable.");
const Prefer = z
  .string()
  .optional()
  .describe(`\`wait=N\` (RFC 7240) waits up to N seconds, at most ${MAX_PREFER_WAIT_S}, for the result.`);

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
          headers: z.object({ "idempotency-key": IdempotencyKey, prefer: Prefer }),
          ...(method === "post"
            ? { body: { required: false, content: { "application/json": { schema: z.unknown() } } } }
            : {}),
        },
        responses,
      });
    }
  }
  for (const names of [["project", "flow"], ["alias"]]) {
    registry.registerPath({
      method: "get",
      path: `/{instance}/api/1/action/${names.map((name) => `{${name}}`).join("/")}/poll/{processId}`,
      summary: "How a durable run stands",
      operationId: `poll-by-${names.at(-1)}`,
      tags: ["Action API"],
      request: {
        params: z.object(
          Object.fromEntries(["instance", ...names, "processId"].map((name) => [name, z.string()])),
        ),
        headers: z.object({ prefer: Prefer }),
      },
      responses: {
        200: { description: "The run's state.", content: { "application/json": { schema: State } } },
        401: { description: "No or a bad API key.", content: { "application/json": { schema: Refusal } } },
        404: {
          description: "This endpoint has no durable run with this id.",
          content: { "application/json": { schema: Refusal } },
        },
      },
    });
  }
}
