import { describe, expect, test } from "vitest";
import { problemsOf, through, throughFlow } from "../support/trial";

// split → sort → out
const sorted = (by: unknown, item: unknown, more: Record<string, unknown> = {}) =>
  through(
    {
      split: { type: "split", over: "=item", results: { each: "sort" } },
      sort: { type: "sort", by, ...more, results: { ok: "out", error: "bad" } },
    },
    { item: item as never },
  ).outputs;

describe("sort", () => {
  test("by one key, keeping the order of equals", () => {
    const items = [
      { k: 2, i: 0 },
      { k: 1, i: 1 },
      { k: 2, i: 2 },
      { k: 1, i: 3 },
    ];
    expect(sorted("=item.k", items).out?.map((item) => (item as { i: number }).i)).toEqual([1, 3, 0, 2]);
  });

  test("by several keys, each in its direction", () => {
    const items = [
      { a: 1, b: 1 },
      { a: 1, b: 2 },
      { a: 0, b: 0 },
    ];
    expect(sorted(["=item.a", { key: "=item.b", order: "desc" }], items).out).toEqual([
      { a: 0, b: 0 },
      { a: 1, b: 2 },
      { a: 1, b: 1 },
    ]);
  });

  test.each(["asc", "desc"])("items without a value come last (%s)", (order) => {
    expect(sorted({ key: "=item.v", order }, [{}, { v: 1 }, { v: null }]).out).toEqual([
      { v: 1 },
      {},
      { v: null },
    ]);
  });

  test("values of different kinds have one order", () => {
    expect(sorted("=item", ["b", 10, true, [1], "a", 9, false]).out).toEqual([
      false,
      true,
      9,
      10,
      "a",
      "b",
      [1],
    ]);
  });

  test("offset and limit cut a page", () => {
    expect(sorted("=item", [3, 1, 2], { offset: 1, limit: 1 }).out).toEqual([2]);
    expect(sorted("=item", [3, 1, 2], { offset: 3 }).out).toEqual([]);
  });

  test("an item whose key fails leaves by `error`", () => {
    expect(sorted("=item + 1", [2, "x", 1])).toMatchObject({ out: [1, 2], bad: [{ item: "x" }] });
  });

  test("wrong settings are told when the flow is applied", () => {
    const wrong = (settings: Record<string, unknown>) =>
      problemsOf(throughFlow({ s: { type: "sort", ...settings, next: "out" } }));
    expect(wrong({ by: [] })).toHaveLength(1);
    expect(wrong({ by: "=item", limit: 0 })).toHaveLength(1);
    expect(wrong({ by: "=item", offset: -1 })).toHaveLength(1);
    expect(wrong({ by: [{ key: "=item", oder: "desc" }] })).toEqual([
      expect.stringContaining('/nodes/s/by/0/oder: there is no setting "oder" here'),
    ]);
  });
});
