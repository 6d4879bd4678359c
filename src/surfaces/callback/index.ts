import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { SluiceError } from "../../domain/errors";
import { MAX_BODY_BYTES } from "../../domain/limits";
import { ProblemDetails, problemResponse } from "../../http/problem";
import { readBody } from "../../http/request-body";
import { answerCallback, type CallbackServices, describeCallback } from "../../operations/callbacks";
import type { IncomingCall } from "../../operations/incoming-call";

export interface CallbackVariables {
  Variables: { callbacks: CallbackServices };
}

/** Where runs that wait are called back, `/callback/{token}`. Who has the URL may call: there are no other credentials. */
export const callbacks = new OpenAPIHono<CallbackVariables>();

const METHODS = ["GET", "HEAD", "POST", "OPTIONS"];
const HEADERS = { "cache-control": "no-store", "referrer-policy": "no-referrer" };

const problem = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: ProblemDetails } },
});
const refused = {
  404: problem("There is no such callback: the URL is not one that was made here."),
  409: problem("The URL was used."),
  410: problem("Its time is over, or the run has ended."),
};
const params = z.object({ token: z.string().openapi({ param: { name: "token", in: "path" } }) });

const Waiting = z
  .object({
    project: z.string(),
    flow: z.string(),
    node: z.string().describe("Path of the node that waits."),
    about: z.string().nullable().describe("What is asked for; null until the run has come to the node."),
    user: z.string().describe("Who started the run."),
    startedAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().nullable().describe("Null until the run has come to the node."),
  })
  .openapi("Callback");
const Taken = z.object({ status: z.literal("accepted") });

callbacks.openAPIRegistry.registerPath(
  createRoute({
    method: "get",
    path: "/{token}",
    operationId: "describeCallback",
    summary: "See what a callback is for",
    description: "Uses nothing up: a link that is looked at, by a person or by a mail scanner, stays good.",
    tags: ["Callbacks"],
    request: { params },
    responses: {
      200: { description: "What is waited for.", content: { "application/json": { schema: Waiting } } },
      ...refused,
    },
  }),
);
callbacks.openAPIRegistry.registerPath(
  createRoute({
    method: "post",
    path: "/{token}",
    operationId: "answerCallback",
    summary: "Call a waiting run back",
    description:
      "The first call counts, with its body and query: JSON, XML, a form or text. It may come before the run has come to the node that waits.",
    tags: ["Callbacks"],
    request: { params },
    responses: {
      200: { description: "Taken, and stored.", content: { "application/json": { schema: Taken } } },
      400: problem("The body is not what its content type says; the URL is still good."),
      ...refused,
      413: problem("The body is too large; the URL is still good."),
      415: problem("The content type is not taken; the URL is still good."),
    },
  }),
);

callbacks.onError((error, context) => problemResponse(error, context));

callbacks.get("/:token", async (context) => {
  const { run, node, about, expiresAt } = await describeCallback(
    context.get("callbacks"),
    context.req.param("token"),
  );
  const waiting: z.input<typeof Waiting> = {
    project: run.project,
    flow: run.flow,
    node,
    about,
    user: run.user,
    startedAt: new Date(run.startedAt).toISOString(),
    expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
  };
  return context.json(waiting, 200, HEADERS);
});

callbacks.post("/:token", async (context) => {
  const request = context.req.raw as unknown as Request;
  const call: IncomingCall = {
    method: request.method,
    url: request.url,
    query: new URL(request.url).searchParams,
    headers: request.headers as unknown as IncomingCall["headers"],
    client: request.headers.get("cf-connecting-ip") ?? "unknown",
    signal: request.signal,
    readBody: () => readBody(request, MAX_BODY_BYTES, "MAX_BODY_BYTES"),
  };
  await answerCallback(context.get("callbacks"), context.req.param("token"), call);
  return context.json({ status: "accepted" }, 200, HEADERS);
});

callbacks.options("/:token", (context) => context.body(null, 204, { allow: METHODS.join(", ") }));
callbacks.all("/:token", (context) => {
  throw new SluiceError(
    "method_not_allowed",
    `Look at a callback with GET, and answer it with POST, not ${context.req.method}.`,
    { allow: METHODS },
  );
});
