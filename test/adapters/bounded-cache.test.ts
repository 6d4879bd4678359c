import { expect, test } from "vitest";
import { BoundedCache } from "../../src/adapters/bounded-cache";

test("what was used longest ago is forgotten when there is no room left", () => {
  const cache = new BoundedCache<string>(3);
  for (const key of ["a", "b", "c"]) cache.set(key, key);
  expect(cache.get("a")).toBe("a");
  cache.set("d", "d");
  expect(["a", "b", "c", "d"].map((key) => cache.get(key))).toEqual(["a", undefined, "c", "d"]);
  expect(cache.size).toBe(3);
});

test("entries count by their weight, a new value by its own; one that is heavier than all is kept alone", () => {
  const cache = new BoundedCache<number>(10);
  cache.set("a", 1, 4);
  cache.set("b", 2, 4);
  cache.set("a", 3, 2);
  cache.set("c", 4, 4);
  expect(["a", "b", "c"].map((key) => cache.get(key))).toEqual([3, 2, 4]);
  cache.set("d", 5, 11);
  expect(["a", "b", "c", "d"].map((key) => cache.get(key))).toEqual([undefined, undefined, undefined, 5]);
});

test("what is deleted makes room", () => {
  const cache = new BoundedCache<number>(2);
  cache.set("a", 1);
  cache.set("b", 2);
  cache.delete("a");
  cache.delete("nothing");
  cache.set("c", 3);
  expect(["a", "b", "c"].map((key) => cache.get(key))).toEqual([undefined, 2, 3]);
  cache.clear();
  expect([cache.size, cache.get("b")]).toEqual([0, undefined]);
});
