import { Cron } from "croner";
import type { Problem } from "../domain/errors";
import type { FlowDefinition } from "../domain/flow";
import { pointer } from "../domain/json-path";
import type { ScheduleSettings } from "../domain/schedule";
import type { Shape } from "../domain/shape";
import type { FlowScope } from "./flow-scope";

/*
 * When schedules are due. Where clocks are put forward, a tick in the hour that is left out comes at the first moment after it;
 * where they are put back, one at a fixed hour comes the first time only, and those of every hour come in both.
 */

/** When a schedule is due: a cron expression of five fields, by the clock of a time zone. */
export type Timetable = Pick<ScheduleSettings, "cron" | "timeZone">;

const compiled = new Map<string, Cron>();
/** Expressions kept compiled in an isolate. */
const MAX_COMPILED = 1_000;

/** @throws Error that says what is wrong with the expression */
function cronOf({ cron, timeZone }: Timetable): Cron {
  const key = `${timeZone} ${cron}`;
  let found = compiled.get(key);
  if (found === undefined) {
    found = new Cron(cron, { timezone: timeZone, paused: true, mode: "5-part" });
    if (compiled.size >= MAX_COMPILED) compiled.clear();
    compiled.set(key, found);
  }
  return found;
}

/** The first tick after a moment, in milliseconds since 1970; `undefined` when there is none any more. */
export function nextTick(timetable: Timetable, after: number): number | undefined {
  return cronOf(timetable).nextRun(new Date(after))?.getTime();
}

/** The last tick at a moment or before it. */
export function lastTick(timetable: Timetable, until: number): number | undefined {
  // Looked for before a full second, that one not included.
  const after = new Date(Math.floor(until / 1_000) * 1_000 + 1_000);
  return cronOf(timetable).previousRuns(1, after)[0]?.getTime();
}

/** A flow's schedules as a list. */
export function schedulesOf({ schedule }: Pick<FlowDefinition, "schedule">): ScheduleSettings[] {
  return schedule === undefined ? [] : [schedule].flat();
}

/** Reports what is wrong with a flow's schedules. @param now any moment: that a tick comes after it is looked for */
export function checkSchedules(
  definition: FlowDefinition,
  shapes: { query: Shape | undefined; body: Shape | undefined },
  scope: FlowScope,
): void {
  const seen = new Set<string>();
  for (const [index, schedule] of schedulesOf(definition).entries()) {
    const at = Array.isArray(definition.schedule) ? ["schedule", index] : ["schedule"];
    const report = (field: string, reason: string) => scope.report({ path: pointer(...at, field), reason });
    const zone = isTimeZone(schedule.timeZone);
    if (!zone) {
      report(
        "timeZone",
        `there is no time zone "${schedule.timeZone}"; write an IANA name such as Europe/Berlin or UTC`,
      );
    }
    try {
      // What is wrong with the expression is so in every zone.
      if (nextTick(zone ? schedule : { ...schedule, timeZone: "UTC" }, 0) === undefined)
        report("cron", "there is no such day: this schedule would never be due");
    } catch (error) {
      const why = error instanceof Error ? error.message.replace(/^\w+: /, "") : "";
      report("cron", `not a cron expression of five fields, such as "*/15 6-18 * * MON-FRI": ${why}`);
    }
    const name = `${schedule.cron} ${schedule.timeZone}`;
    if (seen.has(name)) report("cron", "this schedule stands here twice; write it once");
    seen.add(name);
    const problems: Problem[] = [];
    shapes.body?.validate(schedule.input ?? {}, "input", problems);
    shapes.query?.validate({}, "query", problems);
    for (const problem of problems) {
      report("input", `the flow would refuse it: ${problem.path}: ${problem.reason}`);
    }
  }
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
