import { describe, expect, test } from "vitest";
import { documentProblems } from "../../src/domain/document-guard";
import { MAX_JSON_DEPTH } from "../../src/domain/limits";

const nested = (depth: number) => JSON.parse(`${"[".repeat(depth)}1${"]".repeat(depth)}`);

describe("a document", () => {
  test("may be nested as deep as any JSON, and not deeper", () => {
    expect(documentProblems(nested(MAX_JSON_DEPTH))).toEqual([]);
    expect(documentProblems(nested(MAX_JSON_DEPTH + 1))).toEqual([
      { path: "/0/0/0/0/0/0/0/0/0/0", reason: expect.stringContaining("MAX_JSON_DEPTH") },
    ]);
  });

  test("has no field called __proto__, and every one is told up to a bound", () => {
    expect(
      documentProblems(JSON.parse('{"a":{"__proto__":1},"b":[{"__proto__":2}]}')).map(({ path }) => path),
    ).toEqual(["/a/__proto__", "/b/0/__proto__"]);
    expect(documentProblems(Array.from({ length: 50 }, () => JSON.parse('{"__proto__":1}')))).toHaveLength(
      20,
    );
  });

  test.each([null, 1, "x", [], {}])("%j has nothing wrong", (document) => {
    expect(documentProblems(document)).toEqual([]);
  });
});
