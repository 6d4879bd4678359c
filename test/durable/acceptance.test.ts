import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { StartRequest } from "../../src/domain/durable-run";
import type { FlowPointer } from "../../src/domain/flow-address";
import { MAX_STORED_VALUE_BYTES } from "../../src/domain/limits";
import { ExclusionGroup } from "../../src/durable/exclusion-group";
import { clock, pointerOf, startOf, TestShard } from "../support/run-shard";
import { apply } from "../support/worker";

/** Runs that come to a shard together. */

let echo: FlowPointer;
let waiting: FlowPointer;

beforeAll(async () => {
  await apply("together", [
    {
      flow: "echo",
      endpoint: { anonymous: true, mode: "async" },
      outputs: { out: "any" },
      start: "out",
      nodes: { out: { type: "output", to: "out", value: { n: "=input.json.n" } } },
    },
    {
      flow: "waiting",
      endpoint: { anonymous: true, mode: "async" },
      outputs: { out: "any" },
      start: "wait",
      nodes: {
        wait: { type: "delay", for: "1h", next: "out" },
        out: { type: "output", to: "out" },
      },
    },
  ]);
  echo = await pointerOf("together", "echo");
  waiting = await pointerOf("together", "waiting");
});
beforeEach(() => clock.stop());
afterEach(() => vi.restoreAllMocks());

async function startAll(shard: TestShard, requests: StartRequest[]) {
  return await (shard.stub.startAll(requests) as unknown as Promise<{ kind: string; id?: string }[]>);
}
const mark = (key: string, fingerprint: string) => ({ idempotency: { key, fingerprint } });

describe("runs that come together", () => {
  test("are all accepted and end, each with its own input", async () => {
    const shard = new TestShard();
    const requests = Array.from({ length: 64 }, (_, n) => startOf(echo, { n }));
    expect(await startAll(shard, requests)).toEqual(requests.map(() => ({ kind: "new" })));
    for (const [n, { id }] of requests.entries()) {
      expect((await shard.until(id, "Success")).outcome?.outputs.out).toEqual([{ n }]);
    }
  });

  test("are on disk when their callers are told: an eviction loses none", async () => {
    const shard = new TestShard();
    const requests = Array.from({ length: 300 }, (_, n) => startOf(echo, { n }));
    await startAll(shard, requests);
    await shard.evict();
    expect(await shard.rows("SELECT id FROM runs")).toHaveLength(300);
    await shard.alarm();
    for (const [n, { id }] of requests.entries()) {
      expect((await shard.until(id, "Success")).outcome?.outputs.out).toEqual([{ n }]);
    }
  });

  test("get an answer each, in order, whatever becomes of the others", async () => {
    const shard = new TestShard();
    const known = await shard.start(echo, { n: 0 }, mark("k0", "same"));
    const withdrawn = startOf(echo, { n: 1 });
    await shard.call.withdraw(withdrawn.id);
    const fresh = startOf(echo, { n: 2 });
    const huge = startOf(echo, {});
    huge.input.body = "x".repeat(MAX_STORED_VALUE_BYTES + 1);
    const answers = await startAll(shard, [
      startOf(echo, { n: 0 }, mark("k0", "same")),
      withdrawn,
      huge,
      startOf(echo, { n: 9 }, mark("k0", "other")),
      fresh,
    ]);
    expect(answers).toEqual([
      { kind: "known", id: known },
      { kind: "withdrawn" },
      { kind: "too_large" },
      { kind: "key_reused" },
      { kind: "new" },
    ]);
    expect((await shard.rows<{ id: string }>("SELECT id FROM runs")).map(({ id }) => id).sort()).toEqual(
      [known, fresh.id].sort(),
    );
    expect(await shard.rows("SELECT run FROM documents WHERE name = 'input'")).toHaveLength(2);
  });

  test("under one key are one run; one of them sent twice is one, too", async () => {
    const shard = new TestShard();
    const first = startOf(echo, { n: 1 }, mark("k1", "same"));
    const answers = await startAll(shard, [first, startOf(echo, { n: 1 }, mark("k1", "same")), first]);
    expect(answers).toEqual([
      { kind: "new" },
      { kind: "known", id: first.id },
      { kind: "known", id: first.id },
    ]);
    expect(await startAll(shard, [first])).toEqual([{ kind: "known", id: first.id }]);
    expect(await shard.rows("SELECT id FROM runs")).toHaveLength(1);
  });

  test("of one exclusion group ask for it in two calls: one goes in, the others are told who holds it", async () => {
    const shard = new TestShard();
    const alone = vi.spyOn(ExclusionGroup.prototype, "acquire");
    const together = vi.spyOn(ExclusionGroup.prototype, "acquireAll");
    const exclusion = { group: "together", onBusy: "reject", maxQueue: 10, maxWaitMs: null } as const;
    const requests = Array.from({ length: 50 }, (_, n) => startOf(waiting, { n }, { exclusion }));
    const answers = await startAll(shard, requests);
    expect(answers[0]).toEqual({ kind: "new" });
    for (const answer of answers.slice(1)) {
      expect(answer).toMatchObject({ kind: "busy", holder: { runId: requests[0]?.id }, place: 1 });
    }
    expect([alone.mock.calls.length, together.mock.calls.length]).toEqual([1, 1]);
    await shard.call.cancel(requests[0]?.id as string);
  });

  test("that were cancelled before they begin never do", async () => {
    const shard = new TestShard();
    const request = startOf(waiting, {});
    const [answer, cancelled] = await Promise.all([
      startAll(shard, [request]),
      shard.call.cancel(request.id),
    ]);
    expect(answer).toEqual([{ kind: "new" }]);
    if (cancelled.kind === "found") expect((await shard.view(request.id)).status).toBe("Cancelled");
  });
});
