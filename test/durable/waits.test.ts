import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { FlowPointer } from "../../src/domain/flow-address";
import { MAX_STORED_VALUE_BYTES } from "../../src/domain/limits";
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
  // asks: one ─ hold ─┬ ok ▶ out
  //                   └ timeout ▶ late ▶ out
  {
    flow: "asks",
    endpoint: { anonymous: true, mode: "async" },
    outputs: { out: "any" },
    start: "one",
    nodes: {
      one: { type: "calculate", value: { url: "=run.callbacks.hold" }, next: "pause" },
      pause: { type: "delay", for: "=input.json.pause", next: "hold" },
      hold: {
        type: "wait",
        timeout: "10s",
        about: "for ${input.json.n}",
        reveal: true,
        results: { ok: "out", timeout: "late" },
      },
      late: { type: "calculate", set: { late: true }, next: "out" },
      out: { type: "output", to: "out" },
    },
  },
  // both: two branches that wait, put together again
  {
    flow: "both",
    endpoint: { anonymous: true, mode: "async" },
    outputs: { out: "any" },
    start: "one",
    nodes: {
      one: { type: "calculate", value: {}, next: ["a", "b"] },
      a: { type: "wait", into: "a", timeout: "1h", results: { ok: "all", timeout: "all" } },
      b: { type: "wait", into: "b", timeout: "1h", results: { ok: "all", timeout: "all" } },
      all: { type: "aggregate", set: { got: { collect: "=item" } }, next: "out" },
      out: { type: "output", to: "out" },
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

describe("wait", () => {
  const asks = (shard: TestShard, pause = 0) => shard.start(pointers.asks as FlowPointer, { n: 7, pause });
  const call = (text: string) => JSON.stringify({ body: text });

  test("holds no memory until it is called, and its poll tells where", async () => {
    const shard = new TestShard();
    const id = await asks(shard);
    const view = await shard.until(id, "Waiting");
    expect(view).toMatchObject({ nextWakeAt: START + 10_000, progress: { current: "hold" } });
    expect(view.callbacks).toEqual([
      {
        step: "hold",
        about: "for 7",
        reveal: true,
        expiresAt: START + 10_000,
        url: expect.stringMatching(/^http:\/\/sluice\.test\/callback\/1\./),
      },
    ]);
    await shard.evict();
    expect(await shard.call.callback(id, "hold")).toMatchObject({
      kind: "found",
      run: { project: "waits", flow: "asks", user: "system" },
      standing: { kind: "open", due: START + 10_000, about: "for 7" },
    });
    expect(await shard.call.answerCallback(id, "hold", call("yes"))).toEqual({ kind: "taken" });
    const { outcome } = await shard.until(id, "Success");
    expect(outcome?.outputs.out).toEqual([{ url: view.callbacks?.[0]?.url, callback: { body: "yes" } }]);
  });

  test("a call is kept before anything follows from it, wherever the object died", async () => {
    const shard = new TestShard();
    const id = await asks(shard);
    await shard.until(id, "Waiting");
    expect(await shard.call.answerCallback(id, "hold", call("yes"))).toEqual({ kind: "taken" });
    await shard.until(id, "Success");
    for (const kept of [
      ["one", "pause"],
      ["one", "pause", "hold"],
    ]) {
      await shard.dieAfter(id, (path) => kept.includes(path));
      clock.now += 60_000;
      await shard.alarm();
      expect((await shard.until(id, "Success")).outcome?.outputs.out).toMatchObject([
        { callback: { body: "yes" } },
      ]);
    }
  });

  test("a call that comes before the run is there counts", async () => {
    const shard = new TestShard();
    const id = await asks(shard, 5_000);
    await shard.until(id, "Waiting");
    expect((await shard.view(id)).callbacks).toBeUndefined();
    expect(await shard.call.callback(id, "hold")).toMatchObject({ standing: { kind: "open", due: null } });
    expect(await shard.call.answerCallback(id, "hold", call("early"))).toEqual({ kind: "taken" });
    expect((await shard.view(id)).progress.current).toBe("pause");
    await shard.evict();
    await shard.pass(5_000);
    const { outcome } = await shard.until(id, "Success");
    expect(outcome?.outputs.out).toMatchObject([{ callback: { body: "early" } }]);
  });

  test("of calls at the same time one is taken, and every later one is told when", async () => {
    const shard = new TestShard();
    const id = await asks(shard);
    await shard.until(id, "Waiting");
    const answers = await Promise.all(
      [1, 2, 3, 4, 5].map((n) => shard.call.answerCallback(id, "hold", call(String(n)))),
    );
    expect(answers.filter(({ kind }) => kind === "taken")).toHaveLength(1);
    expect(answers.filter(({ kind }) => kind === "used")).toHaveLength(4);
    await shard.until(id, "Success");
    expect(await shard.call.answerCallback(id, "hold", call("6"))).toEqual({ kind: "used", at: START });
    expect(await shard.call.callback(id, "hold")).toMatchObject({ standing: { kind: "used", at: START } });
  });

  test("a call one millisecond before its time is over counts; at it, the run goes on without", async () => {
    const [early, late] = [new TestShard(), new TestShard()];
    const [a, b] = [await asks(early), await asks(late)];
    await early.until(a, "Waiting");
    await late.until(b, "Waiting");
    clock.now = START + 9_999;
    expect(await early.call.answerCallback(a, "hold", call("yes"))).toEqual({ kind: "taken" });
    clock.now = START + 10_000;
    expect(await late.call.answerCallback(b, "hold", call("yes"))).toEqual({
      kind: "expired",
      at: START + 10_000,
    });
    await late.alarm();
    expect((await late.until(b, "Success")).outcome?.outputs.out).toMatchObject([{ late: true }]);
    const [{ outcome }] = [await early.until(a, "Success")];
    expect(outcome?.outputs.out).toMatchObject([{ callback: { body: "yes" } }]);
    // Taken at the last moment, and executed after it.
    await early.dieAfter(a, (path) => path === "one");
    clock.now = START + 60_000;
    await early.alarm();
    expect((await early.until(a, "Success")).outcome?.outputs.out).toMatchObject([
      { callback: { body: "yes" } },
    ]);
  });

  test("its time counts from the first wait, whatever wakes the run in between", async () => {
    const shard = new TestShard();
    const id = await asks(shard);
    await shard.until(id, "Waiting");
    for (const passed of [4_000, 4_000]) {
      await shard.evict();
      await shard.pass(passed);
    }
    expect((await shard.view(id)).nextWakeAt).toBe(START + 10_000);
    await shard.pass(2_000);
    await shard.until(id, "Success");
  });

  test("a run that has ended, or is not there, takes no calls", async () => {
    const shard = new TestShard();
    const id = await asks(shard);
    await shard.until(id, "Waiting");
    await shard.call.cancel(id);
    expect(await shard.call.answerCallback(id, "hold", call("x"))).toEqual({ kind: "over" });
    expect(await shard.call.callback(id, "hold")).toEqual({ kind: "over" });
    expect(await shard.call.callback("unknown", "hold")).toEqual({ kind: "over" });
    expect(await shard.call.answerCallback(id, "hold", call("x"))).toEqual({ kind: "over" });
  });

  test("a call larger than a shard stores is refused, and the next one counts", async () => {
    const shard = new TestShard();
    const id = await asks(shard);
    await shard.until(id, "Waiting");
    const large = call("x".repeat(MAX_STORED_VALUE_BYTES));
    expect(await shard.call.answerCallback(id, "hold", large)).toEqual({ kind: "too_large" });
    expect(await shard.call.answerCallback(id, "hold", call("small"))).toEqual({ kind: "taken" });
    await shard.until(id, "Success");
  });

  test("two branches wait at the same time, and are called in any order", async () => {
    const shard = new TestShard();
    const id = await shard.start(pointers.both as FlowPointer, {});
    expect((await shard.until(id, "Waiting")).callbacks?.map(({ step }) => step)).toEqual(["a", "b"]);
    await shard.call.answerCallback(id, "b", call("two"));
    await vi.waitFor(async () =>
      expect((await shard.steps(id)).map(({ path }) => path)).toEqual(["b", "one"]),
    );
    await shard.until(id, "Waiting");
    expect((await shard.view(id)).callbacks?.map(({ step }) => step)).toEqual(["a"]);
    await shard.call.answerCallback(id, "a", call("one"));
    const { outcome } = await shard.until(id, "Success");
    expect(outcome?.outputs.out).toMatchObject([
      { got: expect.arrayContaining([{ a: { body: "one" } }, { b: { body: "two" } }]) },
    ]);
  });
});
