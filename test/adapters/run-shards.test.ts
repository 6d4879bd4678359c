import { describe, expect, it } from "vitest";
import { DurableRunShards } from "../../src/adapters/durable/run-shards";
import type { StartRequest } from "../../src/domain/durable-run";
import { shardOf } from "../../src/domain/process-id";
import type { RunShard } from "../../src/durable/run-shard";
import { POINTER } from "../support/flow-pointer";
import { startOf } from "../support/run-shard";

/** Shards that note what they are asked, and answer when the test says so. */
class FakeNamespace {
  readonly calls: { name: string; method: string; ids: string[] }[] = [];
  /** Shards that fail. */
  readonly broken = new Set<string>();
  time = 0;
  readonly #held: (() => void)[] = [];

  shards(more: { together?: boolean } = {}): DurableRunShards {
    let turn = 0;
    return new DurableRunShards({
      namespace: {
        getByName: (name: string) => this.#stub(name),
      } as unknown as DurableObjectNamespace<RunShard>,
      shards: 4,
      // Each look gives the next shard.
      random: () => (turn++ % 4) / 4,
      now: () => this.time,
      background: () => {},
      together: true,
      ...more,
    });
  }

  /** Every call under way comes back. */
  async answer(): Promise<void> {
    for (const back of this.#held.splice(0)) back();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  #stub(name: string) {
    const asked = (method: string, ids: string[]) => {
      this.calls.push({ name, method, ids });
      return new Promise<void>((resolve, reject) => {
        this.#held.push(() => (this.broken.has(name) ? reject(new Error(`${name} is gone`)) : resolve()));
      });
    };
    return {
      start: async (request: StartRequest) => {
        await asked("start", [request.id]);
        return { kind: "accepted", view: { id: request.id }, replayed: false };
      },
      startAll: async (requests: StartRequest[]) => {
        const ids = requests.map(({ id }) => id);
        await asked("startAll", ids);
        return ids.map(() => ({ kind: "new" }));
      },
    };
  }
}

const request = (shards: DurableRunShards, more: Partial<StartRequest> = {}, key?: string): StartRequest =>
  startOf(POINTER, {}, { id: shards.newRunId(1_000, key), ...more });

describe("runs that are started", () => {
  it("alone go out at once, to a shard of their own", async () => {
    const fake = new FakeNamespace();
    const shards = fake.shards();
    const seen: (number | undefined)[] = [];
    for (let n = 0; n < 4; n += 1) {
      const one = request(shards);
      seen.push(shardOf(one.id));
      const started = shards.start(one, 0);
      expect(fake.calls).toHaveLength(n + 1);
      await fake.answer();
      fake.time += 10;
      expect(await started).toMatchObject({
        kind: "accepted",
        replayed: false,
        view: { id: one.id, status: "Queued" },
      });
    }
    expect(seen).toEqual([0, 1, 2, 3]);
  });

  it("at the same time go together, and the next ones to another shard", async () => {
    const fake = new FakeNamespace();
    const shards = fake.shards();
    const all: { id: string; started: Promise<unknown> }[] = [];
    const start = (count: number) => {
      for (let n = 0; n < count; n += 1) {
        const one = request(shards);
        all.push({ id: one.id, started: shards.start(one, 0) });
      }
    };
    start(10);
    expect(fake.calls).toHaveLength(1);
    await fake.answer();
    start(3);
    await fake.answer();
    await fake.answer();
    expect(fake.calls.map(({ name, ids }) => [name, ids.length])).toEqual([
      ["e1/shard/0", 1],
      ["e1/shard/0", 9],
      ["e1/shard/1", 1],
      ["e1/shard/1", 2],
    ]);
    for (const { id, started } of all)
      expect(await started).toMatchObject({ kind: "accepted", view: { id } });
  });

  it("go to another shard when the one before is slow", async () => {
    const fake = new FakeNamespace();
    const shards = fake.shards();
    const ids: string[] = [];
    for (let n = 0; n < 12; n += 1) {
      const one = request(shards);
      ids.push(one.id);
      void shards.start(one, 0);
      fake.time += 5;
    }
    // Nobody answers: each shard gets two of them, and then it is the next one's turn.
    expect(ids.map((id) => shardOf(id))).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 0, 0, 1, 1]);
  });

  it("go to the shard of their key; one that is gone fails its own only", async () => {
    const fake = new FakeNamespace();
    const shards = fake.shards();
    const keys = ["00000001", "00000002", "00000001", "00000005"];
    const keyed = keys.map((key) => shards.start(request(shards, {}, key), 0));
    fake.broken.add("e1/shard/2");
    const settled = Promise.allSettled(keyed);
    await fake.answer();
    await fake.answer();
    expect(fake.calls.map(({ name, ids }) => [name, ids.length])).toEqual([
      ["e1/shard/1", 1],
      ["e1/shard/2", 1],
      ["e1/shard/1", 2],
    ]);
    expect((await settled).map(({ status }) => status)).toEqual([
      "fulfilled",
      "rejected",
      "fulfilled",
      "fulfilled",
    ]);
  });

  it("of deliveries go in one call for each shard; those of one that is gone have no answer", async () => {
    const fake = new FakeNamespace();
    const shards = fake.shards();
    const requests = ["00000001", "00000002", "00000005"].map((key) =>
      request(shards, { trigger: "webhook" }, key),
    );
    fake.broken.add("e1/shard/2");
    const started = shards.startMany(requests);
    await fake.answer();
    expect(fake.calls.map(({ name, method, ids }) => [name, method, ids.length])).toEqual([
      ["e1/shard/1", "startAll", 2],
      ["e1/shard/2", "startAll", 1],
    ]);
    const ids = requests.map(({ id }) => id);
    expect([...(await started)]).toEqual([
      [ids[0], "accepted"],
      [ids[2], "accepted"],
    ]);
  });

  it("go alone when they wait for their end, are large, or come from an object", async () => {
    const fake = new FakeNamespace();
    const shards = fake.shards();
    void shards.start(request(shards), 0);
    void shards.start(request(shards), 1_000);
    void shards.start(request(shards, { trigger: "webhook" }), 0);
    const large = request(shards);
    large.input.body = "x".repeat(32_769);
    void shards.start(large, 0);
    expect(fake.calls.map(({ method }) => method)).toEqual(["startAll", "start", "start", "start"]);
  });

  it("go alone where the runtime does not carry answers between requests", async () => {
    const fake = new FakeNamespace();
    const shards = fake.shards({ together: false });
    for (let n = 0; n < 3; n += 1) void shards.start(request(shards), 0);
    expect(fake.calls.map(({ method }) => method)).toEqual(["start", "start", "start"]);
  });
});
