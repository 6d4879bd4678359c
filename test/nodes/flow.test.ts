import { describe, expect, test } from "vitest";
import { MAX_FLOW_DEPTH } from "../../src/domain/limits";
import { FakeHost } from "../support/fake-host";
import { flowOf, planOf, problemsOf, run, runLater, start, throughFlow } from "../support/trial";

// price: item → checked ─┬▶ good
//                        └▶ odd   (a negative amount fails, zero is dropped)
const price = flowOf(
  {
    sign: {
      type: "branch",
      cases: { minus: "=item.amount < 0", zero: "=item.amount = 0", odd: "=item.amount % 2 = 1" },
      results: { minus: "refuse", zero: "end", odd: "odd", default: "good" },
    },
    refuse: { type: "error", message: "minus ${item.amount}", code: "negative" },
    good: { type: "output", to: "good" },
    odd: { type: "output", to: "odd" },
  },
  { flow: "price", outputs: { good: { amount: "number" }, odd: "any" } },
);

// split → call ─┬ good ▶ out
//               ├ odd ▶ other ▶ out
//               └ error ▶ bad
const caller = throughFlow({
  split: { type: "split", over: "=item", results: { each: "call" } },
  call: { type: "flow", flow: "price", results: { good: "out", odd: "other", error: "bad" } },
  other: { type: "calculate", set: { odd: true }, next: "out" },
});

describe("a node that calls a flow", () => {
  test("its results are the flow's outputs, and records come back to their items", () => {
    const item = [{ amount: 2 }, { amount: 1 }, { amount: 0 }, { amount: 4 }];
    const ended = run(caller, { flows: [price], item });
    expect(ended.outputs.out).toEqual(
      expect.arrayContaining([{ amount: 2 }, { amount: 1, odd: true }, { amount: 4 }]),
    );
    expect(ended.outputs.out).toHaveLength(3);
  });

  test("a failure comes back to its item alone", () => {
    const ended = run(caller, { flows: [price], item: [{ amount: 2 }, { amount: -1 }] });
    expect(ended.outputs.out).toEqual([{ amount: 2 }]);
    expect(ended.outputs.bad).toEqual([
      { failed: 'flow "price": minus -1', code: "negative", item: { amount: -1 } },
    ]);
  });

  test("messages of the called flow name the record of the run", () => {
    const ended = run(caller, {
      flows: [price],
      records: [[{ amount: 2 }], [{ amount: 2 }, { amount: -1 }]],
    });
    expect(ended.messages).toMatchObject([
      { level: "error", node: "call>refuse", record: 1, text: "minus -1" },
    ]);
  });

  test("names of the way before the call are known behind it", () => {
    const flow = throughFlow({
      before: { type: "calculate", set: { tag: "=item.amount * 10" }, next: "call" },
      call: { type: "flow", flow: "price", results: { good: "after", odd: "end" } },
      after: { type: "calculate", value: "=[before.tag, item.amount]", next: "out" },
    });
    expect(run(flow, { flows: [price], item: { amount: 4 } }).outputs.out).toEqual([[40, 4]]);
  });

  test("`with` is what the flow gets", () => {
    const flow = throughFlow({
      call: {
        type: "flow",
        flow: "price",
        with: { amount: "=item * 2" },
        results: { good: "out", odd: "end" },
      },
    });
    expect(run(flow, { flows: [price], item: 3 }).outputs.out).toEqual([{ amount: 6 }]);
  });

  test("a flow without outputs has the result `done`, for items that did not fail", () => {
    const silent = flowOf(
      {
        check: { type: "branch", cases: { bad: "=item = 2" }, results: { bad: "no", default: "end" } },
        no: { type: "error", message: "no" },
      },
      { flow: "silent" },
    );
    const flow = throughFlow({
      split: { type: "split", over: "=item", results: { each: "call" } },
      call: { type: "flow", flow: "silent", results: { done: "out", error: "bad" } },
    });
    const ended = run(flow, { flows: [silent], item: [1, 2, 3] });
    expect(ended.outputs).toMatchObject({ out: [1, 3], bad: [{ item: 2 }] });
  });

  test("no items: what follows runs on the empty set, and nothing is called", () => {
    // split → call → count → out
    const flow = throughFlow({
      split: { type: "split", over: "=item", results: { each: "call" } },
      call: { type: "flow", flow: "price", results: { good: "count", odd: "end" } },
      count: { type: "aggregate", set: { n: { count: true } }, next: "out" },
    });
    expect(run(flow, { flows: [price], item: [] }).outputs.out).toEqual([{ n: 0 }]);
  });

  test("a failure of all that the flow was given fails every caller", () => {
    const summing = flowOf(
      {
        sum: { type: "aggregate", set: { n: { count: true } }, next: "no" },
        no: { type: "error", message: "never" },
      },
      { flow: "summing" },
    );
    const flow = throughFlow({
      split: { type: "split", over: "=item", results: { each: "call" } },
      call: { type: "flow", flow: "summing", results: { done: "out", error: "bad" } },
    });
    expect(run(flow, { flows: [summing], item: [1, 2] }).outputs.bad).toMatchObject([
      { item: 1 },
      { item: 2 },
    ]);
  });

  test("a flow that is gone by now fails the items", () => {
    const { outcome } = start(caller, { flows: [price], host: new Gone(), item: [{ amount: 2 }] });
    expect(outcome).toMatchObject({ outputs: { bad: [{ code: "unknown_flow" }] } });
  });

  test("records of an output that the flow did not have when this one was published fail; they are never dropped", () => {
    const grown = {
      ...price,
      outputs: { good: { amount: "number" }, odd: "any", more: "any" },
      nodes: {
        ...price.nodes,
        good: { type: "output", to: "more" },
        fill: { type: "output", to: "good" },
        sign: {
          ...price.nodes.sign,
          type: "branch",
          results: { minus: "refuse", zero: "fill", odd: "odd", default: "good" },
        },
      },
    } as typeof price;
    const host = new Changed(planOf(grown));
    const { outcome } = start(caller, { flows: [price], host, item: [{ amount: 2 }] });
    expect(outcome).toMatchObject({ outputs: { bad: [{ code: "flow_changed" }] } });
  });

  test("flows may call flows to the bound, and a flow that calls itself meets it", () => {
    const down = (bound: number) =>
      flowOf(
        {
          deeper: {
            type: "branch",
            cases: { yes: `=item < ${bound}` },
            results: { yes: "next", default: "out" },
          },
          next: { type: "flow", flow: "trial", with: "=item + 1", results: { out: "out" } },
          out: { type: "output", to: "out" },
        },
        { outputs: { out: "any" } },
      );
    expect(run(down(MAX_FLOW_DEPTH), { item: 0 }).outputs.out).toEqual([MAX_FLOW_DEPTH]);
    const ended = run(down(MAX_FLOW_DEPTH + 1), { item: 0 });
    expect(ended).toMatchObject({ status: "Fail", failures: [{ record: -1, code: "flow_depth" }] });
    expect(ended.message).toContain("MAX_FLOW_DEPTH");
  });

  test("the depth is a call's own: many records in a called flow at once are not deep", async () => {
    const host = new FakeHost();
    const waiting = flowOf(
      { wait: { type: "delay", for: "10ms", next: "out" }, out: { type: "output", to: "out" } },
      { flow: "waiting", outputs: { out: "any" } },
    );
    const flow = throughFlow({ call: { type: "flow", flow: "waiting", results: { out: "out" } } });
    const records = Array.from({ length: MAX_FLOW_DEPTH + 4 }, (_, index) => index);
    const { outcome } = start(flow, { flows: [waiting], host, records, concurrency: records.length });
    await host.advance(10);
    expect(await outcome).toMatchObject({ status: "Success", failures: [] });
  });

  test("looking a flow up may take time", async () => {
    const host = new FakeHost();
    host.slowLookup = true;
    expect((await runLater(caller, { flows: [price], host, item: [{ amount: 2 }] })).outputs.out).toEqual([
      { amount: 2 },
    ]);
  });
});

describe("a result that leads to a flow", () => {
  // check → flow:price, whose outputs and answer become this flow's
  const over = (outputs: Record<string, unknown>) =>
    flowOf(
      { check: { type: "calculate", set: { seen: true }, next: "flow:price" } },
      { outputs: outputs as never },
    );

  test("the flow's outputs become this flow's, in this flow's own shape", () => {
    const ended = run(over({ good: { amount: "string" }, odd: "any" }), {
      flows: [price],
      item: { amount: 2 },
    });
    expect(ended.outputs).toEqual({ good: [{ amount: "2" }], odd: [] });
  });

  test("a record that this flow's shape cannot take fails", () => {
    const ended = run(over({ good: { amount: "boolean" }, odd: "any" }), {
      flows: [price],
      item: { amount: 2 },
    });
    expect(ended).toMatchObject({ status: "Fail", failures: [{ code: "output_shape" }] });
  });

  test("the flow's answer becomes this flow's", () => {
    const answering = flowOf({ say: { type: "respond", body: "=item", statusCode: 202 } }, { flow: "price" });
    const ended = run(over({}), { flows: [answering], item: { a: 1 } });
    expect(ended.response).toEqual({ statusCode: 202, body: { a: 1, seen: true } });
  });

  test("an output that this flow does not declare is told, whichever way it is written", () => {
    expect(problemsOf(over({ good: "any" }), { flows: [price] })).toEqual([
      '/nodes/check/next: this flow declares no output "odd"; add it under `outputs`',
    ]);
    const written = flowOf(
      { call: { type: "flow", flow: "price", handOver: true } },
      { outputs: { good: "any" } },
    );
    expect(problemsOf(written, { flows: [price] })).toEqual([
      '/nodes/call/flow: this flow declares no output "odd"; add it under `outputs`',
    ]);
  });

  test("a misspelt flow comes with the nearest", () => {
    const misspelt = flowOf({ a: { type: "calculate", value: 1, next: "flow:pric" } });
    expect(problemsOf(misspelt, { flows: [price] })).toEqual([
      '/nodes/a/next: there is no flow "pric" in this project',
    ]);
  });
});

class Gone extends FakeHost {
  override flow() {
    return undefined;
  }
}

class Changed extends FakeHost {
  readonly #plan: ReturnType<typeof planOf>;

  constructor(plan: ReturnType<typeof planOf>) {
    super();
    this.#plan = plan;
  }

  override flow() {
    return this.#plan;
  }
}
