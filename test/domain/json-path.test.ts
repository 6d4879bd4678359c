import { describe, expect, test } from "vitest";
import { parseJsonPath, pointer, valueAt } from "../../src/domain/json-path";

describe("a JSON path to one place", () => {
  test.each([
    ["$", []],
    ["$[*]", []],
    ["$.orders", ["orders"]],
    ["$.orders[*]", ["orders"]],
    ["$['my orders'].list", ["my orders", "list"]],
    ['$["a\\"b"][0]', ['a"b', 0]],
    ["$.pages[10].rows", ["pages", 10, "rows"]],
    ["$.größe", ["größe"]],
  ])("%s", (source, path) => {
    expect(parseJsonPath(source)).toEqual(path);
  });

  test.each([
    "",
    "orders",
    "$..a",
    "$.a[1:2]",
    "$.*",
    "$[?@.a]",
    "$.a b",
    "$.a[",
    "$[-1]",
    "$.a[*].b",
    "$['a",
    "$[*][*]",
  ])("%s is none", (source) => {
    expect(parseJsonPath(source)).toBeUndefined();
  });
});

describe("the value at a path", () => {
  const document = JSON.parse('{"a":[{"b":1}],"__proto__":{"c":2},"n":null}');

  test.each([
    [["a", 0, "b"], 1],
    [["__proto__", "c"], 2],
    [["n"], null],
    [["n", "x"], undefined],
    [["a", "length"], undefined],
    [["a", 1], undefined],
    [["constructor"], undefined],
    [[0], undefined],
  ])("%j", (path, value) => {
    expect(valueAt(document, path as (string | number)[])).toEqual(value);
  });
});

test("a pointer escapes what separates and what escapes", () => {
  expect(pointer()).toBe("");
  expect(pointer("a/b", 0, "c~d", "")).toBe("/a~1b/0/c~0d/");
});
