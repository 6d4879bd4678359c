import { describe, expect, it } from "vitest";
import type { Problem } from "../../src/domain/errors";
import type { Json, JsonObject } from "../../src/domain/json";
import { TableDefinition } from "../../src/domain/table";
import { readAggregation } from "../../src/domain/table-aggregate";
import { compareTables } from "../../src/domain/table-change";
import { rowId, TableModel } from "../../src/domain/table-model";
import { type Condition, readCondition } from "../../src/domain/table-rules";
import { cursorBehind, readSearch } from "../../src/domain/table-search";
import { checkValue, storedMoment } from "../../src/domain/table-value";
import { readChange, readRows } from "../../src/domain/table-write";

const definition = TableDefinition.parse({
  table: "users",
  columns: { name: { type: "text", required: true }, age: "integer", born: "date", extra: "json" },
});
const model = TableModel.of(definition);

function problemsOf(read: (problems: Problem[]) => unknown): string[] {
  const problems: Problem[] = [];
  read(problems);
  return problems.map(({ path, reason }) => `${path}: ${reason}`);
}

/** Every column that a condition would put into a statement. */
function columnsOf(condition: Condition | undefined): string[] {
  if (condition === undefined) return [];
  return condition.kind === "rule" ? [condition.column.name] : condition.parts.flatMap(columnsOf);
}

describe("names from outside", () => {
  it("never come to a statement unless they are declared: 2,000 hostile ones are refused everywhere", () => {
    const pieces = [
      "name",
      "'",
      '"',
      "`",
      ";",
      "--",
      "/*",
      "*/",
      ")",
      "(",
      " OR 1=1",
      " UNION SELECT",
      "\u0000",
      "rowid",
      "_rowid_",
      "sqlite_master",
      "_cf_KV",
      "[",
      "]",
      "%",
      "_",
      "$",
      "?1",
      "\\",
      "\n",
      "id",
      "__proto__",
      "constructor",
      "toString",
    ];
    let tried = 0;
    for (let index = 0; tried < 2_000; index += 1) {
      const at = (step: number) => pieces[(index * step + step) % pieces.length] as string;
      const name = `${at(1)}${at(7)}${at(13)}${index % 5 === 0 ? "" : index}`;
      if (model.column(name) !== undefined) continue;
      tried += 1;
      const reads: ((problems: Problem[]) => unknown)[] = [
        (problems) =>
          expect(
            columnsOf(readCondition(model, { field: name, operator: "=", value: 1 }, "w", problems)),
          ).toEqual([]),
        (problems) => readCondition(model, { field: "name", operator: name, value: 1 }, "w", problems),
        (problems) => readCondition(model, { condition: name, rules: [] }, "w", problems),
        (problems) => expect(readSearch(model, { order_field: name }, problems).order.name).toBe("id"),
        (problems) => readSearch(model, { order_type: name }, problems),
        (problems) => readSearch(model, { cursor: name }, problems),
        (problems) => readAggregation(model, { group_by: [name] }, problems),
        (problems) => readAggregation(model, { aggregates: { n: { max: name } } }, problems),
        (problems) => readAggregation(model, { aggregates: { n: { [name]: "age" } } }, problems),
        (problems) =>
          expect([
            ...(readRows(
              model,
              JSON.parse(`{${JSON.stringify(name)}:1,"name":"x"}`),
              problems,
              false,
            )[0]?.keys() ?? []),
          ]).toEqual(["name"]),
        (problems) =>
          readChange(model, { columns: [{ column_name: name, column_value: 1 }] }, problems, false),
      ];
      for (const [which, read] of reads.entries()) {
        expect([name, which, problemsOf(read).length]).toEqual([name, which, expect.any(Number)]);
        expect(problemsOf(read).length, `${which} takes ${JSON.stringify(name)}`).toBeGreaterThan(0);
      }
      expect(
        TableDefinition.safeParse({ table: name, columns: { a: "text" } }).success &&
          !/^[A-Za-z]\w*$/.test(name),
      ).toBe(false);
    }
  });
});

describe("a cursor", () => {
  it("carries the last row's place, and nothing that was not a cursor is one", () => {
    const search = readSearch(model, { order_field: "age", order_type: "desc", cursor: "" }, []);
    const cursor = cursorBehind(search, { id: 7, age: 41 });
    const again = readSearch(model, { order_field: "age", order_type: "desc", cursor }, []);
    expect(again.cursor?.after).toEqual({ value: 41, id: 7 });
    for (const letter of ["x", "é", "😀", "\u0001", '"']) {
      const age = letter.repeat(2_000 / letter.length);
      const back = readSearch(
        model,
        { order_field: "age", order_type: "desc", cursor: cursorBehind(search, { id: 7, age }) },
        [],
      );
      expect([letter, back.cursor?.after]).toEqual([letter, { value: age, id: 7 }]);
    }
    const long = cursorBehind(search, { id: 7, age: "x".repeat(2_001) });
    const held = readSearch(model, { order_field: "age", order_type: "desc", cursor: long }, []);
    expect(held.cursor?.after).toEqual({ value: "x".repeat(100), id: 7, length: 2_001 });
    for (const text of [
      '["age",1,1e400,7]',
      '["age",1,1,-7]',
      '["age",1,{},7]',
      '["age",1,[1],7]',
      '["age",1,[1,2],7]',
      '["age",2,1,7]',
      "[]",
      "null",
      "5",
    ]) {
      const bad = btoa(text).replace(/=+$/, "");
      const body: JsonObject = { order_field: "age", order_type: "desc", cursor: bad };
      expect(problemsOf((problems) => readSearch(model, body, problems))).toHaveLength(1);
    }
  });
});

describe("values", () => {
  it("at the borders of their types", () => {
    const fits = (type: Parameters<typeof checkValue>[0], value: Json) => "value" in checkValue(type, value);
    expect([fits("integer", 2 ** 53 - 1), fits("integer", 2 ** 53)]).toEqual([true, false]);
    expect([fits("integer", "9223372036854775807"), fits("integer", "9223372036854775808")]).toEqual([
      true,
      false,
    ]);
    expect([fits("integer", "-9223372036854775808"), fits("integer", "-9223372036854775809")]).toEqual([
      true,
      false,
    ]);
    expect([fits("text", "x".repeat(1_500_000)), fits("text", "x".repeat(1_500_001))]).toEqual([true, false]);
    expect([fits("text", "é".repeat(750_000)), fits("text", "é".repeat(750_001))]).toEqual([true, false]);
    expect([
      rowId("9007199254740991"),
      rowId("9007199254740992"),
      rowId("0"),
      rowId("01"),
      rowId("1e3"),
    ]).toEqual([9007199254740991, undefined, undefined, undefined, undefined]);
  });

  it("that are moments are kept in UTC, sort as texts, and know the calendar", () => {
    expect(storedMoment("2024-03-01T00:30:00+01:00")).toBe("2024-02-29 23:30:00");
    expect(storedMoment("2024-12-31 23:30:00.250-01:00")).toBe("2025-01-01 00:30:00.25");
    expect(storedMoment("2024-01-01T10:20Z")).toBe("2024-01-01 10:20:00");
    for (const bad of [
      "2023-02-29 00:00:00",
      "2024-01-01 24:00:00",
      "2024-01-01 00:60:00",
      "2024-01-01",
      "9999-12-31T23:59:59-01:00",
      "0000-01-01T00:00:00+01:00",
    ])
      expect([bad, storedMoment(bad)]).toEqual([bad, undefined]);
  });
});

describe("what changes between two definitions", () => {
  const table = (columns: Record<string, unknown>, more: object = {}) =>
    TableDefinition.parse({ table: "t", columns, ...more });
  const changes = (from: TableDefinition, to: TableDefinition, drop: string[] = []) =>
    compareTables(from, to, (column) => drop.includes(column));

  it("happens in an order in which nothing stands in the way: indexes go before their columns, and come after them", () => {
    const from = table({ a: { type: "text", index: true }, b: { type: "text", unique: true } });
    const to = table({ a: { type: "integer", index: true }, c: { type: "text", unique: true } });
    const { changes: done, losses } = changes(from, to, ["t.a", "t.b"]);
    expect(losses).toEqual([]);
    expect(done.map(({ kind }) => kind)).toEqual([
      "drop_index",
      "drop_index",
      "drop_column",
      "convert",
      "add_column",
      "add_index",
      "add_index",
    ]);
  });

  it("is nothing where only words, defaults or requirements with a default differ", () => {
    const from = table({ a: "text" }, { description: "one" });
    const to = table({ a: { type: "text", required: true, default: "x" } }, { description: "two" });
    expect(changes(from, to)).toMatchObject({ changes: [], losses: [] });
  });
});
