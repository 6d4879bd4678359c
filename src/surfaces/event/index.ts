import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import { SluiceError } from "../../domain/errors";
import { type JsonObject, parseJson } from "../../domain/json";
import { MAX_BODY_BYTES } from "../../domain/limits";
import { schemaProblems } from "../../domain/schema-problems";
import { decodeText } from "../../domain/text-encoding";
import { presentable } from "../../http/presentable";
import { readBody } from "../../http/request-body";
import { requestId } from "../../http/request-id";
import { insideEnvironment } from "../../operations/access/authenticate-call";
import {
  authenticateEventToken,
  type EventTokenServices,
} from "../../operations/access/authenticate-event-token";
import { runWorkflow, type WorkflowServices } from "../../operations/run-workflow";
import { eventFailure } from "./errors";
import { EventFailure, RunWorkflowRequest } from "./wire";

export interface EventVariables {
  Variables: { workflows: WorkflowServices & EventTokenServices };
}

/** The event API, `/workflow` (seed: Run Workflow; contract, section 4). */
export const event = new OpenAPIHono<EventVariables>();

const METHODS = ["POST", "OPTIONS"];

event.onError((error, context) => {
  const request = context.req.raw as unknown as Request;
  const id = requestId(request.headers);
  return eventFailure(presentable(error, request, id), id) as never;
});

const failure = (description: string) => ({
  description,
  content: { "application/json": { schema: EventFailure } },
});

event.openAPIRegistry.registerComponent("securitySchemes", "eventToken", {
  type: "apiKey",
  in: "header",
  name: "X-API-TOKEN",
  description: "An event token of the kind account, source or channel; 2 requests per second each.",
});
event.openAPIRegistry.registerPath(
  createRoute({
    method: "post",
    path: "/run",
    operationId: "runWorkflow",
    summary: "Run Workflow",
    description: "Run a workflow for a specific system event",
    tags: ["Events"],
    security: [{ eventToken: [] }],
    request: { body: { required: true, content: { "application/json": { schema: RunWorkflowRequest } } } },
    responses: {
      200: {
        description:
          "Returns same shape as the request but with values passed in the objects field potentially updated by the workflow.",
        content: { "application/json": { schema: RunWorkflowRequest } },
      },
      400: failure(
        "No workflow has the id, or there is no such event; or the body is wrong, or the workflow failed. If no workflow is associated to the event no error will occur.",
      ),
      401: failure("The token is missing or unknown."),
      409: failure("The workflow is paused or inactive, or its exclusion group is taken."),
      413: failure("The body is too large."),
      429: failure("More than 2 requests in a second with one token."),
      504: failure("The workflow took too long and was aborted."),
    },
  }),
);

event.post("/run", async (context) => {
  const request = context.req.raw as unknown as Request;
  const services = context.get("workflows");
  const { token } = await authenticateEventToken(services, request.headers.get("x-api-token"));
  const { environment, name } = token;
  await insideEnvironment(services, token, new URL(request.url).hostname, wrongHost);
  const body = await readRequest(request);
  const { objects, runId } = await runWorkflow(services, {
    environment,
    url: request.url,
    user: name,
    id: body.id ?? undefined,
    event: body.eventHandle ?? undefined,
    params: body.params ?? [],
    draft: body.draft ?? false,
    objects: body.objects as JsonObject,
    caller: request,
  });
  return context.json({ ...body, objects }, 200, {
    "cache-control": "no-store",
    ...(runId === undefined ? {} : { "x-process-id": runId }),
  });
});

event.all("/run", (context) => {
  if (context.req.method === "OPTIONS") return context.body(null, 204, { allow: METHODS.join(", ") });
  throw new SluiceError("method_not_allowed", `Send a POST, not ${context.req.method}.`, { allow: METHODS });
});

function wrongHost(): SluiceError {
  return new SluiceError("unauthenticated", "The API token is not correct.");
}

async function readRequest(request: Request): Promise<RunWorkflowRequest> {
  const type = request.headers.get("content-type");
  if (type !== null && !/^[^;]*(?:\/|\+)json[ \t]*(?:;|$)/i.test(type)) {
    throw new SluiceError("unsupported_media_type", "Send the body as application/json.");
  }
  const bytes = await readBody(request, MAX_BODY_BYTES, "MAX_BODY_BYTES");
  const parsed = RunWorkflowRequest.safeParse(parseJson(decodeText(bytes, type), "The body"));
  if (parsed.success) return parsed.data;
  const problems = schemaProblems(RunWorkflowRequest, parsed.error);
  const [first] = problems;
  throw new SluiceError(
    "invalid_request",
    `The body${first?.path ? `, at ${first.path}` : ""}: ${first?.reason}.`,
    {
      problems,
    },
  );
}
