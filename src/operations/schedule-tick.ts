import { SluiceError } from "../domain/errors";
import type { FlowPointer } from "../domain/flow-address";
import type { RunRecord } from "../domain/run";
import type { ScheduleSettings } from "../domain/schedule";
import type { Plan } from "../engine/plan";
import { newMessage } from "../engine/run-context";
import { schedulesOf } from "../engine/schedule";
import type { Catalog } from "./ports";
import { jsonInput, type StartServices, startRequest } from "./start-run";

export interface TickServices extends StartServices {
  catalog: Catalog;
  /** Where a tick that starts no run is told. */
  runLog: { write(runs: readonly RunRecord[]): Promise<void> };
}

/** One time at which a schedule is due. */
export interface Tick {
  environmentId: number;
  projectId: number;
  flow: string;
  cron: string;
  timeZone: string;
  /** Milliseconds since 1970. */
  at: number;
  /** Id of the run that it starts: the same one however often it is tried. */
  runId: string;
  /** Why it starts no run, when that was settled before. */
  skip: string | null;
  /** What its run is told, such as that ticks before it were missed. */
  note: string | null;
}

export type TickResult =
  | "started"
  | "skipped"
  /** The flow no longer has this schedule. */
  | "gone"
  /** Nothing was settled: try again. */
  | "later";

/** User of runs that no one asked for. */
const SCHEDULE_USER = "system";

/**
 * Starts the run of a tick, or tells in the run list why there is none. Safe to repeat: the same tick is the same run.
 * @throws whatever the platform throws; nothing is settled then
 */
export async function carryOutTick(services: TickServices, tick: Tick): Promise<TickResult> {
  const pointer = await services.catalog.flow(tick.environmentId, tick.projectId, tick.flow);
  if (pointer === undefined) return "gone";
  const plan = await services.catalog.plan(pointer);
  const schedule = schedulesOf(plan.definition).find(
    ({ cron, timeZone }) => cron === tick.cron && timeZone === tick.timeZone,
  );
  if (schedule === undefined) return "gone";
  if (tick.skip !== null) return skip(services, tick, pointer, tick.skip);
  if (pointer.status !== "running") return skip(services, tick, pointer, `the flow is ${pointer.status}`);
  return start(services, tick, pointer, plan, schedule);
}

async function start(
  services: TickServices,
  tick: Tick,
  pointer: FlowPointer,
  plan: Plan,
  schedule: ScheduleSettings,
): Promise<TickResult> {
  const scheduledAt = new Date(tick.at).toISOString();
  let request: ReturnType<typeof startRequest>;
  try {
    request = startRequest(services, {
      plan,
      pointer,
      trigger: "schedule",
      user: SCHEDULE_USER,
      input: jsonInput(`schedule:${encodeURIComponent(pointer.flow)}`, schedule.input ?? {}, [
        ["x-scheduled-at", scheduledAt],
      ]),
      item: "input",
      id: tick.runId,
      messages: tick.note === null ? [] : [newMessage(services.world.now(), "warning", tick.note)],
    });
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    return skip(services, tick, pointer, error.message);
  }
  // A tick waits for nobody: the next one comes.
  if (request.exclusion !== undefined) request.exclusion = { ...request.exclusion, onBusy: "reject" };
  const started = await services.shards.start(request, 0);
  switch (started.kind) {
    case "accepted":
      return "started";
    case "busy": {
      const { holder } = started;
      const group = request.exclusion?.group ?? "";
      const text = `the exclusion group "${group}" is held by flow "${holder.flow}", process id ${holder.runId}`;
      return skip(services, tick, pointer, text);
    }
    case "too_large":
      return skip(
        services,
        tick,
        pointer,
        "its input is larger than a durable run stores (MAX_STORED_VALUE_BYTES)",
      );
    case "withdrawn":
    case "key_reused":
    case "following":
    case "undecided":
      return "later";
  }
}

async function skip(
  { runLog, world }: TickServices,
  tick: Tick,
  pointer: FlowPointer,
  why: string,
): Promise<TickResult> {
  const now = world.now();
  const text = `The tick of ${new Date(tick.at).toISOString()} was skipped: ${why}`;
  await runLog.write([
    {
      environmentId: tick.environmentId,
      id: tick.runId,
      projectId: pointer.projectId,
      project: pointer.project,
      flowId: pointer.flowId,
      flow: pointer.flow,
      flowVersion: pointer.version,
      trigger: "schedule",
      user: SCHEDULE_USER,
      startedAt: now,
      endedAt: now,
      status: "Cancelled",
      message: text,
      messages: [newMessage(now, "warning", text)],
    },
  ]);
  return "skipped";
}
