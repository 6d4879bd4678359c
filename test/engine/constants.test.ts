import { describe, expect, test } from "vitest";
import { flowOf, run } from "../support/trial";

/** What runs see of a project's constants. */

const constants = { rate: 2, shop: { name: "Ours", tags: ["a", "b"] }, none: null };
const value = (source: unknown, input?: Record<string, unknown>) =>
  run(flowOf({ out: { type: "output", to: "out", value: source } }, { outputs: { out: "any" } }), {
    constants,
    ...(input === undefined ? {} : { input }),
  }).outputs.out?.[0];

describe("$constants", () => {
  test("are read by name, whole and in templates", () => {
    expect(value("=$constants.rate * 21")).toBe(42);
    expect(value("at ${$constants.shop.name}: ${$constants.shop.tags[1]}")).toBe("at Ours: b");
    expect(value("=$constants")).toEqual(constants);
    expect(value("=$constants.none")).toBeNull();
    expect(value("=$map([1, 2], function($n) { $n * $constants.rate })")).toEqual([2, 4]);
    expect(value("=($constants := { 'rate': 5 }; $constants.rate)")).toBe(5);
  });

  test("are no name at the root, so that fields of that name stay what they are", () => {
    expect(value("=input.json.constants", { json: { constants: "theirs" } })).toBe("theirs");
  });

  test("stay as they are, whatever a transform makes of them", () => {
    expect(value("=$constants ~> |shop|{'name': 'Theirs'}|")).toMatchObject({ shop: { name: "Theirs" } });
    expect(value("=$constants.shop.name")).toBe("Ours");
  });

  test("are seen in loops and filters", () => {
    const over = flowOf(
      {
        numbers: { type: "split", over: "=[1, 2, 3]", next: "some" },
        some: { type: "filter", when: "=item >= $constants.rate", results: { kept: "each", dropped: "end" } },
        each: {
          type: "for-each",
          over: "=$constants.shop.tags",
          do: {
            start: "one",
            nodes: { one: { type: "calculate", value: "=item & $constants.rate", next: "return" } },
          },
          results: { ok: "out" },
        },
        out: { type: "output", to: "out" },
      },
      { outputs: { out: "any" } },
    );
    expect(run(over, { constants }).outputs.out).toEqual([
      ["a2", "b2"],
      ["a2", "b2"],
    ]);
  });
});
