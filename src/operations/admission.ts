import { SluiceError } from "../domain/errors";
import {
  type AcquireAnswer,
  type AcquireRequest,
  CANCELLABLE_RENEW_MS,
  type GroupAddress,
  type Holder,
  LEASE_MARGIN_MS,
  LEASE_MS,
  type OnBusy,
  PLACE_KEEP_MS,
  RENEW_MS,
  type RunExclusion,
  type SharedAnswer,
  WAIT_CALL_MS,
} from "../domain/exclusion-group";
import type { FlowPointer } from "../domain/flow-address";
import { MAX_SHARED_ANSWER_BYTES } from "../domain/limits";
import type { RunOutcome } from "../domain/run";
import { FlowError, RunStopped } from "../engine/errors";
import { type Exclusion, groupOf } from "../engine/exclusion";
import { ExpressionError } from "../engine/expression";
import { permitLost, RunContext, type RunStart } from "../engine/run-context";
import type { ExclusionGroups } from "./ports";

/*
 * Admission of a run that lives in this isolate to its exclusion group. It happens after the input was checked and
 * before anything of the flow starts, so a refused call has done nothing.
 *
 * Invariants:
 * 1. A permit counts from when it was asked for, not from when the answer came: the object's lease began later, so it
 *    ends later than we stop using it.
 * 2. Whoever was granted a permit releases it before the caller has its answer. Who cannot (the isolate died, the caller
 *    hung up) lets the lease run out.
 * 3. Where it is not known whether a permit was granted, it is given back all the same.
 */

/** Milliseconds after which an unanswered renewal is tried again; a lease leaves time for several. */
const RENEW_RETRY_MS = 1_000;

/** Seconds to wait after a group could not be asked. */
const UNDECIDED_RETRY_S = 1;

/** Marks an answer that is another run's, to which the call attached. */
const ATTACHED_HEADER: [string, string] = ["x-exclusion", "attached"];

/** The run that wants in, as it stands before it begins. */
export interface Applicant {
  exclusion: Exclusion;
  pointer: FlowPointer;
  /** What the run would begin with; the group's expression sees its input. */
  start: RunStart;
  /** Aborted when the caller hangs up. */
  signal?: AbortSignal;
}

export type Admission =
  | { kind: "admitted"; permit: HeldPermit }
  /** Another run's answer, which this call shares; nothing ran for it. */
  | { kind: "attached"; answer: SharedAnswer };

/**
 * Takes the run's permit, waiting for its turn where the endpoint says so.
 * @returns `undefined` when the request belongs to no group
 * @throws SluiceError group_busy; invalid_request when the group's expression fails on this request; unavailable when the
 *   group cannot be asked
 */
export async function admit(groups: ExclusionGroups, applicant: Applicant): Promise<Admission | undefined> {
  const { exclusion, pointer, start } = applicant;
  const name = requestedGroup(exclusion, start);
  if (name === undefined) return undefined;
  const group: GroupAddress = { environmentId: pointer.environmentId, name };
  const waits = exclusion.onBusy !== "reject";
  // Who hung up need not keep a place; the call that waits for it ends with it.
  if (waits)
    applicant.signal?.addEventListener("abort", () => groups.abandon(group, start.id), { once: true });
  const waitUntil = waits ? Math.min(start.deadline, start.host.now() + exclusion.maxWaitMs) : 0;
  let following: string | undefined;
  for (;;) {
    const sentAt = start.host.now();
    const waitMs = Math.min(WAIT_CALL_MS, Math.max(0, waitUntil - sentAt));
    const request = acquireRequest(applicant, waitMs, following);
    const answer = await groups.acquire(group, request, applicant.signal);
    if (answer.kind === "granted") {
      const permit = new HeldPermit(groups, group, start.id, exclusion.onBusy, sentAt);
      return { kind: "admitted", permit };
    }
    if (answer.kind === "attached") {
      return { kind: "attached", answer: attachedAnswer(answer.answer) };
    }
    if (answer.kind === "undecided") {
      groups.abandon(group, start.id);
      throw undecided(name, answer.reason);
    }
    if (answer.kind === "refused") throw busy(name, answer, exclusion);
    following = answer.kind === "following" ? answer.holder.runId : undefined;
    if (start.host.now() < waitUntil) continue;
    // The turn may have come while we looked at the clock; nothing runs, so it is given back.
    await groups.release(group, start.id);
    throw busy(name, answer, exclusion);
  }
}

/**
 * The group of one request, before its run begins; `undefined` for none.
 * @throws SluiceError invalid_request
 */
export function requestedGroup(exclusion: Exclusion, start: RunStart): string | undefined {
  try {
    // A context of its own: the run has not begun, and what the group's expression costs is not the run's.
    return groupOf(exclusion, new RunContext(start));
  } catch (error) {
    if (!(error instanceof ExpressionError || error instanceof FlowError)) throw error;
    throw new SluiceError(
      "invalid_request",
      `The exclusion group could not be made from this request: ${error.message}.`,
      { problems: [{ path: "endpoint.exclusion", reason: error.message }] },
      { cause: error },
    );
  }
}

/** The group of a run that a shard will host. @throws SluiceError invalid_request */
export function durableExclusion(exclusion: Exclusion, start: RunStart): RunExclusion | undefined {
  const group = requestedGroup(exclusion, start);
  if (group === undefined) return undefined;
  const { onBusy, maxQueue, maxWaitMs } = exclusion;
  return { group, onBusy, maxQueue, maxWaitMs: Number.isFinite(maxWaitMs) ? maxWaitMs : null };
}

function acquireRequest(
  { exclusion, pointer, start }: Applicant,
  waitMs: number,
  following: string | undefined,
): AcquireRequest {
  return {
    runId: start.id,
    project: pointer.project,
    flow: pointer.flow,
    flowId: pointer.flowId,
    user: start.user,
    onBusy: exclusion.onBusy,
    maxQueue: exclusion.maxQueue,
    waitMs,
    keepMs: PLACE_KEEP_MS,
    permits: 1,
    following,
  };
}

type Busy = Extract<AcquireAnswer, { kind: "refused" | "queued" | "following" }>;

/** Could not decide is never said as refused. */
export function undecided(group: string, reason?: string): SluiceError {
  return new SluiceError(
    "unavailable",
    `Whether the exclusion group "${group}" is free could not be found out, so nothing was started. Try again.`,
    { retryAfter: UNDECIDED_RETRY_S, group },
    { cause: reason },
  );
}

/** A call that may not go in. */
export function busy(
  group: string,
  answer: Busy,
  { onBusy, maxQueue }: Pick<Exclusion, "onBusy" | "maxQueue">,
): SluiceError {
  const { holder } = answer;
  const since = new Date(holder.since).toISOString();
  const place = answer.kind === "following" ? undefined : answer.place;
  const waited =
    answer.kind === "refused"
      ? onBusy === "reject"
        ? ""
        : ` Its queue is full: ${maxQueue} wait at most (maxQueue).`
      : " Its turn did not come in time.";
  return new SluiceError(
    "group_busy",
    `Nothing was started: the exclusion group "${group}" is held by flow "${holder.flow}" since ${since}, process id ${holder.runId}.${waited}`,
    {
      retryAfter: answer.kind === "following" ? UNDECIDED_RETRY_S : answer.retryAfter,
      group,
      holder: described(holder, since),
      ...(place === undefined ? {} : { place }),
    },
  );
}

function described({ runId, project, flow }: Holder, since: string) {
  return { processId: runId, project, flow, since };
}

/** An answer as one who attached to its run gets it. */
export function attachedAnswer({ status, headers, body }: SharedAnswer): SharedAnswer {
  return { status, headers: [...headers, ATTACHED_HEADER], body };
}

/** What of a run's end those who attached to it may share: an answer that its flow gave, of a size that can be copied. */
function shareable(outcome: RunOutcome, rendered: SharedAnswer): SharedAnswer | undefined {
  // A run that was aborted says nothing about what another, with more time, would have answered.
  if (outcome.status !== "Success" && outcome.status !== "Fail") return undefined;
  const { status, headers, body } = rendered;
  // A character takes at most three bytes of UTF-8.
  if (body !== null && body.length * 3 > MAX_SHARED_ANSWER_BYTES) {
    if (new TextEncoder().encode(body).length > MAX_SHARED_ANSWER_BYTES) return undefined;
  }
  return { status, headers, body };
}

/** A permit in the hands of a run of this isolate. */
export class HeldPermit {
  readonly #groups: ExclusionGroups;
  readonly #group: GroupAddress;
  readonly #runId: string;
  readonly #onBusy: OnBusy;
  readonly #renewMs: number;
  #shared: SharedAnswer | undefined;
  #until: number;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  #end: ReturnType<typeof setTimeout> | undefined;
  #released = false;

  constructor(groups: ExclusionGroups, group: GroupAddress, runId: string, onBusy: OnBusy, sentAt: number) {
    this.#groups = groups;
    this.#group = group;
    this.#runId = runId;
    this.#onBusy = onBusy;
    this.#until = usableUntil(sentAt);
    // Its own endpoint's next call may want to stop this run, and waits for as long as it takes to tell it.
    this.#renewMs = onBusy === "cancel" ? CANCELLABLE_RENEW_MS : RENEW_MS;
  }

  /** Until when the permit is certainly held unless it is renewed, by this host's clock. */
  get until(): number {
    return this.#until;
  }

  /** Keeps the permit while the run waits for something; a run that never waits is over long before its lease. */
  guard(run: RunContext): void {
    this.#renewAfter(this.#renewMs, run);
    this.#endAt(run);
  }

  /** Leaves the run's answer for those who attached to it. */
  share(outcome: RunOutcome, rendered: SharedAnswer): void {
    // Only an endpoint whose callers may attach has use for it; copying it for nobody costs.
    if (this.#onBusy === "attach") this.#shared = shareable(outcome, rendered);
  }

  /** Gives the permit back. When that fails its lease runs out, which the run's answer need not wait for. */
  async release(): Promise<void> {
    this.#released = true;
    clearTimeout(this.#renewal);
    clearTimeout(this.#end);
    await this.#groups.release(this.#group, this.#runId, this.#shared);
  }

  #renewAfter(ms: number, run: RunContext): void {
    this.#renewal = setTimeout(() => {
      this.#renew(run).catch((error: unknown) => run.host.report(error, { runId: run.id }));
    }, ms);
  }

  #endAt(run: RunContext): void {
    clearTimeout(this.#end);
    this.#end = setTimeout(() => run.stop(permitLost()), Math.max(0, this.#until - run.host.now()));
  }

  async #renew(run: RunContext): Promise<void> {
    const sentAt = run.host.now();
    const answer = await this.#groups.renew(this.#group, this.#runId);
    if (this.#released) return;
    switch (answer.kind) {
      case "held":
        this.#until = usableUntil(sentAt);
        run.permitUntil = this.#until;
        this.#endAt(run);
        this.#renewAfter(this.#renewMs, run);
        return;
      case "undecided":
        this.#renewAfter(RENEW_RETRY_MS, run);
        return;
      case "cancel":
        run.stop(cancelledBy(this.#group.name));
        return;
      case "lost":
        run.stop(permitLost());
    }
  }
}

function usableUntil(sentAt: number): number {
  return sentAt + LEASE_MS - LEASE_MARGIN_MS;
}

/** Ends a run that another of its group asked to stop. */
export function cancelledBy(group: string): RunStopped {
  return new RunStopped(
    "cancelled",
    "cancelled",
    `the run was stopped by another of the exclusion group "${group}" (onBusy: cancel)`,
  );
}
