import { describe, expect, test } from "vitest";
import { asText, compileValue } from "../../src/engine/value";
import { through } from "../support/trial";

const evaluated = (value: unknown, item: unknown = {}) =>
  through({ a: { type: "calculate", value: value as never, next: "out" } }, { item: item as never }).outputs
    .out?.[0];

const failures = (source: unknown): [(string | number)[], string][] => {
  const found: [(string | number)[], string][] = [];
  compileValue(source, { failed: (steps, error) => found.push([steps, error.message]) });
  return found;
};

describe("a setting", () => {
  test.each([
    ["a literal", "a literal"],
    ["a = b", "a = b"],
    ["", ""],
    [5, 5],
    [null, null],
    [{ a: [1, "x"] }, { a: [1, "x"] }],
  ])("without an expression is itself: %j", (source, value) => {
    expect(evaluated(source)).toEqual(value);
  });

  test("may hold expressions anywhere inside; those that yield nothing leave their place out", () => {
    const source = { a: "=item.x", b: ["=item.y", { c: "${item.x}!" }, "=item.none"], d: "=item.none" };
    expect(evaluated(source, { x: 1, y: [2] })).toEqual({ a: 1, b: [[2], { c: "1!" }] });
  });

  test("that is constant is made once; every part is compiled once", () => {
    const constant = { a: [1, { b: "c" }] };
    expect(compileValue(constant, { failed: () => {} }).constant).toBe(constant);
  });

  test("`__proto__` inside a value stays a field", () => {
    const made = evaluated(JSON.parse('{"__proto__":{"x":"=1"},"y":"=2"}')) as object;
    // The node's own schema passes such a field over; the bundle's check refuses it before.
    expect(Object.getPrototypeOf(made)).toBe(Object.prototype);
    expect((made as { x?: unknown }).x).toBeUndefined();
  });

  test("problems are told with their place", () => {
    expect(failures({ a: ["=1", "=("], b: "${" }).map(([steps]) => steps)).toEqual([["a", 1], ["b"]]);
  });
});

describe("a template", () => {
  test.each([
    ["${item.a}", "1"],
    ["a ${item.a} b ${item.a + 1} c", "a 1 b 2 c"],
    ["${item.none}|${item.nil}", "|"],
    ["${item.list}", "[1,2]"],
    ["${item.yes}", "true"],
    // Braces and quotes inside the expression.
    ["${{'a': {'b': item.a}}.a.b}", "1"],
    ["${'}'}", "}"],
    ['${"}" & "\\"}"}', '}"}'],
    ["${item.`a }`}", "odd"],
    ["${(item{'k': a}).k}", "1"],
    // Comments, regular expressions and divisions.
    ["${item.a /* } */}", "1"],
    ["${$contains('}', /\\}/)}", "true"],
    ["${$contains('/}', /[/]\\}/)}", "true"],
    ["${$contains('\"', /[\"]/)}", "true"],
    ["${item.a / 2 / 2}", "0.25"],
    // A literal `${`.
    ["$${item.a}", "${item.a}"],
    ["cost $${x} ${item.a}", "cost ${x} 1"],
    ["$", "$"],
    ["$$ {", "$$ {"],
    ["a $${", "a ${"],
    ["${item.a}$${b}${item.a}", "1${b}1"],
  ])("%s", (template, text) => {
    expect(evaluated(template, { a: 1, "a }": "odd", nil: null, list: [1, 2], yes: true })).toBe(text);
  });

  test("an escaped `${` inside other JSON is unescaped too", () => {
    expect(evaluated({ a: ["$${x}"], b: { c: "$${y}" } })).toEqual({ a: ["${x}"], b: { c: "${y}" } });
  });

  test.each(["${", "a ${item", "${'}", "${{}", "${/* }", "${ /}/ "])("%s has no end", (template) => {
    expect(failures(template)).toEqual([[[], "`${` without its `}`; write `$${` for a literal `${`"]]);
  });

  test("an empty expression is told", () => {
    expect(failures("a ${} b")).toHaveLength(1);
  });
});

test("values as text", () => {
  expect([undefined, null, "a", 1.5, true, { a: [1] }].map(asText)).toEqual([
    "",
    "",
    "a",
    "1.5",
    "true",
    '{"a":[1]}',
  ]);
});
