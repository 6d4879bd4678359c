import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { LEASE_MS, RENEW_MS, type RunExclusion } from "../../src/domain/exclusion-group";
import type { FlowPointer } from "../../src/domain/flow-address";
import { ExclusionGroup } from "../../src/durable/exclusion-group";
import { clock, pointerOf, TestShard } from "../support/run-shard";
import { apply } from "../support/worker";

// waiting: wait 60 s ─ after ─ out
const FLOWS = [
  {
    flow: "waiting",
    endpoint: { anonymous: true, mode: "async" },
    outputs: { out: "any" },
    start: "wait",
    nodes: {
      wait: { type: "delay", for: "60s", next: "after" },
      after: { type: "calculate", value: "=$debug('after')", next: "out" },
      out: { type: "output", to: "out" },
    },
  },
];

let waiting: FlowPointer;
let count = 0;

/** A group of its own for every test. */
class TestGroup {
  readonly name = `shard-test-${++count}`;
  readonly stub = env.EXCLUSION_GROUP.getByName(`e1/group/${this.name}`);
  readonly exclusion: RunExclusion = { group: this.name, onBusy: "queue", maxQueue: 10, maxWaitMs: null };

  async inside(): Promise<string[]> {
    return (await this.stub.inspect()).permits.map(({ runId }) => runId);
  }

  async waits(): Promise<string[]> {
    return (await this.stub.inspect()).queue.map(({ runId }) => runId);
  }
}

beforeAll(async () => {
  await apply("groups", FLOWS);
  waiting = await pointerOf("groups", "waiting");
});
beforeEach(() => {
  clock.stop();
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Lets time pass in steps, so that every renewal has its turn. */
async function pass(shard: TestShard, ms: number): Promise<void> {
  const renewed = vi.spyOn(ExclusionGroup.prototype, "renew");
  for (let passed = 0; passed < ms; passed += RENEW_MS) {
    const before = renewed.mock.settledResults.length;
    await shard.pass(RENEW_MS);
    await vi.waitFor(() => expect(renewed.mock.settledResults.length).toBeGreaterThan(before));
  }
  renewed.mockRestore();
}

describe("a durable run in an exclusion group", () => {
  test("keeps it while it waits, for longer than any lease, and gives it back at its end", async () => {
    const group = new TestGroup();
    const shard = new TestShard();
    const id = await shard.start(waiting, {}, { exclusion: group.exclusion });
    await shard.until(id, "Waiting");
    await pass(shard, 2 * LEASE_MS);
    expect(await group.inside()).toEqual([id]);
    await shard.pass(60_000 - 2 * LEASE_MS);
    await shard.until(id, "Success");
    await vi.waitFor(async () => expect(await group.inside()).toEqual([]));
    expect(await shard.rows("SELECT run FROM permits")).toEqual([]);
  });

  test("has it still after its shard was evicted", async () => {
    const group = new TestGroup();
    const shard = new TestShard();
    const id = await shard.start(waiting, {}, { exclusion: group.exclusion });
    await shard.until(id, "Waiting");
    await shard.evict();
    await pass(shard, 2 * LEASE_MS);
    expect(await group.inside()).toEqual([id]);
  });

  test("waits for its turn again when its shard was away for longer than a lease", async () => {
    const group = new TestGroup();
    const shard = new TestShard();
    const id = await shard.start(waiting, {}, { exclusion: group.exclusion });
    await shard.until(id, "Waiting");
    clock.now += LEASE_MS;
    const other = new TestShard();
    const taker = await other.start(waiting, {}, { exclusion: group.exclusion });
    expect(await group.inside()).toEqual([taker]);
    clock.now += 60_000 - LEASE_MS;
    await other.pass(0);
    await shard.pass(0);
    // The delay is over, and still nothing goes on beside the run that is inside.
    await vi.waitFor(async () => expect(await group.waits()).toEqual([id]));
    expect((await shard.view(id)).status).toBe("Waiting");
    await other.call.cancel(taker);
    await shard.until(id, "Success");
  });

  test("is told by the group when its turn has come", async () => {
    const group = new TestGroup();
    const first = new TestShard();
    const second = new TestShard();
    const holder = await first.start(waiting, {}, { exclusion: group.exclusion });
    const next = await second.start(waiting, {}, { exclusion: group.exclusion });
    await second.until(next, "Waiting");
    expect([await group.inside(), await group.waits()]).toEqual([[holder], [next]]);
    await first.call.cancel(holder);
    await vi.waitFor(async () => expect(await group.inside()).toEqual([next]));
    // Without an alarm: it stands at its delay now.
    await vi.waitFor(async () => expect((await second.view(next)).progress.current).toBe("wait"));
  });

  test("gives its group back later when it cannot be reached at its end", async () => {
    const group = new TestGroup();
    const shard = new TestShard();
    const id = await shard.start(waiting, {}, { exclusion: group.exclusion });
    await shard.until(id, "Waiting");
    const release = vi.spyOn(ExclusionGroup.prototype, "release").mockRejectedValue(new Error("moved"));
    await shard.call.cancel(id);
    await vi.waitFor(() => expect(release.mock.calls.length).toBeGreaterThan(1));
    release.mockRestore();
    expect(await group.inside()).toEqual([id]);
    await shard.evict();
    await shard.pass(RENEW_MS);
    await vi.waitFor(async () => expect(await group.inside()).toEqual([]));
    expect(await shard.rows("SELECT run FROM permits")).toEqual([]);
  });

  test("that is cancelled while it waits gives its place back", async () => {
    const group = new TestGroup();
    const shard = new TestShard();
    const holder = await shard.start(waiting, {}, { exclusion: group.exclusion });
    const next = await shard.start(waiting, {}, { exclusion: group.exclusion });
    expect(await group.waits()).toEqual([next]);
    await shard.call.cancel(next);
    await vi.waitFor(async () => expect(await group.waits()).toEqual([]));
    expect(await group.inside()).toEqual([holder]);
  });

  test("runs again in its group, after whoever is inside", async () => {
    await apply("groups again", [
      { ...FLOWS[0], endpoint: { anonymous: true, mode: "async", exclusion: "again" } },
    ]);
    const pointer = await pointerOf("groups again", "waiting");
    const group = env.EXCLUSION_GROUP.getByName("e1/group/again");
    const inside = async () => (await group.inspect()).permits.map(({ runId }) => runId);
    const exclusion: RunExclusion = { group: "again", onBusy: "reject", maxQueue: 10, maxWaitMs: null };
    const shard = new TestShard();
    const id = await shard.start(pointer, {}, { exclusion });
    await shard.call.cancel(id);
    await vi.waitFor(async () => expect(await inside()).toEqual([]));
    const other = await shard.start(pointer, {}, { exclusion });
    const again = id.replace(/^.{9}/, (time) => (Number.parseInt(time, 36) + 1).toString(36));
    expect((await shard.call.rerun(id, again, undefined)).kind).toBe("accepted");
    await vi.waitFor(async () => expect((await group.inspect()).queue.length).toBe(1));
    expect(await inside()).toEqual([other]);
    await shard.call.cancel(other);
    await vi.waitFor(async () => expect(await inside()).toEqual([again]));
  });
});
