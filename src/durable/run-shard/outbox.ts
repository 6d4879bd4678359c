import { logError } from "../../domain/operator-log";
import type { RunRecord } from "../../domain/run";
import type { RunStore } from "./run-store";
import type { Timers } from "./timers";

/** Milliseconds that what is owed waits for more, so that a database write carries many runs. The run list asks shards, too. */
const GATHER_MS: Record<Debt, number> = { history: 1_000, record: 250 };
/** Runs delivered together at the most. */
const BATCH: Record<Debt, number> = { history: 200, record: 200 };
/** Failed deliveries after which a run is delivered by itself: so one that is refused holds up no other. */
const ALONE_AFTER = 3;
/** Wait after the first failed delivery, doubled with each, up to the longest, in milliseconds. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** Milliseconds after which a delivery that was under way when the object died is tried again. */
const LOST_MS = 30_000;

/** What a run may owe: its row in the history of runs, when it has ended; what it has to tell the row of its data record. */
export type Debt = "history" | "record";

interface Owed {
  [column: string]: SqlStorageValue;
  run: string;
  kind: Debt;
  failures: number;
}

/** Hands over what runs owe. Twice is as good as once. @returns whether a run owes no more than was handed over */
export type Deliver = (runs: readonly string[]) => Promise<(run: string) => boolean>;

/** Writes ended runs to where they are listed. */
export function historyOf(store: RunStore, write: (runs: readonly RunRecord[]) => Promise<void>): Deliver {
  return async (runs) => {
    await write(store.records(runs));
    return () => true;
  };
}

/**
 * What runs owe others. Entries are written in the transaction of what they tell of and deleted when the other side has
 * acknowledged them, so each is delivered at least once, however long that side is away.
 */
export class Outbox {
  readonly #sql: SqlStorage;
  readonly #timers: Timers;
  readonly #deliver: Record<Debt, Deliver>;
  /** Memory only: a delivery is under way. */
  #busy = false;

  constructor(sql: SqlStorage, timers: Timers, deliver: Record<Debt, Deliver>) {
    this.#sql = sql;
    this.#timers = timers;
    this.#deliver = deliver;
  }

  add(run: string, kind: Debt, now: number): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO outbox (run, kind, failures, due) VALUES (?, ?, 0, ?)",
      run,
      kind,
      now,
    );
    this.#timers.setAtLatest("outbox", "", now + GATHER_MS[kind]);
  }

  /** Delivers what is due, batch after batch; never throws. */
  async flush(): Promise<void> {
    // Should this object die meanwhile, the next one tries again. Set also while a delivery is under way, or its timer,
    // which is over, would go off again and again.
    this.#timers.set("outbox", "", Date.now() + LOST_MS);
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (await this.#deliverNext()) {
        // Until nothing is due any more, or the other side fails.
      }
    } finally {
      this.#busy = false;
      const { next, records } = this.#sql
        .exec<{ next: number | null; records: number | null }>(
          "SELECT min(due) AS next, max(kind = 'record') AS records FROM outbox",
        )
        .one();
      const gather = GATHER_MS[records === 1 ? "record" : "history"];
      if (next === null) this.#timers.remove("outbox", "");
      else this.#timers.set("outbox", "", Math.max(next, Date.now() + gather));
    }
  }

  /** Whether there may be more to deliver now. */
  async #deliverNext(): Promise<boolean> {
    const now = Date.now();
    const [first] = this.#due(now, "kind IS NOT NULL", 1);
    if (first === undefined) return false;
    const { kind } = first;
    const due = this.#due(now, `kind = '${kind}'`, BATCH[kind]);
    const batch =
      first.failures >= ALONE_AFTER ? [first] : due.filter(({ failures }) => failures < ALONE_AFTER);
    let settled: (run: string) => boolean;
    try {
      settled = await this.#deliver[kind](batch.map(({ run }) => run));
    } catch (error) {
      logError("what runs owe was not taken, and is delivered later", error, { kind, count: batch.length });
      for (const { run, failures } of batch) {
        const wait = Math.min(FIRST_WAIT_MS * 2 ** failures, LONGEST_WAIT_MS);
        this.#sql.exec(
          "UPDATE outbox SET failures = failures + 1, due = ? WHERE run = ? AND kind = ?",
          Date.now() + wait,
          run,
          kind,
        );
      }
      // One that fails by itself may be alone with its fault; otherwise the other side is away.
      return first.failures >= ALONE_AFTER;
    }
    const done = batch.flatMap(({ run }) => (settled(run) ? [run] : []));
    this.#sql.exec(
      "DELETE FROM outbox WHERE kind = ? AND run IN (SELECT value FROM json_each(?))",
      kind,
      JSON.stringify(done),
    );
    return true;
  }

  #due(now: number, condition: string, limit: number): Owed[] {
    return this.#sql
      .exec<Owed>(
        `SELECT run, kind, failures FROM outbox WHERE due <= ? AND ${condition} ORDER BY failures, due LIMIT ?`,
        now,
        limit,
      )
      .toArray();
  }
}
