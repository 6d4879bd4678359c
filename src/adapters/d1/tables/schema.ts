import type { ColumnDefinition, ColumnType, TableDefinition } from "../../../domain/table";
import { indexesOf, type Loss, type TableChange, type TableIndex } from "../../../domain/table-change";
import { type CheckedRow, TableModel } from "../../../domain/table-model";
import { momentOf } from "../../../domain/table-value";
import type { TableSchemas } from "../../../operations/ports";
import type { Database } from "./d1-tables";
import { literal, physicalIndex, physicalTable, quoted } from "./names";

/** Characters of one statement with rows: it ends at 100,000 bytes, and a character takes up to three. */
const MAX_SEED_CHARS = 25_000;

const AFFINITY: Record<ColumnType, string> = {
  text: "TEXT",
  integer: "INTEGER",
  real: "REAL",
  boolean: "INTEGER",
  date: "TEXT",
  datetime: "TEXT",
  json: "TEXT",
};

/** Definitions of tables as SQL. What it is made of are declared names, and literals that are quoted. */
export class D1TableSchemas implements TableSchemas {
  readonly #databaseOf: (environmentId: number) => Database;
  readonly #now: () => number;

  constructor(databaseOf: (environmentId: number) => Database, now: () => number) {
    this.#databaseOf = databaseOf;
    this.#now = now;
  }

  statements(environmentId: number, table: string, changes: readonly TableChange[]): string[] {
    const physical = physicalTable(environmentId, table);
    return changes.flatMap((change) => this.#statements(physical, change));
  }

  #statements(physical: string, change: TableChange): string[] {
    const table = quoted(physical);
    switch (change.kind) {
      case "create":
        return createTable(physical, change.definition, momentOf(this.#now()));
      case "drop":
        return [`DROP TABLE ${table}`, `DELETE FROM table_counters WHERE table_name = ${literal(physical)}`];
      case "drop_index":
        return [`DROP INDEX ${physicalIndex(physical, change.index.columns, change.index.unique)}`];
      case "drop_column":
        return [`ALTER TABLE ${table} DROP COLUMN ${quoted(change.column)}`];
      case "convert":
        return convertColumn(table, change.column, change.from, change.to);
      case "add_column": {
        const stored = TableModel.of({
          table: "t",
          columns: { [change.column]: change.definition },
          indexes: [],
        }).declared[0]?.default;
        const value = typeof stored === "string" ? literal(stored) : String(stored ?? "NULL");
        const type = AFFINITY[change.definition.type];
        return [`ALTER TABLE ${table} ADD COLUMN ${quoted(change.column)} ${type} DEFAULT ${value}`];
      }
      case "add_index":
        return [
          ...(change.clearRepeated ? [clearRepeated(table, change.index.columns[0] as string)] : []),
          createIndex(physical, change.index),
        ];
    }
  }

  async losses(environmentId: number, table: string, changes: readonly TableChange[]): Promise<Loss[]> {
    const physical = physicalTable(environmentId, table);
    const added = new Map(
      changes.flatMap((change) =>
        change.kind === "add_column" ? [[change.column, change.definition] as const] : [],
      ),
    );
    const questions = changes.flatMap((change) => lossOf(physical, change, added));
    if (questions.length === 0) return [];
    const database = this.#databaseOf(environmentId);
    const answers = await database.batch<{ lost: number }>(questions.map(({ sql }) => database.prepare(sql)));
    return questions.flatMap(({ columns, reason }, index) =>
      answers[index]?.results[0]?.lost === 1
        ? columns.map((column) => ({ column: `${table}.${column}`, reason }))
        : [],
    );
  }
}

interface Question {
  columns: string[];
  reason: string;
  sql: string;
}

/**
 * Whether rows that are there stand against a change.
 * @param added columns that the same change makes: the database knows nothing of them yet
 */
function lossOf(
  physical: string,
  change: TableChange,
  added: ReadonlyMap<string, ColumnDefinition>,
): Question[] {
  const table = quoted(physical);
  if (change.kind === "convert") {
    const column = quoted(change.column);
    const converted = conversion(column, change.from, change.to);
    return [
      {
        columns: [change.column],
        reason: `changes from ${change.from} to ${change.to}, and there are values that do not fit`,
        sql: `SELECT EXISTS (SELECT 1 FROM ${table} WHERE ${column} IS NOT NULL AND ${converted} IS NULL) AS lost`,
      },
    ];
  }
  if (change.kind !== "add_index" || !change.index.unique || change.clearRepeated) return [];
  const made = change.index.columns.filter((column) => added.has(column));
  if (made.length > 0) {
    // Rows get the new columns' defaults, the same in each; without one they do not count.
    if (change.index.columns.length > 1 || added.get(made[0] as string)?.default === undefined) return [];
    return [
      {
        columns: made,
        reason: "is unique and has a default, which several rows would get",
        sql: `SELECT EXISTS (SELECT 1 FROM ${table} LIMIT 1 OFFSET 1) AS lost`,
      },
    ];
  }
  const columns = change.index.columns.map(quoted);
  const present = columns.map((column) => `${column} IS NOT NULL`).join(" AND ");
  return [
    {
      columns: [...change.index.columns],
      reason: `becomes unique${columns.length > 1 ? ` together with others (${change.index.columns.join(", ")})` : ""}, and there are rows with the same value`,
      sql: `SELECT EXISTS (SELECT 1 FROM ${table} WHERE ${present} GROUP BY ${columns.join(", ")} HAVING count(*) > 1) AS lost`,
    },
  ];
}

function createTable(physical: string, definition: TableDefinition, at: string): string[] {
  const table = quoted(physical);
  const columns = Object.entries(definition.columns).map(
    ([name, { type }]) => `${quoted(name)} ${AFFINITY[type]}`,
  );
  const counter = (name: string, event: string, sign: string) =>
    `CREATE TRIGGER ${quoted(`${name}:${physical}`)} AFTER ${event} ON ${table} BEGIN UPDATE table_counters SET rows = rows ${sign} 1 WHERE table_name = ${literal(physical)}; END`;
  return [
    `CREATE TABLE ${table} (${['"id" INTEGER PRIMARY KEY AUTOINCREMENT', '"date_created" TEXT NOT NULL', '"date_updated" TEXT NOT NULL', ...columns].join(", ")})`,
    `INSERT INTO table_counters (table_name, rows) VALUES (${literal(physical)}, 0)`,
    counter("inserted", "INSERT", "+"),
    counter("deleted", "DELETE", "-"),
    ...indexesOf(definition).map((index) => createIndex(physical, index)),
    ...seedRows(table, definition, at),
  ];
}

function createIndex(physical: string, { columns, unique }: TableIndex): string {
  const name = physicalIndex(physical, columns, unique);
  return `CREATE ${unique ? "UNIQUE " : ""}INDEX ${name} ON ${quoted(physical)} (${columns.map(quoted).join(", ")})`;
}

/** The rows that a table begins with. They were checked with the definition. */
function seedRows(table: string, definition: TableDefinition, at: string): string[] {
  const model = TableModel.of(definition);
  const columns = model.declared.map(({ name }) => name);
  const rows: CheckedRow[] = (definition.seed ?? []).map((row) =>
    model.checkRow(row, "insert", "", [], false),
  );
  const chunks: string[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const row of rows) {
    const text = JSON.stringify(columns.map((name) => row.get(name) ?? null));
    if (size + text.length > MAX_SEED_CHARS) {
      chunks.push([]);
      size = 0;
    }
    chunks.at(-1)?.push(text);
    size += text.length;
  }
  const names = columns.map((name) => `, ${quoted(name)}`).join("");
  const values = columns.map((_, index) => `, value ->> ${index}`).join("");
  return chunks.map(
    (chunk) =>
      `INSERT INTO ${table} ("date_created", "date_updated"${names}) SELECT ${literal(at)}, ${literal(at)}${values} FROM json_each(${literal(`[${chunk.join(",")}]`)})`,
  );
}

/** A column keeps its affinity for life in SQLite, so its values move to a new one. */
function convertColumn(table: string, column: string, from: ColumnType, to: ColumnType): string[] {
  const name = quoted(column);
  if (AFFINITY[from] === AFFINITY[to]) return [`UPDATE ${table} SET ${name} = ${conversion(name, from, to)}`];
  const made = quoted(`${column}$`);
  return [
    `ALTER TABLE ${table} ADD COLUMN ${made} ${AFFINITY[to]}`,
    `UPDATE ${table} SET ${made} = ${conversion(name, from, to)}`,
    `ALTER TABLE ${table} DROP COLUMN ${name}`,
    `ALTER TABLE ${table} RENAME COLUMN ${made} TO ${name}`,
  ];
}

/** A value of one type as one of another; NULL where it does not fit. */
export function conversion(c: string, from: ColumnType, to: ColumnType): string {
  const asText: Record<ColumnType, string> = {
    text: c,
    integer: `CAST(${c} AS TEXT)`,
    real: `CAST(${c} AS TEXT)`,
    boolean: `CASE ${c} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END`,
    date: c,
    datetime: c,
    json: c,
  };
  if (to === "text") return asText[from];
  if (to === "json")
    return from === "text" || from === "date" || from === "datetime" ? `json_quote(${c})` : asText[from];
  const exact = "BETWEEN -9007199254740991 AND 9007199254740991";
  const found: Partial<Record<`${ColumnType} ${ColumnType}`, string>> = {
    "boolean integer": c,
    "boolean real": `CAST(${c} AS REAL)`,
    "integer real": `CASE WHEN ${c} ${exact} THEN CAST(${c} AS REAL) END`,
    "integer boolean": `CASE WHEN ${c} IN (0, 1) THEN ${c} END`,
    "real integer": `CASE WHEN ${c} ${exact} AND ${c} = CAST(${c} AS INTEGER) THEN CAST(${c} AS INTEGER) END`,
    "real boolean": `CASE WHEN ${c} IN (0, 1) THEN CAST(${c} AS INTEGER) END`,
    "date datetime": `${c} || ' 00:00:00'`,
    "datetime date": `CASE WHEN substr(${c}, 11) = ' 00:00:00' THEN substr(${c}, 1, 10) END`,
    "text integer": `CASE WHEN CAST(CAST(${c} AS INTEGER) AS TEXT) = ${c} THEN CAST(${c} AS INTEGER) END`,
    "text real": `CASE WHEN ${c} IN (CAST(CAST(${c} AS REAL) AS TEXT), CAST(CAST(${c} AS INTEGER) AS TEXT)) THEN CAST(${c} AS REAL) END`,
    "text boolean": `CASE ${c} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END`,
    "text date": `CASE WHEN date(${c}) = ${c} THEN ${c} END`,
    "text datetime": `CASE WHEN datetime(${c}) = ${c} THEN ${c} END`,
  };
  return found[`${from} ${to}`] ?? "NULL";
}

/** Leaves every row but the first of those with one value without it. */
function clearRepeated(table: string, column: string): string {
  const name = quoted(column);
  return `UPDATE ${table} SET ${name} = NULL WHERE ${name} IS NOT NULL AND "id" NOT IN (SELECT min("id") FROM ${table} GROUP BY ${name})`;
}
