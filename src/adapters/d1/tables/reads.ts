import type { Json, JsonObject } from "../../../domain/json";
import { MAX_TABLE_COUNT } from "../../../domain/limits";
import type { Aggregate, TableAggregation } from "../../../domain/table-aggregate";
import type { StoredRow, TableColumn } from "../../../domain/table-model";
import { cursorBehind, type TablePage, type TableSearch } from "../../../domain/table-search";
import { presentValue, type Stored } from "../../../domain/table-value";
import type { FoundGroups, TableAddress } from "../../../engine/table-port";
import { quoted } from "./names";
import { Parameters } from "./parameters";
import { TableSql } from "./sql";
import { type Statement, statement } from "./statement";
import { behindSql, conditionSql } from "./where";

/** Name of the column with the number of matches: no column that is declared can be called so. */
const MATCHES = "$matches";

type FoundRow = Record<string, Stored>;

/** The statement of a search: the rows, and with each how many match in all, counted up to a bound. */
export function searchStatement(table: TableAddress, search: TableSearch): Statement {
  const sql = TableSql.of(table.environmentId, table.model);
  const parameters = new Parameters();
  const where = search.where === undefined ? undefined : conditionSql(search.where, parameters);
  const after = search.cursor?.after;
  const behind =
    after === undefined ? undefined : behindSql(search.order, search.descending, after, parameters);
  return pageStatement(sql, search, where, behind, parameters);
}

function pageStatement(
  sql: TableSql,
  search: TableSearch,
  where: string | undefined,
  behind: string | undefined,
  parameters: Parameters,
): Statement {
  const rules = [where, behind].filter((part) => part !== undefined);
  const filter = rules.length === 0 ? "" : ` WHERE ${rules.join(" AND ")}`;
  // A row more than asked for tells whether there is another page.
  const limit = parameters.add(search.cursor === undefined ? search.limit : search.limit + 1);
  const offset = search.offset === 0 ? "" : ` OFFSET ${parameters.add(search.offset)}`;
  return statement(
    `SELECT ${sql.columns}, ${countSql(sql, where)} AS "${MATCHES}" FROM ${sql.table}${filter}${orderSql(sql, search)} LIMIT ${limit}${offset}`,
    parameters,
  );
}

function countSql(sql: TableSql, where: string | undefined): string {
  if (where === undefined) return sql.rows;
  return `(SELECT count(*) FROM (SELECT 1 FROM ${sql.table} WHERE ${where} LIMIT ${MAX_TABLE_COUNT + 1}))`;
}

/** Columns are named with their table: alone, the name of a selected expression would be meant, which no index serves. */
export function orderSql(sql: TableSql, { order, descending }: TableSearch): string {
  const direction = descending ? " DESC" : "";
  const id = `${sql.table}."id"${direction}`;
  // The id settles what comes first among equals, so that pages neither repeat nor skip rows.
  return order.name === "id"
    ? ` ORDER BY ${id}`
    : ` ORDER BY ${sql.table}.${quoted(order.name)}${direction}, ${id}`;
}

/**
 * Rows without a value come first in ascending order and last in descending, and no comparison finds them. So a page that
 * a cursor begins may need a second statement: for those on the other side of that border.
 */
export function borderStatement(
  table: TableAddress,
  search: TableSearch,
  found: readonly FoundRow[],
): Statement | undefined {
  const after = search.cursor?.after;
  if (after === undefined || search.order.notNull || found.length > search.limit) return undefined;
  if (search.descending ? after.value === null : after.value !== null) return undefined;
  const sql = TableSql.of(table.environmentId, table.model);
  const parameters = new Parameters();
  const where = search.where === undefined ? undefined : conditionSql(search.where, parameters);
  const behind = `${quoted(search.order.name)} IS ${search.descending ? "" : "NOT "}NULL`;
  return pageStatement(sql, { ...search, limit: search.limit - found.length }, where, behind, parameters);
}

/** The number of matches of a page without rows: no row carries it. */
export function matchesStatement(
  table: TableAddress,
  search: TableSearch,
  found: readonly FoundRow[],
): Statement | undefined {
  if (found.length > 0 || (search.offset === 0 && search.cursor?.after === undefined)) return undefined;
  const sql = TableSql.of(table.environmentId, table.model);
  const parameters = new Parameters();
  const where = search.where === undefined ? undefined : conditionSql(search.where, parameters);
  return statement(`SELECT ${countSql(sql, where)} AS "${MATCHES}"`, parameters);
}

export function readPage(
  search: TableSearch,
  found: readonly FoundRow[],
  counted: FoundRow | undefined,
): TablePage {
  const matches = Number((found[0] ?? counted)?.[MATCHES] ?? 0);
  const more = search.cursor !== undefined && found.length > search.limit;
  const rows = more ? found.slice(0, search.limit) : found;
  const last = rows.at(-1);
  return {
    rows: rows as readonly StoredRow[],
    matches: search.where === undefined ? matches : Math.min(matches, MAX_TABLE_COUNT),
    exact: search.where === undefined || matches <= MAX_TABLE_COUNT,
    next: more && last !== undefined ? cursorBehind(search, last as StoredRow) : undefined,
  };
}

/** The statement of an aggregation. Answers' names are no part of it: its columns are numbered. */
export function aggregateStatement(table: TableAddress, aggregation: TableAggregation): Statement {
  const sql = TableSql.of(table.environmentId, table.model);
  const { groupBy, aggregates } = aggregation;
  const parameters = new Parameters();
  const where =
    aggregation.where === undefined ? "" : ` WHERE ${conditionSql(aggregation.where, parameters)}`;
  // With its table, as in an order: a column may be called like one of the answer's.
  const named = ({ name }: TableColumn) => `${sql.table}.${quoted(name)}`;
  const groups = groupBy.map(named);
  const expressions = [
    ...groupBy.map((column) => ({ sql: named(column), integer: column.type === "integer" })),
    ...aggregates.map((aggregate) => aggregateSql(aggregate, named)),
  ];
  const selected = expressions.map((each, index) => `${exactly(each)} AS "c${index}"`).join(", ");
  if (groups.length === 0 && where === "" && aggregates.every(({ column }) => column === undefined)) {
    // Counting all rows is what the counter is for.
    const counts = aggregates.map((_, index) => `${sql.rows} AS "c${index}"`).join(", ");
    return statement(`SELECT ${counts}, 1 AS "${MATCHES}"`, parameters);
  }
  const by = groups.length === 0 ? "" : ` GROUP BY ${groups.join(", ")}`;
  const chosen = aggregation.order === undefined ? undefined : expressions[aggregation.order]?.sql;
  const sorted = [
    ...(chosen === undefined ? [] : [`${chosen}${aggregation.descending ? " DESC" : ""}`]),
    ...groups,
  ];
  const order = sorted.length === 0 ? "" : ` ORDER BY ${sorted.join(", ")}`;
  const total =
    groups.length === 0
      ? "1"
      : `(SELECT count(*) FROM (SELECT 1 FROM ${sql.table}${where}${by} LIMIT ${MAX_TABLE_COUNT}))`;
  const limit = parameters.add(aggregation.limit);
  const offset = parameters.add(aggregation.offset);
  return statement(
    `SELECT ${selected}, ${total} AS "${MATCHES}" FROM ${sql.table}${where}${by}${order} LIMIT ${limit} OFFSET ${offset}`,
    parameters,
  );
}

function aggregateSql(
  { function: called, column }: Aggregate,
  named: (column: TableColumn) => string,
): { sql: string; integer: boolean } {
  if (column === undefined) return { sql: "count(*)", integer: false };
  const integer = column.type === "integer" && called !== "avg" && called !== "count";
  return { sql: `${called}(${named(column)})`, integer };
}

/** An integer that a number does not hold exactly, as text. */
function exactly({ sql, integer }: { sql: string; integer: boolean }): string {
  if (!integer) return sql;
  return `CASE WHEN ${sql} BETWEEN -9007199254740991 AND 9007199254740991 THEN ${sql} ELSE CAST(${sql} AS TEXT) END`;
}

export function readGroups(aggregation: TableAggregation, found: readonly FoundRow[]): FoundGroups {
  const { groupBy, aggregates } = aggregation;
  const rows = found.map((row) => {
    const shown: JsonObject = {};
    for (const [index, { name, type }] of groupBy.entries()) {
      const value = row[`c${index}`] as Stored;
      shown[name] = name === "id" ? String(value) : presentValue(type, value);
    }
    for (const [index, { name, function: called, column }] of aggregates.entries()) {
      const value = row[`c${groupBy.length + index}`] as Stored;
      const typed = (called === "min" || called === "max") && column !== undefined;
      shown[name] = (typed ? presentValue(column.type, value) : value) as Json;
    }
    return shown;
  });
  return { rows, groups: Number(found[0]?.[MATCHES] ?? 0) };
}
