import type { RunView, StartRequest, StartResult } from "../domain/durable-run";
import { SluiceError } from "../domain/errors";
import type { FlowPointer } from "../domain/flow-address";
import type { Json } from "../domain/json";
import {
  DEFAULT_ACCEPT_TIMEOUT_MS,
  DEFAULT_SYNC_TIMEOUT_MS,
  MAX_DURABLE_RUN_MS,
  MAX_STORED_VALUE_BYTES,
} from "../domain/limits";
import { logError } from "../domain/operator-log";
import type { RunMessage } from "../domain/run";
import type { Plan } from "../engine/plan";
import { newMessage } from "../engine/run-context";
import { attachedAnswer, busy, durableExclusion, undecided } from "./admission";
import { type Rendered, requestLine, responseLine } from "./call-log";
import { idempotencyMark } from "./idempotency";
import type { IncomingCall } from "./incoming-call";
import type { RunShards } from "./ports";
import { preferredWait } from "./prefer";
import type { HttpRunInput } from "./run-input";
import type { Renderer, TriggerServices } from "./trigger-flow";

/** Milliseconds that withdrawing a run, of which nothing has been heard, may take. */
const WITHDRAW_TIMEOUT_MS = 2_000;
/** Milliseconds beyond a run's deadline that its caller waits for the shard to say so. */
const GRACE_MS = 2_000;
/** Milliseconds between tries to reach a shard that has just died. */
const RETRY_MS = 250;

/** A call that was checked and may start its run. */
export interface CheckedCall {
  plan: Plan;
  pointer: FlowPointer;
  user: string;
  call: IncomingCall;
  input: HttpRunInput;
  records: readonly Json[];
  /** Milliseconds, as the call or the endpoint says. */
  timeout: number | undefined;
  /** The Idempotency-Key. */
  key: string | undefined;
}

type Accepted = Extract<StartResult, { kind: "accepted" }>;
type Following = Extract<StartResult, { kind: "following" }>;

/**
 * Starts a run that outlives its call, and answers as the endpoint's mode says.
 * @throws SluiceError; where it says nothing else, nothing was accepted
 */
export async function startDurableRun(
  services: Pick<TriggerServices, "shards" | "world" | "host">,
  checked: CheckedCall,
  render: Renderer,
): Promise<Rendered> {
  const { plan, pointer, user, call, input, records, timeout, key } = checked;
  const { shards, world, host } = services;
  const endpoint = plan.endpoint;
  const mark = key === undefined ? undefined : await idempotencyMark(key, pointer.flowId, user, call, input);
  const startedAt = world.now();
  const asynchronous = endpoint?.mode === "async";
  const handoff = asynchronous || endpoint?.onTimeout === "handoff";
  const messages: RunMessage[] = [];
  if (endpoint?.logRequests === true) {
    const { text, details } = requestLine(call, input);
    messages.push(newMessage(startedAt, "info", text, { details }));
  }
  const start = {
    id: shards.newRunId(startedAt, mark?.key),
    trigger: "action",
    user,
    startedAt,
    deadline: startedAt + (handoff ? MAX_DURABLE_RUN_MS : (timeout ?? DEFAULT_SYNC_TIMEOUT_MS)),
  } as const;
  const request: StartRequest = {
    ...start,
    pointer,
    nodes: plan.graph.nodes.length * (plan.recordsPath === undefined ? 1 : records.length),
    input: input.store(),
    messages,
    idempotency: mark,
    exclusion:
      plan.exclusion === undefined ? undefined : durableExclusion(plan.exclusion, { ...start, input, host }),
  };
  if (asynchronous) {
    const accepted = await accept(shards, request, timeout ?? DEFAULT_ACCEPT_TIMEOUT_MS);
    const begun =
      accepted.kind === "accepted" ? accepted.view : await followedRun(shards, request, accepted.runId, 0);
    const wait = preferredWait(call.headers.get("prefer"));
    if (wait === undefined) return render.state(begun, "started");
    const view = await pollFor(shards, pointer.environmentId, begun, wait * 1_000);
    return render.state(view, view.outcome === undefined ? "started" : "polled", `wait=${wait}`);
  }
  const { view, replayed, attached } = await ownOrShared(
    services,
    request,
    timeout ?? DEFAULT_SYNC_TIMEOUT_MS,
    handoff,
  );
  if (view.outcome === undefined) {
    if (handoff) return render.state(view, "accepted");
    const what = attached ? "The run that this call attached to" : "The run";
    const then = attached ? "." : ", and is being aborted.";
    throw new SluiceError("timeout", `${what} has not ended in time${then}`, { processId: view.id });
  }
  const rendered = render.outcome(view.outcome);
  if (attached) return attachedAnswer(rendered);
  if (endpoint?.logResponse === true && !replayed) {
    const { text, details } = responseLine(rendered);
    await shards.note(pointer.environmentId, view.id, [newMessage(world.now(), "info", text, { details })]);
  }
  return rendered;
}

/** A run's end, or that of the run of its exclusion group whose result it shares. */
async function ownOrShared(
  services: Pick<TriggerServices, "shards" | "world">,
  request: StartRequest,
  timeoutMs: number,
  handoff: boolean,
): Promise<{ view: RunView; replayed: boolean; attached: boolean }> {
  for (;;) {
    const started = await result(services, request, timeoutMs, handoff);
    if (started.kind === "accepted") return { ...started, attached: false };
    const left = Math.max(1, request.startedAt + timeoutMs - services.world.now());
    const view = await followedRun(services.shards, request, started.runId, left);
    // One that was aborted says nothing of what another would have answered.
    const aborted = view.status === "Timeout" || view.status === "Cancelled";
    if (!aborted || left <= 1) return { view, replayed: true, attached: true };
  }
}

/** A run that this call attached to, at its end or after `ms` milliseconds. @throws SluiceError unavailable */
async function followedRun(
  shards: RunShards,
  request: StartRequest,
  runId: string,
  ms: number,
): Promise<RunView> {
  const { environmentId } = request.pointer;
  const polled = await inTime(shards.poll(environmentId, runId, ms), ms + GRACE_MS);
  if (polled?.kind === "found") return polled.view;
  throw undecided(request.exclusion?.group ?? "");
}

/** Has a run accepted in time, or withdraws it. @throws SluiceError unavailable */
async function accept(
  shards: RunShards,
  request: StartRequest,
  timeoutMs: number,
): Promise<Accepted | Following> {
  const started = await inTime(shards.start(request, 0), timeoutMs);
  if (started !== undefined) return acceptedOf(started, request);
  // Nothing was heard in time. It may have been accepted all the same, so that is undone.
  const { environmentId } = request.pointer;
  const withdrawn = await inTime(shards.withdraw(environmentId, request.id), WITHDRAW_TIMEOUT_MS);
  if (withdrawn?.kind === "begun") return { kind: "accepted", view: withdrawn.view, replayed: false };
  if (withdrawn === undefined) {
    throw new SluiceError(
      "unavailable",
      "It could not be found out whether the run was accepted. Poll its process id, or call again with an Idempotency-Key.",
      { retryAfter: 1, processId: request.id },
    );
  }
  throw new SluiceError("unavailable", `The run was not accepted within ${timeoutMs} ms, and nothing runs.`, {
    retryAfter: 1,
  });
}

/** Has a run accepted and waits for its end; asks again when its shard dies meanwhile, since the same run is one. */
async function result(
  { shards, world }: Pick<TriggerServices, "shards" | "world">,
  request: StartRequest,
  timeoutMs: number,
  handoff: boolean,
): Promise<Accepted | Following> {
  const until = request.startedAt + timeoutMs + (handoff ? 0 : GRACE_MS);
  for (;;) {
    const left = Math.max(1, until - world.now());
    const started = await inTime(shards.start(request, left), left + GRACE_MS);
    if (started !== undefined) return acceptedOf(started, request);
    if (world.now() >= until) break;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  throw new SluiceError(
    "unavailable",
    "The run's shard did not answer in time; the run may have been accepted. Poll its process id, or call again with the same Idempotency-Key.",
    { retryAfter: 1, processId: request.id },
  );
}

/** How a run stands after its end, or after `ms` milliseconds; what was known when its shard cannot be reached. */
async function pollFor(
  shards: RunShards,
  environmentId: number,
  view: RunView,
  ms: number,
): Promise<RunView> {
  if (view.outcome !== undefined || ms === 0) return view;
  const polled = await inTime(shards.poll(environmentId, view.id, ms), ms + GRACE_MS);
  return polled?.kind === "found" ? polled.view : view;
}

/** @throws SluiceError for every answer but acceptance */
function acceptedOf(started: StartResult, { exclusion }: StartRequest): Accepted | Following {
  switch (started.kind) {
    case "accepted":
    case "following":
      return started;
    case "busy":
      throw busy(
        exclusion?.group ?? "",
        { ...started, kind: "refused" },
        exclusion ?? { onBusy: "reject", maxQueue: 0 },
      );
    case "undecided":
      throw undecided(exclusion?.group ?? "");
    case "key_reused":
      throw new SluiceError(
        "conflict",
        "This Idempotency-Key was used for another request. Take a new key, or send the same request.",
      );
    case "too_large":
      throw new SluiceError(
        "payload_too_large",
        `The request is larger than a durable run stores: ${MAX_STORED_VALUE_BYTES} bytes (MAX_STORED_VALUE_BYTES).`,
        { limit: "MAX_STORED_VALUE_BYTES" },
      );
    case "withdrawn":
      throw new SluiceError("unavailable", "The run was withdrawn before it was accepted.", {
        retryAfter: 1,
      });
  }
}

/** The value, or `undefined` when it did not come in time or did not come at all. */
async function inTime<T>(pending: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  const settled = pending.catch((error: unknown) => {
    // The caller is told what it can do.
    logError("a run shard could not be reached", error);
    return undefined;
  });
  try {
    return await Promise.race([settled, late]);
  } finally {
    clearTimeout(timer);
  }
}
