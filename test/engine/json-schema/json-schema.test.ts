import { Validator } from "@cfworker/json-schema";
import { describe, expect, it } from "vitest";
import type { Json } from "../../../src/domain/json";
import { MAX_SCHEMA_PROBLEMS } from "../../../src/domain/limits";
import { JsonSchema, SchemaTooCostly } from "../../../src/engine/json-schema";

function compiled(schema: Json): JsonSchema {
  const made = JsonSchema.compile(schema);
  if (made instanceof JsonSchema) return made;
  throw new Error(JSON.stringify(made.problems));
}

function refused(schema: Json): string[] {
  const made = JsonSchema.compile(schema);
  if (made instanceof JsonSchema) throw new Error("the schema was taken");
  return made.problems.map(({ path, reason }) => `${path}: ${reason}`);
}

describe("a data schema", () => {
  it("says where and why a document does not fit", () => {
    const schema = compiled({
      type: "object",
      required: ["client"],
      properties: {
        client: {
          type: "array",
          items: { type: "object", required: ["uuid"], properties: { age: { type: "integer", minimum: 0 } } },
        },
      },
    });
    expect(schema.validate({ one: { client: [{ uuid: "a", age: 3 }] } })).toEqual([]);
    expect(schema.validate({ one: { client: [{ age: -1 }, { uuid: "b", age: "x" }] } })).toEqual([
      { path: "/client/0/uuid", reason: "is required and missing" },
      { path: "/client/0/age", reason: "expected at least 0" },
      { path: "/client/1/age", reason: "expected integer, found string" },
    ]);
    expect(schema.validate({ many: [{ client: [] }, {}] })).toEqual([
      { path: "/1/client", reason: "is required and missing" },
    ]);
  });

  it("lists a bounded number of problems", () => {
    const schema = compiled({ items: { type: "string" } });
    expect(schema.validate({ one: new Array(10_000).fill(1) })).toHaveLength(MAX_SCHEMA_PROBLEMS);
  });

  it.each<[string, Json, string]>([
    ["null", null, "a JSON Schema is an object"],
    ["a text", "{}", "a JSON Schema is an object"],
    ["an array", [], "a JSON Schema is an object"],
    ["another draft", { $schema: "http://json-schema.org/draft-07/schema#" }, "draft 4"],
    ["an unknown type", { type: "text" }, "`type` is one of"],
    ["a schema that is none", { properties: { a: 3 } }, "/properties/a: a schema is an object"],
    ["a bad pattern", { pattern: "(" }, "the pattern is no regular expression"],
    ["a bad pattern of names", { patternProperties: { "[": {} } }, "is no regular expression"],
    ["the `required` of draft 3", { properties: { a: { required: true } } }, "`required` is a list"],
    ["the `exclusiveMinimum` of later drafts", { exclusiveMinimum: 3 }, "true or false"],
    ["a negative length", { minLength: -1 }, "a whole number, 0 or more"],
    ["a wrong definition that nothing uses", { definitions: { a: { type: 1 } } }, "/definitions/a/type"],
    ["a reference to itself", { $ref: "#" }, "without end"],
    [
      "a loop of references",
      {
        $ref: "#/definitions/a",
        definitions: { a: { $ref: "#/definitions/b" }, b: { $ref: "#/definitions/a" } },
      },
      "without end",
    ],
    ["a loop through a combination", { allOf: [{ not: { $ref: "#" } }] }, "without end"],
    ["a reference to nothing", { $ref: "#/definitions/a" }, "leads to no schema"],
    [
      "a remote reference",
      { properties: { a: { $ref: "http://example.com/schema#" } } },
      "nothing is fetched",
    ],
    ["a pattern that nothing bounds", { pattern: "^(?=(a+)+$)" }, "could take too long"],
  ])("is refused: %s", (_what, schema, reason) => {
    expect(refused(schema).join("; ")).toContain(reason);
  });

  it("may be recursive in what it describes", () => {
    const schema = compiled({
      properties: { child: { $ref: "#" }, name: { type: "string" } },
      additionalProperties: false,
    });
    expect(schema.validate({ one: { child: { child: { name: "a" } } } })).toEqual([]);
    expect(schema.validate({ one: { child: { child: { name: 1 } } } })).toEqual([
      { path: "/child/child/name", reason: "expected string, found integer" },
    ]);
  });

  it("ends soon on a pattern that backtracks without end", () => {
    const names = compiled({ patternProperties: { "^(a+)+$": { type: "string" } } });
    const name = `${"a".repeat(5_000)}!`;
    expect(names.validate({ one: { [name]: 1 } })).toEqual([]);
    expect(names.validate({ one: { ["a".repeat(5_000)]: 1 } })).toHaveLength(1);
    const texts = compiled({ pattern: "^(a+)+$" });
    expect(texts.validate({ one: name })).toHaveLength(1);
  });

  it("ends where references multiply", () => {
    const definitions: Record<string, Json> = { d0: { type: "string" } };
    for (let level = 1; level <= 60; level += 1) {
      const below = { $ref: `#/definitions/d${level - 1}` };
      definitions[`d${level}`] = { allOf: [below, below] };
    }
    const schema = compiled({ $ref: "#/definitions/d60", definitions });
    expect(() => schema.validate({ one: "a" })).toThrow(SchemaTooCostly);
  });

  it("ends where schemas lead through thousands of others", () => {
    const definitions: Record<string, Json> = { d0: {} };
    for (let level = 1; level < 5_000; level += 1)
      definitions[`d${level}`] = { $ref: `#/definitions/d${level - 1}` };
    const schema = compiled({ $ref: "#/definitions/d4999", definitions });
    expect(() => schema.validate({ one: "a" })).toThrow(/MAX_SCHEMA_DEPTH/);
  });

  it("takes names of the prototype as names", () => {
    const schema = compiled({
      properties: { constructor: { type: "string" }, toString: { type: "string" } },
      required: ["hasOwnProperty"],
      additionalProperties: false,
    });
    expect(schema.validate({ one: {} })).toEqual([
      { path: "/hasOwnProperty", reason: "is required and missing" },
    ]);
    expect(schema.validate({ one: JSON.parse('{"__proto__": 1, "constructor": "a"}') as Json })).toHaveLength(
      2,
    );
  });

  it("agrees with another validator on random schemas and documents", () => {
    let seed = 7;
    const next = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((seed / 2 ** 31) * below);
    };
    const pick = <T>(list: readonly T[]): T => list[next(list.length)] as T;
    const value = (depth: number): Json => {
      const kind = next(depth > 0 ? 7 : 5);
      if (kind === 0) return null;
      if (kind === 1) return pick([0, 1, 2.5, -3, 10]);
      if (kind === 2) return pick(["", "a", "ab", "abc1"]);
      if (kind === 3) return true;
      if (kind === 4) return pick(["b", 4]);
      if (kind === 5) return Array.from({ length: next(4) }, () => value(depth - 1));
      return Object.fromEntries(
        Array.from({ length: next(4) }, () => [pick(["a", "b", "c"]), value(depth - 1)]),
      );
    };
    const schema = (depth: number): Json => {
      const made: Record<string, Json> = {};
      for (let count = next(3) + 1; count > 0; count -= 1) {
        const inner = (): Json => (depth > 0 ? schema(depth - 1) : { type: pick(["string", "number"]) });
        const add: Record<string, () => Json> = {
          type: () => pick<Json>(["string", "integer", "object", "array", ["null", "boolean"]]),
          enum: () => [value(1), value(1)],
          minimum: () => 1,
          maximum: () => 5,
          minLength: () => 1,
          maxItems: () => 2,
          uniqueItems: () => true,
          required: () => [pick(["a", "b"])],
          pattern: () => "^a+b?",
          properties: () => ({ a: inner(), b: inner() }),
          patternProperties: () => ({ "^[ac]$": inner() }),
          additionalProperties: () => pick<Json>([false, inner()]),
          items: () => pick<Json>([inner(), [inner(), inner()]]),
          additionalItems: () => pick<Json>([false, inner()]),
          dependencies: () => ({ a: pick<Json>([["b"], inner()]) }),
          allOf: () => [inner(), inner()],
          anyOf: () => [inner(), inner()],
          oneOf: () => [inner(), inner()],
          not: inner,
        };
        const key = pick(Object.keys(add));
        made[key] = (add[key] as () => Json)();
      }
      return made;
    };
    let passed = 0;
    for (let round = 0; round < 3_000; round += 1) {
      const source = schema(2);
      const document = value(3);
      const expected = new Validator(source as object, "4").validate(document).valid;
      const problems = compiled(source).validate({ one: document });
      expect({ source, document, valid: problems.length === 0 }).toEqual({
        source,
        document,
        valid: expected,
      });
      if (expected) passed += 1;
    }
    expect(passed).toBeGreaterThan(500);
    expect(passed).toBeLessThan(2_500);
  });
});
