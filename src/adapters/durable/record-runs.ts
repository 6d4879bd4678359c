import { logError } from "../../domain/operator-log";
import { newDurableRunId, shardOf } from "../../domain/process-id";
import { type RecordTelling, SWEEP_MS } from "../../domain/record";
import type { RecordSweeper } from "../../durable/record-sweeper";
import type { RunShard } from "../../durable/run-shard";
import type { RecordRuns, RecordStart, RecordStartResult } from "../../operations/records/ports";
import type { NamedObjects } from "./placement";

/** Runs that one call of a shard starts at the most, and characters of their records: a call carries 32 MB. */
const STARTS_PER_CALL = 250;
const CHARS_PER_CALL = 4_000_000;
/** Milliseconds for which a sweeper that said it is awake is believed to be; it stays so for longer. */
const WATCHED_MS = 240_000;

interface Shard {
  startRecords(starts: readonly RecordStart[]): Promise<[string, RecordStartResult][]>;
  withdrawRecords(ids: readonly string[]): Promise<string[]>;
  recordTellings(ids: readonly string[]): Promise<RecordTelling[]>;
}

interface Sweeper {
  watch(environmentId: number, dueAt: number): Promise<void>;
  sweepNow(environmentId: number): Promise<void>;
}

export interface DurableRecordRunsOptions {
  namespace: NamedObjects<RunShard>;
  sweepers: NamedObjects<RecordSweeper>;
  /** How many shards an environment has. */
  shards: number;
  now: () => number;
}

/** What run shards and the sweeper do for data records. */
export class DurableRecordRuns implements RecordRuns {
  readonly #options: DurableRecordRunsOptions;
  /** Until when each environment's sweeper is certainly awake. */
  readonly #watched = new Map<number, number>();

  constructor(options: DurableRecordRunsOptions) {
    this.#options = options;
  }

  newRunId(environmentId: number, uuid: string, startedAt: number): string {
    return newDurableRunId(startedAt, hashOf(`${environmentId}/${uuid}`) % this.#options.shards);
  }

  async start(
    environmentId: number,
    starts: readonly RecordStart[],
  ): Promise<Map<string, RecordStartResult>> {
    const results = new Map<string, RecordStartResult>();
    const byShard = Map.groupBy(starts, ({ request }) => shardOf(request.id) ?? 0);
    await Promise.all(
      [...byShard].map(async ([number, list]) => {
        for (const page of pages(list)) {
          for (const [id, result] of await this.#shard(environmentId, number).startRecords(page)) {
            results.set(id, result);
          }
        }
      }),
    ).catch((error: unknown) => {
      // The sweeper starts what was not started.
      logError("a run shard did not take records", error);
    });
    return results;
  }

  async withdraw(environmentId: number, runIds: readonly string[]): Promise<Set<string>> {
    const byShard = Map.groupBy(runIds, (id) => shardOf(id) ?? 0);
    const begun = await Promise.all(
      [...byShard].map(([number, ids]) => this.#shard(environmentId, number).withdrawRecords(ids)),
    );
    return new Set(begun.flat());
  }

  async tellings(environmentId: number, runIds: readonly string[]): Promise<RecordTelling[]> {
    const byShard = Map.groupBy(
      runIds.filter((id) => shardOf(id) !== undefined),
      (id) => shardOf(id) as number,
    );
    const told = await Promise.all(
      [...byShard].map(([number, ids]) => this.#shard(environmentId, number).recordTellings(ids)),
    );
    return told.flat();
  }

  async watch(environmentId: number, dueAt = Number.POSITIVE_INFINITY): Promise<void> {
    const now = this.#options.now();
    // One that looks every few seconds finds what is due later than that by itself.
    const soon = dueAt > now && dueAt < now + SWEEP_MS;
    if (!soon && (this.#watched.get(environmentId) ?? 0) > now) return;
    await this.#sweeper(environmentId).watch(environmentId, soon ? dueAt : now + SWEEP_MS);
    this.#watched.set(environmentId, now + WATCHED_MS);
  }

  sweepNow(environmentId: number): Promise<void> {
    return this.#sweeper(environmentId).sweepNow(environmentId);
  }

  #shard(environmentId: number, number: number): Shard {
    return this.#options.namespace.getByName(`e${environmentId}/shard/${number}`) as unknown as Shard;
  }

  #sweeper(environmentId: number): Sweeper {
    return this.#options.sweepers.getByName(`e${environmentId}/records`) as unknown as Sweeper;
  }
}

/** FNV-1a: spreads identifiers evenly, and alike in every isolate. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return hash >>> 0;
}

function* pages(starts: readonly RecordStart[]): Generator<RecordStart[]> {
  let page: RecordStart[] = [];
  let chars = 0;
  for (const start of starts) {
    const size = start.request.input.body.length;
    if (page.length > 0 && (page.length >= STARTS_PER_CALL || chars + size > CHARS_PER_CALL)) {
      yield page;
      page = [];
      chars = 0;
    }
    page.push(start);
    chars += size;
  }
  if (page.length > 0) yield page;
}
