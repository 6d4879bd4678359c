import type { Problem } from "./errors";
import type { Json, JsonObject } from "./json";
import { setOwn } from "./json";
import { MAX_TABLE_ROWS } from "./limits";
import type { CheckedRow, TableModel } from "./table-model";
import { nameOf } from "./table-value";

/**
 * What a request writes into a table, in the forms of the seed: the row itself, or `columns` with a `column_name` and a
 * `column_value` each. Ours: a list of rows.
 */

/** Whether a body is in the seed's form with `columns`, and not a row of a table that has such a column. */
function hasColumnList(model: TableModel, body: JsonObject): boolean {
  return (
    Object.hasOwn(body, "columns") && (model.column("columns") === undefined || isColumnList(body.columns))
  );
}

function isColumnList(value: Json | undefined): boolean {
  const [first] = Array.isArray(value) ? value : [value];
  return typeof first === "object" && first !== null && Object.hasOwn(first, "column_name");
}

/** The values of a row from the seed's list of columns. */
function fromColumnList(list: Json | undefined, path: string, problems: Problem[]): JsonObject {
  const row: JsonObject = {};
  const entries = Array.isArray(list) ? list : [list];
  for (const [index, entry] of entries.entries()) {
    const at = `${path}[${index}]`;
    if (typeof entry !== "object" || entry === null || Array.isArray(entry)) {
      problems.push({ path: at, reason: "is no object with column_name and column_value" });
      continue;
    }
    const { column_name: name, column_value: value, ...more } = entry;
    const [unknown] = Object.keys(more);
    if (unknown !== undefined) {
      problems.push({
        path: at,
        reason: `has a field ${JSON.stringify(unknown.slice(0, 60))}; known are column_name, column_value`,
      });
    } else if (typeof name !== "string" || value === undefined) {
      problems.push({ path: at, reason: "needs column_name, a text, and column_value" });
    } else if (Object.hasOwn(row, name)) {
      problems.push({
        path: `${at}.column_name`,
        reason: `${JSON.stringify(name.slice(0, 60))} stands in the list twice`,
      });
    } else {
      setOwn(row, name, value);
    }
  }
  return row;
}

/**
 * The rows that a body inserts.
 * @param lenient see `TableModel.checkRow`
 */
export function readRows(model: TableModel, body: Json, problems: Problem[], lenient: boolean): CheckedRow[] {
  const list = Array.isArray(body) ? body : [body];
  if (list.length > MAX_TABLE_ROWS) {
    problems.push({
      path: "",
      reason: `${list.length} rows are more than one request writes; the limit is ${MAX_TABLE_ROWS} (MAX_TABLE_ROWS)`,
    });
    return [];
  }
  const rows: CheckedRow[] = [];
  for (const [index, entry] of list.entries()) {
    const path = Array.isArray(body) ? `[${index}]` : "";
    if (typeof entry !== "object" || entry === null || Array.isArray(entry)) {
      problems.push({
        path,
        reason: `is ${nameOf(entry)} where a row is due: an object with a value for each column`,
      });
    } else {
      rows.push(readRow(model, entry, path, problems, lenient));
    }
    // A hundred problems help as much as a million.
    if (problems.length > 100) break;
  }
  return rows;
}

function readRow(
  model: TableModel,
  entry: JsonObject,
  path: string,
  problems: Problem[],
  lenient: boolean,
): CheckedRow {
  if (!hasColumnList(model, entry)) return model.checkRow(entry, "insert", path, problems, lenient);
  const { columns, ...more } = entry;
  for (const field of Object.keys(more)) {
    problems.push({ path: field.slice(0, 60), reason: "there is no such field beside `columns`" });
  }
  const at = path === "" ? "columns" : `${path}.columns`;
  return model.checkRow(fromColumnList(columns, at, problems), "insert", path, problems, lenient);
}

/** The values that a body changes, and what else it says: `where`, `limit` … of the seed's form. */
export function readChange(
  model: TableModel,
  body: JsonObject,
  problems: Problem[],
  lenient: boolean,
): { values: CheckedRow; rest: JsonObject } {
  const listed = hasColumnList(model, body);
  const { columns, ...rest } = body;
  const source = listed ? fromColumnList(columns, "columns", problems) : body;
  const values = model.checkRow(source, "change", "", problems, lenient);
  if (values.size === 0 && problems.length === 0) {
    problems.push({ path: listed ? "columns" : "", reason: "names no column to change" });
  }
  return { values, rest: listed ? rest : {} };
}
