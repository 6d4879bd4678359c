import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { Problem } from "../../src/domain/errors";
import { MAX_SHAPE_DEPTH, MAX_SHAPE_FIELDS } from "../../src/domain/limits";
import { compileShape, ShapeSource } from "../../src/domain/shape";

function problemsOf(source: ShapeSource, value: unknown, path = "", limit?: number): Problem[] {
  const problems: Problem[] = [];
  const valid = compileShape(source).validate(value, path, problems, limit);
  expect(valid).toBe(problems.length === 0);
  return problems;
}

function faultsOf(source: unknown): string[] {
  const result = ShapeSource.safeParse(source);
  return result.success
    ? []
    : result.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
}

describe("ShapeSource", () => {
  it.each([
    "string",
    "number?",
    "date[]",
    "string[]?",
    "integer?[]",
    "any[][]",
    ["string"],
    [{ a: "string" }],
    {},
    { a: "string", "b?": { c: ["datetime"] } },
    { __proto__x: "any" },
  ])("takes %j", (source) => {
    expect(faultsOf(source)).toEqual([]);
    expect(ShapeSource.parse(source)).toBe(source);
  });

  it.each([
    ["strnig", ': "strnig" is not a type. Did you mean "string"?'],
    ["Number", ': "Number" is not a type. Did you mean "number"?'],
    [
      "float",
      ': "float" is not a type. Types are string, number, integer, boolean, date, datetime, object, any.',
    ],
    ["string??", ': "string?" is not a type. Did you mean "string"?'],
    [{ a: { b: "strin[]" } }, 'a.b: "strin" is not a type. Did you mean "string"?'],
    [[], ": a list is written as [shape], with the one shape of its items, not 0"],
    [["string", "number"], ": a list is written as [shape], with the one shape of its items, not 2"],
    [{ a: 1 }, "a: a shape is a type name such as `string`, a list `[shape]` or an object of fields"],
    [null, ": a shape is a type name such as `string`, a list `[shape]` or an object of fields"],
    [{ a: "string", "a?": "string" }, 'a?: the field "a" is declared twice'],
    [{ "?": "string" }, "?: a field needs a name"],
  ])("refuses %j", (source, message) => {
    expect(faultsOf(source)).toEqual([message]);
  });

  it("lists every fault at once", () => {
    expect(faultsOf({ a: "strin", b: { c: "numbr" }, d: [7] })).toHaveLength(3);
  });

  it(`takes ${MAX_SHAPE_DEPTH} levels, not one more, and is not impressed by 100,000`, () => {
    const nested = (levels: number) => {
      let source: unknown = "string";
      for (let i = 0; i < levels; i++) source = i % 2 ? [source] : { a: source };
      return source;
    };
    expect(faultsOf(nested(MAX_SHAPE_DEPTH))).toEqual([]);
    expect(faultsOf(nested(MAX_SHAPE_DEPTH + 1))).toHaveLength(1);
    expect(faultsOf(nested(100_000))).toHaveLength(1);
    expect(faultsOf(`string${"[]".repeat(MAX_SHAPE_DEPTH)}`)).toEqual([]);
    expect(faultsOf(`string${"[]".repeat(MAX_SHAPE_DEPTH + 1)}`)).toHaveLength(1);
    expect(faultsOf(`string${"[]".repeat(100_000)}`)).toHaveLength(1);
  });

  it(`takes ${MAX_SHAPE_FIELDS} fields, nested ones counted, not one more`, () => {
    const fields = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, "string"]));
    expect(faultsOf({ a: fields(MAX_SHAPE_FIELDS - 1) })).toEqual([]);
    expect(faultsOf({ a: fields(MAX_SHAPE_FIELDS) })).toEqual([
      `a: a shape has at most ${MAX_SHAPE_FIELDS} fields`,
    ]);
  });

  it("can be part of a published schema", () => {
    const { $defs } = z.toJSONSchema(z.object({ body: ShapeSource }));
    expect($defs?.ShapeSource?.description).toContain("`string`");
  });

  it("is a bug to compile without having checked", () => {
    expect(() => compileShape({ a: "strin" })).toThrow(TypeError);
  });
});

describe("validate", () => {
  it.each<[ShapeSource, unknown]>([
    ["string", ""],
    ["number", -0.5],
    ["integer", 3],
    ["boolean", false],
    ["date", "2026-02-28"],
    ["datetime", "2026-02-28T00:00:00Z"],
    ["object", {}],
    ["any", null],
    ["string?", null],
    ["string?", undefined],
    ["string[]", []],
    ["string[]?", null],
    ["string?[]", ["a", null]],
    [[{ a: "string" }], [{ a: "x", extra: 1 }]],
    [{ "a?": { b: "string" } }, {}],
    [{ "a?": { b: "string" } }, { a: null }],
    [{ a: "string?" }, {}],
    [{}, { anything: 1 }],
  ])("%j takes %j", (source, value) => {
    expect(problemsOf(source, value)).toEqual([]);
  });

  it.each<[ShapeSource, unknown, string, string]>([
    ["string", 1, "", "expected a string, got the number 1"],
    ["number", "12a", "", 'expected a number, got the string "12a"'],
    ["number", "12", "", 'expected a number, got the string "12"'],
    ["number", Number.NaN, "", "expected a number, got the number NaN"],
    ["integer", 1.5, "", "expected a whole number, got the number 1.5"],
    ["boolean", "true", "", 'expected true or false, got the string "true"'],
    ["date", "2026-02-29", "", 'expected a date YYYY-MM-DD, got the string "2026-02-29"'],
    [
      "datetime",
      "2026-02-28",
      "",
      'expected a date and time such as 2026-01-31T09:30:00Z, got the string "2026-02-28"',
    ],
    ["object", [], "", "expected an object, got a list"],
    ["any", undefined, "", "is missing; expected a value"],
    ["string", null, "", "expected a string, got null"],
    ["string[]", "a", "", 'expected a list, got the string "a"'],
    ["string[]", ["a", 2], "[1]", "expected a string, got the number 2"],
    [{ a: "string" }, {}, "a", "is missing; expected a string"],
    [{ a: "string" }, [], "", "expected an object, got a list"],
    [{ "a?": "string" }, { a: 1 }, "a", "expected a string, got the number 1"],
    [
      { companies: [{ amount: "number" }] },
      { companies: [{ amount: 1 }, {}] },
      "companies[1].amount",
      "is missing; expected a number",
    ],
    [{ "odd key": "string" }, {}, '["odd key"]', "is missing; expected a string"],
    [{ constructor: "any" }, {}, "constructor", "is missing; expected a value"],
    [{ toString: "string" }, {}, "toString", "is missing; expected a string"],
  ])("%j refuses %j", (source, value, path, reason) => {
    expect(problemsOf(source, value)).toEqual([{ path, reason }]);
  });

  it("begins paths where it is told to", () => {
    expect(problemsOf({ a: ["string"] }, { a: [1] }, "input")[0]?.path).toBe("input.a[0]");
  });

  it("lists 20 problems at the most, or as many as asked", () => {
    const values = Array.from({ length: 50 }, () => 1);
    expect(problemsOf("string[]", values)).toHaveLength(20);
    expect(problemsOf([{ a: "string", b: "string" }], [{}, {}, {}], "", 5)).toHaveLength(5);
  });

  it("adds to problems found before, within the same limit", () => {
    const problems: Problem[] = [{ path: "x", reason: "y" }];
    expect(compileShape("string").validate(1, "z", problems, 1)).toBe(false);
    expect(problems).toHaveLength(1);
  });

  it("quotes little of a long value", () => {
    expect(problemsOf("number", "x".repeat(10_000))[0]?.reason.length).toBeLessThan(120);
  });
});

describe("coerce", () => {
  const ok = (value: unknown) => ({ ok: true, value });

  it.each<[ShapeSource, unknown, unknown]>([
    ["string", 1.5, "1.5"],
    ["string", true, "true"],
    ["string", 1e21, "1e+21"],
    ["number", "12", 12],
    ["number", "1.50", 1.5],
    ["number", "-0.1e2", -10],
    ["number", "007", 7],
    ["number", "0.1", 0.1],
    ["number", "1e308", 1e308],
    ["integer", "3.0", 3],
    ["integer", 3.0, 3],
    ["boolean", true, true],
    ["string[]", "a", ["a"]],
    ["string[]", undefined, []],
    ["string[]", [1, "b"], ["1", "b"]],
    ["string?[]", null, [null]],
    ["string[]?", null, null],
    ["string[]?", undefined, null],
    ["any[]", { a: 1 }, [{ a: 1 }]],
    ["any", null, null],
    [{ a: "any" }, { a: null }, { a: null }],
    ["any[]", [null, 1], [null, 1]],
    [{ a: "string" }, { a: 1, extra: 2 }, { a: "1" }],
    [{ "a?": "string" }, { extra: 2 }, {}],
    [{ "a?": "string" }, { a: null }, { a: null }],
    [{ a: "string[]" }, {}, { a: [] }],
    [{}, { kept: 1 }, { kept: 1 }],
    ["object", { kept: 1 }, { kept: 1 }],
    [[{ n: "number" }], { n: "1", x: 1 }, [{ n: 1 }]],
  ])("%j makes of %j", (source, value, expected) => {
    expect(compileShape(source).coerce(value)).toEqual(ok(expected));
  });

  it.each<[ShapeSource, unknown, string]>([
    ["number", "12345678901234567890", ""],
    ["number", "0.12345678901234567891", ""],
    ["number", "1e400", ""],
    ["number", "", ""],
    ["number", " 1", ""],
    ["number", "0x10", ""],
    ["number", "Infinity", ""],
    ["number", true, ""],
    ["integer", "1.5", ""],
    ["integer", 1.5, ""],
    ["boolean", 1, ""],
    ["string", null, ""],
    ["string", { a: 1 }, ""],
    ["string", Number.NaN, ""],
    ["date", 20260101, ""],
    ["string[]", null, ""],
    [{ a: { b: "number" } }, { a: { b: "x" } }, "a.b"],
    [{ a: "string" }, "x", ""],
    [{ a: "string" }, undefined, ""],
  ])("%j does not make anything of %j", (source, value, path) => {
    expect(compileShape(source).coerce(value)).toMatchObject({ ok: false, problems: [{ path }] });
  });

  it("never changes a number's value on the way through text", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        const text = compileShape("string").coerce(number);
        expect(text.ok && compileShape("number").coerce(text.value)).toEqual(ok(number === 0 ? 0 : number));
      }),
    );
  });

  it("takes a whole number's digits exactly or not at all", () => {
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 69n), 2n ** 69n), (integer) => {
        const result = compileShape("integer").coerce(String(integer));
        if (result.ok) expect(String(result.value)).toBe(String(integer));
        else expect(integer > 2n ** 53n || integer < -(2n ** 53n)).toBe(true);
      }),
    );
  });

  it("makes only what its own validation takes", () => {
    fc.assert(
      fc.property(
        fc.constantFrom<ShapeSource>("string", "number[]", { a: "string", "b?": ["integer"] }, [
          { a: "any" },
        ]),
        fc.jsonValue(),
        (source, value) => {
          const shape = compileShape(source);
          const result = shape.coerce(value);
          if (result.ok) expect(shape.validate(result.value, "", [])).toBe(true);
        },
      ),
    );
  });

  it("keeps __proto__ as data", () => {
    const source = JSON.parse('{"__proto__":"string"}') as ShapeSource;
    const result = compileShape(source).coerce(JSON.parse('{"__proto__":5}'));
    expect(result.ok && JSON.stringify(result.value)).toBe('{"__proto__":"5"}');
  });

  it("bounds its problems", () => {
    const result = compileShape("number[]").coerce(Array.from({ length: 100 }, () => "x"));
    expect(result.ok === false && result.problems.length).toBe(20);
  });
});

describe("coerceStrings", () => {
  const shape = compileShape({
    q: "string",
    "n?": "number",
    "i?": "integer",
    "b?": "boolean",
    tags: "string[]",
    "ids?": "integer[]",
    "d?": "date",
    "o?": "object",
    "x?": "any",
  });

  it.each([
    [
      { q: "a", n: "12.5" },
      { q: "a", n: 12.5, tags: [] },
    ],
    [
      { q: "5", i: "7", b: "true" },
      { q: "5", i: 7, b: true, tags: [] },
    ],
    [
      { q: "", n: "" },
      { q: "", tags: [] },
    ],
    [
      { q: "a", tags: "x" },
      { q: "a", tags: ["x"] },
    ],
    [
      { q: "a", tags: ["x", "y"], ids: ["1", "2"] },
      { q: "a", tags: ["x", "y"], ids: [1, 2] },
    ],
    [
      { q: "a", d: "2026-01-01", other: "kept" },
      { q: "a", d: "2026-01-01", other: "kept", tags: [] },
    ],
    [
      { q: "a", x: ["1", "2"] },
      { q: "a", x: ["1", "2"], tags: [] },
    ],
  ])("reads %j", (given, value) => {
    expect(shape.coerceStrings(given)).toEqual({ ok: true, value });
  });

  it.each<[Record<string, string | string[]>, string, string]>([
    [{}, "q", "is missing; expected a string"],
    [{ q: ["a", "b"] }, "q", "is given 2 times; give it once"],
    [{ q: "a", n: "x" }, "n", 'expected a number, got the string "x"'],
    [{ q: "a", i: "1.5" }, "i", 'expected a whole number, got the string "1.5"'],
    [{ q: "a", b: "yes" }, "b", 'expected true or false, got the string "yes"'],
    [{ q: "a", ids: ["1", "x"] }, "ids[1]", 'expected a whole number, got the string "x"'],
    [{ q: "a", n: "12345678901234567890" }, "n", 'expected a number, got the string "12345678901234567890"'],
    [{ q: "a", o: "{}" }, "o", 'expected an object, got the string "{}"'],
  ])("refuses %j", (given, path, reason) => {
    expect(shape.coerceStrings(given)).toEqual({ ok: false, problems: [{ path, reason }] });
  });

  it("gives the fields themselves to a shape that says nothing about them", () => {
    expect(compileShape("any").coerceStrings({ a: "1" })).toEqual({ ok: true, value: { a: "1" } });
    expect(compileShape("string").coerceStrings({ a: "1" }).ok).toBe(false);
  });

  it("leaves the caller's record as it was", () => {
    const given = { q: "a", n: "1", tags: ["x"] };
    shape.coerceStrings(given);
    expect(given).toEqual({ q: "a", n: "1", tags: ["x"] });
  });
});

describe("toJsonSchema and describe", () => {
  it("say the same as the shape", () => {
    const shape = compileShape({
      id: "string",
      "due?": "date",
      at: "datetime?",
      lines: [{ n: "integer" }],
      "raw?": "any",
    });
    expect(shape.toJsonSchema()).toEqual({
      type: "object",
      properties: {
        id: { type: "string" },
        due: { type: ["string", "null"], format: "date" },
        at: { type: ["string", "null"], format: "date-time" },
        lines: {
          type: "array",
          items: { type: "object", properties: { n: { type: "integer" } }, required: ["n"] },
        },
        raw: {},
      },
      required: ["id", "lines"],
    });
    expect(shape.describe()).toBe(
      "{ id: string, due?: date, at?: datetime, lines: { n: integer }[], raw?: any }",
    );
    expect(shape.optional).toBe(false);
  });

  it("know optional wholes and lists of optional items", () => {
    const shape = compileShape("string?[]?");
    expect(shape.optional).toBe(true);
    expect(shape.toJsonSchema()).toEqual({ type: ["array", "null"], items: { type: ["string", "null"] } });
    expect(shape.describe()).toBe("string?[]?");
  });

  it("keep the description short", () => {
    const fields = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`field${i}`, "string"]));
    expect(compileShape(fields).describe().length).toBe(200);
  });
});
