import type { FlowPointer } from "../domain/flow-address";
import type { Json } from "../domain/json";
import { MAX_CONCURRENT_RECORDS } from "../domain/limits";
import type { RunOutcome, RunRecord, TriggerKind } from "../domain/run";
import { RunStopped } from "../engine/errors";
import type { Exclusion } from "../engine/exclusion";
import { runFlow } from "../engine/executor";
import { isPromise, type MaybePromise } from "../engine/maybe-promise";
import type { Plan } from "../engine/plan";
import type { Host } from "../engine/ports";
import { RunContext, type RunStart } from "../engine/run-context";
import { admit, type HeldPermit } from "./admission";
import { type Rendered, responseLine } from "./call-log";
import type { ExclusionGroups, RunHistory, World } from "./ports";
import type { HttpRunInput } from "./run-input";

export interface LightServices {
  history: RunHistory;
  world: World;
  /** The host for runs that live in this isolate. */
  host: Host;
  exclusion: ExclusionGroups;
}

/** A run that lives in the isolate that took its request, and ends with its answer. */
export interface LightRun {
  plan: Plan;
  pointer: FlowPointer;
  trigger: TriggerKind;
  user: string;
  input: HttpRunInput;
  /** What enters the flow, each a record of its own. */
  records: readonly Json[];
  timeoutMs: number;
  /** Whose going away ends the run; the signal is asked for only by runs that wait. */
  caller: { readonly signal: AbortSignal };
  /** What is said of the request in the run's console. */
  logged: { text: string; details: unknown } | undefined;
}

/**
 * Runs a flow in place, in its exclusion group if it has one, and has the outcome rendered: at once, where nothing in it waits. The
 * run's history is written after the answer, or before it where the endpoint says so.
 * @throws SluiceError for whatever stops a call before its run begins; nothing has run then
 */
export function runLight(
  services: LightServices,
  light: LightRun,
  render: (outcome: RunOutcome) => Rendered,
): MaybePromise<Rendered> {
  const { plan, trigger, user, input } = light;
  const arrivedAt = services.world.now();
  const start: RunStart = {
    id: services.world.newRunId(arrivedAt),
    trigger,
    user,
    input,
    host: services.host,
    startedAt: arrivedAt,
    deadline: arrivedAt + light.timeoutMs,
  };
  if (plan.exclusion !== undefined) return runInGroup(services, light, plan.exclusion, start, render);
  const run = begin(light, start);
  const ended = runFlow(plan, light.records, run, concurrencyOf(plan));
  if (!isPromise(ended)) return close(services, light, run, ended, render(ended));
  return whileCalled(ended, run, light.caller.signal).then((outcome) =>
    close(services, light, run, outcome, render(outcome)),
  );
}

/** Runs a flow when it is its turn in its exclusion group, or takes the answer of the run whose turn it is. */
async function runInGroup(
  services: LightServices,
  light: LightRun,
  exclusion: Exclusion,
  start: RunStart,
  render: (outcome: RunOutcome) => Rendered,
): Promise<Rendered> {
  const { plan, pointer } = light;
  const { signal } = light.caller;
  const admission = await admit(services.exclusion, { exclusion, pointer, start, signal });
  if (admission?.kind === "attached") return admission.answer;
  const permit: HeldPermit | undefined = admission?.permit;
  // The run begins when its turn has come; its deadline is still counted from the call.
  start.startedAt = services.world.now();
  const run = begin(light, start);
  if (permit !== undefined) run.permitUntil = permit.until;
  let outcome: RunOutcome;
  let rendered: Rendered;
  let endedAt: number;
  try {
    const ended = runFlow(plan, light.records, run, concurrencyOf(plan));
    if (isPromise(ended)) permit?.guard(run);
    outcome = isPromise(ended) ? await whileCalled(ended, run, signal) : ended;
    rendered = render(outcome);
    endedAt = services.world.now();
    permit?.share(outcome, rendered);
  } finally {
    // Whatever happened: who is told that a run has ended may at once start the next.
    if (permit !== undefined) await permit.release();
  }
  return close(services, light, run, outcome, rendered, endedAt);
}

function begin({ logged }: LightRun, start: RunStart): RunContext {
  const run = new RunContext(start);
  if (logged !== undefined) run.message("info", logged.text, { details: logged.details });
  return run;
}

function concurrencyOf({ endpoint }: Plan): number {
  return endpoint?.prioritiseThroughput === true ? MAX_CONCURRENT_RECORDS : 1;
}

/** Hands a run that has ended to the history. @returns its answer, when it may be given */
function close(
  { world, history }: LightServices,
  { plan, pointer, user }: LightRun,
  run: RunContext,
  outcome: RunOutcome,
  rendered: Rendered,
  endedAt = world.now(),
): MaybePromise<Rendered> {
  if (plan.endpoint?.logResponse === true) {
    const { text, details } = responseLine(rendered);
    run.node = undefined;
    run.record = undefined;
    run.message("info", text, { details });
  }
  const record: RunRecord = {
    environmentId: pointer.environmentId,
    id: run.id,
    projectId: pointer.projectId,
    project: pointer.project,
    flowId: pointer.flowId,
    flow: pointer.flow,
    flowVersion: pointer.version,
    trigger: run.trigger,
    user,
    startedAt: run.startedAt,
    endedAt,
    status: outcome.status,
    message: outcome.message ?? null,
    messages: run.takeMessages(),
  };
  if (plan.endpoint?.history === "strict") return history.store(record).then(() => rendered);
  history.record(record);
  return rendered;
}

/** Waits for a run, and cancels it when its caller goes away: nobody is left to take the answer. */
async function whileCalled(
  ended: Promise<RunOutcome>,
  run: RunContext,
  signal: AbortSignal,
): Promise<RunOutcome> {
  const gone = () =>
    run.stop(new RunStopped("cancelled", "caller_gone", "the caller went away before the run had ended"));
  if (signal.aborted) gone();
  signal.addEventListener("abort", gone, { once: true });
  try {
    return await ended;
  } finally {
    signal.removeEventListener("abort", gone);
  }
}
