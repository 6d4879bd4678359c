import { DurableObject } from "cloudflare:workers";
import type { Bindings } from "../bindings";
import type {
  AcquireAnswer,
  AcquireRequest,
  ReleaseAnswer,
  RenewAnswer,
  SharedAnswer,
} from "../domain/exclusion-group";
import { logWarning } from "../domain/operator-log";
import { type Movement, type Permit, type Place, Semaphore } from "../domain/semaphore";
import { SemaphoreRows } from "./semaphore-rows";

/*
 * The object behind an exclusion group, one per environment and group, named `e{environment}/group/{name}`.
 *
 * Invariants:
 * 1. Permits and places are rows before anyone is told of them: writes come first, and the platform's output gate holds
 *    every answer back until they are on disk. All writes of one turn are one transaction. Storage may hold a permit more
 *    than memory, one that has ended; never one less.
 * 2. Memory holds nothing but copies of rows, and what may be lost: calls that wait in here (they fail, and ask again
 *    under the same run id), the answer kept for those who attach (they take a turn of their own), statistics.
 * 3. The alarm is never later than the earliest lease or place that may run out. It may be earlier: setting it anew for
 *    every permit would double the writes of a free group. An early or repeated alarm changes nothing.
 */

/** Milliseconds without use after which a free group forgets its storage: groups named by an order's number are many. */
const IDLE_MS = 60_000;
/** Milliseconds by which an alarm may be late before it is believed lost and set again. */
const ALARM_LOST_MS = 60_000;
/** Milliseconds for which an answer is kept for followers whose call has just ended: longer than they take to ask again. */
const ANSWER_KEEP_MS = 10_000;

/**
 * Milliseconds after which the row of an ended permit goes, if nothing was written meanwhile. Whoever comes next within
 * them spares a commit; a crash within them leaves the group taken until the lease ends.
 */
const FLUSH_MS = 200;

/** A caller that waits inside its call. */
interface WaitingCall {
  request: AcquireRequest;
  /** What it is told when its time is over. */
  last: AcquireAnswer;
  finish(answer: AcquireAnswer): void;
}

interface KeptAnswer {
  runId: string;
  answer: SharedAnswer;
  until: number;
}

export class ExclusionGroup extends DurableObject<Bindings> {
  readonly #rows: SemaphoreRows;
  readonly #semaphore: Semaphore;
  /** When the alarm is set to fire; a copy of what the platform knows. */
  #alarmAt: number | undefined;
  /** Memory only: when the group was last asked. */
  #usedAt = 0;
  /** Memory only: calls that wait, by run. */
  readonly #calls = new Map<string, WaitingCall>();
  /** Memory only: runs that someone attached to, so that only their answers are kept. */
  readonly #followed = new Set<string>();
  /** Memory only: the answer of the last run that was followed. */
  #kept: KeptAnswer | undefined;
  #flushing = false;

  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env);
    this.#rows = new SemaphoreRows(ctx.storage.sql);
    this.#semaphore = new Semaphore(this.#rows, this.#rows.permits(), this.#rows.places());
    void ctx.blockConcurrencyWhile(async () => {
      this.#alarmAt = (await ctx.storage.getAlarm()) ?? undefined;
    });
  }

  /** Asks for a permit; waits inside the call for as long as the request says. */
  async acquire(request: AcquireRequest): Promise<AcquireAnswer> {
    const now = Date.now();
    this.#usedAt = now;
    const kept = this.#keptAnswer(request.following, now);
    if (kept !== undefined) return kept;
    const answer = this.#move(now, (movement) => this.#admit(request, now, movement));
    const waits = (answer.kind === "queued" || answer.kind === "following") && request.waitMs > 0;
    // Entered before anything is awaited, so that no turn that comes meanwhile is missed.
    const pending = waits ? this.#wait(request, answer) : answer;
    await this.#arm(now);
    return pending;
  }

  /** Several runs ask, one after the other; none of them waits inside the call. @returns an answer for each, in order */
  async acquireAll(requests: readonly AcquireRequest[]): Promise<AcquireAnswer[]> {
    const now = Date.now();
    this.#usedAt = now;
    const answers = requests.map(
      (request) =>
        this.#keptAnswer(request.following, now) ??
        this.#move(now, (movement) => this.#admit(request, now, movement)),
    );
    await this.#arm(now);
    return answers;
  }

  /** Holds a lease for another while. */
  async renew(runId: string): Promise<RenewAnswer> {
    const now = Date.now();
    this.#usedAt = now;
    const answer = this.#move(now, (movement) => this.#semaphore.renew(runId, now, movement));
    await this.#arm(now);
    return answer;
  }

  /**
   * Gives back a permit, or a place in the queue.
   * @param answer what those who attached to the run get; without it they take turns of their own
   */
  async release(runId: string, answer?: SharedAnswer): Promise<ReleaseAnswer> {
    const now = Date.now();
    this.#usedAt = now;
    const released = this.#move(now, (movement) => {
      const held = this.#semaphore.holds(runId);
      const result = this.#semaphore.release(runId, now, movement);
      if (held && this.#followed.has(runId)) this.#serveFollowers(runId, answer, now, movement);
      return result;
    });
    // The run gave up its place while a call of its own still waits in here.
    this.#calls.get(runId)?.finish(this.#semaphore.refuse(this.#semaphore.queue.length + 1, now));
    await this.#arm(now);
    return released;
  }

  /** Who is inside and who waits, for operators and tests. */
  inspect(): { permits: Permit[]; queue: Place[]; calls: number } {
    return {
      permits: [...this.#semaphore.permits],
      queue: [...this.#semaphore.queue],
      calls: this.#calls.size,
    };
  }

  override async alarm(): Promise<void> {
    const now = Date.now();
    this.#alarmAt = undefined;
    this.#move(now, (movement) => this.#semaphore.expire(now, movement));
    if (this.#semaphore.nextExpiry() !== undefined) return this.#arm(now);
    const idleAt = this.#usedAt + IDLE_MS;
    if (now < idleAt) return this.#setAlarm(idleAt);
    await this.#rows.forget(this.ctx.storage);
  }

  /** The semaphore's answer, with a bound on those who attach, since they have no place in the queue. */
  #admit(request: AcquireRequest, now: number, movement: Movement): AcquireAnswer {
    const answer = this.#semaphore.acquire(request, now, movement);
    if (answer.kind !== "following") return answer;
    const { runId } = answer.holder;
    let followers = 0;
    for (const call of this.#calls.values()) {
      if (follows(call.last, runId) && call.request.runId !== request.runId) followers += 1;
    }
    if (followers >= request.maxQueue) return this.#semaphore.refuse(followers + 1, now);
    this.#followed.add(runId);
    return answer;
  }

  #keptAnswer(following: string | undefined, now: number): AcquireAnswer | undefined {
    const kept = this.#kept;
    if (kept === undefined) return undefined;
    if (kept.until <= now) this.#kept = undefined;
    else if (kept.runId === following) return { kind: "attached", runId: kept.runId, answer: kept.answer };
    return undefined;
  }

  #wait(request: AcquireRequest, answer: AcquireAnswer): Promise<AcquireAnswer> {
    const { runId } = request;
    // The same run asked before and did not wait for the answer: that call is nobody's any more.
    this.#calls.get(runId)?.finish(answer);
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        call.finish(this.#semaphore.waiting(runId, Date.now()) ?? call.last);
      }, request.waitMs);
      const call: WaitingCall = {
        request,
        last: answer,
        finish: (final) => {
          clearTimeout(timer);
          if (this.#calls.get(runId) === call) this.#calls.delete(runId);
          resolve(final);
        },
      };
      this.#calls.set(runId, call);
    });
  }

  /** Hands the answer of an ended run to those who attached to it; without one, each takes a turn of its own. */
  #serveFollowers(runId: string, answer: SharedAnswer | undefined, now: number, movement: Movement): void {
    this.#followed.delete(runId);
    if (answer !== undefined) this.#kept = { runId, answer, until: now + ANSWER_KEEP_MS };
    for (const call of [...this.#calls.values()]) {
      if (!follows(call.last, runId)) continue;
      if (answer !== undefined) {
        call.finish({ kind: "attached", runId, answer });
        continue;
      }
      const next = this.#admit(call.request, now, movement);
      if (next.kind === "granted" || next.kind === "refused") call.finish(next);
      else call.last = next;
    }
  }

  /** Lets the semaphore move, then tells the calls that wait what that means for them. */
  #move<T>(now: number, action: (movement: Movement) => T): T {
    const movement: Movement = { granted: [], expired: [], left: [] };
    try {
      const result = action(movement);
      for (const { runId } of movement.expired) {
        if (this.#followed.has(runId)) this.#serveFollowers(runId, undefined, now, movement);
      }
      for (const { runId, since, tell } of movement.granted) {
        const call = this.#calls.get(runId);
        if (call !== undefined) call.finish({ kind: "granted", since });
        else if (tell !== null) this.#tell(tell, runId);
      }
      if (this.#rows.pending) this.#flushSoon();
      return result;
    } catch (error) {
      // Storage refused a write half-way: what it holds is the truth, so begin again from there.
      this.ctx.abort("storage failed");
      throw error;
    }
  }

  /** Tells a run shard that a run's turn has come. Should the word be lost, the run asks before its lease is over. */
  #tell(shard: string, runId: string): void {
    const told = this.env.RUN_SHARD.getByName(shard).turn(runId);
    this.ctx.waitUntil(
      Promise.resolve(told).catch((error: unknown) => {
        logWarning("a run shard could not be told of a turn", error, { runId });
      }),
    );
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setTimeout(() => {
      this.#flushing = false;
      this.#rows.flush();
    }, FLUSH_MS);
  }

  /** Sees to it that the alarm fires no later than something may run out. */
  async #arm(now: number): Promise<void> {
    const next = this.#semaphore.nextExpiry();
    if (next === undefined) return;
    const set = this.#alarmAt;
    if (set !== undefined && set <= next && set > now - ALARM_LOST_MS) return;
    await this.#setAlarm(next);
  }

  async #setAlarm(at: number): Promise<void> {
    this.#alarmAt = at;
    await this.ctx.storage.setAlarm(at);
  }
}

function follows(answer: AcquireAnswer, runId: string): boolean {
  return answer.kind === "following" && answer.holder.runId === runId;
}
