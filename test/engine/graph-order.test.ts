import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { orderNodes } from "../../src/engine/graph-order";

const ordered = (edges: Record<string, string[]>, start?: string) =>
  orderNodes(Object.keys(edges), start, (name) => edges[name] ?? []);

describe("the order of nodes", () => {
  test("each comes after all that lead to it", () => {
    expect(ordered({ d: [], b: ["d"], c: ["d"], a: ["c", "b"] }, "a").order.indexOf("d")).toBe(3);
  });

  test("cycles are told, whichever node one looks from", () => {
    expect(ordered({ a: ["b"], b: ["c"], c: ["b"] }, "a").cycles).toEqual([["b", "c", "b"]]);
  });

  test("nodes that the start does not lead to are told, and ordered too", () => {
    const { unreached, order } = ordered({ a: [], x: ["y"], y: ["a"] }, "a");
    expect(unreached).toEqual(["x", "y"]);
    expect(order.indexOf("x")).toBeLessThan(order.indexOf("y"));
  });

  test("without a start all may be one", () => {
    expect(ordered({ a: ["b"], b: [] })).toEqual({ order: ["a", "b"], cycles: [], unreached: [] });
  });

  test("a chain of 100,000 nodes overflows nothing", () => {
    const names = Array.from({ length: 100_000 }, (_, index) => String(index));
    const { order } = orderNodes(names, "0", (name) => (name === "99999" ? [] : [String(Number(name) + 1)]));
    expect(order).toHaveLength(100_000);
  });

  test("any acyclic graph: every node once, after its predecessors", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(30), fc.nat(30)), { maxLength: 120 }), (pairs) => {
        const edges: Record<string, string[]> = Object.fromEntries(
          Array.from({ length: 31 }, (_, index) => [index, []]),
        );
        for (const [a, b] of pairs) if (a !== b) edges[Math.min(a, b)]?.push(String(Math.max(a, b)));
        const { order, cycles } = ordered(edges, "0");
        expect(cycles).toEqual([]);
        expect(new Set(order).size).toBe(31);
        for (const [from, to] of Object.entries(edges)) {
          for (const next of to) expect(order.indexOf(from)).toBeLessThan(order.indexOf(next));
        }
      }),
    );
  });
});
