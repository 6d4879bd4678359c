import { createRoute, z } from "@hono/zod-openapi";
import type { PendingCallback, RunView } from "../../domain/durable-run";
import type { RunSummary } from "../../operations/ports";
import { cancelRun, listRuns, readRun, rerunRun } from "../../operations/runs";
import { guarded, json, NoQuery, newRouter, problem, security, time } from "./router";
import { RerunBody, RunDetails, RunList, RunQuery, RunState } from "./schemas";

/** The System Console's data: runs and their messages. */
export const runs = newRouter();
const tags = ["Runs"];

const runOnWire = <R extends Omit<RunSummary, "messageCount">>({
  environmentId: _,
  startedAt,
  endedAt,
  ...run
}: R) => ({
  ...run,
  startedAt: time(startedAt),
  endedAt: endedAt === null ? null : time(endedAt),
});

const waitingOnWire = (callbacks: readonly PendingCallback[]) =>
  callbacks.map(({ step, url, about, expiresAt }) => ({
    node: step,
    url,
    about,
    expiresAt: time(expiresAt),
  }));

const RunParams = z.object({
  id: z
    .string()
    .min(1)
    .max(200)
    .openapi({ param: { name: "id", in: "path" } }),
});

runs.openapi(
  createRoute({
    method: "get",
    path: "/runs",
    operationId: "listRuns",
    summary: "List runs, newest first",
    description:
      "Durable runs are listed from their acceptance on. The history of a synchronous run is written after its answer, within a few seconds.",
    tags,
    security,
    request: { query: RunQuery },
    responses: { 200: json(RunList, "A page of runs."), ...guarded },
  }),
  async (context) => {
    const { limit, cursor, from, to, ...filter } = context.req.valid("query");
    const page = await listRuns(
      context.get("management"),
      context.get("environment"),
      {
        ...filter,
        from: from === undefined ? undefined : Date.parse(from),
        to: to === undefined ? undefined : Date.parse(to),
      },
      limit,
      cursor,
    );
    return context.json({ runs: page.runs.map(runOnWire), next: page.next }, 200);
  },
);

runs.openapi(
  createRoute({
    method: "get",
    path: "/runs/{id}",
    operationId: "readRun",
    summary: "Read a run with its messages",
    tags,
    security,
    request: { params: RunParams, query: NoQuery },
    responses: { 200: json(RunDetails, "The run."), ...guarded, 404: problem("There is no such run.") },
  }),
  async (context) => {
    const { nextWakeAt, callbacks, ...run } = await readRun(
      context.get("management"),
      context.get("environment"),
      context.req.valid("param").id,
    );
    return context.json(
      {
        ...runOnWire(run),
        ...(nextWakeAt === undefined ? {} : { nextWakeAt: nextWakeAt === null ? null : time(nextWakeAt) }),
        ...(callbacks === undefined ? {} : { waiting: waitingOnWire(callbacks) }),
        messages: run.messages.map((message) => ({ ...message, at: time(message.at) })),
      },
      200,
    );
  },
);

const stateOnWire = ({ outcome: _, nextWakeAt, callbacks, ...view }: RunView) => ({
  ...runOnWire(view),
  ...(callbacks === undefined ? {} : { waiting: waitingOnWire(callbacks) }),
  nextWakeAt: nextWakeAt === null ? null : time(nextWakeAt),
});

runs.openapi(
  createRoute({
    method: "delete",
    path: "/runs/{id}",
    operationId: "cancelRun",
    summary: "Cancel a run",
    description:
      "Ends a durable run as `Cancelled`: calls under way are aborted, and nothing new begins. A run that has ended stays as it is, so cancelling twice is as good as once. The history keeps the run.",
    tags,
    security,
    request: { params: RunParams, query: NoQuery },
    responses: {
      200: json(RunState, "The run, in its final state."),
      ...guarded,
      404: problem("There is no such durable run."),
    },
  }),
  async (context) => {
    const { id } = context.req.valid("param");
    const view = await cancelRun(context.get("management"), context.get("environment"), id);
    return context.json(stateOnWire(view), 200);
  },
);

runs.openapi(
  createRoute({
    method: "post",
    path: "/runs/{id}/rerun",
    operationId: "rerunRun",
    summary: "Run an ended run again",
    description:
      "Starts a new run with the same request, on the flow version that the ended one had: from the start, or from a node on.",
    tags,
    security,
    request: {
      params: RunParams,
      query: NoQuery,
      body: { required: false, content: { "application/json": { schema: RerunBody } } },
    },
    responses: {
      201: json(RunState, "The new run."),
      ...guarded,
      404: problem("There is no such durable run."),
      409: problem("The run has not ended."),
    },
  }),
  async (context) => {
    const { id } = context.req.valid("param");
    const { from } = context.req.valid("json");
    const view = await rerunRun(context.get("management"), context.get("environment"), id, from);
    return context.json(stateOnWire(view), 201);
  },
);
