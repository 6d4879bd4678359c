import { createRoute, z } from "@hono/zod-openapi";
import type { RunSummary } from "../../operations/ports";
import { listRuns, readRun } from "../../operations/runs";
import { guarded, json, NoQuery, newRouter, problem, security, time } from "./router";
import { RunDetails, RunList, RunQuery } from "./schemas";

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

runs.openapi(
  createRoute({
    method: "get",
    path: "/runs",
    operationId: "listRuns",
    summary: "List runs, newest first",
    description: "The history of a synchronous run is written after its answer, within a few seconds.",
    tags,
    security,
    request: { query: RunQuery },
    responses: { 200: json(RunList, "A page of runs."), ...guarded },
  }),
  async (context) => {
    const { limit, cursor, from, to, ...filter } = context.req.valid("query");
    const page = await listRuns(
      context.get("management").runs,
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
    request: {
      params: z.object({
        id: z
          .string()
          .min(1)
          .max(200)
          .openapi({ param: { name: "id", in: "path" } }),
      }),
      query: NoQuery,
    },
    responses: { 200: json(RunDetails, "The run."), ...guarded, 404: problem("There is no such run.") },
  }),
  async (context) => {
    const run = await readRun(
      context.get("management").runs,
      context.get("environment"),
      context.req.valid("param").id,
    );
    return context.json(
      { ...runOnWire(run), messages: run.messages.map((message) => ({ ...message, at: time(message.at) })) },
      200,
    );
  },
);
