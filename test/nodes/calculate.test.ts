import { describe, expect, test } from "vitest";
import { parseJson } from "../../src/domain/json";
import { problemsOf, through, throughFlow } from "../support/trial";

// step → out
const step = (settings: Record<string, unknown>, item: unknown) =>
  through({ step: { type: "calculate", ...settings, next: "out" } }, { item: item as never }).outputs.out;

describe("calculate", () => {
  test("sets fields, nested ones too, and leaves the others", () => {
    expect(
      step({ set: { total: "=item.price * 2", "at.city": "Graz" } }, { price: 4, at: { zip: 8010 } }),
    ).toEqual([{ price: 4, total: 8, at: { zip: 8010, city: "Graz" } }]);
  });

  test("expressions see the item as it came in, whatever was set or renamed before", () => {
    expect(step({ rename: { a: "b" }, set: { a: "=item.a + 1", c: "=item.a" } }, { a: 1 })).toEqual([
      { b: 1, a: 2, c: 1 },
    ]);
  });

  test("an expression that yields nothing leaves its field out", () => {
    expect(step({ set: { a: "=item.missing", b: 1 } }, { a: 0 })).toEqual([{ b: 1 }]);
  });

  test("two fields swap their names", () => {
    expect(step({ rename: { a: "b", b: "a" } }, { a: 1, b: 2 })).toEqual([{ a: 2, b: 1 }]);
  });

  test("renaming a field that is not there changes nothing", () => {
    expect(step({ rename: { a: "b" } }, { c: 1 })).toEqual([{ c: 1 }]);
  });

  test("drops and keeps fields", () => {
    expect(step({ drop: ["a.x", "nope.x"] }, { a: { x: 1, y: 2 }, b: 3 })).toEqual([{ a: { y: 2 }, b: 3 }]);
    expect(step({ keep: ["b"] }, { a: 1, b: 3 })).toEqual([{ b: 3 }]);
  });

  test("replaces the item; nothing becomes null", () => {
    expect(step({ value: "=item.a" }, { a: [1, 2] })).toEqual([[1, 2]]);
    expect(step({ value: "=item.none" }, { a: 1 })).toEqual([null]);
  });

  test.each([null, 3, "text", [1]])(
    "an item that is no object (%j) has no fields to set, and its record fails",
    (item) => {
      const ended = through({ step: { type: "calculate", set: { a: 1 }, next: "out" } }, { item });
      expect(ended.status).toBe("Fail");
      expect(ended.failures).toMatchObject([{ record: 0, code: "not_an_object", node: "step" }]);
    },
  );

  test("an item's own `__proto__` and `constructor` stay plain data", () => {
    const item = parseJson('{"__proto__":{"x":1},"constructor":{"y":2}}', "item");
    const [made] = step({ set: { "constructor.z": 3 } }, item) ?? [];
    expect(JSON.stringify(made)).toBe('{"__proto__":{"x":1},"constructor":{"y":2,"z":3}}');
    expect(Object.getPrototypeOf(made)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  test("the items of others are not touched", () => {
    // split ─┬▶ change ─▶ out
    //        └──────────▶ out
    const ended = through(
      {
        split: { type: "split", over: "=item", results: { each: ["change", "out"] } },
        change: { type: "calculate", set: { "a.b": 2 }, drop: ["c"], next: "out" },
      },
      { item: [{ a: { b: 1 }, c: 1 }] },
    );
    expect(ended.outputs.out).toEqual(expect.arrayContaining([{ a: { b: 1 }, c: 1 }, { a: { b: 2 } }]));
  });

  test("wrong settings are told when the flow is applied", () => {
    const wrong = (settings: Record<string, unknown>) =>
      problemsOf(throughFlow({ step: { type: "calculate", ...settings, next: "out" } }));
    expect(wrong({})).toEqual(["/nodes/step: give at least one of `value`, `set`, `rename`, `drop`, `keep`"]);
    expect(wrong({ value: 1, set: { a: 1 } })).toEqual([
      "/nodes/step: `value` replaces the whole item, so `set`, `rename`, `drop` and `keep` have nothing to work on",
    ]);
    expect(wrong({ set: { "a..b": 1 } })[0]).toMatch(
      /^\/nodes\/step\/set\/a\.\.b: .*write field names with dots/,
    );
    expect(wrong({ set: { a: "=1 +" } })[0]).toMatch(/^\/nodes\/step\/set\/a: /);
    expect(wrong({ set: { a: { b: ["=item.x", "=(("] } } })[0]).toMatch(/^\/nodes\/step\/set\/a\/b\/1: /);
  });
});
