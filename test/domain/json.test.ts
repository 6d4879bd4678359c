import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cloneJson, type Json, joinPath, parseJson, setOwn, truncate } from "../../src/domain/json";
import { MAX_JSON_DEPTH } from "../../src/domain/limits";
import { faultOf as fault } from "../support/fault-of";

const faultOf = (text: string) => fault(() => parseJson(text, "the request body"));

describe("parseJson", () => {
  it("reads whatever JSON.stringify writes", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const text = JSON.stringify(value);
        expect(parseJson(text, "it")).toEqual(JSON.parse(text));
      }),
    );
  });

  it("reads every whole number that JSON.stringify writes", () => {
    fc.assert(
      fc.property(fc.double({ min: 2 ** 53, max: 1e22, noNaN: true }), (number) => {
        expect(parseJson(JSON.stringify([number]), "it")).toEqual([number]);
      }),
    );
  });

  it.each([
    ["", "is empty", 1, 1],
    [" \n ", "is empty", 2, 2],
    ["\ufeff{}", "byte order mark", 1, 1],
    ['{"a":', "ends in the middle", 1, 6],
    ['{"a":tru', "a value is missing", 1, 6],
    ["[1, 2", "ends in the middle", 1, 6],
    ['["abc', "ends in the middle", 1, 6],
    ['["ab\\u00', "ends in the middle", 1, 9],
    ["[1.", "ends in the middle", 1, 4],
    ["[1, // one\n2]", "comments are not allowed", 1, 5],
    ["/* x */ 1", "comments are not allowed", 1, 1],
    ["# x\n1", "comments are not allowed", 1, 1],
    ["{\n  'a': 1}", "single quotes", 2, 3],
    ["{a: 1}", "a key in double quotes", 1, 2],
    ['{"a" 1}', "a colon is missing", 1, 6],
    ['{"a":1,}', "a comma stands before }", 1, 8],
    ["[1,]", "a comma stands before ]", 1, 4],
    ["[,1]", "a value is missing", 1, 2],
    ["[1 2]", "a comma or ] is missing", 1, 4],
    ['{"a":1 "b":2}', "a comma or } is missing", 1, 8],
    ["[1]]", "more after the end", 1, 4],
    ["{}{}", "more after the end", 1, 3],
    ["[01]", "not a JSON number", 1, 2],
    ["01", "not a JSON number", 1, 1],
    ["[+1]", "a value is missing", 1, 2],
    ["[1.]", "not a JSON number", 1, 2],
    ["[.5]", "a value is missing", 1, 2],
    ["NaN", "a value is missing", 1, 1],
    ['["a\nb"]', "control character", 1, 4],
    ['["\\x41"]', "backslash", 1, 3],
    ["<a/>", "a value is missing", 1, 1],
  ])("refuses %j and says that it %s", (text, reason, line, column) => {
    const error = faultOf(text);
    expect(error.message).toContain(reason);
    expect(error).toMatchObject({ format: "json", kind: "malformed", code: "invalid_request", line, column });
    expect(error.message).toMatch(/^the request body: .*\.$/);
  });

  it("finds a fault in any text that JSON.parse refuses, and says where", () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.nat(),
        fc.constantFrom("", ",", "}", "]", '"', "x", "//", "\\", "1", ":"),
        (json, at, junk) => {
          const cut = at % (json.length + 1);
          const text = json.slice(0, cut) + junk + json.slice(cut + 1);
          let valid = true;
          try {
            JSON.parse(text);
          } catch {
            valid = false;
          }
          if (!valid) expect(faultOf(text).line).toBeGreaterThan(0);
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each([
    ["arrays", "[", "]"],
    ["objects", '{"a":', "}"],
  ])(`takes ${MAX_JSON_DEPTH} nested %s and refuses one more, naming the limit`, (_, open, close) => {
    const nested = (levels: number) => `${open.repeat(levels)}1${close.repeat(levels)}`;
    expect(() => parseJson(nested(MAX_JSON_DEPTH), "it")).not.toThrow();
    const error = faultOf(nested(MAX_JSON_DEPTH + 1));
    expect(error).toMatchObject({ kind: "limit", details: { limit: "MAX_JSON_DEPTH" } });
    expect(error.message).toContain("200 levels");
  });

  it("refuses 20,000 levels without exhausting the stack, closed or cut off", () => {
    const start = performance.now();
    expect(faultOf("[".repeat(20_000) + "]".repeat(20_000)).kind).toBe("limit");
    expect(faultOf('{"a":'.repeat(20_000)).message).toContain("ends in the middle");
    expect(performance.now() - start).toBeLessThan(500);
  });

  it.each([
    "9007199254740991",
    "-9007199254740991",
    "9007199254740992",
    "1152921504606847000",
    "1e21",
    "1e300",
    "0.1",
    "1.7976931348623157e308",
  ])("keeps %s", (text) => {
    expect(parseJson(`{"n":${text}}`, "it")).toEqual({ n: Number(text) });
  });

  it.each(["9007199254740993", "-9007199254740993", "12345678901234567890", "1e400", "-1e400"])(
    "refuses %s, names the path and suggests a string",
    (text) => {
      const error = faultOf(`{"orders":[{"id":1},{"id":${text}}]}`);
      expect(error.path).toBe("orders[1].id");
      expect(error.message).toContain(text);
      expect(error.message).toContain("write it as a string");
    },
  );

  it("refuses an inexact number at the root", () => {
    expect(faultOf("12345678901234567890").message).toContain("write it as a string");
  });

  it("does not complain about a number that a later duplicate replaces", () => {
    expect(parseJson('{"a":12345678901234567890,"b":9007199254740992,"a":1}', "it")).toEqual({
      a: 1,
      b: 2 ** 53,
    });
  });

  it("lets the last of duplicate keys win", () => {
    expect(parseJson('{"a":1,"a":2}', "it")).toEqual({ a: 2 });
  });

  it("keeps __proto__ and constructor as plain data", () => {
    const value = parseJson(
      '{"__proto__":{"admin":true},"constructor":{"prototype":1},"hasOwnProperty":1}',
      "it",
    );
    expect(Object.keys(value as object)).toEqual(["__proto__", "constructor", "hasOwnProperty"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).admin).toBeUndefined();
    expect(faultOf('{"__proto__":[1e999]}').path).toBe("__proto__[0]");
  });

  it("keeps lone surrogates and NUL", () => {
    expect(parseJson('"\\ud800 \\u0000"', "it")).toBe("\ud800 \0");
  });

  it("quotes at most a short piece of the input and no stack", () => {
    const secret = "s".repeat(500);
    for (const text of [`["${secret}`, `{"${secret}":1e999}`, `[${"9".repeat(500)}]`, secret]) {
      const { message } = faultOf(text);
      expect(message.length).toBeLessThan(260);
      expect(message).not.toContain("s".repeat(61));
      expect(message).not.toContain("    at ");
    }
  });
});

describe("setOwn and cloneJson", () => {
  it("set and copy __proto__ as an own field", () => {
    const object = {};
    setOwn(object, "__proto__", { a: 1 });
    expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
    const copy = cloneJson(object as Json);
    expect(JSON.stringify(copy)).toBe('{"__proto__":{"a":1}}');
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
  });

  it("copies equal the original and share nothing", () => {
    const original = { list: [{ a: [1, null, "x"] }], flag: true };
    const copy = cloneJson(original);
    expect(copy).toEqual(original);
    (copy.list[0] as { a: Json[] }).a.push(2);
    expect(original.list[0]?.a).toHaveLength(3);
  });
});

describe("joinPath", () => {
  it.each([
    ["", "a", "a"],
    ["a[1]", "b", "a[1].b"],
    ["a", "b c", 'a["b c"]'],
    ["", "EUR/USD", '["EUR/USD"]'],
    ["größe", "naïve", "größe.naïve"],
  ])("%j and %j make %j", (path, key, joined) => {
    expect(joinPath(path, key)).toBe(joined);
  });

  it("stays short, whatever the key", () => {
    expect(joinPath("a".repeat(60), "b\n".repeat(1000)).length).toBeLessThanOrEqual(61);
  });
});

describe("truncate", () => {
  it("keeps what fits and tells the full length", () => {
    expect(truncate("abc", 3)).toEqual({ text: "abc", fullLength: 3 });
    expect(truncate("abcd", 3)).toEqual({ text: "abc", fullLength: 4 });
    expect(truncate("abcd", 0)).toEqual({ text: "", fullLength: 4 });
  });

  it("never keeps half of a character", () => {
    expect(truncate("ab😀", 3).text).toBe("ab");
    expect(truncate("ab😀c", 4).text).toBe("ab😀");
  });
});
