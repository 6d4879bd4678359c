import { describe, expect, test } from "vitest";
import { FakeHost } from "../support/fake-host";
import { flowOf, problemsOf, run, runLater, start, through, throughFlow } from "../support/trial";

const add = (text: string, next: unknown) => ({ type: "calculate", value: `=item & '${text}'`, next });

describe("how items travel", () => {
  test("a result that leads to several nodes copies its items; where ways join they stay separate", () => {
    // a ─▶ b ─▶ d
    //   └▶ c ─▶ d ▶ out
    const nodes = { a: add("a", ["b", "c"]), b: add("b", "d"), c: add("c", "d"), d: add("d", "out") };
    expect(through(nodes, { item: "-" }).outputs.out?.toSorted()).toEqual(["-abd", "-acd"]);
  });

  test("each copy has its own way", () => {
    const nodes = {
      a: add("a", ["b", "c"]),
      b: add("b", "d"),
      c: add("c", "d"),
      d: { type: "calculate", value: "={'b': b, 'c': c}", next: "out" },
    };
    expect(through(nodes, { item: "-" }).outputs.out).toEqual(
      expect.arrayContaining([{ b: "-ab" }, { c: "-ac" }]),
    );
  });

  test("a node runs once, on all that its connections bring, in record order", () => {
    // start: odd ▶ late ▶ join, even ▶ join
    const nodes = {
      start: { type: "branch", cases: { odd: "=item % 2 = 1" }, results: { odd: "late", default: "join" } },
      late: { type: "calculate", value: "=item", next: "join" },
      join: { type: "debug", message: "one", next: "out" },
    };
    const called = { ...throughFlow(nodes), flow: "called" };
    const flow = throughFlow({
      split: { type: "split", over: "=item", results: { each: "call" } },
      call: { type: "flow", flow: "called", results: { out: "out" } },
    });
    expect(run(flow, { flows: [called], item: [1, 2, 3, 4] }).outputs.out).toEqual([1, 2, 3, 4]);
  });

  test("what follows a result without items runs on the empty set, all the way down", () => {
    // keep ─┬ kept ▶ change ▶ count ▶ out
    const nodes = {
      keep: { type: "filter", when: "=false", results: { kept: "change", dropped: "end" } },
      change: { type: "calculate", value: 1, next: "order" },
      order: { type: "sort", by: "=item", next: "count" },
      count: { type: "aggregate", set: { n: { count: true } }, next: "out" },
    };
    expect(through(nodes, { item: 1 }).outputs.out).toEqual([{ n: 0 }]);
  });

  test("a flow that ends in `end` succeeds without an answer of its own", () => {
    expect(run(flowOf({ a: { type: "calculate", value: 1, next: "end" } }))).toMatchObject({
      status: "Success",
      outputs: {},
      outputConnected: false,
    });
  });

  test("expressions see input, item, last and run", () => {
    const nodes = {
      a: add("a", "b"),
      b: {
        type: "calculate",
        value:
          "={'in': input.json.x, 'item': item, 'last': last, 'who': run.user, 'left': run.remaining, 'kind': run.trigger}",
        next: "out",
      },
    };
    expect(through(nodes, { item: "-", input: { json: { x: 5 } } }).outputs.out).toEqual([
      { in: 5, item: "-a", last: "-a", who: "system", left: 60_000, kind: "action" },
    ]);
  });

  test("an expression that may read anything sees each item by itself", () => {
    const nodes = {
      split: { type: "split", over: "=item", results: { each: "all" } },
      all: { type: "calculate", value: "=$$.item", next: "out" },
    };
    expect(through(nodes, { item: [1, 2] }).outputs.out).toEqual([1, 2]);
  });
});

describe("errors of items", () => {
  const risky = { type: "calculate", value: "=item = 2 ? $error('two') : item" };

  test("routed: the item leaves by `error`, and `last` says why", () => {
    const nodes = {
      split: { type: "split", over: "=item", results: { each: "risky" } },
      risky: { ...risky, results: { ok: "out", error: "tell" } },
      tell: { type: "calculate", value: "=[item, last.code, last.message, last.node]", next: "out" },
    };
    expect(through(nodes, { item: [1, 2, 3] }).outputs.out).toEqual(
      expect.arrayContaining([1, 3, [2, "flow_error", "two", "risky"]]),
    );
  });

  test("on its way by `error` the node that failed has no output", () => {
    const nodes = {
      before: { type: "calculate", value: "=item", next: "risky" },
      risky: { ...risky, results: { ok: "out", error: "tell" } },
      tell: { type: "calculate", value: "={'before': before, 'risky': risky}", next: "out" },
    };
    expect(through(nodes, { item: 2 }).outputs.out).toEqual([{ before: 2 }]);
  });

  test("unrouted: its record fails, whatever else came of it", () => {
    const nodes = {
      split: { type: "split", over: "=item", results: { each: "risky" } },
      risky: { ...risky, next: "out" },
    };
    const ended = run(throughFlow(nodes), { records: [[1], [1, 2, 3], [3]] });
    expect(ended).toMatchObject({ status: "Success", outputs: { out: [1, 3] } });
    expect(ended.failures).toEqual([{ record: 1, code: "flow_error", message: "two", node: "risky" }]);
    expect(ended.messages).toMatchObject([{ level: "error", record: 1, node: "risky", text: "two" }]);
  });

  test("the first failure of a record is the one told", () => {
    const nodes = {
      split: { type: "split", over: "=item", results: { each: "risky" } },
      risky: { type: "error", message: "no ${item}" },
    };
    const ended = run(flowOf(nodes), { item: [1, 2] });
    expect(ended.message).toBe("no 1");
    expect(ended.failures).toHaveLength(1);
    expect(ended.messages).toHaveLength(1);
  });

  test("all failed: the run fails with the first one's message, and answers nothing", () => {
    const ended = run(throughFlow({ risky: { ...risky, next: "out" } }), { records: [2, 2] });
    expect(ended).toMatchObject({ status: "Fail", message: "two", outputs: {} });
    expect(ended.failures.map(({ record }) => record)).toEqual([0, 1]);
  });

  test("a bug of ours says nothing but the process id, and the operators get the error", () => {
    const host = new FakeHost();
    const bug = {
      type: "bug",
      summary: "",
      example: {},
      config: { safeParse: () => ({ success: true, data: {} }) } as never,
      results: () => [{ name: "ok", description: "" }],
      effects: "none" as const,
      prepare: () => undefined,
      run: () => {
        throw new TypeError("secret detail");
      },
    };
    const ended = run(throughFlow({ b: { type: "bug", next: "out" } }), { types: [bug], host });
    expect(ended.message).toBe('node "b" failed for a reason inside Sluice; quote process id run-1');
    expect(host.reported).toEqual([new TypeError("secret detail")]);
  });
});

describe("records that travel one by one", () => {
  const shaped = throughFlow(
    { check: { type: "calculate", value: "=item.n * 2", next: "out" } },
    { input: { body: { n: "number" } }, endpoint: { records: "$" } },
  );

  test("outputs keep the records' order", () => {
    expect(run(shaped, { records: [{ n: 3 }, { n: 1 }, { n: 2 }] }).outputs.out).toEqual([6, 2, 4]);
  });

  test("one that misfits the declared shape fails alone, before anything of it runs", () => {
    const ended = run(shaped, { records: [{ n: 1 }, { n: "x" }, {}] });
    expect(ended.outputs.out).toEqual([2]);
    expect(ended.failures).toMatchObject([
      { record: 1, code: "input_shape", message: 'n: expected a number, got the string "x"' },
      { record: 2, code: "input_shape" },
    ]);
    expect(ended.messages).toMatchObject([{ record: 1 }, { record: 2 }]);
    expect(ended.messages.every(({ node }) => node === undefined)).toBe(true);
  });

  test("no records: no answer where an output is connected, success where none is", () => {
    expect(run(shaped, { records: [] })).toMatchObject({ status: "Fail", failures: [] });
    const silent = flowOf({ a: { type: "debug" } }, { endpoint: { records: "$" } });
    expect(run(silent, { records: [] })).toMatchObject({ status: "Success" });
  });

  // wait(item) → check → out
  const waiting = throughFlow({
    wait: { type: "delay", for: "=item", next: "check" },
    check: { type: "calculate", value: "=item = 20 ? $error('twenty') : item", next: "out" },
  });

  test("one after the other when order goes first", async () => {
    const host = new FakeHost();
    const { outcome } = start(waiting, { records: [30, 20, 10], host });
    await host.advance(30);
    expect(host.slept).toEqual([30, 20]);
    await host.advance(30);
    expect((await outcome).outputs.out).toEqual([30, 10]);
  });

  test("with throughput first outputs come as they finish, and a failure touches its record only", async () => {
    const host = new FakeHost();
    const { outcome } = start(waiting, { records: [30, 10, 5, 20], host, concurrency: 2 });
    await host.advance(60);
    const ended = await outcome;
    expect(ended.outputs.out).toEqual([10, 5, 30]);
    expect(ended.failures).toMatchObject([{ record: 3, message: "twenty" }]);
  });

  test("messages name their record, however many are under way", async () => {
    const host = new FakeHost();
    const talking = flowOf({
      wait: { type: "delay", for: "=item", next: "say" },
      say: { type: "calculate", value: "=$debug(item)", next: "end" },
    });
    const { run: context, outcome } = start(talking, { records: [30, 20, 10], host, concurrency: 3 });
    await host.advance(30);
    await outcome;
    expect(context.messages).toMatchObject([
      { record: 2, details: "10", node: "say" },
      { record: 1, details: "20" },
      { record: 0, details: "30" },
    ]);
  });
});

describe("time", () => {
  test("a run past its deadline is aborted between nodes", () => {
    const host = new FakeHost();
    host.tick = 10;
    const nodes = Object.fromEntries(
      Array.from({ length: 8 }, (_, index) => [`n${index}`, add("x", index === 7 ? "out" : `n${index + 1}`)]),
    );
    const ended = run(throughFlow(nodes), { host, item: "", timeout: 50 });
    expect(ended).toMatchObject({
      status: "Timeout",
      message: "the run took longer than its timeout of 50 ms and was aborted",
      failures: [{ record: -1, code: "timeout" }],
    });
  });

  test("within a node that handles many items", () => {
    const host = new FakeHost();
    const nodes = {
      split: { type: "split", over: "=[1..2000]", results: { each: "work" } },
      work: { type: "calculate", value: "=item", next: "out" },
    };
    const { outcome, run: context } = start(throughFlow(nodes), { host, item: 0, timeout: 8 });
    expect(outcome).toMatchObject({ status: "Success" });
    host.tick = 2;
    expect(run(throughFlow(nodes), { host, item: 0, timeout: 8 })).toMatchObject({ status: "Timeout" });
    expect(context.node).toBe("out");
  });

  test("between records: those that ended do not turn it into a success", () => {
    const host = new FakeHost();
    host.tick = 5;
    const ended = run(throughFlow({ a: add("a", "out") }), {
      host,
      records: ["1", "2", "3", "4"],
      timeout: 30,
    });
    expect(ended).toMatchObject({ status: "Timeout", outputs: {} });
  });

  test("while a node waits, and the wait is called off", async () => {
    const host = new FakeHost();
    const flow = throughFlow({ wait: { type: "delay", for: "5m", next: "out" } });
    const { outcome } = start(flow, { host, timeout: 20 });
    // The deadline of a waiting node is a real timer; by then the fake clock must have come as far.
    host.time += 20;
    expect(await outcome).toMatchObject({ status: "Timeout" });
    expect(host.sleeping).toBe(0);
  });

  test("a deadline further away than timers reach does not fire at once", async () => {
    const host = new FakeHost();
    const { outcome } = start(throughFlow({ wait: { type: "delay", for: 10, next: "out" } }), {
      host,
      timeout: 2 ** 40,
    });
    await host.advance(10);
    expect(await outcome).toMatchObject({ status: "Success" });
  });

  test("nothing new begins for the items behind one that waited too long", async () => {
    const host = new FakeHost();
    const flow = throughFlow({
      each: {
        type: "for-each",
        over: "=item",
        do: { start: "wait", nodes: { wait: { type: "delay", for: 30, next: "return" } } },
        next: "out",
      },
    });
    const { outcome } = start(flow, { host, item: [1, 2, 3], timeout: 50 });
    await host.advance(60);
    expect(await outcome).toMatchObject({ status: "Timeout" });
    expect(host.slept).toEqual([30, 30]);
  });
});

describe("a flow that waits for nothing", () => {
  test("makes no promise, loops, calls, records and concurrency included", () => {
    const called = flowOf({ o: { type: "output", to: "out" } }, { flow: "called", outputs: { out: "any" } });
    const flow = throughFlow({
      each: {
        type: "for-each",
        over: "=item",
        concurrency: 4,
        do: { start: "one", nodes: { one: { type: "calculate", value: "=item", next: "return" } } },
        next: "call",
      },
      call: { type: "flow", flow: "called", results: { out: "out" } },
    });
    const { outcome } = start(flow, { flows: [called], records: [[1], [2, 3], [4]], concurrency: 3 });
    expect(outcome).not.toBeInstanceOf(Promise);
    expect(outcome).toMatchObject({ status: "Success", outputs: { out: [[1], [2, 3], [4]] } });
  });

  test("gives the same outcome as one that looks its flows up slowly", async () => {
    const called = flowOf({ o: { type: "output", to: "out" } }, { flow: "called", outputs: { out: "any" } });
    const flow = throughFlow({ call: { type: "flow", flow: "called", results: { out: "out" } } });
    const host = new FakeHost();
    host.slowLookup = true;
    expect(await runLater(flow, { flows: [called], item: 1, host })).toEqual(
      run(flow, { flows: [called], item: 1 }),
    );
  });
});

test("the flow under test may be drawn with a start that is not its first node", () => {
  expect(problemsOf(flowOf({ b: add("b", "end"), a: add("a", "b") }, { start: "a" }))).toEqual([]);
});
