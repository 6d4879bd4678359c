import { describe, expect, test } from "vitest";
import { z } from "zod";
import { schemaProblems } from "../../src/domain/schema-problems";

const Schema = z.strictObject({
  name: z.string(),
  mode: z.enum(["fast", "slow"]).optional(),
  inner: z.strictObject({ size: z.number(), colour: z.string().optional() }).optional(),
  list: z.array(z.strictObject({ key: z.string() })).optional(),
  either: z.union([z.string(), z.strictObject({ key: z.string(), order: z.string().optional() })]).optional(),
  byKind: z.partialRecord(z.enum(["count", "sum"]), z.string()).optional(),
  named: z.record(z.string().regex(/^[a-z]+$/, "lower case only"), z.number()).optional(),
});

const found = (value: unknown) => {
  const parsed = Schema.safeParse(value);
  return parsed.success ? [] : schemaProblems(Schema, parsed.error, ["at", 0]);
};

describe("what a schema finds wrong", () => {
  test("an unknown setting comes with the nearest and those that are known", () => {
    expect(found({ nam: 1, name: "x" })).toEqual([
      {
        path: "/at/0/nam",
        reason: 'there is no setting "nam" here; known are name, mode, inner, list, either, byKind, named',
        nearest: "name",
      },
    ]);
    expect(found({ name: "x", inner: { size: 1, color: "red" } })).toMatchObject([
      { path: "/at/0/inner/color", nearest: "colour" },
    ]);
    expect(found({ name: "x", list: [{ key: "a" }, { key: "b", kay: 1 }] })).toMatchObject([
      { path: "/at/0/list/1/kay", nearest: "key" },
    ]);
  });

  test("everything at once", () => {
    expect(found({ mode: "fats", inner: { size: "x" } }).map(({ path }) => path)).toEqual([
      "/at/0/name",
      "/at/0/mode",
      "/at/0/inner/size",
    ]);
  });

  test("of a union, what the branch found that came furthest", () => {
    expect(found({ name: "x", either: { key: "a", oder: "b" } })).toMatchObject([
      { path: "/at/0/either/oder", nearest: "order" },
    ]);
    expect(found({ name: "x", either: 5 })).toMatchObject([{ path: "/at/0/either" }]);
  });

  test("a wrong key of a record says why", () => {
    expect(found({ name: "x", named: { A: 1 } })).toEqual([
      { path: "/at/0/named/A", reason: "lower case only" },
    ]);
  });

  test("settings called like members of every object are only unknown", () => {
    for (const name of ["constructor", "toString", "hasOwnProperty"]) {
      expect(found({ name: "x", [name]: {} })).toMatchObject([{ path: `/at/0/${name}` }]);
    }
  });
});
