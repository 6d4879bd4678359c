import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json } from "../../../src/domain/json";
import { MAX_CSV_COLUMNS, MAX_CSV_ROWS } from "../../../src/domain/limits";
import { CsvFormatOptions, CsvParseOptions, formatCsv, parseCsv } from "../../../src/engine/formats/csv";
import { faultOf } from "../../support/fault-of";

const parse = (text: string, options: Partial<CsvParseOptions> = {}) =>
  parseCsv(text, CsvParseOptions.parse(options));
const format = (value: Json, options: Partial<CsvFormatOptions> = {}) =>
  formatCsv(value, CsvFormatOptions.parse(options));

describe("parseCsv", () => {
  it.each<[string, Json]>([
    [
      "a,b\n1,2\n3,4\n",
      [
        { a: "1", b: "2" },
        { a: "3", b: "4" },
      ],
    ],
    ["a,b\r\n1,2", [{ a: "1", b: "2" }]],
    ["a,b\r1,2\r", [{ a: "1", b: "2" }]],
    ["a,b\n", []],
    ["a", []],
    ['a,b\n"x, y","say ""hi"""\n', [{ a: "x, y", b: 'say "hi"' }]],
    ['a,b\n"x\ny",2\n', [{ a: "x\ny", b: "2" }]],
    ["a,b\n,\n", [{ a: "", b: "" }]],
    ["a,b\n 1 ,007\n", [{ a: " 1 ", b: "007" }]],
    ["\ufeffa,b\n1,2\n", [{ a: "1", b: "2" }]],
    ["\na,b\n\n1,2\n\n\n", [{ a: "1", b: "2" }]],
    ["a\n1\n\n2\n", [{ a: "1" }, { a: "" }, { a: "2" }]],
    ['"a b",c\n1,2\n', [{ "a b": "1", c: "2" }]],
  ])("reads %j", (text, value) => {
    expect(parse(text)).toEqual(value);
  });

  it("reads lists without a header", () => {
    expect(parse("1,2\n3,4\n", { header: false })).toEqual([
      ["1", "2"],
      ["3", "4"],
    ]);
    expect(parse("", { header: false })).toEqual([]);
  });

  it("takes another delimiter", () => {
    expect(parse("a;b\n1,5;2\n", { delimiter: ";" })).toEqual([{ a: "1,5", b: "2" }]);
    expect(parse("a\tb\n1\t2\n", { delimiter: "\t" })).toEqual([{ a: "1", b: "2" }]);
  });

  it.each(["", ",,", '"', "\n", "\r"])("does not take %j for a delimiter", (delimiter) => {
    expect(CsvParseOptions.safeParse({ delimiter }).success).toBe(false);
  });

  it.each([
    ["a,b\n1\n", "has a row with 1 values where 2 are due", 2],
    ["a,b\n1,2\n\n1,2,3\n", "has a row with 3 values where 2 are due", 4],
    ['a,b\n"x\ny\nz",2\n1\n', "has a row with 1 values where 2 are due", 5],
    ["a,a\n1,2\n", 'has the column "a" twice', 1],
    ["\na,,b\n", "has a column without a name", 2],
    ["", "is empty where a header row was expected", undefined],
    ["\n\n", "is empty where a header row was expected", undefined],
    ['a,b\n1,"x\n', "never closed", 2],
    ['a,b\n1,"x"y\n', "double it", 2],
  ])("refuses %j, names the line", (text, reason, line) => {
    const error = faultOf(() => parse(text));
    expect(error).toMatchObject({ format: "csv", kind: "malformed" });
    expect(error.reason).toContain(reason);
    expect(error.line).toBe(line);
  });

  it("refuses ragged rows without a header too", () => {
    expect(faultOf(() => parse("1,2\n3\n", { header: false })).line).toBe(2);
  });

  it("keeps columns called __proto__ and constructor as data", () => {
    const [row] = parse("__proto__,constructor\n1,2\n") as object[];
    expect(Object.entries(row as object)).toEqual([
      ["__proto__", "1"],
      ["constructor", "2"],
    ]);
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
  });

  it.each([true, false])(`takes ${MAX_CSV_ROWS} rows, not one more (header: %s)`, (header) => {
    const text = (rows: number) => `${header ? "a,b\n" : ""}${"1,2\n".repeat(rows)}`;
    expect(parse(text(MAX_CSV_ROWS), { header })).toHaveLength(MAX_CSV_ROWS);
    expect(faultOf(() => parse(text(MAX_CSV_ROWS + 1), { header }))).toMatchObject({
      kind: "limit",
      details: { limit: "MAX_CSV_ROWS" },
    });
  });

  it.each([true, false])(`takes ${MAX_CSV_COLUMNS} columns, not one more (header: %s)`, (header) => {
    const text = (columns: number) => `${Array.from({ length: columns }, (_, i) => `c${i}`).join(",")}\n`;
    expect(() => parse(text(MAX_CSV_COLUMNS), { header })).not.toThrow();
    expect(faultOf(() => parse(text(MAX_CSV_COLUMNS + 1), { header }))).toMatchObject({
      kind: "limit",
      details: { limit: "MAX_CSV_COLUMNS" },
    });
  });

  it.each([
    ["ten million commas", ",".repeat(10_000_000)],
    ["a short header and then ten million commas", `a,b\n${",".repeat(10_000_000)}`],
    ["five million lines", "a\n".repeat(5_000_000)],
    ["a quote that is never closed", `a,b\n"${"x".repeat(1_000_000)}`],
    ["a million quotes", '"'.repeat(1_000_001)],
  ])("refuses %s quickly", (_, text) => {
    const start = performance.now();
    expect(faultOf(() => parse(text)).message.length).toBeLessThan(200);
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  it("does not count what stands in quotes", () => {
    const value = `${",".repeat(60_000)}${"\n".repeat(60_000)}`;
    expect(parse(`a,b\n"${value}",2\n`)).toEqual([{ a: value, b: "2" }]);
  });
});

describe("formatCsv", () => {
  it.each<[Json, Partial<CsvFormatOptions>, string]>([
    [
      [
        { a: 1, b: "x" },
        { b: true, c: null },
      ],
      {},
      "a,b,c\r\n1,x,\r\n,true,\r\n",
    ],
    [[{ a: 1, b: 2 }], { columns: ["b", "z"] }, "b,z\r\n2,\r\n"],
    [[{ a: 1 }], { header: false }, "1\r\n"],
    [[{ a: "x,y", b: 'say "hi"', c: "l1\nl2" }], {}, 'a,b,c\r\n"x,y","say ""hi""","l1\nl2"\r\n'],
    [[{ a: "x;y", b: "1,5" }], { delimiter: ";" }, 'a;b\r\n"x;y";1,5\r\n'],
    [[{ a: { n: 1 }, b: [1, 2] }], {}, 'a,b\r\n"{""n"":1}","[1,2]"\r\n'],
    [
      [
        ["1", 2],
        ["3", null],
      ],
      {},
      "1,2\r\n3,\r\n",
    ],
    [[["1", 2]], { columns: ["a", "b"] }, "a,b\r\n1,2\r\n"],
    [[], {}, ""],
    [[], { columns: ["a"] }, "a\r\n"],
  ])("writes %j with %j", (value, options, text) => {
    expect(format(value, options)).toBe(text);
  });

  it("disarms formulae only when asked", () => {
    const rows = ["=1+1", "+1", "-1", "@SUM", "\tx", "plain"].map((a) => ({ a }));
    expect(format(rows)).toContain("\r\n=1+1\r\n");
    const escaped = format(rows, { escapeFormulae: true, header: false });
    for (const line of escaped.trimEnd().split("\r\n").slice(0, -1)) expect(line).toMatch(/^"?'/);
    expect(escaped).toContain("plain");
    expect(format([{ "=x": 1 }], { escapeFormulae: true })).toMatch(/^"?'=x/);
  });

  it.each<[Json, string]>([
    [{ a: 1 }, "is not a list of rows"],
    ["x", "is not a list of rows"],
    [[1], "row that is no object"],
    [[{ a: 1 }, [1]], "row that is no object"],
    [[null], "row that is no object"],
  ])("refuses %j", (value, reason) => {
    expect(faultOf(() => format(value))).toMatchObject({
      format: "csv",
      kind: "unsupported",
      reason: expect.stringContaining(reason),
    });
  });

  it("holds to the limits of reading", () => {
    const rows = (count: number) => Array.from({ length: count }, () => ({ a: 1 }));
    expect(() => format(rows(MAX_CSV_ROWS))).not.toThrow();
    expect(faultOf(() => format(rows(MAX_CSV_ROWS + 1))).kind).toBe("limit");
    const row = (count: number) => [
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`c${i}`, 1])),
    ];
    expect(() => format(row(MAX_CSV_COLUMNS))).not.toThrow();
    expect(faultOf(() => format(row(MAX_CSV_COLUMNS + 1))).kind).toBe("limit");
  });

  it("refuses a column named twice", () => {
    expect(CsvFormatOptions.safeParse({ columns: ["a", "a"] }).success).toBe(false);
  });
});

describe("formatCsv and parseCsv", () => {
  const text = fc.string({
    unit: fc.constantFrom("a", ",", ";", '"', "\n", "\r", " ", "é", "😀", "=", "'", "\ufeff"),
  });
  const columns = fc.uniqueArray(
    text.filter((name) => name !== ""),
    { minLength: 1, maxLength: 4 },
  );

  it("are inverse of each other for rows of text", () => {
    fc.assert(
      fc.property(
        columns,
        fc.array(fc.array(text, { minLength: 4, maxLength: 4 }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(",", ";"),
        (names, cells, delimiter) => {
          const rows = cells.map((row) =>
            Object.fromEntries(names.map((name, i) => [name, row[i] as string])),
          );
          expect(parse(format(rows, { delimiter }), { delimiter })).toEqual(rows);
        },
      ),
      { numRuns: 500 },
    );
  });
});
