import { describe, expect, test } from "vitest";
import { problemsOf, run, through, throughFlow } from "../support/trial";

// start ─┬ orders ▶ join.left ┐
//        └ people ▶ join.right┴▶ join ─┬ matched ▶ out
//                                      ├ left ▶ lonely ▶ out
//                                      └ right ▶ idle ▶ out
const nodes = {
  start: { type: "calculate", value: "=item", next: ["orders", "people"] },
  orders: { type: "split", over: "=item.orders", results: { each: "join.left" } },
  people: { type: "split", over: "=item.people", results: { each: "join.right" } },
  join: {
    type: "merge",
    on: { left: "=item.by", right: "=item.id" },
    results: { matched: "out", left: "lonely", right: "idle", error: "bad" },
  },
  lonely: { type: "calculate", value: "={'lonely': item}", next: "out" },
  idle: { type: "calculate", value: "={'idle': item}", next: "out" },
};
const joined = (orders: unknown[], people: unknown[]) =>
  through(nodes, { item: { orders, people } as never }).outputs.out;

describe("merge", () => {
  test("pairs items of equal keys, in the order of the left ones", () => {
    expect(joined([{ by: 2 }, { by: 1 }], [{ id: 1 }, { id: 2 }])).toEqual([
      { left: { by: 2 }, right: { id: 2 } },
      { left: { by: 1 }, right: { id: 1 } },
    ]);
  });

  test("several partners make several pairs", () => {
    expect(
      joined(
        [{ by: 1 }, { by: 1 }],
        [
          { id: 1, n: 1 },
          { id: 1, n: 2 },
        ],
      ),
    ).toHaveLength(4);
  });

  test("items without a partner leave by their side's result; no key matches nothing", () => {
    expect(joined([{ by: 1 }, {}], [{ id: "1" }, { id: null }])).toEqual(
      expect.arrayContaining([
        { lonely: { by: 1 } },
        { lonely: {} },
        { idle: { id: "1" } },
        { idle: { id: null } },
      ]),
    );
  });

  test("either side may be empty", () => {
    expect(joined([], [{ id: 1 }])).toEqual([{ idle: { id: 1 } }]);
    expect(joined([{ by: 1 }], [])).toEqual([{ lonely: { by: 1 } }]);
  });

  test("an input that no result leads to is told when the flow is applied", () => {
    const flow = throughFlow({
      a: { type: "calculate", value: 1, next: "m.left" },
      m: { type: "merge", on: { left: "=item", right: "=item" }, results: { matched: "out" } },
    });
    expect(problemsOf(flow)).toEqual([
      '/nodes/m: nothing leads to the input "right"; lead a result to "m.right"',
    ]);
  });

  test("a target without its input, and one with a wrong input, are told", () => {
    const to = (target: string) =>
      problemsOf(
        throughFlow({
          a: { type: "calculate", value: 1, next: [target, "m.left", "m.right"] },
          m: { type: "merge", on: { left: "=item", right: "=item" }, results: { matched: "out" } },
        }),
      );
    expect(to("m")).toEqual([
      '/nodes/a/next: node "m" has the inputs left and right; write "m.left" or "m.right"',
    ]);
    expect(to("m.rigth")).toHaveLength(1);
    expect(to("out.left")).toEqual(['/nodes/a/next: node "out" has one input; write "out"']);
  });

  test("nothing can start at a merge", () => {
    const flow = throughFlow({
      m: { type: "merge", on: { left: "=1", right: "=1" }, results: { matched: "out" } },
    });
    expect(problemsOf(flow)[0]).toContain('/start: node "m" has the inputs left and right');
  });

  test("pairs of different records belong to the whole set, of one record to that", () => {
    const ended = run(throughFlow(nodes), {
      records: [
        { orders: [{ by: 1 }], people: [{ id: 1 }] },
        { orders: [], people: [] },
      ],
    });
    expect(ended.outputs.out).toEqual([{ left: { by: 1 }, right: { id: 1 } }]);
  });
});
