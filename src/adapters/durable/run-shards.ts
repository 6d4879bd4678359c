import {
  acceptedView,
  type CallbackAnswer,
  type CallbackView,
  type RecordResult,
  type RerunResult,
  type StartedRun,
  type StartRequest,
  type StartResult,
  type ViewResult,
  type WithdrawResult,
} from "../../domain/durable-run";
import { logError } from "../../domain/operator-log";
import { newDurableRunId, shardOf } from "../../domain/process-id";
import type { RunMessage } from "../../domain/run";
import type { RunShard } from "../../durable/run-shard";
import type { RunFilter, RunShards, RunSummary } from "../../operations/ports";
import { GatheredCalls } from "./gathered-calls";
import type { NamedObjects } from "./placement";

/**
 * Milliseconds for which runs that are started at the same time are given to one shard: about as long as a call takes. A shard
 * that is slow gets no more of them than by chance.
 */
const SAME_SHARD_MS = 10;
/** Runs that are accepted in one call at the most. */
const MOST_TOGETHER = 64;
/** Characters of a request's body up to which it travels with others: a large one would hold them up. */
const MOST_BODY_CHARS = 32_768;

/** What a shard's stub offers, told by hand: the platform's own types lose themselves in JSON values. */
interface Shard {
  start(request: StartRequest, waitMs: number): Promise<StartResult>;
  startAll(requests: readonly StartRequest[]): Promise<StartedRun[]>;
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
  now: () => number;
  /** Lets work go on after the answer. */
  background: (work: Promise<unknown>) => void;
  /** Whether runs that are started at the same time may be accepted together. */
  together: boolean;
}

/** Run shards as objects. An id of no shard of ours names no run, and no object is made for it. */
export class DurableRunShards implements RunShards {
  readonly #options: DurableRunShardsOptions;
  readonly #starting: GatheredCalls<StartRequest, StartedRun>;
  /** The shard that runs are given to at present, so that those who come at the same time are accepted together. */
  #next: { shard: number; since: number } | undefined;

  constructor(options: DurableRunShardsOptions) {
    this.#options = options;
    this.#starting = new GatheredCalls({
      send: (name, requests) => this.#startAll(name, requests),
      most: MOST_TOGETHER,
      background: options.background,
      now: options.now,
    });
  }

  newRunId(startedAt: number, key: string | undefined): string {
    const { shards } = this.#options;
    // A key comes as a hash, in hexadecimal digits: some of them are a number as good as random.
    if (key !== undefined) return newDurableRunId(startedAt, Number.parseInt(key.slice(0, 8), 16) % shards);
    return newDurableRunId(startedAt, this.#sameShard());
  }

  #sameShard(): number {
    const { shards, random, now } = this.#options;
    if (this.#next === undefined || now() - this.#next.since >= SAME_SHARD_MS) {
      this.#next = { shard: Math.floor(random() * shards), since: now() };
    }
    return this.#next.shard;
  }

  async start(request: StartRequest, waitMs: number): Promise<StartResult> {
    const name = this.#nameOf(request.pointer.environmentId, request.id);
    if (name === undefined) throw new Error(`the id ${request.id} names no shard`);
    const shard = this.#named(name);
    const { together } = this.#options;
    // Other triggers come from objects, which end, and with them whatever travels in their calls.
    const gathers = together && request.trigger === "action" && request.input.body.length <= MOST_BODY_CHARS;
    if (waitMs > 0 || !gathers) return shard.start(request, waitMs);
    const started = await this.#starting.ask(name, request);
    if (started === undefined) throw new Error("a start was not sent");
    switch (started.kind) {
      case "new":
        return { kind: "accepted", view: acceptedView(request), replayed: false };
      case "known": {
        const known = await shard.poll(started.id, 0);
        if (known.kind === "missing") throw new Error(`run ${started.id} was forgotten just now`);
        return { kind: "accepted", view: known.view, replayed: true };
      }
      default:
        return started;
    }
  }

  #startAll(name: string, requests: readonly StartRequest[]): Promise<StartedRun[]> {
    // Those who waited have left; who comes now need not go where they went.
    if (requests.length > 1) this.#next = undefined;
    return this.#named(name).startAll(requests);
  }

  async startMany(requests: readonly StartRequest[]): Promise<ReadonlyMap<string, StartResult["kind"]>> {
    const answers = new Map<string, StartResult["kind"]>();
    const byShard = Map.groupBy(requests, ({ id, pointer }) => this.#nameOf(pointer.environmentId, id));
    await Promise.all(
      [...byShard].map(async ([name, group]) => {
        if (name === undefined) return;
        try {
          const started = await this.#named(name).startAll(group);
          for (const [index, { kind }] of started.entries()) {
            const { id } = group[index] as StartRequest;
            answers.set(id, kind === "new" || kind === "known" ? "accepted" : kind);
          }
        } catch (error) {
          logError("a run shard did not start runs", error, { shard: name });
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
    const { shards } = this.#options;
    const found = await Promise.all(
      Array.from({ length: shards }, (_, number) =>
        this.#named(nameOf(environmentId, number)).list(filter, limit, after),
      ),
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
    const name = this.#nameOf(environmentId, id);
    return name === undefined ? undefined : this.#named(name);
  }

  /** Name of the shard that hosts a run; `undefined` for an id of no shard of ours. */
  #nameOf(environmentId: number, id: string): string | undefined {
    const number = shardOf(id);
    return number === undefined || number >= this.#options.shards ? undefined : nameOf(environmentId, number);
  }

  #named(name: string): Shard {
    return this.#options.namespace.getByName(name) as unknown as Shard;
  }
}

function nameOf(environmentId: number, number: number): string {
  return `e${environmentId}/shard/${number}`;
}
