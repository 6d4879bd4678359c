import type { RunRecord } from "../../domain/run";
import type { RunStore } from "./run-store";
import type { Timers } from "./timers";

/** Milliseconds that what is owed waits for more, so that a database write carries many runs. */
const GATHER_MS = 250;
/** Runs delivered together at the most. */
const BATCH = 50;
/** Failed deliveries after which a run is delivered by itself: so one that is refused holds up no other. */
const ALONE_AFTER = 3;
/** Wait after the first failed delivery, doubled with each, up to the longest, in milliseconds. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** Milliseconds after which a delivery that was under way when the object died is tried again. */
const LOST_MS = 30_000;

/** What an ended run may owe: its row in the history of runs. */
export type Debt = "history";

interface Owed {
  [column: string]: SqlStorageValue;
  run: string;
  failures: number;
}

/** Writes runs to where they are listed. Twice is as good as once. */
export type Deliver = (runs: readonly RunRecord[]) => Promise<void>;

/**
 * What ended runs owe others. Entries are written in the transaction of the final state and deleted when the other side
 * has acknowledged them, so each is delivered at least once, however long that side is away.
 */
export class Outbox {
  readonly #sql: SqlStorage;
  readonly #runs: RunStore;
  readonly #timers: Timers;
  readonly #deliver: Deliver;
  /** Memory only: a delivery is under way. */
  #busy = false;

  constructor(sql: SqlStorage, runs: RunStore, timers: Timers, deliver: Deliver) {
    this.#sql = sql;
    this.#runs = runs;
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
    this.#timers.setAtLatest("outbox", "", now + GATHER_MS);
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
      const next = this.#sql.exec<{ due: number | null }>("SELECT min(due) AS due FROM outbox").one().due;
      if (next === null) this.#timers.remove("outbox", "");
      else this.#timers.set("outbox", "", Math.max(next, Date.now() + GATHER_MS));
    }
  }

  /** Whether there may be more to deliver now. */
  async #deliverNext(): Promise<boolean> {
    const due = this.#sql
      .exec<Owed>(
        "SELECT run, failures FROM outbox WHERE due <= ? ORDER BY failures, due LIMIT ?",
        Date.now(),
        BATCH,
      )
      .toArray();
    const [first] = due;
    if (first === undefined) return false;
    const batch =
      first.failures >= ALONE_AFTER ? [first] : due.filter(({ failures }) => failures < ALONE_AFTER);
    try {
      const records: RunRecord[] = [];
      for (const { run } of batch) {
        const row = this.#runs.find(run);
        if (row !== undefined) records.push(this.#runs.record(row));
      }
      await this.#deliver(records);
    } catch (error) {
      // biome-ignore lint/suspicious/noConsole: the operators' log
      console.error("run history was not taken, and is delivered later", batch.length, error);
      for (const { run, failures } of batch) {
        const wait = Math.min(FIRST_WAIT_MS * 2 ** failures, LONGEST_WAIT_MS);
        this.#sql.exec(
          "UPDATE outbox SET failures = failures + 1, due = ? WHERE run = ? AND kind = 'history'",
          Date.now() + wait,
          run,
        );
      }
      // One that fails by itself may be alone with its fault; otherwise the other side is away.
      return first.failures >= ALONE_AFTER;
    }
    for (const { run } of batch) this.#sql.exec("DELETE FROM outbox WHERE run = ? AND kind = 'history'", run);
    return true;
  }
}
