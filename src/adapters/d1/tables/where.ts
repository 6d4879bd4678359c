import { prefixEnd } from "../../../domain/prefix-end";
import type { TableColumn } from "../../../domain/table-model";
import type { Condition, Rule } from "../../../domain/table-rules";
import type { Stored } from "../../../domain/table-value";
import { quoted } from "./names";
import type { Parameters } from "./parameters";

/**
 * A condition as SQL. Rows without a value match the opposite of a comparison, so that a comparison and its opposite
 * together always find every row.
 *
 * What D1 does not do is done otherwise: patterns of LIKE end at 50 bytes, so texts are compared by `instr` and ranges;
 * expressions end at a depth of 100, so a hundred rules are joined as a balanced tree.
 */
export function conditionSql(condition: Condition, parameters: Parameters): string {
  if (condition.kind === "rule") return ruleSql(condition, parameters);
  const parts = condition.parts.map((part) => conditionSql(part, parameters));
  return balanced(parts, condition.kind === "all" ? " AND " : " OR ");
}

function balanced(parts: readonly string[], operator: string): string {
  if (parts.length === 1) return parts[0] as string;
  const middle = Math.ceil(parts.length / 2);
  return `(${balanced(parts.slice(0, middle), operator)}${operator}${balanced(parts.slice(middle), operator)})`;
}

function ruleSql(rule: Rule, parameters: Parameters): string {
  const positive = positiveSql(rule, parameters);
  if (!rule.not) return positive;
  // Whether there is a value is true or false; every other comparison is unknown where there is none.
  const asksForNothing =
    rule.comparison === "is_empty" || (rule.comparison === "equals" && rule.values[0] === null);
  if (asksForNothing || rule.column.notNull) return `NOT ${positive}`;
  return `(${quoted(rule.column.name)} IS NULL OR NOT ${positive})`;
}

/** The comparison itself, in parentheses, so that NOT may stand before it. */
function positiveSql({ column, comparison, values }: Rule, parameters: Parameters): string {
  const name = quoted(column.name);
  const [first = null, second = null] = values;
  switch (comparison) {
    case "equals":
      return first === null ? nothing(column, name) : `(${name} = ${parameters.add(first)})`;
    case "less":
      return `(${name} < ${parameters.add(first)})`;
    case "at_most":
      return `(${name} <= ${parameters.add(first)})`;
    case "more":
      return `(${name} > ${parameters.add(first)})`;
    case "at_least":
      return `(${name} >= ${parameters.add(first)})`;
    case "between":
      return `(${name} BETWEEN ${parameters.add(first)} AND ${parameters.add(second)})`;
    case "in":
      return `(${name} IN ${parameters.list(values)})`;
    case "is_empty":
      return emptySql(column, name);
    case "contains":
      return `(instr(${textOf(column, name)}, ${parameters.add(first)}) > 0)`;
    case "begins_with":
      return beginsWith(column, name, String(first), parameters);
    case "ends_with":
      return endsWith(textOf(column, name), String(first), parameters);
  }
}

/** Never unknown, so that its opposite is right too. */
function nothing(column: TableColumn, name: string): string {
  return column.notNull ? "(0)" : `(${name} IS NULL)`;
}

function emptySql(column: TableColumn, name: string): string {
  if (column.type === "text") return `(${name} IS NULL OR ${name} = '')`;
  if (column.type === "json") return `(${name} IS NULL OR ${name} IN ('""', '[]', '{}'))`;
  return `(${name} IS NULL)`;
}

/** A column's value as the text that the wire shows. */
function textOf({ type }: TableColumn, name: string): string {
  if (type === "integer") return `CAST(${name} AS TEXT)`;
  if (type === "real") {
    return `CASE WHEN ${name} = CAST(${name} AS INTEGER) AND abs(${name}) < 1e15 THEN CAST(CAST(${name} AS INTEGER) AS TEXT) ELSE CAST(${name} AS TEXT) END`;
  }
  return name;
}

/** For texts a range, which an index serves. */
function beginsWith(column: TableColumn, name: string, prefix: string, parameters: Parameters): string {
  if (prefix === "") return `(${name} IS NOT NULL)`;
  if (column.type === "integer" || column.type === "real") {
    return `(instr(${textOf(column, name)}, ${parameters.add(prefix)}) = 1)`;
  }
  const from = `${name} >= ${parameters.add(prefix)}`;
  const end = prefixEnd(prefix);
  return end === undefined ? `(${from})` : `(${from} AND ${name} < ${parameters.add(end)})`;
}

function endsWith(text: string, suffix: string, parameters: Parameters): string {
  if (suffix === "") return `(${text} IS NOT NULL)`;
  return `(substr(${text}, ${-[...suffix].length}) = ${parameters.add(suffix)})`;
}

/** Behind a place in an order: the rows that follow it. */
export function behindSql(
  column: TableColumn,
  descending: boolean,
  place: { value: Stored; id: number },
  parameters: Parameters,
): string {
  const name = quoted(column.name);
  const sign = descending ? "<" : ">";
  const id = parameters.add(place.id);
  if (column.name === "id") return `("id" ${sign} ${id})`;
  if (place.value === null) return `(${name} IS NULL AND "id" ${sign} ${id})`;
  return `((${name}, "id") ${sign} (${parameters.add(place.value)}, ${id}))`;
}
