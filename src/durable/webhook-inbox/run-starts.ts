import type { Delivery } from "../../domain/delivery";
import type { Begun } from "../../operations/start-deliveries";
import type { DeliveryRows } from "./delivery-rows";

/** Deliveries that are taken up together, and the bytes that they may hold in memory meanwhile. */
const BATCH = 64;
const BATCH_BYTES = 8 * 1024 * 1024;
/**
 * Milliseconds between two batches. The first delivery after a pause starts at once; while they keep coming, each batch
 * takes what came since the last: a call of a run shard, and the commits of both objects, for many instead of one.
 */
const GATHER_MS = 250;
/** Wait after the first start that went wrong, doubled with each, up to the longest, in milliseconds. */
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 300_000;
/** Milliseconds between looks at a flow that is paused, at the least and at the most: a quarter of the time that it has waited. */
const PAUSED_SOONEST_MS = 2_000;
const PAUSED_LATEST_MS = 60_000;

export interface RunStartsOptions {
  rows: DeliveryRows;
  storage: DurableObjectStorage;
  /** Starts runs; results by the deliveries' ids. */
  start: (
    deliveries: readonly Delivery[],
    readBody: (id: string) => Uint8Array | undefined,
  ) => Promise<ReadonlyMap<string, Begun>>;
  /** Nothing is due any more, or something went wrong. */
  ended: () => void;
  report: (error: unknown) => void;
}

/** Starts the runs of an inbox's deliveries. What its rows say is all that it knows; nothing is lost with it. */
export class RunStarts {
  readonly #options: RunStartsOptions;
  /** Memory only: starts are under way. */
  #busy = false;
  /** Memory only: when the last batch was taken up. */
  #last = 0;

  constructor(options: RunStartsOptions) {
    this.#options = options;
  }

  /** Whether starts are under way, or about to be. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Starts the runs of all deliveries that are due. */
  async startDue(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      let full = false;
      do {
        // A turn of its own in any case: the sender is answered first.
        await scheduler.wait(full ? 0 : Math.max(0, this.#last + GATHER_MS - Date.now()));
        this.#last = Date.now();
        const due = this.#options.rows.due(this.#last, BATCH);
        if (due.length === 0) return;
        full = due.length === BATCH;
        await this.#startBatch(due);
      } while (full || this.#options.rows.due(Date.now(), 1).length > 0);
    } finally {
      this.#busy = false;
      this.#options.ended();
    }
  }

  async #startBatch(due: readonly Delivery[]): Promise<void> {
    const { rows, storage, start } = this.#options;
    let bytes = 0;
    const batch = due.filter(({ size }, index) => {
      bytes += size;
      return index === 0 || bytes <= BATCH_BYTES;
    });
    const begun = await start(batch, (id) => rows.body(id));
    storage.transactionSync(() => {
      for (const delivery of batch) this.#settle(delivery, begun.get(delivery.id));
    });
  }

  #settle({ id, attempts, receivedAt }: Delivery, begun: Begun | undefined): void {
    const { rows, report } = this.#options;
    const now = Date.now();
    if (begun?.kind === "started") rows.settle(id, "started", null);
    else if (begun?.kind === "failed") rows.settle(id, "failed", begun.reason);
    else if (begun?.kind === "waits") {
      const quarter = (now - receivedAt) / 4;
      const wait = Math.round(Math.min(Math.max(quarter, PAUSED_SOONEST_MS), PAUSED_LATEST_MS));
      rows.postpone(id, now + wait, begun.reason, false);
    } else {
      report(begun?.error);
      const wait = Math.min(FIRST_WAIT_MS * 2 ** attempts, LONGEST_WAIT_MS);
      rows.postpone(id, now + wait, "The run could not be started now; it is tried again.", true);
    }
  }
}
