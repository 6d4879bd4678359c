import { describe, expect, test } from "vitest";
import { z } from "zod";
import "../../src/domain/schema-messages";

const said = (schema: z.ZodType, value: unknown): string => {
  const parsed = schema.safeParse(value);
  return parsed.success ? "nothing" : (parsed.error.issues[0]?.message ?? "");
};

describe("what is said of a value for which its schema has no sentence", () => {
  test.each<[string, z.ZodType, unknown, string]>([
    ["another type", z.array(z.string()), { a: 1 }, "expected a list, got an object"],
    ["a list", z.record(z.string(), z.string()), [], "expected an object, got a list"],
    ["null", z.string(), null, "expected a string, got null"],
    ["a boolean", z.number(), true, "expected a number, got true"],
    ["a fraction", z.int(), 1.5, "expected a whole number, got a fraction"],
    ["nothing", z.string(), undefined, "is missing; expected a string"],
    ["none of several", z.enum(["running", "paused"]), "stopped", "write one of running, paused"],
    ["not the only one", z.literal("x"), "y", "write x"],
    ["nothing, of several", z.enum(["a", "b"]), undefined, "is missing; write one of a, b"],
    ["too long a text", z.string().max(2), "abc", "has to have at most 2 characters"],
    ["too short a text", z.string().min(1), "", "has to have at least 1 character"],
    ["too few elements", z.array(z.string()).min(1), [], "has to have at least 1 element"],
    ["too large a number", z.number().max(5), 6, "has to be at most 5"],
    ["a number at an open bound", z.number().positive(), 0, "has to be more than 0"],
    ["no moment", z.iso.datetime(), "x", "write a date and time such as 2026-01-31T12:00:00Z"],
    ["another format", z.uuid(), "x", "expected text of the format uuid"],
    ["an unknown key", z.strictObject({}), { feld: 1 }, 'there is nothing called "feld" here'],
    [
      "no branch of a union",
      z.union([z.enum(["text", "json"]), z.strictObject({ type: z.string() })]),
      "txt",
      "expected one of text, json, or an object",
    ],
    [
      "nothing for a union",
      z.union([z.string(), z.number()]),
      undefined,
      "is missing; expected a string, or a number",
    ],
    [
      "an unknown kind",
      z.discriminatedUnion("by", [z.object({ by: z.literal("link") }), z.object({ by: z.literal("page") })]),
      { by: "pages" },
      "write one of link, page",
    ],
  ])("%s", (_name, schema, value, message) => {
    expect(said(schema, value)).toBe(message);
  });

  test("a schema's own sentence goes before", () => {
    expect(said(z.string("a name is a text"), 1)).toBe("a name is a text");
  });

  test("the value itself is never told", () => {
    expect(said(z.enum(["a", "b"]), "s3cr3t")).not.toContain("s3cr3t");
    expect(said(z.number(), "s3cr3t")).not.toContain("s3cr3t");
  });
});
