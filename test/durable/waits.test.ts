import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { FlowPointer } from "../../src/domain/flow-address";
import { clock, pointerOf, START, TestShard } from "../support/run-shard";
import { apply } from "../support/worker";

// repeats:  again [ step ↺ return ] ─┬ ok ▶ out
//                                    └ exhausted ▶ out
// branches: one ─┬ hold (10 s) ─ after ─ out
//                └ tell ─ told
const FLOWS = [
  {
    flow: "repeats",
    endpoint: { anonymous: true, mode: "async" },
    outputs: { out: "any" },
    start: "again",
    nodes: {
      again: {
        type: "repeat",
        until: "=item.n >= input.json.n",
        max: 4,
        backoff: { wait: "10s", factor: 2 },
        do: {
          start: "step",
          nodes: {
            step: {
              type: "calculate",
              value: { n: "=again.turn", r: "=$random()", said: "=$debug('turn ' & $string(again.turn))" },
              next: "return",
            },
          },
        },
        results: { ok: "out", exhausted: "spent" },
      },
      spent: { type: "calculate", set: { spent: true }, next: "out" },
      out: { type: "output", to: "out" },
    },
  },
  {
    flow: "until",
    endpoint: { anonymous: true, mode: "async" },
    outputs: { out: "any" },
    start: "hold",
    nodes: {
      hold: { type: "delay", until: "=input.json.at", next: "out" },
      out: { type: "output", to: "out" },
    },
  },
  {
    flow: "branches",
    endpoint: { anonymous: true, mode: "async" },
    outputs: { out: "any", told: "any" },
    start: "one",
    nodes: {
      one: { type: "calculate", value: { n: 1 }, next: ["hold", "tell"] },
      hold: { type: "delay", for: "10s", next: "after" },
      after: { type: "calculate", set: { after: true }, next: "out" },
      out: { type: "output", to: "out" },
      tell: { type: "calculate", set: { r: "=$random()", said: "=$debug('tell')" }, next: "told" },
      told: { type: "output", to: "told" },
    },
  },
];

const pointers: Record<string, FlowPointer> = {};

beforeAll(async () => {
  await apply("waits", FLOWS);
  for (const { flow } of FLOWS) pointers[flow] = await pointerOf("waits", flow);
});
beforeEach(() => {
  clock.stop();
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("repeat", () => {
  test("pauses hold no memory, and turns that are over are not taken again, wherever the object died", async () => {
    const shard = new TestShard();
    const id = await shard.start(pointers.repeats as FlowPointer, { n: 3 });
    expect(await shard.until(id, "Waiting")).toMatchObject({
      nextWakeAt: START + 10_000,
      progress: { done: 0, current: "again[0.0.1]" },
    });
    await shard.evict();
    await shard.pass(10_000);
    await vi.waitFor(async () => expect((await shard.view(id)).nextWakeAt).toBe(START + 30_000));
    const [first] = await shard.steps(id);
    await shard.evict();
    await shard.pass(20_000);
    expect((await shard.until(id, "Success")).outcome?.outputs.out).toMatchObject([{ n: 3 }]);
    const steps = await shard.steps(id);
    expect(Object.fromEntries(steps.map(({ path, at }) => [path, at - START]))).toEqual({
      "again[0.0.0]/step": 0,
      "again[0.0.1]/step": 10_000,
      "again[0.0.2]/step": 30_000,
      again: 30_000,
      out: 30_000,
    });
    expect(steps.find(({ path }) => path === first?.path)).toEqual(first);
    const read = await shard.call.read(id);
    expect(read.kind === "found" && read.run.messages.map(({ text }) => text)).toEqual([
      "turn 1",
      "turn 2",
      "turn 3",
    ]);
  });

  test("its bound ends it, and an alarm that comes twice takes no turn twice", async () => {
    const shard = new TestShard();
    const id = await shard.start(pointers.repeats as FlowPointer, { n: 9 });
    await shard.until(id, "Waiting");
    for (const [turn, pause] of [10_000, 20_000, 40_000].entries()) {
      await vi.waitFor(async () => expect(await shard.steps(id)).toHaveLength(turn + 1));
      await shard.pass(pause);
      await shard.alarm();
    }
    expect((await shard.until(id, "Success")).outcome?.outputs.out).toMatchObject([{ n: 4, spent: true }]);
    expect((await shard.steps(id)).map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1, 1, 1, 1]);
  });
});

test("a delay until a moment waits for it, across the object's death", async () => {
  const shard = new TestShard();
  const at = new Date(START + 3_600_000).toISOString();
  const id = await shard.start(pointers.until as FlowPointer, { at });
  expect((await shard.until(id, "Waiting")).nextWakeAt).toBe(START + 3_600_000);
  await shard.evict();
  await shard.pass(3_599_999);
  expect((await shard.view(id)).status).toBe("Waiting");
  await shard.pass(1);
  await shard.until(id, "Success");
  const past = await shard.start(pointers.until as FlowPointer, { at: "2000-01-01T00:00:00Z" });
  await shard.until(past, "Success");
});

test("a node that waits holds up only what depends on it", async () => {
  const shard = new TestShard();
  const id = await shard.start(pointers.branches as FlowPointer, {});
  expect((await shard.until(id, "Waiting")).progress).toEqual({ done: 3, of: 6, current: "hold" });
  expect((await shard.steps(id)).map(({ path }) => path)).toEqual(["one", "tell", "told"]);
  const told = await shard.steps(id);
  await shard.evict();
  await shard.pass(10_000);
  const { outcome } = await shard.until(id, "Success");
  expect(outcome?.outputs).toMatchObject({ out: [{ n: 1, after: true }], told: [{ n: 1 }] });
  for (const step of told) expect(await shard.steps(id)).toContainEqual(step);
});
