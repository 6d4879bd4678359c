import { describe, expect, test } from "vitest";
import { problemsOf, run, throughFlow } from "../support/trial";

// each → size ─┬ large ▶ big
//              ├ small ▶ little
//              └ default ▶ rest
const flow = (match?: string) =>
  throughFlow({
    each: { type: "split", over: "=item", results: { each: "size" } },
    size: {
      type: "branch",
      cases: { large: "=item > 10", small: "=item > 0" },
      ...(match === undefined ? {} : { match }),
      results: { large: "big", small: "little", default: "rest", error: "bad" },
    },
    big: { type: "calculate", value: "='big ' & item", next: "out" },
    little: { type: "calculate", value: "='little ' & item", next: "out" },
    rest: { type: "calculate", value: "='rest ' & item", next: "out" },
  });

describe("branch", () => {
  test("an item goes the way of the first case that holds, or by default", () => {
    const ended = run(flow(), { item: [11, 10, 0] });
    expect(ended.outputs.out).toEqual(expect.arrayContaining(["big 11", "little 10", "rest 0"]));
    expect(ended.outputs.out).toHaveLength(3);
  });

  test("with `match: all` it goes by every case that holds", () => {
    expect(run(flow("all"), { item: [11, -1] }).outputs.out?.toSorted()).toEqual([
      "big 11",
      "little 11",
      "rest -1",
    ]);
  });

  test("an item whose condition fails leaves by `error`, and the others go on", () => {
    const ended = run(flow(), { item: [11, "x", 1] });
    expect(ended.outputs.bad).toMatchObject([{ item: "x", failed: expect.stringContaining("") }]);
    expect(ended.outputs.out).toHaveLength(2);
  });

  test("a case that no item took is not live: what follows it does not run", () => {
    // which ─┬ yes ▶ count ▶ out
    //        └ default ▶ end
    const counted = (item: number) =>
      run(
        throughFlow({
          which: { type: "branch", cases: { yes: "=item = 1" }, results: { yes: "count", default: "end" } },
          count: { type: "aggregate", set: { n: { count: true } }, next: "out" },
        }),
        { item },
      ).outputs.out;
    expect(counted(1)).toEqual([{ n: 1 }]);
    expect(counted(2) ?? []).toEqual([]);
  });

  test("wrong cases are told when the flow is applied", () => {
    const wrong = (cases: Record<string, string>) =>
      problemsOf(throughFlow({ b: { type: "branch", cases, results: { a: "out", default: "out" } } }));
    expect(wrong({})[0]).toContain("a branch needs at least one case");
    expect(wrong({ a: "=1", default: "=1" })[0]).toContain(
      "`default` and `error` are results of every branch",
    );
    expect(wrong({ a: "=1", 1: "=1" })[0]).toContain("a case cannot have a number as its name");
    expect(wrong({ a: "item > 1" })).toEqual([
      '/nodes/b/cases/a: an expression starts with "="; write "=item > 1"',
    ]);
    expect(wrong({ a: "=1", b: "=1" })).toEqual([
      '/nodes/b/results: the result "b" leads nowhere; name a node, or `end` to drop its items',
    ]);
  });
});
