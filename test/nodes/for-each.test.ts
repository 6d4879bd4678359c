import { describe, expect, test } from "vitest";
import { MAX_LOOP_DEPTH } from "../../src/domain/limits";
import { FakeHost } from "../support/fake-host";
import { problemsOf, run, start, through, throughFlow } from "../support/trial";

type Nodes = Record<string, Record<string, unknown>>;

// each [ inside ↺ return ] → out
const loop = (nodes: Nodes, more: Record<string, unknown> = {}): Nodes => ({
  each: {
    type: "for-each",
    over: "=item.list",
    do: { start: Object.keys(nodes)[0], nodes },
    results: { ok: "out", error: "bad" },
    ...more,
  },
});

describe("for-each", () => {
  test("runs its inside for each element and collects what it returns, in order", () => {
    const nodes = loop({ twice: { type: "calculate", value: "=item * 2", next: "return" } });
    expect(through(nodes, { item: { list: [1, 2, 3] } }).outputs.out).toEqual([[2, 4, 6]]);
  });

  test("puts the list into a field of the item with `into`", () => {
    const nodes = loop(
      { twice: { type: "calculate", value: "=item * 2", next: "return" } },
      { into: "twice" },
    );
    expect(through(nodes, { item: { list: 4 } }).outputs.out).toEqual([{ list: 4, twice: [8] }]);
  });

  test.each([[{ list: [] }], [{ list: null }], [{}]])("no element (%j) gives an empty list", (item) => {
    const nodes = loop({ one: { type: "calculate", value: 1, next: "return" } });
    expect(through(nodes, { item }).outputs.out).toEqual([[]]);
  });

  test("elements that are not returned are left out, and one may return several", () => {
    // inside: pieces → big ─┬ kept ▶ return
    //                       └ dropped ▶ end
    const nodes = loop({
      pieces: { type: "split", over: "=item", results: { each: "big" } },
      big: { type: "filter", when: "=item > 1", results: { kept: "return", dropped: "end" } },
    });
    expect(through(nodes, { item: { list: [[1, 2], [], [3, 4]] } }).outputs.out).toEqual([[2, 3, 4]]);
  });

  test("the loop's name gives index and outer item; names of the outer way are visible inside", () => {
    const nodes = {
      before: { type: "calculate", set: { tag: "t" }, next: "each" },
      ...loop({
        one: { type: "calculate", value: "=before.tag & each.index & each.item.tag & item", next: "return" },
      }),
    };
    expect(through(nodes, { item: { list: ["a", "b"] } }).outputs.out).toEqual([["t0ta", "t1tb"]]);
  });

  test("an element that fails fails the item, with its place", () => {
    const nodes = loop({ one: { type: "calculate", value: "=item + 1", next: "return" } });
    const ended = through(nodes, { item: { list: [1, "x"] } });
    expect(ended.outputs.bad).toMatchObject([{ failed: expect.stringMatching(/^element 1: /) }]);
  });

  test("`onError: skip` leaves it out, with a warning about its record", () => {
    const nodes = loop(
      { one: { type: "calculate", value: "=item + 1", next: "return" } },
      { onError: "skip" },
    );
    const ended = run(throughFlow(nodes), { records: [{ list: [1] }, { list: [1, "x", 3] }] });
    expect(ended.outputs.out).toEqual([[2], [2, 4]]);
    expect(ended.messages).toMatchObject([
      { level: "error", record: 1, node: "each[1.0.1]/one" },
      { level: "warning", record: 1, node: "each", text: expect.stringContaining("(left out)") },
    ]);
  });

  test("an `error` node inside fails its element only as far as the loop says", () => {
    const nodes = loop({ stop: { type: "error", message: "no ${item}" } }, { onError: "skip" });
    expect(through(nodes, { item: { list: [1, 2] } }).outputs.out).toEqual([[]]);
  });

  test("with concurrency elements are under way together, and results keep the list's order", async () => {
    const host = new FakeHost();
    const nodes = loop({ wait: { type: "delay", for: "=item", next: "return" } }, { concurrency: 2 });
    const { outcome } = start(throughFlow(nodes), { item: { list: [30, 10, 20] }, host });
    await host.advance(0);
    expect(host.sleeping).toBe(2);
    await host.advance(10);
    expect(host.slept).toEqual([30, 10, 20]);
    await host.advance(20);
    expect((await outcome).outputs.out).toEqual([[30, 10, 20]]);
  });

  test("after a failure with concurrency nothing new begins", async () => {
    const host = new FakeHost();
    const nodes = loop(
      {
        wait: { type: "delay", for: "=item", next: "check" },
        check: { type: "calculate", value: "=item = 10 ? $error('ten') : item", next: "return" },
      },
      { concurrency: 2 },
    );
    const { outcome } = start(throughFlow(nodes), { item: { list: [30, 10, 20, 40] }, host });
    await host.advance(100);
    expect((await outcome).outputs.bad).toMatchObject([{ failed: "element 1: ten" }]);
    expect(host.slept).toEqual([30, 10]);
  });

  const nested = (depth: number): Nodes => {
    let nodes: Nodes = { leaf: { type: "calculate", value: "=item", next: "return" } };
    for (let level = depth; level >= 1; level -= 1) {
      nodes = {
        [`each${level}`]: {
          type: "for-each",
          over: "=item",
          do: { start: Object.keys(nodes)[0], nodes },
          next: level === 1 ? "out" : "return",
        },
      };
    }
    return nodes;
  };

  test("loops nest to their bound, and not deeper", () => {
    const deep = JSON.parse(`${"[".repeat(MAX_LOOP_DEPTH)}1${"]".repeat(MAX_LOOP_DEPTH)}`);
    expect(through(nested(MAX_LOOP_DEPTH), { item: deep }).outputs.out).toEqual([deep]);
    const [problem, ...others] = problemsOf(throughFlow(nested(MAX_LOOP_DEPTH + 1)));
    expect(problem).toMatch(/\/do: loops stand at most 5 deep in each other \(MAX_LOOP_DEPTH\)$/);
    expect(others).toEqual([]);
  });

  test("what is wrong inside is told with its place", () => {
    const inside = (nodes: Nodes) => problemsOf(throughFlow(loop(nodes)));
    expect(inside({ one: { type: "output", to: "out" } })[0]).toContain(
      '/nodes/each/do/nodes/one/type: a node of type "output" cannot stand inside a loop',
    );
    expect(inside({ one: { type: "calculate", value: 1, next: "out" } })).toEqual([
      '/nodes/each/do/nodes/one/next: there is no node "out" inside this loop',
    ]);
    expect(inside({ one: { type: "calculate", value: 1, next: "flow:other" } })[0]).toContain(
      "a result inside a loop cannot lead to a flow for good",
    );
    expect(inside({ each: { type: "calculate", value: 1, next: "return" } })).toEqual([
      '/nodes/each/do/nodes/each: there is a node "each" at /nodes/each already; names are unique in a flow',
    ]);
    expect(inside({ one: { type: "flow", flow: "trial", handOver: true } })[0]).toContain(
      "inside a loop a flow cannot take over",
    );
  });

  test("`return` outside a loop is told", () => {
    expect(problemsOf(throughFlow({ a: { type: "calculate", value: 1, next: ["return", "out"] } }))).toEqual([
      "/nodes/a/next: `return` hands an item back to a loop, and there is no loop around this node",
    ]);
  });
});
