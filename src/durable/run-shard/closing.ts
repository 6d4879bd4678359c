import type { RunStore } from "./run-store";
import type { Timers } from "./timers";

/** Runs that are ended, and forgotten, in one turn. */
const PER_TURN = 500;
/** Where it is written down that the shard takes no runs any more. */
const CLOSED = "closed";

export interface ClosingOptions {
  storage: DurableObjectStorage;
  runs: RunStore;
  timers: Timers;
  /** Ends a run as Cancelled. */
  cancel: (id: string) => void;
  /** Gives back what ended runs hold of others: their exclusion groups. */
  giveBack: () => Promise<void>;
}

/** The end of a shard whose environment is deleted: every run ends, none begins, and nothing is kept. */
export class Closing {
  readonly #options: ClosingOptions;
  /** A copy of what is written down. */
  #closed: boolean;

  constructor(options: ClosingOptions) {
    this.#options = options;
    this.#closed = options.storage.kv.get(CLOSED) === true;
  }

  /** Whether no run is taken any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Ends and forgets some runs. @returns whether there is nothing left */
  async close(): Promise<boolean> {
    const { storage, runs, timers, cancel, giveBack } = this.#options;
    storage.kv.put(CLOSED, true);
    this.#closed = true;
    const ids = runs.some(PER_TURN);
    for (const id of ids) cancel(id);
    if (ids.length > 0) await giveBack();
    storage.transactionSync(() => {
      for (const id of ids) runs.forget(id);
    });
    if (ids.length === PER_TURN) return false;
    runs.forgetWithdrawn(Number.MAX_SAFE_INTEGER);
    // A group that did not answer finds out by itself, when the lease ends.
    storage.sql.exec("DELETE FROM permits");
    await timers.clear();
    return true;
  }
}
