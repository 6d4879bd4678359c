import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json } from "../../../src/domain/json";
import { MAX_FORM_FIELDS } from "../../../src/domain/limits";
import { formatForm, parseForm } from "../../../src/engine/formats/form";
import { faultOf } from "../../support/fault-of";

describe("parseForm", () => {
  it.each<[string, Json]>([
    ["", {}],
    ["a=1&b=2", { a: "1", b: "2" }],
    ["a=1&a=2&a=3", { a: ["1", "2", "3"] }],
    ["a", { a: "" }],
    ["a=", { a: "" }],
    ["=x", { "": "x" }],
    ["a=b=c", { a: "b=c" }],
    ["&&a=1&", { a: "1" }],
    ["a+b=c+d", { "a b": "c d" }],
    ["a=%2B%26%3D%25", { a: "+&=%" }],
    ["n%C3%A4me=%F0%9F%98%80", { näme: "😀" }],
    ["a[]=1&a.b=2", { "a[]": "1", "a.b": "2" }],
  ])("reads %j", (text, value) => {
    expect(parseForm(text)).toEqual(value);
  });

  it.each(["a=%", "a=%2", "a=%zz", "%C3=1", "a=%ED%A0%80", "a=%C0%AF"])("refuses %j", (text) => {
    const error = faultOf(() => parseForm(text));
    expect(error).toMatchObject({ format: "form", kind: "malformed" });
    expect(error.message).toContain("write % as %25");
  });

  it("keeps fields called __proto__ and constructor as data", () => {
    const fields = parseForm("__proto__=1&__proto__=2&constructor=3&toString=4");
    expect(Object.entries(fields)).toEqual([
      ["__proto__", ["1", "2"]],
      ["constructor", "3"],
      ["toString", "4"],
    ]);
    expect(Object.getPrototypeOf(fields)).toBe(Object.prototype);
  });

  it("takes 1,000 fields, not one more, and names the limit", () => {
    const text = (count: number) => Array.from({ length: count }, (_, i) => `f${i}=1`).join("&");
    expect(Object.keys(parseForm(text(MAX_FORM_FIELDS)))).toHaveLength(MAX_FORM_FIELDS);
    const error = faultOf(() => parseForm(text(MAX_FORM_FIELDS + 1)));
    expect(error).toMatchObject({ kind: "limit", details: { limit: "MAX_FORM_FIELDS" } });
    expect(error.message).toContain("1000");
    expect(faultOf(() => parseForm("a=1&".repeat(MAX_FORM_FIELDS + 1))).kind).toBe("limit");
  });

  it("quotes little of a long field", () => {
    expect(faultOf(() => parseForm(`a=%${"x".repeat(100_000)}`)).message.length).toBeLessThan(200);
  });
});

describe("formatForm", () => {
  it.each<[Json, string]>([
    [{}, ""],
    [{ a: 1, b: true, c: null, d: "x y&z" }, "a=1&b=true&c=&d=x+y%26z"],
    [{ a: [1, "2"], b: [] }, "a=1&a=2"],
  ])("writes %j", (value, text) => {
    expect(formatForm(value)).toBe(text);
  });

  it.each<[Json, string | undefined]>([
    ["x", undefined],
    [null, undefined],
    [[1], undefined],
    [{ a: { b: 1 } }, "a"],
    [{ a: [[1]] }, "a"],
    [{ a: "\ud800" }, "a"],
  ])("refuses %j", (value, path) => {
    const error = faultOf(() => formatForm(value));
    expect(error).toMatchObject({ format: "form", kind: "unsupported" });
    expect(error.path).toBe(path);
  });

  it("writes no more fields than are read", () => {
    expect(() => formatForm({ a: Array.from({ length: MAX_FORM_FIELDS }, () => 1) })).not.toThrow();
    expect(faultOf(() => formatForm({ a: Array.from({ length: MAX_FORM_FIELDS + 1 }, () => 1) })).kind).toBe(
      "limit",
    );
  });

  it("is the inverse of parseForm for texts and lists of texts", () => {
    const text = fc.string({ unit: "grapheme" });
    fc.assert(
      fc.property(
        fc.dictionary(text, fc.oneof(text, fc.array(text, { minLength: 2, maxLength: 3 }))),
        (fields) => {
          expect(parseForm(formatForm(fields))).toEqual({ ...fields });
        },
      ),
    );
  });
});
