import { describe, expect, it } from "vitest";
import { SluiceError } from "../../src/domain/errors";
import { FormatError, placeAt, quote } from "../../src/domain/format-error";

describe("FormatError", () => {
  it("is one sentence with the place at its end", () => {
    const error = new FormatError("json", "malformed", "the request body", "a comma is missing", {
      line: 2,
      column: 7,
    });
    expect(error.message).toBe("the request body: a comma is missing (line 2, column 7).");
    expect(error).toMatchObject({
      format: "json",
      kind: "malformed",
      reason: "a comma is missing",
      line: 2,
      column: 7,
    });
    expect(error.path).toBeUndefined();
  });

  it("is an error that every surface knows, with the path among its problems and the limit by name", () => {
    const error = new FormatError("csv", "limit", "it", "is too much", {
      path: "a[1]",
      limit: "MAX_CSV_ROWS",
    });
    expect(error).toBeInstanceOf(SluiceError);
    expect(error.code).toBe("invalid_request");
    expect(error.message).toBe("it: is too much (MAX_CSV_ROWS, at a[1]).");
    expect(error.details).toEqual({
      problems: [{ path: "a[1]", reason: "is too much" }],
      limit: "MAX_CSV_ROWS",
    });
  });

  it("tells a character set apart, since that is another answer than broken text", () => {
    expect(new FormatError("text", "charset", "it", "is odd").code).toBe("unsupported_media_type");
  });
});

describe("quote", () => {
  it("escapes what would disturb a header, a log or a terminal", () => {
    expect(quote('a"\r\n\u0000\ud800')).toBe('"a\\"\\r\\n\\u0000\\ud800"');
  });

  it("keeps 60 characters, cuts 61", () => {
    expect(quote("x".repeat(60))).toBe(`"${"x".repeat(60)}"`);
    expect(quote("x".repeat(61))).toBe(`"${"x".repeat(59)}…"`);
  });
});

describe("placeAt", () => {
  it.each([
    ["abc", 0, 1, 1],
    ["abc", 3, 1, 4],
    ["a\nb\n", 1, 1, 2],
    ["a\nb\n", 2, 2, 1],
    ["a\nb\n", 4, 3, 1],
    ["a\r\nb", 3, 2, 1],
  ])("of %j at %i is line %i, column %i", (text, offset, line, column) => {
    expect(placeAt(text, offset)).toEqual({ line, column });
  });
});
