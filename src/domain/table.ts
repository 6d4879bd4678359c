import { z } from "zod";
import { AnyJson } from "./any-json";
import type { Json } from "./json";
import { MAX_TABLE_COLUMNS, MAX_TABLE_INDEXES, MAX_TABLE_SEED_ROWS } from "./limits";
import { checkValue } from "./table-value";

/**
 * A table of an environment, as a bundle declares it. Each is a real table of the database; every one has the columns of
 * `IMPLICIT_COLUMNS` without their being declared (seed: the rows that *Tables* prints).
 */

export const COLUMN_TYPES = ["text", "integer", "real", "boolean", "date", "datetime", "json"] as const;
export type ColumnType = (typeof COLUMN_TYPES)[number];

/** Columns that the table itself fills: the row's number, and when it was inserted and last changed (UTC). */
export const IMPLICIT_COLUMNS = ["id", "date_created", "date_updated"] as const;

/** Names that SQLite gives to the number of a row, beside those that the table has. */
const RESERVED_COLUMNS = new Set<string>([...IMPLICIT_COLUMNS, "rowid", "oid"]);
/** Characters of a table's or column's name: it stands in statements many times, and those are bounded. */
const MAX_IDENTIFIER = 50;
const IDENTIFIER = /^[A-Za-z][A-Za-z0-9_]*$/;

function identifier(what: string) {
  return z
    .string()
    .max(MAX_IDENTIFIER, `a ${what} name has at most ${MAX_IDENTIFIER} characters`)
    .regex(IDENTIFIER, `a ${what} name starts with a letter and has only letters A-Z, digits and _`);
}

export const TableName = identifier("table").refine(
  (name) => !/^sqlite_/i.test(name),
  "names that begin with sqlite_ are the database's own",
);

export const ColumnName = identifier("column").refine(
  (name) => !RESERVED_COLUMNS.has(name.toLowerCase()),
  `every table has ${IMPLICIT_COLUMNS.join(", ")} by itself, and rowid and oid are reserved`,
);

const ColumnSettings = z.strictObject({
  type: z.enum(COLUMN_TYPES).describe("What the column holds."),
  required: z.boolean().default(false).describe("Every row has a value here: neither null nor left out."),
  default: AnyJson.optional().describe("The value of rows that are inserted without one."),
  unique: z
    .boolean()
    .default(false)
    .describe("No two rows have the same value. Rows without a value do not count."),
  index: z.boolean().default(false).describe("Searching and ordering by this column is fast."),
  description: z.string().max(10_000).optional(),
});

/** The type alone, or settings. */
export const ColumnDefinition = z.union([
  z.enum(COLUMN_TYPES).transform((type) => ColumnSettings.parse({ type })),
  ColumnSettings,
]);
export type ColumnDefinition = z.output<typeof ColumnSettings>;

const IndexSettings = z.strictObject({
  columns: z.array(z.string()).min(1).max(8).describe("Columns, the most selective first."),
  unique: z.boolean().default(false).describe("No two rows have the same values in all of them."),
});

/** The columns alone, or settings. */
export const IndexDefinition = z.union([
  z
    .array(z.string())
    .min(1)
    .max(8)
    .transform((columns) => IndexSettings.parse({ columns })),
  IndexSettings,
]);
export type IndexDefinition = z.output<typeof IndexSettings>;

export const TableDefinition = z
  .strictObject({
    table: TableName.describe("Unique in the environment; a segment of the table's URL."),
    description: z.string().max(10_000).optional(),
    columns: z
      .record(ColumnName, ColumnDefinition)
      .describe(
        "Columns by name: a type, or settings. `id`, `date_created` and `date_updated` are there anyway.",
      ),
    indexes: z
      .array(IndexDefinition)
      .max(MAX_TABLE_INDEXES, `a table has at most ${MAX_TABLE_INDEXES} indexes (MAX_TABLE_INDEXES)`)
      .default([])
      .describe("Indexes over several columns, or over `date_created` and `date_updated`."),
    seed: z
      .array(z.record(z.string(), AnyJson))
      .max(
        MAX_TABLE_SEED_ROWS,
        `a table begins with at most ${MAX_TABLE_SEED_ROWS} rows (MAX_TABLE_SEED_ROWS)`,
      )
      .optional()
      .describe("Rows that are put in when the table is made, and never again."),
  })
  .superRefine((table, context) => {
    for (const { path, reason } of definitionFaults(table)) {
      context.addIssue({ code: "custom", path: [...path], message: reason });
    }
  })
  .meta({ id: "TableDefinition" });
export type TableDefinition = z.output<typeof TableDefinition>;

/** Characters, as JSON, of a default and of a row that a table begins with: they stand in statements of 100 kB. */
const MAX_DECLARED_CHARS = 20_000;

function tooLong(what: string): string {
  return `${what} in a definition has at most ${MAX_DECLARED_CHARS} characters as JSON`;
}

interface DefinitionFault {
  path: readonly (string | number)[];
  reason: string;
}

/** What is wrong between the parts of a definition. */
function* definitionFaults(table: {
  columns: Record<string, ColumnDefinition>;
  indexes: IndexDefinition[];
  seed?: Record<string, Json>[] | undefined;
}): Generator<DefinitionFault> {
  const names = Object.keys(table.columns);
  if (names.length > MAX_TABLE_COLUMNS) {
    yield {
      path: ["columns"],
      reason: `a table has at most ${MAX_TABLE_COLUMNS} columns (MAX_TABLE_COLUMNS)`,
    };
  }
  const lower = new Map<string, string>();
  for (const name of names) {
    const path = ["columns", name];
    const other = lower.get(name.toLowerCase());
    if (other !== undefined) yield { path, reason: `only its case tells it from the column "${other}"` };
    lower.set(name.toLowerCase(), name);
    const column = table.columns[name] as ColumnDefinition;
    if (column.type === "json" && (column.unique || column.index)) {
      yield { path, reason: "a column of type json has no index, so it cannot be unique or indexed" };
    }
    if (column.default !== undefined) {
      const checked = checkValue(column.type, column.default);
      if ("reason" in checked) yield { path: [...path, "default"], reason: checked.reason };
      else if (JSON.stringify(column.default).length > MAX_DECLARED_CHARS) {
        yield { path: [...path, "default"], reason: tooLong("a default") };
      } else if (checked.value === null) {
        yield { path: [...path, "default"], reason: "null is what a column without a default begins with" };
      }
    }
  }
  const seen = new Set<string>();
  for (const [index, { columns }] of table.indexes.entries()) {
    const path = ["indexes", index];
    const key = columns.join(",");
    if (seen.has(key)) yield { path, reason: "this index is declared twice" };
    seen.add(key);
    if (new Set(columns).size !== columns.length) yield { path, reason: "a column stands in it twice" };
    for (const name of columns) {
      const column = Object.hasOwn(table.columns, name) ? table.columns[name] : undefined;
      if (column?.type === "json") yield { path, reason: `"${name}" is of type json, which has no index` };
      if (column === undefined && name !== "date_created" && name !== "date_updated") {
        yield { path, reason: `there is no column ${JSON.stringify(name)} in this table` };
      }
    }
  }
  for (const [index, row] of (table.seed ?? []).entries()) yield* seedFaults(table.columns, row, index);
}

function* seedFaults(
  columns: Record<string, ColumnDefinition>,
  row: Record<string, Json>,
  index: number,
): Generator<DefinitionFault> {
  if (JSON.stringify(row).length > MAX_DECLARED_CHARS)
    yield { path: ["seed", index], reason: tooLong("a row") };
  for (const name of Object.keys(row)) {
    const path = ["seed", index, name];
    const column = Object.hasOwn(columns, name) ? columns[name] : undefined;
    if (column === undefined) {
      yield { path, reason: "there is no such column in this table" };
      continue;
    }
    const checked = checkValue(column.type, row[name] as Json);
    if ("reason" in checked) yield { path, reason: checked.reason };
  }
  for (const [name, column] of Object.entries(columns)) {
    if (column.required && column.default === undefined && (row[name] ?? null) === null) {
      yield { path: ["seed", index], reason: `the required column "${name}" has no value` };
    }
  }
}
