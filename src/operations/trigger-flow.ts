import type { RunView } from "../domain/durable-run";
import type { Environment } from "../domain/environment";
import { SluiceError } from "../domain/errors";
import type { FlowAddress, FlowPointer } from "../domain/flow-address";
import { DEFAULT_SYNC_TIMEOUT_MS, MAX_CONCURRENT_RECORDS } from "../domain/limits";
import { MAX_NAME_LENGTH } from "../domain/names";
import type { RunOutcome } from "../domain/run";
import { RunStopped } from "../engine/errors";
import { runFlow } from "../engine/executor";
import type { Plan } from "../engine/plan";
import type { Host } from "../engine/ports";
import { RunContext, type RunStart } from "../engine/run-context";
import { admit, type HeldPermit } from "./admission";
import { type Rendered, requestLine, responseLine } from "./call-log";
import { checkedRecords } from "./checked-records";
import { startDurableRun } from "./durable-call";
import { idempotencyKey } from "./idempotency";
import { type IncomingCall, timeoutParameter } from "./incoming-call";
import type { Catalog, ExclusionGroups, RunHistory, RunShards, World } from "./ports";
import { HttpRunInput } from "./run-input";

export type { Rendered };

export interface TriggerServices {
  catalog: Catalog;
  history: RunHistory;
  world: World;
  /** The host for runs that live in this isolate. */
  host: Host;
  exclusion: ExclusionGroups;
  /** Runs that outlive their call. */
  shards: RunShards;
}

/** How a surface answers. */
export interface Renderer {
  /** The answer for a run that has ended. */
  outcome(outcome: RunOutcome): Rendered;
  /** The answer that tells how a run stands; `accepted`: it goes on after a call that wanted its result. */
  state(view: RunView, how: "started" | "accepted" | "polled", applied?: string): Rendered;
}

/** User of runs that anonymous connections start (seed: "the audit trail records the system"). */
const ANONYMOUS_USER = "system";

/** An endpoint that was found and may be called. */
export interface Endpoint {
  environment: Environment;
  pointer: FlowPointer;
  plan: Plan;
  /** Whether it was named in the way of version 10. */
  deprecated: boolean;
}

/**
 * Finds the endpoint that a URL names.
 * @throws SluiceError not_found, ambiguous_name
 */
export async function findEndpoint(catalog: Catalog, host: string, address: FlowAddress): Promise<Endpoint> {
  const names = address.kind === "named" ? [address.project, address.flow] : [address.segment];
  // No name is longer, so nothing needs to be asked, or remembered, about such a one.
  if (names.some((name) => name.length > MAX_NAME_LENGTH)) {
    throw new SluiceError(
      "not_found",
      `There is no endpoint of such a name: names end at ${MAX_NAME_LENGTH} characters.`,
    );
  }
  const environment = await catalog.environment(host);
  const resolution = await catalog.resolve(environment, address);
  if (resolution.kind === "ambiguous") {
    throw new SluiceError(
      "ambiguous_name",
      "Several projects have a flow of this name; call it by project and flow name.",
      { candidates: resolution.candidates },
    );
  }
  if (resolution.kind !== "missing") {
    const plan = await catalog.plan(resolution.pointer);
    if (resolution.kind === "aliased") {
      // An alias can be kept to those who know it; only of an open endpoint is it told.
      if (plan.endpoint?.anonymous === true) {
        throw new SluiceError(
          "not_found",
          `This endpoint answers at its URL alias "${resolution.alias}" instead of at its name.`,
        );
      }
    } else if (plan.endpoint !== undefined) {
      return { environment, pointer: resolution.pointer, plan, deprecated: resolution.deprecated };
    }
  }
  const name =
    address.kind === "named"
      ? `flow "${address.flow}" in project "${address.project}"`
      : `"${address.segment}"`;
  throw new SluiceError(
    "not_found",
    `There is no endpoint ${name}. Names are matched exactly, upper and lower case too.`,
  );
}

/** Who may call. @throws SluiceError unauthenticated */
export function authorizeCall(endpoint: Endpoint): string {
  if (endpoint.plan.endpoint?.anonymous === true) return ANONYMOUS_USER;
  throw new SluiceError(
    "unauthenticated",
    "This endpoint takes no anonymous connections, and no API keys are issued for this deployment yet.",
  );
}

/**
 * Runs an endpoint's flow for one HTTP request and has the outcome rendered. The run's history is written after the
 * answer, or before it where the endpoint says so. Asynchronous calls, those with an Idempotency-Key and those that may be
 * handed over run durably.
 * @throws SluiceError for whatever stops a call before its run begins; nothing has run then
 */
export async function triggerFlow(
  services: TriggerServices,
  endpoint: Endpoint,
  call: IncomingCall,
  render: Renderer,
): Promise<Rendered> {
  const { plan, pointer } = endpoint;
  const user = authorizeCall(endpoint);
  if (pointer.status !== "running") {
    throw new SluiceError("flow_unavailable", `The flow is ${pointer.status} and takes no calls now.`, {
      retryAfter: 60,
      state: pointer.status,
    });
  }
  const key = idempotencyKey(call);
  const timeout = timeoutParameter(call.query) ?? plan.timeoutMs;
  const input = await HttpRunInput.read(call);
  input.need(plan.names);
  const records = checkedRecords(plan, input);
  if (key !== undefined || plan.endpoint?.mode === "async" || plan.endpoint?.onTimeout === "handoff") {
    return startDurableRun(services, { plan, pointer, user, call, input, records, timeout, key }, render);
  }
  const timeoutMs = timeout ?? DEFAULT_SYNC_TIMEOUT_MS;

  const { world, host, history } = services;
  const arrivedAt = world.now();
  const start: RunStart = {
    id: world.newRunId(arrivedAt),
    trigger: "action",
    user,
    input,
    host,
    startedAt: arrivedAt,
    deadline: arrivedAt + timeoutMs,
  };
  let permit: HeldPermit | undefined;
  if (plan.exclusion !== undefined) {
    const { signal } = call;
    const admission = await admit(services.exclusion, { exclusion: plan.exclusion, pointer, start, signal });
    if (admission?.kind === "attached") return admission.answer;
    permit = admission?.permit;
    // The run begins when its turn has come; its deadline is still counted from the call.
    start.startedAt = world.now();
  }
  const run = new RunContext(start);
  if (plan.endpoint?.logRequests === true) {
    const { text, details } = requestLine(call, input);
    run.message("info", text, { details });
  }
  const concurrency = plan.endpoint?.prioritiseThroughput === true ? MAX_CONCURRENT_RECORDS : 1;
  if (permit !== undefined) run.permitUntil = permit.until;
  let outcome: RunOutcome;
  let rendered: Rendered;
  let endedAt: number;
  try {
    const ended = runFlow(plan, records, run, concurrency);
    if (ended instanceof Promise) permit?.guard(run);
    outcome = ended instanceof Promise ? await whileCalled(ended, run, call.signal) : ended;
    rendered = render.outcome(outcome);
    endedAt = world.now();
    permit?.share(outcome, rendered);
  } finally {
    // Whatever happened: who is told that a run has ended may at once start the next.
    if (permit !== undefined) await permit.release();
  }
  if (plan.endpoint?.logResponse === true) {
    const { text, details } = responseLine(rendered);
    run.node = undefined;
    run.record = undefined;
    run.message("info", text, { details });
  }

  const record = {
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
  if (plan.endpoint?.history === "strict") await history.store(record);
  else history.record(record);
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
