import type { StartRequest } from "../../domain/durable-run";
import {
  type AcquireRequest,
  CANCELLABLE_RENEW_MS,
  type GroupAddress,
  type Holder,
  LEASE_MARGIN_MS,
  LEASE_MS,
  type OnBusy,
  RENEW_MS,
  type RunExclusion,
} from "../../domain/exclusion-group";
import type { ExclusionGroups } from "../../operations/ports";
import type { Timers } from "./timers";

/** Milliseconds after which a run in a queue asks for itself: its turn is told to the shard, so this is for a lost word. Less than a lease. */
const ASK_MS = 10_000;
/** Milliseconds that a run keeps its place without asking: a shard that died is back well before. */
const KEEP_MS = 120_000;
/** Milliseconds after which a group that could not be asked is asked again. */
const RETRY_MS = 1_000;
/** Permits renewed or given back at the same time. */
const AT_ONCE = 20;

/** A run's part in an exclusion group. */
interface PermitRow {
  [column: string]: SqlStorageValue;
  run: string;
  environment_id: number;
  name: string;
  on_busy: OnBusy;
  max_queue: number;
  project: string;
  flow: string;
  flow_id: number;
  user_name: string;
  /** Until when it waits for its turn; NULL as long as it may take. */
  wait_until: number | null;
  held: number;
  ended: number;
}

export type Entry =
  | { kind: "held"; until: number }
  /** Not yet; ask again after so many milliseconds. */
  | { kind: "waits"; ms: number }
  /** Its turn did not come in the time that its endpoint gives it. */
  | { kind: "late" };

export type Request = Omit<AcquireRequest, "waitMs" | "keepMs" | "permits" | "onBusy" | "maxQueue"> & {
  environmentId: number;
  exclusion: RunExclusion;
};

export type Asked =
  | { kind: "held" }
  | { kind: "queued" }
  | { kind: "busy"; holder: Holder; place: number; retryAfter: number }
  /** A durable run of the same flow is inside, and its result is wanted. */
  | { kind: "following"; runId: string }
  | { kind: "undecided" };

export interface PermitsOptions {
  sql: SqlStorage;
  timers: Timers;
  groups: ExclusionGroups;
  /** Name of this shard's object, to be told when a turn comes. */
  shard: string | undefined;
  /** Whether a run lives in a shard, and so has a result that can be polled. */
  isDurable: (runId: string) => boolean;
  /** The run that holds a permit has it until then, by this clock. */
  prolonged: (run: string, until: number) => void;
  /** The run may have no further effect. */
  revoked: (run: string, why: "cancel" | "lost", group: string) => void;
}

/**
 * The exclusion groups of a shard's runs. Invariants:
 * 1. A run that is in a group has a row from before it is accepted until its group has acknowledged that it left.
 * 2. While there are rows, the timer `permits` is set: it renews what is held and gives back what has ended.
 * 3. Whether a permit is held is asked of the group before each execution, unless this memory knows it; the column only
 *    says whom to renew for.
 */
export class Permits {
  readonly #options: PermitsOptions;
  /** Memory only: until when permits are certainly held, by run. */
  readonly #until = new Map<string, number>();
  /** Memory only: whether there may be rows; a shard whose runs are in no group need not look. */
  #any: boolean;
  /** Memory only: a round is under way. */
  #tending = false;
  #again = false;

  constructor(options: PermitsOptions) {
    this.#options = options;
    this.#any = options.sql.exec("SELECT 1 FROM permits LIMIT 1").toArray().length > 0;
  }

  /** Asks for a permit for a run that is not accepted yet. What it was given, `add` keeps or `abandon` gives back. */
  async ask(request: Request): Promise<Asked> {
    const { groups, isDurable } = this.#options;
    const { exclusion } = request;
    const address = { environmentId: request.environmentId, name: exclusion.group };
    const sentAt = Date.now();
    const answer = await groups.acquire(address, this.#acquire(request, exclusion.onBusy));
    switch (answer.kind) {
      case "granted":
        this.#until.set(request.runId, usableUntil(sentAt));
        return { kind: "held" };
      case "refused":
        return {
          kind: "busy",
          holder: answer.holder,
          place: answer.place,
          retryAfter: answer.retryAfter,
        };
      case "following":
        // What a run of some isolate will answer, nobody can poll.
        if (isDurable(answer.holder.runId)) return { kind: "following", runId: answer.holder.runId };
        return this.ask({ ...request, exclusion: { ...exclusion, onBusy: "queue" } });
      case "undecided":
        this.abandon(request);
        return { kind: "undecided" };
      default:
        return { kind: "queued" };
    }
  }

  /** Gives back what `ask` was given, for a run that was not accepted after all. */
  abandon(request: Request): void {
    const { environmentId, exclusion, runId } = request;
    this.#until.delete(runId);
    this.#options.groups.abandon({ environmentId, name: exclusion.group }, runId);
  }

  /** Keeps that a run is in a group; in the transaction that accepts it. */
  add(request: Request, held: boolean, now: number): void {
    const { environmentId, exclusion, runId, project, flow, flowId, user } = request;
    this.#any = true;
    this.#options.sql.exec(
      `INSERT OR REPLACE INTO permits (run, environment_id, name, on_busy, max_queue, project, flow, flow_id, user_name,
         wait_until, held, ended) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`,
      runId,
      environmentId,
      exclusion.group,
      exclusion.onBusy,
      exclusion.maxQueue,
      project,
      flow,
      flowId,
      user,
      exclusion.maxWaitMs === null ? null : now + exclusion.maxWaitMs,
      held ? 1 : 0,
    );
    this.#options.timers.setAtLatest("permits", "", now + CANCELLABLE_RENEW_MS);
  }

  /** Before an execution of a run begins or goes on: whether it may. `undefined` when it is in no group. */
  async enter(run: string): Promise<Entry | undefined> {
    const row = this.#find(run);
    if (row === undefined || row.ended === 1) return undefined;
    const sentAt = Date.now();
    const until = this.#until.get(run);
    if (row.held === 1 && until !== undefined && until > sentAt) return { kind: "held", until };
    // It was accepted, so it waits whatever it finds: a permit that a crash cost it, too.
    const request = this.#acquire({ ...requestOf(row), exclusion: exclusionOf(row) }, "queue");
    const answer = await this.#options.groups.acquire(addressOf(row), request);
    if (this.#find(run)?.ended !== 0) {
      // It ended while its group was asked.
      this.#options.groups.abandon(addressOf(row), run);
      return undefined;
    }
    if (answer.kind === "granted") {
      this.#until.set(run, usableUntil(sentAt));
      this.#options.sql.exec("UPDATE permits SET held = 1 WHERE run = ?", run);
      this.#options.timers.setAtLatest("permits", "", sentAt + CANCELLABLE_RENEW_MS);
      return { kind: "held", until: usableUntil(sentAt) };
    }
    this.#options.sql.exec("UPDATE permits SET held = 0 WHERE run = ?", run);
    if (row.wait_until !== null && Date.now() >= row.wait_until) return { kind: "late" };
    const ms = answer.kind === "undecided" ? RETRY_MS : ASK_MS;
    return { kind: "waits", ms: Math.min(ms, (row.wait_until ?? Number.POSITIVE_INFINITY) - Date.now()) };
  }

  /** The run has ended: it owes its group its leave. In the transaction of its final state. @returns whether it was in one */
  end(run: string): boolean {
    if (this.#find(run) === undefined) return false;
    this.#until.delete(run);
    this.#options.sql.exec("UPDATE permits SET ended = 1, held = 0 WHERE run = ?", run);
    this.#options.timers.setAtLatest("permits", "", Date.now() + RETRY_MS);
    return true;
  }

  /** Renews what is held and gives back what has ended; never throws. */
  async tend(): Promise<void> {
    const { sql, timers } = this.#options;
    // Should this object die meanwhile, the next one goes on. Set also while a round is under way, or the timer, which is
    // over, would go off again and again.
    timers.set("permits", "", Date.now() + RENEW_MS);
    if (this.#tending) {
      this.#again = true;
      return;
    }
    this.#tending = true;
    let failed = false;
    try {
      do {
        this.#again = false;
        const rows = sql.exec<PermitRow>(
          "SELECT * FROM permits WHERE ended = 1 OR held = 1 ORDER BY ended DESC",
        );
        const pending = rows.toArray();
        for (let first = 0; first < pending.length; first += AT_ONCE) {
          const done = await Promise.all(
            pending.slice(first, first + AT_ONCE).map((row) => this.#settle(row)),
          );
          if (done.includes(false)) failed = true;
        }
      } while (this.#again);
    } finally {
      this.#tending = false;
      this.#rearm(failed);
    }
  }

  async #settle(row: PermitRow): Promise<boolean> {
    const { sql, groups, prolonged, revoked } = this.#options;
    const sentAt = Date.now();
    if (row.ended === 1) {
      const answer = await groups.release(addressOf(row), row.run);
      if (answer.kind === "undecided") return false;
      sql.exec("DELETE FROM permits WHERE run = ? AND ended = 1", row.run);
      return true;
    }
    const answer = await groups.renew(addressOf(row), row.run);
    if (this.#find(row.run)?.ended !== 0) return true;
    if (answer.kind === "held") {
      this.#until.set(row.run, usableUntil(sentAt));
      prolonged(row.run, usableUntil(sentAt));
      return true;
    }
    // One that cannot be renewed is used until it may be another's.
    if (answer.kind === "undecided" && Date.now() < (this.#until.get(row.run) ?? 0)) return false;
    this.#until.delete(row.run);
    sql.exec("UPDATE permits SET held = 0 WHERE run = ?", row.run);
    revoked(row.run, answer.kind === "cancel" ? "cancel" : "lost", row.name);
    return true;
  }

  #rearm(failed: boolean): void {
    const { sql, timers } = this.#options;
    const now = Date.now();
    const { ended, held, hasty } = sql
      .exec<{ ended: number | null; held: number | null; hasty: number | null }>(
        "SELECT sum(ended) AS ended, sum(held) AS held, sum(held = 1 AND on_busy = 'cancel') AS hasty FROM permits",
      )
      .one();
    if (ended !== null && ended > 0) timers.set("permits", "", now + RETRY_MS);
    else if (held === null || held === 0) timers.remove("permits", "");
    else if (failed) timers.set("permits", "", now + RETRY_MS);
    else timers.set("permits", "", now + ((hasty ?? 0) > 0 ? CANCELLABLE_RENEW_MS : RENEW_MS));
  }

  #acquire({ environmentId: _, exclusion, ...request }: Request, onBusy: OnBusy): AcquireRequest {
    return {
      ...request,
      onBusy,
      maxQueue: exclusion.maxQueue,
      waitMs: 0,
      keepMs: KEEP_MS,
      permits: 1,
      tell: this.#options.shard,
    };
  }

  #find(run: string): PermitRow | undefined {
    if (!this.#any) return undefined;
    return this.#options.sql.exec<PermitRow>("SELECT * FROM permits WHERE run = ?", run).toArray()[0];
  }
}

function usableUntil(sentAt: number): number {
  return sentAt + LEASE_MS - LEASE_MARGIN_MS;
}

function addressOf({ environment_id, name }: PermitRow): GroupAddress {
  return { environmentId: environment_id, name };
}

function exclusionOf(row: PermitRow): RunExclusion {
  return { group: row.name, onBusy: row.on_busy, maxQueue: row.max_queue, maxWaitMs: null };
}

function requestOf(row: PermitRow): Omit<Request, "exclusion"> {
  const { run, environment_id, project, flow, flow_id, user_name } = row;
  return { runId: run, environmentId: environment_id, project, flow, flowId: flow_id, user: user_name };
}

/** What a run asks its exclusion group for; nothing when it has none. */
export function permitRequest({ id, pointer, user, exclusion }: StartRequest): Request | undefined {
  if (exclusion === undefined) return undefined;
  const { environmentId, project, flow, flowId } = pointer;
  return { runId: id, environmentId, project, flow, flowId, user, exclusion };
}
