import fc from "fast-check";
import { expect, test } from "vitest";
import { SmallMap } from "../../src/engine/small-map";

test("it is what a Map is, however many entries there are and in whatever order they are set", () => {
  const key = fc.constantFrom("in", "ok", "error", "", "left", "right", "__proto__");
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.integer())), (entries) => {
      const [small, plain] = [new SmallMap<number>(), new Map<string, number>()];
      for (const [name, value] of entries) {
        expect(small.get(name)).toBe(plain.get(name));
        small.set(name, value);
        plain.set(name, value);
        expect(small.size).toBe(plain.size);
      }
      expect([...small]).toEqual([...plain]);
      for (const name of ["in", "ok", "error", "", "left", "right", "__proto__", "other"]) {
        expect(small.get(name)).toBe(plain.get(name));
      }
      const values = Array.from({ length: small.size }, (_, index) => small.valueAt(index));
      expect(values).toEqual([...plain.values()]);
    }),
  );
});

test("an empty one has no entry of the empty name", () => {
  expect(new SmallMap<number>().get("")).toBeUndefined();
  expect([...new SmallMap<number>()]).toEqual([]);
  expect(SmallMap.of([["", 1]]).get("")).toBe(1);
});
