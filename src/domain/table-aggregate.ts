import type { Problem } from "./errors";
import type { Json, JsonObject } from "./json";
import { MAX_TABLE_AGGREGATES, MAX_TABLE_LIMIT } from "./limits";
import { nearest } from "./nearest";
import type { TableColumn, TableModel } from "./table-model";
import type { Condition } from "./table-rules";
import { checkFields, readDirection, readSearch } from "./table-search";
import { nameOf } from "./table-value";

/**
 * A query for figures instead of rows:
 *
 *     { "where": …, "group_by": ["type"],
 *       "aggregates": { "users": "count", "oldest": { "max": "age" } },
 *       "order_field": "users", "order_type": "desc", "limit": 10, "offset": 0 }
 */

export const AGGREGATE_FUNCTIONS = ["count", "sum", "min", "max", "avg"] as const;
export type AggregateFunction = (typeof AGGREGATE_FUNCTIONS)[number];

export interface Aggregate {
  /** Its name in the answer. Never part of a statement. */
  readonly name: string;
  readonly function: AggregateFunction;
  /** Absent for `count` of rows. */
  readonly column: TableColumn | undefined;
}

export interface TableAggregation {
  readonly where: Condition | undefined;
  readonly groupBy: readonly TableColumn[];
  readonly aggregates: readonly Aggregate[];
  /** Index into the answer's columns: those of `groupBy`, then the aggregates. */
  readonly order: number | undefined;
  readonly descending: boolean;
  readonly limit: number;
  readonly offset: number;
}

const FIELDS = ["where", "group_by", "aggregates", "order_field", "order_type", "limit", "offset"];

export function readAggregation(
  model: TableModel,
  body: JsonObject,
  problems: Problem[],
  most = MAX_TABLE_LIMIT,
): TableAggregation {
  checkFields(body, FIELDS, problems);
  const { where, limit, offset } = readSearch(
    model,
    { where: body.where ?? null, limit: body.limit ?? null, offset: body.offset ?? null },
    problems,
    { most },
  );
  const groupBy = readGroupBy(model, body.group_by, problems);
  const aggregates = readAggregates(model, body.aggregates, problems);
  for (const [index, { name }] of aggregates.entries()) {
    if (
      groupBy.some((column) => column.name === name) ||
      aggregates.findIndex((each) => each.name === name) < index
    )
      problems.push({
        path: "aggregates",
        reason: `the name ${JSON.stringify(name)} stands for two things in the answer`,
      });
  }
  return {
    where,
    limit,
    offset,
    groupBy,
    aggregates,
    order: readAggregateOrder(body.order_field, groupBy, aggregates, problems),
    descending: readDirection(body.order_type, problems),
  };
}

function readGroupBy(model: TableModel, source: Json | undefined, problems: Problem[]): TableColumn[] {
  if (source === undefined || source === null || source === "") return [];
  const names = Array.isArray(source) ? source : [source];
  if (names.length > MAX_TABLE_AGGREGATES) {
    problems.push({
      path: "group_by",
      reason: `has at most ${MAX_TABLE_AGGREGATES} columns (MAX_TABLE_AGGREGATES)`,
    });
    return [];
  }
  const columns: TableColumn[] = [];
  for (const [index, name] of names.entries()) {
    const column = typeof name === "string" ? model.column(name) : undefined;
    if (column === undefined) {
      const shown = typeof name === "string" ? name : JSON.stringify(name);
      problems.push(model.unknownColumn(shown, `group_by[${index}]`));
    } else if (columns.includes(column)) {
      problems.push({ path: `group_by[${index}]`, reason: `"${column.name}" stands in it twice` });
    } else columns.push(column);
  }
  return columns;
}

function readAggregates(model: TableModel, source: Json | undefined, problems: Problem[]): Aggregate[] {
  if (source === undefined || source === null)
    return [{ name: "count", function: "count", column: undefined }];
  if (typeof source !== "object" || Array.isArray(source) || Object.keys(source).length === 0) {
    problems.push({
      path: "aggregates",
      reason: 'is an object such as { "users": "count", "oldest": { "max": "age" } }',
    });
    return [];
  }
  const names = Object.keys(source);
  if (names.length > MAX_TABLE_AGGREGATES) {
    problems.push({
      path: "aggregates",
      reason: `has at most ${MAX_TABLE_AGGREGATES} entries (MAX_TABLE_AGGREGATES)`,
    });
    return [];
  }
  return names.flatMap((name) => {
    const aggregate = readAggregate(model, name, source[name] as Json, problems);
    return aggregate === undefined ? [] : [aggregate];
  });
}

function readAggregate(
  model: TableModel,
  name: string,
  source: Json,
  problems: Problem[],
): Aggregate | undefined {
  const path = `aggregates.${name.slice(0, 60)}`;
  if (!/^[\p{L}_][\p{L}\p{N}_ -]{0,99}$/u.test(name) || name === "__proto__") {
    problems.push({ path, reason: "a name has letters, digits, _ - and spaces, and begins with a letter" });
    return undefined;
  }
  if (source === "count") return { name, function: "count", column: undefined };
  const entries =
    typeof source === "object" && source !== null && !Array.isArray(source) ? Object.entries(source) : [];
  const [entry] = entries;
  const called = entry?.[0] as AggregateFunction | undefined;
  if (
    entry === undefined ||
    entries.length !== 1 ||
    !AGGREGATE_FUNCTIONS.includes(called as AggregateFunction)
  ) {
    const closest = typeof source === "string" ? nearest(source, AGGREGATE_FUNCTIONS) : undefined;
    problems.push({
      path,
      reason: `is ${nameOf(source)}; write "count", or one of ${AGGREGATE_FUNCTIONS.join(", ")} with its column: { "max": "age" }`,
      ...(closest === undefined ? {} : { nearest: closest }),
    });
    return undefined;
  }
  const column = typeof entry[1] === "string" ? model.column(entry[1]) : undefined;
  if (column === undefined) {
    const shown = typeof entry[1] === "string" ? entry[1] : JSON.stringify(entry[1]);
    problems.push(model.unknownColumn(shown, path));
    return undefined;
  }
  const number = column.type === "integer" || column.type === "real";
  if ((called === "sum" || called === "avg") && !number) {
    problems.push({
      path,
      reason: `${called} takes a column of numbers, and "${column.name}" is of type ${column.type}`,
    });
    return undefined;
  }
  if (column.type === "json" && called !== "count") {
    problems.push({ path, reason: `a column of type json has no order; "${column.name}" is one` });
    return undefined;
  }
  return { name, function: called as AggregateFunction, column };
}

function readAggregateOrder(
  field: Json | undefined,
  groupBy: readonly TableColumn[],
  aggregates: readonly Aggregate[],
  problems: Problem[],
): number | undefined {
  if (field === undefined || field === null || field === "") return undefined;
  const names = [...groupBy, ...aggregates].map(({ name }) => name);
  const index = typeof field === "string" ? names.indexOf(field) : -1;
  if (index >= 0) return index;
  const closest = typeof field === "string" ? nearest(field, names) : undefined;
  problems.push({
    path: "order_field",
    reason: `is ${nameOf(field)}, which the answer does not have; it has ${names.join(", ")}`,
    ...(closest === undefined ? {} : { nearest: closest }),
  });
  return undefined;
}
