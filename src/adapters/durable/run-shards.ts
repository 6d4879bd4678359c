import type {
  CallbackAnswer,
  CallbackView,
  RecordResult,
  RerunResult,
  StartRequest,
  StartResult,
  ViewResult,
  WithdrawResult,
} from "../../domain/durable-run";
import { newDurableRunId, shardOf } from "../../domain/process-id";
import type { RunMessage } from "../../domain/run";
import type { RunShard } from "../../durable/run-shard";
import type { RunFilter, RunShards, RunSummary } from "../../operations/ports";
import type { RecordStart, RecordStartResult } from "../../operations/records/ports";
import type { NamedObjects } from "./placement";

/** What a shard's stub offers, told by hand: the platform's own types lose themselves in JSON values. */
interface Shard {
  start(request: StartRequest, waitMs: number): Promise<StartResult>;
  startMany(starts: readonly RecordStart[]): Promise<[string, RecordStartResult][]>;
  poll(id: string, waitMs: number): Promise<ViewResult>;
  read(id: string): Promise<RecordResult>;
  withdraw(id: string): Promise<WithdrawResult>;
  cancel(id: string): Promise<ViewResult>;
  rerun(id: string, newId: string, from: string | undefined): Promise<RerunResult>;
  note(id: string, messages: readonly RunMessage[]): Promise<void>;
  list(filter: RunFilter, limit: number, after: string | undefined): Promise<RunSummary[]>;
  callback(id: string, step: string): Promise<CallbackView>;
  answerCallback(id: string, step: string, call: string): Promise<CallbackAnswer>;
}

export interface DurableRunShardsOptions {
  namespace: NamedObjects<RunShard>;
  /** How many shards an environment has. */
  shards: number;
  random: () => number;
}

/** Run shards as objects. An id of no shard of ours names no run, and no object is made for it. */
export class DurableRunShards implements RunShards {
  readonly #options: DurableRunShardsOptions;

  constructor(options: DurableRunShardsOptions) {
    this.#options = options;
  }

  newRunId(startedAt: number, key: string | undefined): string {
    const { shards, random } = this.#options;
    // A key comes as a hash, in hexadecimal digits: some of them are a number as good as random.
    const shard =
      key === undefined ? Math.floor(random() * shards) : Number.parseInt(key.slice(0, 8), 16) % shards;
    return newDurableRunId(startedAt, shard);
  }

  start(request: StartRequest, waitMs: number): Promise<StartResult> {
    const shard = this.#shard(request.pointer.environmentId, request.id);
    if (shard === undefined) throw new Error(`the id ${request.id} names no shard`);
    return shard.start(request, waitMs);
  }

  async startMany(
    environmentId: number,
    requests: readonly StartRequest[],
  ): Promise<ReadonlyMap<string, StartResult["kind"]>> {
    const answers = new Map<string, StartResult["kind"]>();
    const byShard = Map.groupBy(requests, ({ id }) => shardOf(id));
    await Promise.all(
      [...byShard.values()].map(async (list) => {
        const shard = this.#shard(environmentId, (list[0] as StartRequest).id);
        try {
          const started = await shard?.startMany(list.map((request) => ({ request })));
          // Only a run that continues another finds that forgotten.
          for (const [id, kind] of started ?? []) if (kind !== "forgotten") answers.set(id, kind);
        } catch (error) {
          // biome-ignore lint/suspicious/noConsole: the operators' log
          console.error("a run shard did not start runs", error);
        }
      }),
    );
    return answers;
  }

  async poll(environmentId: number, id: string, waitMs: number): Promise<ViewResult> {
    return (await this.#shard(environmentId, id)?.poll(id, waitMs)) ?? { kind: "missing" };
  }

  async read(environmentId: number, id: string): Promise<RecordResult> {
    return (await this.#shard(environmentId, id)?.read(id)) ?? { kind: "missing" };
  }

  async withdraw(environmentId: number, id: string): Promise<WithdrawResult> {
    return (await this.#shard(environmentId, id)?.withdraw(id)) ?? { kind: "withdrawn" };
  }

  async cancel(environmentId: number, id: string): Promise<ViewResult> {
    return (await this.#shard(environmentId, id)?.cancel(id)) ?? { kind: "missing" };
  }

  async rerun(
    environmentId: number,
    id: string,
    startedAt: number,
    from: string | undefined,
  ): Promise<RerunResult> {
    const shard = shardOf(id);
    if (shard === undefined) return { kind: "missing" };
    // In the same shard, so that what is kept is copied within it.
    const newId = newDurableRunId(startedAt, shard);
    return (await this.#shard(environmentId, id)?.rerun(id, newId, from)) ?? { kind: "missing" };
  }

  async note(environmentId: number, id: string, messages: readonly RunMessage[]): Promise<void> {
    await this.#shard(environmentId, id)?.note(id, messages);
  }

  async list(
    environmentId: number,
    filter: RunFilter,
    limit: number,
    after: string | undefined,
  ): Promise<RunSummary[]> {
    const { namespace, shards } = this.#options;
    const found = await Promise.all(
      Array.from({ length: shards }, (_, number) => {
        const shard = namespace.getByName(`e${environmentId}/shard/${number}`) as unknown as Shard;
        return shard.list(filter, limit, after);
      }),
    );
    return found.flat();
  }

  async callback(environmentId: number, id: string, step: string): Promise<CallbackView> {
    return (await this.#shard(environmentId, id)?.callback(id, step)) ?? { kind: "over" };
  }

  async answerCallback(
    environmentId: number,
    id: string,
    step: string,
    call: string,
  ): Promise<CallbackAnswer> {
    return (await this.#shard(environmentId, id)?.answerCallback(id, step, call)) ?? { kind: "over" };
  }

  #shard(environmentId: number, id: string): Shard | undefined {
    const number = shardOf(id);
    if (number === undefined || number >= this.#options.shards) return undefined;
    return this.#options.namespace.getByName(`e${environmentId}/shard/${number}`) as unknown as Shard;
  }
}
