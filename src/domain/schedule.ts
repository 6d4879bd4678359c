import { z } from "zod";
import { AnyJson } from "./any-json";
import type { FlowState } from "./flow-address";
import { MAX_SCHEDULES } from "./limits";

/** Schedules of a flow, as they are written down. Whether a cron expression means anything is the engine's business. */

export const ScheduleSettings = z
  .strictObject({
    cron: z
      .string()
      .min(1)
      .max(200)
      .describe(
        "When: minute, hour, day of the month, month and day of the week, or a short form such as `@daily`.",
      ),
    timeZone: z
      .string()
      .min(1)
      .max(100)
      .default("UTC")
      .describe("The time zone whose clock the schedule follows, by its IANA name. Default UTC."),
    missed: z
      .enum(["run-once", "skip"])
      .default("skip")
      .describe(
        "What happens when ticks were missed because the deployment was away: `run-once` starts one run for all of them, `skip` none.",
      ),
    input: AnyJson.optional().describe("What the flow gets as its JSON body. Default: an empty object."),
  })
  .meta({ id: "ScheduleSettings" });
export type ScheduleSettings = z.output<typeof ScheduleSettings>;

/** The setting `schedule` of a flow: one schedule, or a list. */
export const Schedules = z
  .union([ScheduleSettings, z.array(ScheduleSettings).min(1).max(MAX_SCHEDULES)], {
    error: `a schedule is \`{ cron: "0 6 * * *", timeZone: Europe/Berlin }\`, or a list of up to ${MAX_SCHEDULES} of them (MAX_SCHEDULES)`,
  })
  .describe("Starts a run whenever its time has come.");

/** A schedule that is carried out: of one flow each is named by when it is due. */
export interface CarriedSchedule {
  projectId: number;
  project: string;
  flowId: number;
  flow: string;
  status: FlowState;
  /** Milliseconds since 1970 from which it counts. */
  since: number;
  cron: string;
  timeZone: string;
  missed: "run-once" | "skip";
}

/** How a schedule stands. */
export interface ScheduleView {
  project: string;
  flow: string;
  status: FlowState;
  cron: string;
  timeZone: string;
  missed: "run-once" | "skip";
  /** Milliseconds since 1970; null when it never comes again. */
  next: number | null;
  last: { tick: number; at: number; runId: string; result: "started" | "skipped" } | null;
}
