import {
  type AcquireAnswer,
  type AcquireRequest,
  type Holder,
  LEASE_MS,
  type ReleaseAnswer,
  type RenewAnswer,
  retryAfterSeconds,
} from "./exclusion-group";

/*
 * A semaphore of leased permits with a first-in-first-out queue: the rules of exclusion groups (one permit) and of
 * connection pools (several). No clock, no storage, no waiting in here.
 *
 * Invariants:
 * 1. A run has a permit or a place, never both, and at most one of them.
 * 2. Nobody overtakes: while someone waits, a new request waits or is refused, even if a permit were free.
 * 3. A permit ends by release or by its lease running out, never otherwise; a cancelled holder still holds it.
 * 4. What changes is given to the store before this memory changes, so what the store refuses never happened.
 * 5. Every method first ends what ran out, so a late alarm delays nobody who asks.
 */

export interface Permit extends Holder {
  flowId: number;
  user: string;
  expiresAt: number;
  /** Someone asked that this run stop; its next renewal says so. */
  cancelled: boolean;
}

export interface Place {
  runId: string;
  project: string;
  flow: string;
  flowId: number;
  user: string;
  /** The run shard to tell when its turn has come; `null` when its caller asks. */
  tell: string | null;
  /** Number in the queue, always rising. */
  seq: number;
  permits: number;
  expiresAt: number;
}

/** Where permits and places are kept. Everything that one method of the semaphore gives it is stored together or not at all. */
export interface SemaphoreStore {
  putPermit(permit: Permit): void;
  deletePermit(runId: string): void;
  putPlace(place: Place): void;
  deletePlace(runId: string): void;
}

/** Runs whose turn came, and permits that ended without a word, in the order in which it happened. */
export interface Movement {
  granted: Granted[];
  expired: Permit[];
  /** Places that were given up because their runs were not heard of any more. */
  left: Place[];
}

/** A permit that was given to someone who waited for it, and who is to be told. */
export type Granted = Permit & { tell: string | null };

/** Share of the newest in the running mean of how long permits are held. */
const NEWEST_SHARE = 0.3;

export class Semaphore {
  readonly #store: SemaphoreStore;
  readonly #permits: Map<string, Permit>;
  #queue: Place[];
  #lastSeq: number;
  /** Memory only: how long permits are held, for `Retry-After`. */
  #typicalMs: number | undefined;

  constructor(store: SemaphoreStore, permits: Iterable<Permit>, queue: Iterable<Place>) {
    this.#store = store;
    this.#permits = new Map([...permits].map((permit) => [permit.runId, permit]));
    this.#queue = [...queue].sort((left, right) => left.seq - right.seq);
    this.#lastSeq = this.#queue.at(-1)?.seq ?? 0;
  }

  /** @param movement takes what this call set in motion beside its own answer */
  acquire(request: AcquireRequest, now: number, movement: Movement): AcquireAnswer {
    this.expire(now, movement);
    const own = this.#permits.get(request.runId);
    if (own !== undefined) {
      this.#extend(own, now);
      return { kind: "granted", since: own.since };
    }
    const index = this.#queue.findIndex(({ runId }) => runId === request.runId);
    if (index >= 0) {
      const place = { ...(this.#queue[index] as Place), expiresAt: keptUntil(request, now) };
      this.#store.putPlace(place);
      this.#queue[index] = place;
      return this.#wait("queued", index + 1, now);
    }
    if (this.#queue.length === 0 && this.#permits.size < request.permits) {
      return { kind: "granted", since: this.#grant(request, now).since };
    }
    return this.#busy(request, now);
  }

  renew(runId: string, now: number, movement: Movement): RenewAnswer {
    this.expire(now, movement);
    const permit = this.#permits.get(runId);
    if (permit === undefined) return { kind: "lost" };
    this.#extend(permit, now);
    return { kind: permit.cancelled ? "cancel" : "held" };
  }

  release(runId: string, now: number, movement: Movement): ReleaseAnswer {
    const permit = this.#permits.get(runId);
    if (permit !== undefined) {
      this.#store.deletePermit(runId);
      this.#permits.delete(runId);
      const heldMs = Math.max(0, now - permit.since);
      this.#typicalMs =
        this.#typicalMs === undefined ? heldMs : this.#typicalMs + (heldMs - this.#typicalMs) * NEWEST_SHARE;
    }
    const index = this.#queue.findIndex((place) => place.runId === runId);
    if (index >= 0) {
      this.#store.deletePlace(runId);
      this.#queue.splice(index, 1);
    }
    this.expire(now, movement);
    return { kind: permit === undefined && index < 0 ? "unknown" : "released" };
  }

  /** Ends what ran out, and lets in whose turn it is. */
  expire(now: number, movement: Movement): void {
    for (const permit of this.#permits.values()) {
      if (permit.expiresAt > now) continue;
      this.#store.deletePermit(permit.runId);
      this.#permits.delete(permit.runId);
      movement.expired.push(permit);
    }
    if (this.#queue.length === 0) return;
    if (this.#queue.some(({ expiresAt }) => expiresAt <= now)) {
      const kept: Place[] = [];
      for (const place of this.#queue) {
        if (place.expiresAt > now) kept.push(place);
        else {
          this.#store.deletePlace(place.runId);
          movement.left.push(place);
        }
      }
      this.#queue = kept;
    }
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      if (this.#permits.size >= first.permits) return;
      this.#store.deletePlace(first.runId);
      movement.granted.push({ ...this.#grant(first, now), tell: first.tell });
      this.#queue.shift();
    }
  }

  /** The next time at which something may run out. */
  nextExpiry(): number | undefined {
    let next: number | undefined;
    for (const { expiresAt } of this.#permits.values()) next = Math.min(next ?? expiresAt, expiresAt);
    for (const { expiresAt } of this.#queue) next = Math.min(next ?? expiresAt, expiresAt);
    return next;
  }

  holds(runId: string): boolean {
    return this.#permits.has(runId);
  }

  get permits(): readonly Permit[] {
    return [...this.#permits.values()];
  }

  get queue(): readonly Place[] {
    return this.#queue;
  }

  /** What a run that waits is told: its place, and who is inside. */
  waiting(runId: string, now: number): AcquireAnswer | undefined {
    const index = this.#queue.findIndex((place) => place.runId === runId);
    return index < 0 ? undefined : this.#wait("queued", index + 1, now);
  }

  /** What a run that may not wait is told. */
  refuse(place: number, now: number): AcquireAnswer {
    return this.#wait("refused", place, now);
  }

  #busy(request: AcquireRequest, now: number): AcquireAnswer {
    const place = this.#queue.length + 1;
    if (request.onBusy === "reject") return this.#wait("refused", place, now);
    if (request.onBusy === "attach") {
      for (const permit of this.#permits.values()) {
        // Another flow's answer would be the answer to another question.
        if (permit.flowId === request.flowId) return { kind: "following", holder: holderOf(permit) };
      }
    }
    if (place > request.maxQueue) return this.#wait("refused", place, now);
    if (request.onBusy === "cancel") {
      for (const permit of this.#permits.values()) {
        if (permit.cancelled) continue;
        const cancelled = { ...permit, cancelled: true };
        this.#store.putPermit(cancelled);
        this.#permits.set(permit.runId, cancelled);
      }
    }
    const { runId, project, flow, flowId, user, permits, tell = null } = request;
    const seq = this.#lastSeq + 1;
    const queued = {
      tell,
      runId,
      project,
      flow,
      flowId,
      user,
      permits,
      seq,
      expiresAt: keptUntil(request, now),
    };
    this.#store.putPlace(queued);
    this.#lastSeq = seq;
    this.#queue.push(queued);
    return this.#wait("queued", place, now);
  }

  #wait(kind: "queued" | "refused", place: number, now: number): AcquireAnswer {
    const [first] = this.#permits.values();
    // Someone waits although nobody is inside only in a pool whose size was lowered to nothing; its callers never ask so.
    const holder = first === undefined ? nobody(now) : holderOf(first);
    return {
      kind,
      holder,
      place,
      retryAfter: retryAfterSeconds(this.#typicalMs, now - holder.since, place),
    };
  }

  #grant(
    { runId, project, flow, flowId, user }: Omit<Place, "seq" | "expiresAt" | "tell">,
    now: number,
  ): Permit {
    const permit: Permit = {
      runId,
      project,
      flow,
      flowId,
      user,
      since: now,
      expiresAt: now + LEASE_MS,
      cancelled: false,
    };
    this.#store.putPermit(permit);
    this.#permits.set(runId, permit);
    return permit;
  }

  #extend(permit: Permit, now: number): void {
    const extended = { ...permit, expiresAt: now + LEASE_MS };
    this.#store.putPermit(extended);
    this.#permits.set(permit.runId, extended);
  }
}

function keptUntil({ waitMs, keepMs }: AcquireRequest, now: number): number {
  return now + waitMs + keepMs;
}

function holderOf({ runId, project, flow, since }: Holder): Holder {
  return { runId, project, flow, since };
}

function nobody(now: number): Holder {
  return { runId: "", project: "", flow: "", since: now };
}
