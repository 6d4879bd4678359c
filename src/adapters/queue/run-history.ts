import type { RunRecord } from "../../domain/run";
import type { RunHistory } from "../../operations/ports";
import type { D1RunLog, RunPart } from "../d1/run-log";

/*
 * Ended light runs gather in the isolate's memory and leave together: one queue message per run would cost half of the
 * throughput. A crash can lose the runs of the last second from the history, and nothing else; endpoints with
 * `history: strict` do not come through here.
 */

/** Runs that make a batch leave at once. */
const BATCH_RUNS = 100;
/** Milliseconds that a run waits for others at the most. */
const BATCH_MS = 1_000;
/** Milliseconds after which a timer that should have fired counts as lost, with the request that carried it. */
const TIMER_LOST_MS = 5_000;
/** Characters of one queue message: Cloudflare's limit is 128 kB, and a character may take three bytes as JSON text. */
const MESSAGE_CHARS = 40_000;

export class BufferedRunHistory implements RunHistory {
  readonly #queue: Queue;
  readonly #log: D1RunLog;
  readonly #background: (work: Promise<unknown>) => void;
  readonly #now: () => number;
  #waiting: RunRecord[] = [];
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
    this.#waiting.push(run);
    if (this.#waiting.length >= BATCH_RUNS) {
      this.#background(this.flush());
      return;
    }
    // The timer lives in the request that set it. Should the platform drop that one, a later run sets another.
    if (this.#timerSince !== undefined && this.#now() - this.#timerSince < TIMER_LOST_MS) return;
    this.#timerSince = this.#now();
    this.#background(
      new Promise<void>((resolve) => setTimeout(resolve, BATCH_MS)).then(() => {
        this.#timerSince = undefined;
        return this.flush();
      }),
    );
  }

  /** Sends what waits. When the queue refuses, the runs go straight into the database. */
  async flush(): Promise<void> {
    const runs = this.#waiting;
    if (runs.length === 0) return;
    this.#waiting = [];
    try {
      for (const message of messagesOf(runs)) await this.#queue.send(message, { contentType: "text" });
    } catch {
      await this.#log.write(runs);
    }
  }
}

/** Packs runs into messages that fit; a run whose own messages do not fit travels in several parts. */
function* messagesOf(runs: readonly RunRecord[]): Generator<string> {
  let parts: string[] = [];
  let size = 0;
  for (const run of runs) {
    const text = JSON.stringify(run);
    if (size > 0 && size + text.length > MESSAGE_CHARS) {
      yield `[${parts.join(",")}]`;
      parts = [];
      size = 0;
    }
    if (text.length > MESSAGE_CHARS) {
      yield* partsOf(run);
      continue;
    }
    parts.push(text);
    size += text.length;
  }
  if (parts.length > 0) yield `[${parts.join(",")}]`;
}

/** One run's messages in slices. Each slice tells where it begins, and how many messages the whole run has. */
function* partsOf(run: RunRecord): Generator<string> {
  let slice: RunRecord["messages"] = [];
  let first = 0;
  let size = 0;
  const part = (): string =>
    JSON.stringify([{ ...run, messages: slice, firstMessage: first, messageCount: run.messages.length }]);
  for (const message of run.messages) {
    const length = JSON.stringify(message).length;
    if (slice.length > 0 && size + length > MESSAGE_CHARS) {
      yield part();
      first += slice.length;
      slice = [];
      size = 0;
    }
    slice.push(message);
    size += length;
  }
  yield part();
}

/** Writes delivered batches; what cannot be written now is delivered again. */
export async function consumeHistory(batch: MessageBatch, log: D1RunLog): Promise<void> {
  const runs: RunPart[] = [];
  for (const message of batch.messages) runs.push(...(JSON.parse(message.body as string) as RunPart[]));
  await log.write(runs);
  batch.ackAll();
}
