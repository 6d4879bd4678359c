import { createRoute, z } from "@hono/zod-openapi";
import { FLOW_STATES } from "../../domain/flow-address";
import { listSchedules } from "../../operations/schedules";
import { guarded, json, newRouter, security, time } from "./router";
import { Cursor, Page } from "./schemas";

/** Schedules of flows: when they are due, and what became of them. */
export const schedules = newRouter();

const ScheduleList = z
  .object({
    schedules: z.array(
      z.object({
        project: z.string(),
        flow: z.string(),
        status: z.enum(FLOW_STATES).describe("The flow's; ticks of a flow that is not running are skipped."),
        cron: z.string(),
        timeZone: z.string(),
        missed: z.enum(["run-once", "skip"]),
        next: z.iso.datetime().nullable().describe("When it is due next."),
        last: z
          .object({
            tick: z.iso.datetime().describe("The time at which it was due."),
            at: z.iso.datetime().describe("When it was carried out."),
            runId: z.string().describe("The run, or the entry in the run list that says why there is none."),
            result: z.enum(["started", "skipped"]),
          })
          .nullable(),
      }),
    ),
    next: Cursor,
  })
  .openapi("ScheduleList");

schedules.openapi(
  createRoute({
    method: "get",
    path: "/schedules",
    operationId: "listSchedules",
    summary: "List schedules, with when they are due next",
    tags: ["Schedules"],
    security,
    request: {
      query: z.strictObject({
        limit: Page.limit,
        cursor: z
          .string()
          .regex(/^\d{1,6}$/, "not a cursor of this list")
          .optional()
          .openapi({ description: "`next` of the page before." }),
        project: z.string().min(1).max(100).optional(),
        flow: z.string().min(1).max(100).optional(),
      }),
    },
    responses: { 200: json(ScheduleList, "A page of schedules, by project and flow."), ...guarded },
  }),
  async (context) => {
    const { limit, cursor, project, flow } = context.req.valid("query");
    const page = await listSchedules(
      context.get("management"),
      context.get("environment"),
      { project, flow },
      limit,
      Number(cursor ?? 0),
    );
    const onWire = page.schedules.map(({ next, last, ...each }) => ({
      ...each,
      next: next === null ? null : time(next),
      last: last === null ? null : { ...last, tick: time(last.tick), at: time(last.at) },
    }));
    return context.json({ schedules: onWire, next: page.next }, 200);
  },
);
