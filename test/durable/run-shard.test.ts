import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { D1RunLog } from "../../src/adapters/d1/run-log";
import type { FlowPointer } from "../../src/domain/flow-address";
import { MAX_LOST_ATTEMPTS, MAX_STORED_VALUE_BYTES, MAX_WAKE_ATTEMPTS } from "../../src/domain/limits";
import { clock, pointerOf, START, startOf, TestShard } from "../support/run-shard";
import { apply } from "../support/worker";

const HOUR_MS = 3_600_000;

// six:     one ─ two ─ each(double ─ return) ─ call(other: out) ─ shape ─ out
// waiting: one ─ wait 10 s ─ two ─ wait-again 20 s ─ out
const FLOWS = [
  {
    flow: "six",
    endpoint: { anonymous: true, mode: "async" },
    outputs: { out: "any" },
    start: "one",
    nodes: {
      one: {
        type: "calculate",
        value: { n: "=input.json.n + 1", r: "=$random()", said: "=$debug('one')" },
        next: "two",
      },
      two: {
        type: "calculate",
        set: { m: "=one.n * 2", s: "=$random()", said: "=$debug('two')" },
        next: "each",
      },
      each: {
        type: "for-each",
        over: "=[1..item.m]",
        into: "list",
        do: {
          start: "double",
          nodes: { double: { type: "calculate", value: "=item * 2 + $random()", next: "return" } },
        },
        next: "call",
      },
      call: { type: "flow", flow: "other", results: { out: "shape" } },
      shape: {
        type: "calculate",
        set: { first: "=one.n", header: "=input.header.`x-given`", url: "=input.query.a" },
        next: "out",
      },
      out: { type: "output", to: "out" },
    },
  },
  {
    flow: "other",
    outputs: { out: "any" },
    start: "add",
    nodes: {
      add: { type: "calculate", set: { called: 1, said: "=$debug('called')" }, next: "out" },
      out: { type: "output", to: "out" },
    },
  },
  {
    flow: "waiting",
    endpoint: { anonymous: true, mode: "async" },
    outputs: { out: "any" },
    start: "one",
    nodes: {
      one: {
        type: "calculate",
        value: { n: "=input.json.n", r: "=$random()", said: "=$debug('one')" },
        next: "wait",
      },
      wait: { type: "delay", for: "10s", next: "two" },
      two: { type: "calculate", set: { t: "=$random()", said: "=$debug('two')" }, next: "again" },
      again: { type: "delay", for: "20s", next: "out" },
      out: { type: "output", to: "out" },
    },
  },
  {
    flow: "big",
    endpoint: { anonymous: true, mode: "async" },
    outputs: { out: "any" },
    start: "grow",
    nodes: {
      grow: {
        type: "calculate",
        value: { text: "=input.json.text", more: "=[1..input.json.times].({ 'copy': $$.input.json.text })" },
        next: "wait",
      },
      wait: { type: "delay", for: "1s", next: "out" },
      out: {
        type: "output",
        to: "out",
        value: {
          length: "=$length(grow.text)",
          copies: "=$count(grow.more)",
          end: "=$substring(grow.text, -4)",
        },
      },
    },
  },
];

let six: FlowPointer;
let waiting: FlowPointer;
let big: FlowPointer;

beforeAll(async () => {
  await apply("shards", FLOWS);
  six = await pointerOf("shards", "six");
  waiting = await pointerOf("shards", "waiting");
  big = await pointerOf("shards", "big");
});
beforeEach(() => {
  clock.stop();
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("a run", () => {
  test("is accepted, executes, and tells its outcome", async () => {
    const shard = new TestShard();
    const accepted = await shard.call.start(startOf(six, { n: 1 }));
    expect(accepted).toMatchObject({
      kind: "accepted",
      replayed: false,
      view: { status: "Queued", progress: { done: 0, of: 6 } },
    });
    if (accepted.kind !== "accepted") throw new Error();
    const { outcome, progress, endedAt } = await shard.until(accepted.view.id, "Success");
    expect(outcome?.outputs.out).toMatchObject([
      { n: 2, m: 4, first: 2, called: 1, header: "yes", url: "1" },
    ]);
    expect(progress).toEqual({ done: 6, of: 6, current: null });
    expect(endedAt).toBe(START);
  });

  test("costs one storage transaction before its caller is answered", async () => {
    const shard = new TestShard();
    const counted = await runInDurableObject(shard.stub, async (object, state) => {
      const transactions = vi.spyOn(state.storage, "transactionSync");
      const answer = await object.start(startOf(six, { n: 1 }));
      return { answer, transactions: transactions.mock.calls.length };
    });
    expect(counted).toMatchObject({ answer: { kind: "accepted" }, transactions: 1 });
  });

  test("goes on at its first unfinished step, wherever its object died", async () => {
    const shard = new TestShard();
    const id = await shard.start(six, { n: 1 });
    const { outcome } = await shard.until(id, "Success");
    const all = await shard.steps(id);
    expect(all.map(({ path }) => path)).toEqual([
      "call",
      "call>add",
      "call>out",
      "each",
      "each[0.0.0]/double",
      "each[0.0.1]/double",
      "each[0.0.2]/double",
      "each[0.0.3]/double",
      "one",
      "out",
      "shape",
      "two",
    ]);
    const order = [
      "one",
      "two",
      "each[0.0.0]/double",
      "each[0.0.1]/double",
      "each[0.0.2]/double",
      "each[0.0.3]/double",
      "each",
      "call>add",
      "call>out",
      "call",
      "shape",
      "out",
    ];
    for (let finished = 0; finished <= order.length; finished += 1) {
      const kept = order.slice(0, finished);
      await shard.dieAfter(id, (path) => kept.includes(path));
      clock.now += 60_000;
      await shard.alarm();
      const again = await shard.until(id, "Success");
      // The same numbers by chance too, in steps that were repeated.
      expect(again.outcome).toEqual(outcome);
      for (const step of await shard.steps(id)) {
        const before = all.find(({ path }) => path === step.path);
        if (kept.includes(step.path)) expect(step).toEqual(before);
        else expect(step.attempt).toBe(2);
      }
      const { run } = (await shard.call.read(id)) as Extract<
        Awaited<ReturnType<typeof shard.call.read>>,
        { kind: "found" }
      >;
      expect(run.messages.map(({ text }) => text).sort()).toEqual(["called", "one", "two"]);
      // What the next round takes for the first execution.
      await shard.rows("UPDATE steps SET attempt = 1, at = ? WHERE run = ?", START, id);
    }
  });

  test("ends on the version it began with, called flows too", async () => {
    await apply("moving", [
      {
        ...FLOWS[2],
        flow: "waits",
        nodes: {
          ...FLOWS[2]?.nodes,
          again: { type: "flow", flow: "called", results: { out: "out" } },
          one: { type: "flow", flow: "called", results: { out: "wait" } },
        },
      },
      {
        flow: "called",
        outputs: { out: "any" },
        start: "out",
        nodes: { out: { type: "output", to: "out", value: { version: 1 } } },
      },
    ]);
    const shard = new TestShard();
    const id = await shard.start(await pointerOf("moving", "waits"), { n: 1 });
    await shard.until(id, "Waiting");
    await apply("moving", [
      {
        ...FLOWS[2],
        flow: "waits",
        nodes: { one: { type: "calculate", value: 2, next: "out" }, out: { type: "output", to: "out" } },
      },
      {
        flow: "called",
        outputs: { out: "any" },
        start: "out",
        nodes: { out: { type: "output", to: "out", value: { version: 2 } } },
      },
    ]);
    clock.now += 11_000;
    await shard.evict();
    await shard.alarm();
    expect((await shard.until(id, "Success")).outcome?.outputs.out).toMatchObject([{ version: 1 }]);
    const later = await shard.start(await pointerOf("moving", "waits"), { n: 1 });
    expect((await shard.until(later, "Success")).outcome?.outputs.out).toEqual([2]);
  });

  test("is one, however often it is started", async () => {
    const shard = new TestShard();
    const request = startOf(six, { n: 1 });
    const answers = await Promise.all([1, 2, 3].map(() => shard.call.start(request, 1_000)));
    expect(answers.map((answer) => answer.kind === "accepted" && answer.replayed)).toEqual([
      false,
      true,
      true,
    ]);
    expect(await shard.rows("SELECT id FROM runs")).toHaveLength(1);
  });

  test("that takes longer than it may ends as Timeout, also when nobody is there", async () => {
    const shard = new TestShard();
    const id = await shard.start(waiting, { n: 1 }, { deadline: START + 5_000 });
    const { nextWakeAt } = await shard.until(id, "Waiting");
    expect(nextWakeAt).toBe(START + 5_000);
    await shard.evict();
    await shard.pass(5_000);
    expect((await shard.until(id, "Timeout")).outcome?.failures).toMatchObject([{ code: "timeout" }]);
  });
});

describe("a delay", () => {
  test("holds no memory: the run waits in its tables, and goes on when its time has come", async () => {
    const shard = new TestShard();
    const id = await shard.start(waiting, { n: 7 });
    expect(await shard.until(id, "Waiting")).toMatchObject({
      progress: { done: 1, of: 6, current: "wait" },
      nextWakeAt: START + 10_000,
    });
    await shard.evict();
    await shard.pass(9_999);
    expect(await shard.view(id)).toMatchObject({ status: "Waiting", nextWakeAt: START + 10_000 });
    await shard.pass(1);
    await vi.waitFor(async () =>
      expect((await shard.view(id)).progress).toMatchObject({ done: 3, current: "again" }),
    );
    await shard.evict();
    await shard.pass(20_000);
    const { outcome } = await shard.until(id, "Success");
    expect(outcome?.outputs.out).toMatchObject([{ n: 7 }]);
    const steps = await shard.steps(id);
    expect(Object.fromEntries(steps.map(({ path, at }) => [path, at - START]))).toEqual({
      one: 0,
      wait: 10_000,
      two: 10_000,
      again: 30_000,
      out: 30_000,
    });
    // Waiting is no failure: nothing was taken up for want of progress.
    expect(new Set(steps.map(({ attempt }) => attempt))).toEqual(new Set([1]));
  });

  test("an alarm that is delivered twice, early or late runs no step twice", async () => {
    const shard = new TestShard();
    const id = await shard.start(waiting, { n: 1 });
    await shard.until(id, "Waiting");
    await runInDurableObject(shard.stub, (object) => Promise.all([object.alarm(), object.alarm()]));
    expect((await shard.view(id)).status).toBe("Waiting");
    clock.now = START + 10_000;
    await runInDurableObject(shard.stub, (object) =>
      Promise.all([object.alarm(), object.alarm(), object.alarm()]),
    );
    await vi.waitFor(async () => expect((await shard.view(id)).progress.current).toBe("again"));
    clock.now = START + 30_000;
    await runInDurableObject(shard.stub, async (object) => {
      await object.alarm();
      await object.alarm();
    });
    await shard.until(id, "Success");
    await runInDurableObject(shard.stub, (object) => object.alarm());
    expect((await shard.steps(id)).map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1, 1]);
    const read = await shard.call.read(id);
    expect(read.kind === "found" && read.run.messages.map(({ text }) => text)).toEqual(["one", "two"]);
  });

  test("a clock that jumps ahead ends it, one that jumps back only puts it off", async () => {
    const shard = new TestShard();
    const ahead = await shard.start(waiting, { n: 1 });
    await shard.until(ahead, "Waiting");
    await shard.pass(48 * HOUR_MS);
    await vi.waitFor(async () => expect((await shard.view(ahead)).progress.current).toBe("again"));
    clock.now = START;
    await shard.evict();
    await shard.alarm();
    expect((await shard.view(ahead)).status).toBe("Waiting");
    await shard.pass(49 * HOUR_MS);
    await shard.until(ahead, "Success");
    // Started in a future that is taken back, and its object dies: the next one does not wait for that future.
    clock.now = START + 100 * HOUR_MS;
    const back = await shard.start(six, { n: 1 });
    await shard.until(back, "Success");
    clock.now = START;
    await shard.dieAfter(back, (path) => path === "one");
    await shard.alarm();
    await shard.until(back, "Success");
  });
});

describe("what goes wrong", () => {
  test("a run that gets nowhere at every wake ends as Fail, after bounded attempts", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const shard = new TestShard();
    const id = await shard.start(waiting, { n: 1 });
    const healthy = await shard.start(waiting, { n: 2 });
    await shard.until(id, "Waiting");
    await shard.until(healthy, "Waiting");
    await shard.rows("UPDATE steps SET emission = '{' WHERE run = ? AND path = 'one'", id);
    let wakes = 0;
    for (; wakes < 50; wakes += 1) {
      const { status, nextWakeAt } = await shard.view(id);
      if (status !== "Waiting") break;
      clock.now = (nextWakeAt ?? clock.now) + 1;
      await shard.alarm();
      await vi.waitFor(async () => {
        const now = await shard.view(id);
        if (now.status === "Running" || now.nextWakeAt === nextWakeAt) throw new Error("it is being tried");
      });
    }
    expect(wakes).toBe(MAX_WAKE_ATTEMPTS + 1);
    const { status, message, outcome } = await shard.view(id);
    expect(status).toBe("Fail");
    expect(message).toContain("MAX_WAKE_ATTEMPTS");
    expect(outcome?.failures).toMatchObject([{ code: "internal" }]);
    // The other one has gone its way meanwhile.
    await vi.waitFor(async () => expect((await shard.view(healthy)).status).toBe("Success"));
  });

  test.each([
    { attempts: MAX_WAKE_ATTEMPTS, status: "Success" },
    { attempts: MAX_LOST_ATTEMPTS - 1, status: "Success" },
    { attempts: MAX_LOST_ATTEMPTS, status: "Fail" },
  ])(
    "a run whose object died $attempts times under it is a $status when it is taken up again",
    async ({ attempts, status }) => {
      const shard = new TestShard();
      const id = await shard.start(six, { n: 1 });
      await shard.until(id, "Success");
      await shard.dieAfter(id, (path) => path === "one");
      await shard.rows("UPDATE runs SET attempts = ? WHERE id = ?", attempts, id);
      await shard.evict();
      await shard.alarm();
      const { message } = await shard.until(id, status);
      if (status === "Fail") expect(message).toContain(`${attempts} times (MAX_LOST_ATTEMPTS)`);
    },
  );

  test("failures count anew once a run got further", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const shard = new TestShard();
    const id = await shard.start({ ...six, version: 99 }, { n: 1 });
    await shard.until(id, "Waiting");
    expect(await shard.rows("SELECT count FROM failures WHERE run = ?", id)).toEqual([{ count: 1 }]);
    await shard.rows("UPDATE runs SET flow_version = ? WHERE id = ?", six.version, id);
    await shard.pass(1_000);
    await shard.until(id, "Success");
    expect(await shard.rows("SELECT count FROM failures WHERE run = ?", id)).toEqual([]);
  });

  test("a run whose flow cannot be loaded for a while goes on when it can", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const shard = new TestShard();
    const id = await shard.start({ ...six, version: 99 }, { n: 1 });
    const { nextWakeAt } = await shard.until(id, "Waiting");
    expect(nextWakeAt).toBe(START + 1_000);
    await shard.rows("UPDATE runs SET flow_version = ? WHERE id = ?", six.version, id);
    await shard.pass(1_000);
    await shard.until(id, "Success");
  });

  test("values of some megabytes are kept in parts; larger ones than the limit are refused", async () => {
    const shard = new TestShard();
    // Two bytes, three, and four in two halves: none may be cut.
    const text = "é€😀x".repeat(300_000);
    const id = await shard.start(big, { text, times: 1 });
    await shard.until(id, "Waiting");
    await shard.evict();
    await shard.pass(1_000);
    const { outcome } = await shard.until(id, "Success");
    expect(outcome?.outputs.out).toEqual([{ length: 1_200_000, copies: 1, end: "é€😀x" }]);
    expect(
      (await shard.rows("SELECT 1 FROM documents WHERE run = ? AND name = 'input'", id)).length,
    ).toBeGreaterThan(2);

    const wide = await shard.start(big, { text: "x".repeat(3_000_000), times: 6 });
    const failed = await shard.until(wide, "Fail");
    expect(failed.outcome?.failures).toMatchObject([
      { code: "value_too_large", message: expect.stringContaining("MAX_STORED_VALUE_BYTES") },
    ]);

    const refused = startOf(big, {});
    refused.input.body = "x".repeat(MAX_STORED_VALUE_BYTES);
    expect(await shard.call.start(refused)).toEqual({ kind: "too_large" });
    expect(await shard.call.poll(refused.id)).toEqual({ kind: "missing" });
  });
});

describe("what a run owes", () => {
  const inHistory = (id: string) =>
    env.DB.prepare("SELECT status, message_count AS messages FROM runs WHERE id = ?").bind(id).all();

  test("its history is delivered once the database takes it, however long that was away", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const write = vi.spyOn(D1RunLog.prototype, "write").mockRejectedValue(new Error("the database is away"));
    const shard = new TestShard();
    const ids = [await shard.start(six, { n: 1 }), await shard.start(six, { n: 2 })];
    for (const id of ids) await shard.until(id, "Success");
    // Two hours without a database, and no memory.
    for (let passed = 0; passed < 120; passed += 1) {
      if (passed % 20 === 0) await shard.evict();
      await shard.pass(60_000);
      await vi.waitFor(async () => {
        const owed = await shard.rows<{ due: number }>("SELECT due FROM outbox WHERE due <= ?", Date.now());
        if (owed.length > 0) throw new Error("it is being tried");
      });
    }
    expect(await shard.rows("SELECT run FROM outbox")).toHaveLength(2);
    expect(write.mock.calls.length).toBeGreaterThan(100);
    write.mockRestore();
    for (const id of ids) expect((await inHistory(id)).results).toEqual([]);
    await shard.pass(120_000);
    await vi.waitFor(async () => expect(await shard.rows("SELECT run FROM outbox")).toEqual([]));
    for (const id of ids) expect((await inHistory(id)).results).toEqual([{ status: "Success", messages: 3 }]);
    expect(await shard.rows("SELECT kind FROM timers WHERE kind = 'outbox'")).toEqual([]);
  });

  test("a database that does not answer keeps no alarm going", async () => {
    let answers = 0;
    const write = vi.spyOn(D1RunLog.prototype, "write").mockImplementation(async () => {
      const mine = write.mock.calls.length;
      while (answers < mine) await scheduler.wait(5);
    });
    const shard = new TestShard();
    const first = await shard.start(six, { n: 1 });
    await shard.until(first, "Success");
    await shard.pass(1_000);
    await vi.waitFor(() => expect(write).toHaveBeenCalledTimes(1));
    // More becomes due while the first delivery hangs.
    const second = await shard.start(six, { n: 2 });
    await shard.until(second, "Success");
    await shard.pass(1_000);
    const [timer] = await shard.rows<{ due: number }>("SELECT due FROM timers WHERE kind = 'outbox'");
    expect(timer?.due).toBeGreaterThan(clock.now + 1_000);
    expect(write).toHaveBeenCalledTimes(1);
    answers = 1;
    await vi.waitFor(() => expect(write).toHaveBeenCalledTimes(2));
    answers = 2;
    await vi.waitFor(async () => expect(await shard.rows("SELECT run FROM outbox")).toEqual([]));
  });

  test("it is forgotten after its retention, and only then", async () => {
    const shard = new TestShard();
    const id = await shard.start(six, { n: 1 });
    const keyed = await shard.start(
      six,
      { n: 1 },
      { idempotency: { key: "0".repeat(64), fingerprint: "1" } },
    );
    await shard.until(id, "Success");
    await shard.until(keyed, "Success");
    await shard.pass(1_000);
    await vi.waitFor(async () => expect(await shard.rows("SELECT run FROM outbox")).toEqual([]));
    await shard.pass(71 * HOUR_MS);
    expect((await shard.view(id)).status).toBe("Success");
    await shard.pass(2 * HOUR_MS);
    expect(await shard.call.poll(id)).toEqual({ kind: "missing" });
    for (const table of ["runs", "steps", "waits", "calls", "documents", "outbox"]) {
      expect(await shard.rows(`SELECT 1 FROM ${table}`)).toEqual([]);
    }
    await shard.pass(2 * HOUR_MS);
    expect(await shard.rows("SELECT kind FROM timers")).toEqual([]);
    expect((await inHistory(id)).results).toHaveLength(1);
  });

  test("a shard with nothing to do sets no alarm", async () => {
    const shard = new TestShard();
    const id = await shard.start(waiting, { n: 1 });
    await shard.until(id, "Waiting");
    await shard.pass(6_000);
    // Only the wake of the run is left: one that waits costs nothing else.
    expect(await shard.rows("SELECT kind, due FROM timers")).toEqual([{ kind: "wake", due: START + 10_000 }]);
  });
});

describe("cancel, withdraw, run again", () => {
  test("a run that waits is cancelled, and stays so", async () => {
    const shard = new TestShard();
    const id = await shard.start(waiting, { n: 1 });
    await shard.until(id, "Waiting");
    const cancelled = await shard.call.cancel(id);
    expect(cancelled).toMatchObject({ view: { status: "Cancelled", outcome: { status: "Cancelled" } } });
    expect(await shard.call.cancel(id)).toEqual(cancelled);
    await shard.pass(60_000);
    expect((await shard.view(id)).status).toBe("Cancelled");
    expect((await shard.steps(id)).map(({ path }) => path)).toEqual(["one"]);
    const read = await shard.call.read(id);
    expect(read.kind === "found" && read.run.messages.map(({ text }) => text)).toEqual([
      "one",
      "the run was cancelled",
    ]);
    expect(await shard.call.cancel("nothing")).toEqual({ kind: "missing" });
  });

  test("a run is withdrawn before it comes, or before it begins, but not after", async () => {
    const shard = new TestShard();
    const early = startOf(six, { n: 1 });
    expect(await shard.call.withdraw(early.id)).toEqual({ kind: "withdrawn" });
    expect(await shard.call.start(early)).toEqual({ kind: "withdrawn" });
    const queued = startOf(six, { n: 1 });
    const both = await runInDurableObject(shard.stub, async (object) => {
      const started = object.start(queued);
      return [await started, object.withdraw(queued.id)];
    });
    expect(both).toMatchObject([{ kind: "accepted" }, { kind: "withdrawn" }]);
    expect(await shard.call.poll(queued.id)).toEqual({ kind: "missing" });
    const id = await shard.start(waiting, { n: 1 });
    await shard.until(id, "Waiting");
    expect(await shard.call.withdraw(id)).toMatchObject({ kind: "begun", view: { id } });
  });

  test("an ended run runs again: as it was, or from a node on", async () => {
    const shard = new TestShard();
    const id = await shard.start(six, { n: 1 });
    const { outcome } = await shard.until(id, "Success");
    const before = await shard.steps(id);
    const next = () => startOf(six, {}).id;

    const whole = await shard.call.rerun(id, next(), undefined);
    if (whole.kind !== "accepted") throw new Error(whole.kind);
    const again = await shard.until(whole.view.id, "Success");
    expect(again.outcome?.outputs.out).toMatchObject([{ n: 2, m: 4 }]);
    expect(again.outcome?.outputs.out).not.toEqual(outcome?.outputs.out);

    clock.now += 5_000;
    const part = await shard.call.rerun(id, next(), "call");
    if (part.kind !== "accepted") throw new Error(part.kind);
    const rest = await shard.until(part.view.id, "Success");
    expect(rest.outcome?.outputs.out).toEqual(outcome?.outputs.out);
    const steps = await shard.steps(part.view.id);
    expect(steps.filter(({ at }) => at > START).map(({ path }) => path)).toEqual([
      "call",
      "call>add",
      "call>out",
      "out",
      "shape",
    ]);
    expect(steps.filter(({ at }) => at === START)).toEqual(
      before.filter(({ path }) => /^(one|two|each)/.test(path)),
    );

    expect(await shard.call.rerun(id, next(), "nowhere")).toMatchObject({
      kind: "unknown_node",
      nodes: expect.arrayContaining(["two"]),
    });
    const open = await shard.start(waiting, { n: 1 });
    await shard.until(open, "Waiting");
    expect(await shard.call.rerun(open, next(), undefined)).toEqual({ kind: "running", status: "Waiting" });
    expect(await shard.call.rerun("nothing", next(), undefined)).toEqual({ kind: "missing" });
  });
});
