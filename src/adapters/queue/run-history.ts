import type { RunRecord } from "../../domain/run";
import type { RunHistory } from "../../operations/ports";
import { RunGathering } from "../d1/run-gathering";
import type { D1RunLog } from "../d1/run-log";

/*
 * Ended light runs gather in the isolate's memory and leave together: one queue message per run would cost half of the
 * throughput. A crash can lose the runs of the last second from the history, and nothing else; endpoints with
 * `history: strict` do not come through here.
 */

/**
 * Runs that make a batch leave at once: as many usual ones as one message holds, since each message costs as much as hundreds of runs.
 * What a crash can lose is bounded by time all the same.
 */
const BATCH_RUNS = 2_000;
/** Milliseconds that a run waits for others at the most. */
const BATCH_MS = 1_000;
/** Milliseconds after which a timer that should have fired counts as lost, with the request that carried it. */
const TIMER_LOST_MS = 5_000;
/** Bytes of one queue message: Cloudflare's limit is 128 kB. */
const MESSAGE_BYTES = 120_000;

export class BufferedRunHistory implements RunHistory {
  readonly #queue: Queue;
  readonly #log: D1RunLog;
  readonly #background: (work: Promise<unknown>) => void;
  readonly #now: () => number;
  #waiting = new RunGathering();
  #timerSince: number | undefined;

  constructor(options: {
    queue: Queue;
    log: D1RunLog;
    background: (work: Promise<unknown>) => void;
    now: () => number;
  }) {
    this.#queue = options.queue;
    this.#log = options.log;
    this.#background = options.background;
    this.#now = options.now;
  }

  store(run: RunRecord): Promise<void> {
    return this.#log.write([run]);
  }

  record(run: RunRecord): void {
    this.#waiting.add(run);
    if (this.#waiting.weight >= BATCH_RUNS) {
      this.#background(this.flush());
      return;
    }
    // The timer lives in the request that set it. Should the platform drop that one, a later run sets another.
    const now = this.#now();
    if (this.#timerSince !== undefined && now - this.#timerSince < TIMER_LOST_MS) return;
    this.#timerSince = now;
    this.#background(
      new Promise<void>((resolve) => setTimeout(resolve, BATCH_MS)).then(() => {
        this.#timerSince = undefined;
        return this.flush();
      }),
    );
  }

  /** Sends what waits. What the queue refuses goes straight into the database. */
  async flush(): Promise<void> {
    const runs = this.#waiting;
    if (runs.weight === 0) return;
    this.#waiting = new RunGathering();
    for (const text of runs.texts(MESSAGE_BYTES)) {
      try {
        await this.#queue.send(text, { contentType: "text" });
      } catch {
        await this.#log.writeEncoded([text]);
      }
    }
  }
}

/**
 * Writes delivered batches, together where that works. One that cannot be written does not hold up the others: it is
 * delivered again.
 */
export async function consumeHistory(batch: MessageBatch, log: D1RunLog): Promise<void> {
  try {
    await log.writeEncoded(batch.messages.map(({ body }) => String(body)));
    batch.ackAll();
  } catch {
    for (const message of batch.messages) {
      try {
        await log.writeEncoded([String(message.body)]);
        message.ack();
      } catch {
        message.retry();
      }
    }
  }
}
