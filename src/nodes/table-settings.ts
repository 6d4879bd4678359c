import { z } from "zod";
import { type Problem, SluiceError } from "../domain/errors";
import { type Json, type JsonObject, setOwn } from "../domain/json";
import { MAX_NODE_ROWS } from "../domain/limits";
import { nearest } from "../domain/nearest";
import { type TableColumn, TableModel } from "../domain/table-model";
import { OPERATOR_NAMES, readCondition } from "../domain/table-rules";
import { readSearch, type TableSearch } from "../domain/table-search";
import { checkValue } from "../domain/table-value";
import { FlowError } from "../engine/errors";
import type { Frame } from "../engine/frame";
import type { Item } from "../engine/item";
import type { NodeRun } from "../engine/node-run";
import type { PrepareContext, Steps } from "../engine/prepare-context";
import type { TableAddress } from "../engine/table-port";
import { isExpression, type Value } from "../engine/value";
import { AnyValue } from "./settings";

/** What the table nodes share: their settings, and the checks of those against the table's columns. */

export const TableSetting = z.string().min(1).max(100).describe("The table's name.");

export const IdSetting = AnyValue.describe("The row's id: a number or its text, usually an expression.");

export const WhereSetting = AnyValue.describe(
  "Rules as in a search of the v1 API: `{ field, operator, value }`, or `{ condition: AND | OR, rules: [ … ] }`. Values may be expressions; so may be all of it.",
);

export const IntoSetting = z
  .string()
  .min(1)
  .max(100)
  .optional()
  .describe("Field of the item that takes the result; without it, the result is the new item.");

export const PageSettings = {
  order_field: z.string().optional().describe("Column to order by; `id` unless given."),
  order_type: z.enum(["asc", "desc"]).optional(),
  limit: AnyValue.optional().describe(`Rows at the most; at the most ${MAX_NODE_ROWS} (MAX_NODE_ROWS).`),
  offset: AnyValue.optional().describe("Rows to skip."),
};

/** Values by column. */
export const ValuesSetting = z.record(z.string().min(1).max(100), AnyValue);

/** The table that a node names, prepared; `undefined` when there is none, which is reported. */
export function tableOf(context: PrepareContext, table: string): TableModel | undefined {
  const definition = context.resource("table", table, ["table"]);
  return definition === undefined ? undefined : TableModel.of(definition);
}

export function addressOf(node: NodeRun<unknown>, model: TableModel | undefined): TableAddress {
  if (model === undefined) throw new Error("a node whose table is unknown does not run");
  return { environmentId: node.run.environmentId, model };
}

function report(context: PrepareContext, at: Steps, { reason, nearest: closest }: Problem): void {
  context.problem(at, reason, closest);
}

/** A column that a node names; reports one that does not exist. */
export function columnOf(
  context: PrepareContext,
  model: TableModel | undefined,
  name: string,
  at: Steps,
): TableColumn | undefined {
  const column = model?.column(name);
  if (column === undefined && model !== undefined) report(context, at, model.unknownColumn(name, ""));
  return column;
}

export interface PreparedValues {
  entries: readonly { name: string; value: Value }[];
}

/** Values by column, compiled; what is wrong with columns and constants is reported. */
export function valuesOf(
  context: PrepareContext,
  model: TableModel | undefined,
  source: Record<string, Json>,
  setting: string,
): PreparedValues {
  const entries = Object.entries(source).map(([name, written]) => {
    const at = [setting, name];
    const value = context.value(written, at);
    const column = columnOf(context, model, name, at);
    if (column?.implicit) context.problem(at, `the table fills "${name}" by itself`);
    else if (column !== undefined && value.constant !== undefined) {
      const checked = checkValue(column.type, value.constant);
      if ("reason" in checked) context.problem(at, checked.reason);
      else if (checked.value === null && column.required)
        context.problem(at, "is null, and the column is required");
    }
    return { name, value };
  });
  return { entries };
}

/** The values of an item's row. An expression that yields nothing leaves its column out. */
export function evaluateValues(values: PreparedValues, frame: Frame): JsonObject {
  const row: JsonObject = {};
  for (const { name, value } of values.entries) {
    const found = value.evaluate(frame);
    if (found !== undefined) setOwn(row, name, found);
  }
  return row;
}

export interface PreparedSearch {
  model: TableModel | undefined;
  where: Value | undefined;
  limit: Value | undefined;
  offset: Value | undefined;
  order_field: string | undefined;
  order_type: string | undefined;
}

export interface SearchSettings {
  where?: Json | undefined;
  limit?: Json | undefined;
  offset?: Json | undefined;
  order_field?: string | undefined;
  order_type?: "asc" | "desc" | undefined;
}

/** A search, compiled; unknown columns and operators are reported wherever they are written out. */
export function searchOf(
  context: PrepareContext,
  model: TableModel | undefined,
  settings: SearchSettings,
): PreparedSearch {
  const value = (name: "where" | "limit" | "offset") => {
    const source = settings[name];
    return source === undefined
      ? undefined
      : context.value(name === "where" ? withOperators(source) : source, [name]);
  };
  const prepared = {
    model,
    where: value("where"),
    limit: value("limit"),
    offset: value("offset"),
    order_field: settings.order_field,
    order_type: settings.order_type,
  };
  if (settings.order_field !== undefined) columnOf(context, model, settings.order_field, ["order_field"]);
  if (model !== undefined && settings.where !== undefined) {
    if (prepared.where?.constant !== undefined) {
      const problems: Problem[] = [];
      readCondition(model, prepared.where.constant, "where", problems);
      for (const { path, reason, nearest: closest } of problems) {
        context.problem(["where"], path === "where" ? reason : `${path}: ${reason}`, closest);
      }
    } else checkNames(context, model, settings.where, ["where"]);
  }
  return prepared;
}

/** Rules in which the operators `=` and `=>` are not taken for expressions, which begin with the same character. */
function withOperators(source: Json): Json {
  if (Array.isArray(source)) return source.map(withOperators);
  if (typeof source !== "object" || source === null) return source;
  const { operator, rules } = source;
  return {
    ...source,
    ...(operator === "=" || operator === "=>" ? { operator: ` ${operator}` } : {}),
    ...(rules === undefined ? {} : { rules: withOperators(rules) }),
  };
}

/** The names in rules whose values are expressions. */
function checkNames(context: PrepareContext, model: TableModel, source: Json, at: Steps): void {
  if (typeof source !== "object" || source === null || Array.isArray(source)) return;
  const { field, operator, rules } = source;
  if (Array.isArray(rules)) {
    for (const [index, rule] of rules.entries()) checkNames(context, model, rule, [...at, "rules", index]);
  }
  if (typeof field === "string" && isLiteral(field)) columnOf(context, model, field, [...at, "field"]);
  if (
    typeof operator === "string" &&
    isLiteral(operator) &&
    !OPERATOR_NAMES.includes(operator.toLowerCase())
  ) {
    context.problem(
      [...at, "operator"],
      `there is no operator "${operator}"; there are ${OPERATOR_NAMES.join(" ")}`,
      nearest(operator, OPERATOR_NAMES),
    );
  }
}

function isLiteral(text: string): boolean {
  // `=` alone is an operator; behind it an expression begins.
  return OPERATOR_NAMES.includes(text) || (!isExpression(text) && !text.includes("${"));
}

/** The search of one item. */
export function evaluateSearch(search: PreparedSearch, frame: Frame): TableSearch {
  const model = search.model as TableModel;
  const body: JsonObject = {};
  for (const name of ["where", "limit", "offset"] as const) {
    const found = search[name]?.evaluate(frame);
    if (found !== undefined) body[name] = found;
  }
  if (search.order_field !== undefined) body.order_field = search.order_field;
  if (search.order_type !== undefined) body.order_type = search.order_type;
  const problems: Problem[] = [];
  const read = readSearch(model, body, problems, { usual: MAX_NODE_ROWS, most: MAX_NODE_ROWS });
  if (problems.length > 0) throw wrong("search", problems);
  return read;
}

/** What is wrong with an item's values, as the item's failure. */
export function wrong(what: string, problems: readonly Problem[]): FlowError {
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  const place = first?.path ? `${first.path}: ` : "";
  return new FlowError(`invalid_${what}`, `the ${what} is wrong: ${place}${first?.reason ?? ""}${more}`);
}

/** An error of the table as the item's failure; what is nobody's fault stays what it is. */
export function itemError(error: unknown): unknown {
  return error instanceof SluiceError ? new FlowError(error.code, error.message) : error;
}

/** An item with a result in one of its fields, or as its value. */
export function withResult(node: NodeRun<unknown>, item: Item, into: string | undefined, result: Json): Item {
  if (into === undefined) return node.derive(item, result);
  const { value } = item;
  const whole: JsonObject =
    typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : { item: value };
  setOwn(whole, into, result);
  return node.derive(item, whole);
}
