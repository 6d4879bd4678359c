import { type Problem, SluiceError } from "./errors";
import type { Json, JsonObject } from "./json";
import { MAX_CURSOR_VALUE_CHARS, MAX_TABLE_LIMIT, MAX_TABLE_OFFSET } from "./limits";
import { nearest } from "./nearest";
import { rowId, type StoredRow, type TableColumn, type TableModel } from "./table-model";
import { type Condition, readCondition } from "./table-rules";
import { nameOf, type Stored } from "./table-value";

/** A character takes six bytes at the most, as an escape, and three bytes four characters; beside it a name and an id. */
const MAX_CURSOR_CHARS = MAX_CURSOR_VALUE_CHARS * 8 + 200;

/** How much of a value that is too large a cursor carries, to know it again. */
const CURSOR_BEGINNING_CHARS = 100;

/** Where a page begins that goes on from another: behind the row with this value and id. */
export interface CursorPlace {
  readonly value: Stored;
  readonly id: number;
  /** Of a text too large to travel: its characters in all; `value` is how it begins, and the row itself has the rest. */
  readonly length?: number;
}

/** Which rows, in which order, and which part of them. */
export interface TableSearch {
  readonly where: Condition | undefined;
  readonly limit: number;
  readonly offset: number;
  readonly order: TableColumn;
  readonly descending: boolean;
  /** Whether pages are told by cursors; `after` is where this one begins, absent for the first. */
  readonly cursor: { readonly after: CursorPlace | undefined } | undefined;
}

/** A page of rows. */
export interface TablePage {
  readonly rows: readonly StoredRow[];
  /** Rows that match in all; counted up to a bound, and `exact` says whether that was enough. */
  readonly matches: number;
  readonly exact: boolean;
  /** The cursor of the page behind this one; absent on the last page, and where cursors were not asked for. */
  readonly next: string | undefined;
}

/** Fields of a search, as the seed names them; `cursor` is ours. */
export const SEARCH_FIELDS = ["where", "limit", "offset", "order_field", "order_type", "cursor"] as const;

/** Reports fields that a request does not have. */
export function checkFields(body: JsonObject, known: readonly string[], problems: Problem[]): void {
  for (const field of Object.keys(body)) {
    if (known.includes(field)) continue;
    const closest = nearest(field, known);
    problems.push({
      path: field.slice(0, 60),
      reason: `there is no such field here; known are ${known.join(", ")}`,
      ...(closest === undefined ? {} : { nearest: closest }),
    });
  }
}

/**
 * Reads what a search asks for.
 * @param most the largest `limit`; a larger one counts as this
 */
export function readSearch(
  model: TableModel,
  body: JsonObject,
  problems: Problem[],
  { usual = MAX_TABLE_LIMIT, most = MAX_TABLE_LIMIT }: { usual?: number; most?: number } = {},
): TableSearch {
  const where = readCondition(model, body.where, "where", problems);
  const limit = Math.min(readCount(body.limit, "limit", usual, 1, Number.MAX_SAFE_INTEGER, problems), most);
  const offset = readCount(body.offset, "offset", 0, 0, MAX_TABLE_OFFSET, problems);
  const order = readOrder(model, body.order_field, problems);
  const descending = readDirection(body.order_type, problems);
  const cursor =
    body.cursor === undefined ? undefined : { after: readCursor(body.cursor, order, descending, problems) };
  if (cursor !== undefined && offset > 0) {
    problems.push({ path: "offset", reason: "a cursor goes on by itself; leave the offset out" });
  }
  return { where, limit, offset, order, descending, cursor };
}

function readCount(
  value: Json | undefined,
  name: string,
  usual: number,
  least: number,
  most: number,
  problems: Problem[],
): number {
  if (value === undefined || value === null || value === "") return usual;
  const count = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  if (typeof count !== "number" || !Number.isInteger(count) || count < least) {
    problems.push({ path: name, reason: `is ${nameOf(value)} where an integer from ${least} is due` });
    return usual;
  }
  if (count > most) {
    problems.push({
      path: name,
      reason: `is ${count}, and a search skips at most ${most} rows (MAX_TABLE_OFFSET); go on with a cursor`,
    });
    return usual;
  }
  return count;
}

function readOrder(model: TableModel, field: Json | undefined, problems: Problem[]): TableColumn {
  const id = model.columns[0] as TableColumn;
  if (field === undefined || field === null || field === "") return id;
  const column = typeof field === "string" ? model.column(field) : undefined;
  if (column === undefined) {
    problems.push(
      model.unknownColumn(typeof field === "string" ? field : JSON.stringify(field), "order_field"),
    );
    return id;
  }
  if (column.type === "json") {
    problems.push({
      path: "order_field",
      reason: `a column of type json has no order; "${column.name}" is one`,
    });
  }
  return column;
}

export function readDirection(value: Json | undefined, problems: Problem[]): boolean {
  if (value === undefined || value === null || value === "") return false;
  const name = typeof value === "string" ? value.trim().toUpperCase() : undefined;
  if (name === "DESC") return true;
  if (name !== "ASC") {
    problems.push({ path: "order_type", reason: `is ${nameOf(value)}, and neither ASC nor DESC` });
  }
  return false;
}

/*
 * A cursor is the base64url form of `[order column, descending, value, id]`: where the last page ended. It goes on right
 * even when rows before it came or went. It is no secret and gives no right. In place of a value that is too large to
 * travel stands `[its characters in all, how it begins]`.
 */

/** The cursor behind a row. */
export function cursorBehind(search: TableSearch, row: StoredRow): string {
  const value = row[search.order.name] as Stored;
  const large = typeof value === "string" && value.length > MAX_CURSOR_VALUE_CHARS;
  const travels = large ? [value.length, value.slice(0, CURSOR_BEGINNING_CHARS)] : value;
  const text = JSON.stringify([search.order.name, search.descending ? 1 : 0, travels, row.id]);
  const bytes = new TextEncoder().encode(text);
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

function readCursor(
  given: Json,
  order: TableColumn,
  descending: boolean,
  problems: Problem[],
): CursorPlace | undefined {
  // The first page has nothing before it.
  if (given === null || given === "") return undefined;
  const found = typeof given === "string" ? decodeCursor(given) : undefined;
  if (found === undefined) {
    problems.push({ path: "cursor", reason: "is no cursor of an earlier answer; begin with an empty one" });
    return undefined;
  }
  if (found.order !== order.name || found.descending !== descending) {
    problems.push({
      path: "cursor",
      reason: `is of a search ordered by ${found.order} ${found.descending ? "DESC" : "ASC"}; keep the order while you go on`,
    });
    return undefined;
  }
  return found.place;
}

function decodeCursor(text: string): { order: string; descending: boolean; place: CursorPlace } | undefined {
  if (text.length > MAX_CURSOR_CHARS || !/^[\w-]+$/.test(text)) return undefined;
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0));
    const parsed = JSON.parse(
      new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes),
    ) as unknown;
    if (!Array.isArray(parsed) || parsed.length !== 4) return undefined;
    const [order, descending, travels, id] = parsed as unknown[];
    if (typeof order !== "string" || !/^\w{1,50}$/.test(order) || (descending !== 0 && descending !== 1))
      return undefined;
    const row = typeof id === "number" ? rowId(String(id)) : undefined;
    const place = row === undefined ? undefined : placeOf(travels, row);
    return place === undefined ? undefined : { order, descending: descending === 1, place };
  } catch {
    return undefined;
  }
}

function placeOf(travels: unknown, id: number): CursorPlace | undefined {
  if (Array.isArray(travels)) {
    const [length, value, ...more] = travels as unknown[];
    const right = typeof length === "number" && typeof value === "string" && more.length === 0;
    return right ? { value, id, length } : undefined;
  }
  const right = travels === null || typeof travels === "string" || Number.isFinite(travels);
  return right ? { value: travels as Stored, id } : undefined;
}

/**
 * The search with its cursor's whole value, which the row that it names has.
 * @throws SluiceError invalid_request when the row has gone or has another value now
 */
export function withWholePlace(search: TableSearch, row: StoredRow | undefined): TableSearch {
  const after = search.cursor?.after;
  if (after?.length === undefined) return search;
  const whole = row?.[search.order.name];
  if (typeof whole !== "string" || whole.length !== after.length || !whole.startsWith(String(after.value))) {
    throw new SluiceError(
      "invalid_request",
      `The cursor ends at row ${after.id}, which has gone or has another "${search.order.name}" now, and its value was too large to travel; begin again with an empty cursor.`,
    );
  }
  return { ...search, cursor: { after: { value: whole, id: after.id } } };
}
