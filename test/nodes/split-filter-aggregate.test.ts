import { describe, expect, test } from "vitest";
import { problemsOf, run, through, throughFlow } from "../support/trial";

const split = { type: "split", over: "=item", results: { each: "next" } };

describe("split", () => {
  const pieces = (item: unknown, more: Record<string, unknown> = {}) =>
    through(
      { split: { type: "split", over: "=item.list", results: { each: "out" }, ...more } },
      { item: item as never },
    ).outputs.out;

  test("makes an item of each element, in order", () => {
    expect(pieces({ list: [3, [4], null] })).toEqual([3, [4], null]);
  });

  test("a single value is a list of one", () => {
    expect(pieces({ list: { a: 1 } })).toEqual([{ a: 1 }]);
  });

  test("keeps the item around with `into`", () => {
    expect(pieces({ list: [1, 2], id: 7 }, { into: "one" })).toEqual([
      { list: [1, 2], id: 7, one: 1 },
      { list: [1, 2], id: 7, one: 2 },
    ]);
  });

  test.each([[{ list: [] }], [{ list: null }], [{}]])(
    "an item without elements (%j) leaves by `empty`, whole",
    (item) => {
      // split ─┬ each ▶ end
      //        └ empty ▶ out
      const ended = through(
        { split: { type: "split", over: "=item.list", results: { each: "end", empty: "out" } } },
        { item },
      );
      expect(ended.outputs.out).toEqual([item]);
    },
  );

  test("an expression that fails fails the item", () => {
    const ended = through(
      { split: { type: "split", over: "=item.a + 1", results: { each: "out" } } },
      { item: { a: "x" } },
    );
    expect(ended).toMatchObject({ status: "Fail", failures: [{ record: 0, node: "split" }] });
  });
});

describe("filter", () => {
  test("keeps what is true and drops the rest", () => {
    // split → next ─┬ kept ▶ out
    //               └ dropped ▶ other
    const ended = through(
      {
        split,
        next: { type: "filter", when: "=item.ok", results: { kept: "out", dropped: "other" } },
        other: { type: "calculate", value: "='not ' & item.id", next: "out" },
      },
      { item: [{ id: 1, ok: true }, { id: 2 }, { id: 3, ok: [] }, { id: 4, ok: "no" }] },
    );
    expect(ended.outputs.out).toEqual(
      expect.arrayContaining([{ id: 1, ok: true }, "not 2", "not 3", { id: 4, ok: "no" }]),
    );
  });
});

describe("aggregate", () => {
  const total = (settings: Record<string, unknown>, item: unknown) =>
    through(
      { split, next: { type: "aggregate", ...settings, results: { ok: "out" } } },
      { item: item as never },
    );

  test("one answer about no items: split of [] → filter → aggregate counts 0", () => {
    const ended = through(
      {
        split,
        next: { type: "filter", when: "=item > 1", results: { kept: "count", dropped: "end" } },
        count: {
          type: "aggregate",
          set: {
            n: { count: true },
            sum: { sum: "=item" },
            avg: { avg: "=item" },
            min: { min: "=item" },
            all: { collect: "=item" },
            first: { first: "=item" },
          },
          next: "out",
        },
      },
      { item: [] },
    );
    expect(ended.outputs.out).toEqual([{ n: 0, sum: 0, avg: null, min: null, all: [], first: null }]);
  });

  test("groups by no items are no groups", () => {
    expect(total({ by: { k: "=item" }, set: { n: { count: true } } }, []).outputs.out).toEqual([]);
  });

  test("every function", () => {
    const set = {
      n: { count: true },
      some: { count: "=item.v" },
      sum: { sum: "=item.v" },
      avg: { avg: "=item.v" },
      min: { min: "=item.v" },
      max: { max: "=item.v" },
      first: { first: "=item.k" },
      last: { last: "=item.k" },
      list: { collect: "=item.k" },
      kinds: { distinct: "=item.k" },
    };
    const items = [{ k: null, v: 2 }, { k: "b", v: 4 }, { k: "b" }];
    expect(total({ set }, items).outputs.out).toEqual([
      {
        n: 3,
        some: 2,
        sum: 6,
        avg: 3,
        min: 2,
        max: 4,
        first: null,
        last: "b",
        list: [null, "b", "b"],
        kinds: [null, "b"],
      },
    ]);
  });

  test("groups come in the order in which they were met; keys keep their types", () => {
    const items = [{ k: 1 }, { k: "1" }, {}, { k: 1 }];
    expect(total({ by: { k: "=item.k" }, set: { n: { count: true } } }, items).outputs.out).toEqual([
      { k: 1, n: 2 },
      { k: "1", n: 1 },
      { k: null, n: 1 },
    ]);
  });

  test.each([
    ["x", "a string"],
    [null, "null"],
    [[1], "a list"],
  ])("%j cannot be added up", (v, what) => {
    expect(total({ set: { s: { sum: "=item.v" } } }, [{ v: 1 }, { v }])).toMatchObject({
      status: "Fail",
      failures: [{ code: "not_a_number", message: `"s" adds up numbers, and one value is ${what}` }],
    });
  });

  test("an item that fails leaves no half of itself behind", () => {
    const nodes = {
      split,
      next: {
        type: "aggregate",
        set: { n: { count: true }, s: { sum: "=item" } },
        results: { ok: "out", error: "bad" },
      },
    };
    const ended = through(nodes, { item: [1, "x", 2] });
    expect(ended.outputs.out).toEqual([{ n: 2, s: 3 }]);
    expect(ended.outputs.bad).toMatchObject([{ code: "not_a_number", item: "x" }]);
  });

  test("a sum past all numbers fails the items of its group only", () => {
    const nodes = {
      split,
      next: {
        type: "aggregate",
        by: { k: "=item.k" },
        set: { s: { sum: "=item.v" } },
        results: { ok: "out", error: "bad" },
      },
    };
    const big = 1.7e308;
    const ended = through(nodes, {
      item: [
        { k: 1, v: big },
        { k: 1, v: big },
        { k: 2, v: 1 },
      ],
    });
    expect(ended.outputs.out).toEqual([{ k: 2, s: 1 }]);
    expect(ended.outputs.bad).toHaveLength(2);
  });

  test("wrong measures are told when the flow is applied", () => {
    const wrong = (settings: Record<string, unknown>) =>
      problemsOf(throughFlow({ a: { type: "aggregate", ...settings, next: "out" } }));
    expect(wrong({ set: { n: { count: true, sum: "=1" } } })[0]).toContain("give one function");
    expect(wrong({ set: { n: { sum: true } } })[0]).toContain("only `count` can count items");
    expect(wrong({ by: { n: "=1" }, set: { n: { count: true } } })).toEqual([
      '/nodes/a/set/n: "n" is a field to group by already; name one of them otherwise',
    ]);
    expect(wrong({ set: { n: { summ: "=1" } } })[0]).toBe(
      '/nodes/a/set/n/summ: there is no setting "summ" here; known are count, sum, avg, min, max, first, last, collect, distinct',
    );
  });

  test("names of nodes before it are gone behind it", () => {
    const [problem] = problemsOf(
      throughFlow({
        first: { type: "calculate", value: 1, next: "sum" },
        sum: { type: "aggregate", set: { n: { count: true } }, next: "after" },
        after: { type: "calculate", value: "=first", next: "out" },
      }),
    );
    expect(problem).toContain('/nodes/after/value: items that come here did not pass through node "first"');
  });

  test("fields called like members of every object are plain data", () => {
    const ended = run(
      throughFlow({
        a: { type: "aggregate", by: { toString: "=1" }, set: { valueOf: { count: true } }, next: "out" },
      }),
      { item: 1 },
    );
    expect(JSON.stringify(ended.outputs.out)).toBe('[{"toString":1,"valueOf":1}]');
  });
});
