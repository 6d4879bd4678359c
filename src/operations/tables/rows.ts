import { type Problem, SluiceError } from "../../domain/errors";
import type { Json, JsonObject } from "../../domain/json";
import { MAX_TABLE_LIMIT, MAX_TABLE_ROWS } from "../../domain/limits";
import { readAggregation } from "../../domain/table-aggregate";
import { type CheckedRow, refuse, rowId, type StoredRow } from "../../domain/table-model";
import { checkFields, readSearch, SEARCH_FIELDS } from "../../domain/table-search";
import type { Stored } from "../../domain/table-value";
import { readChange, readRows } from "../../domain/table-write";
import { type OpenTable, objectOf, openTable, type TableRequest, type TableServices } from "./open-table";

/**
 * What callers do with tables (seed: *Tables*). A surface decodes a request, asks one of these, and encodes the answer;
 * all values and columns are checked here.
 */

/** Rows as the seed answers with them. */
export interface RowPage {
  data: JsonObject[];
  limit: number;
  offset: number;
  /** Matches in all; a lower bound when not `exact`. */
  matches: number;
  exact: boolean;
  /** With cursors asked for: the next page's, null on the last. */
  next: string | null | undefined;
  /** When the row last changed, in milliseconds since 1970; of a single row. */
  lastModified?: number;
  bookmark: string | undefined;
}

/** @throws SluiceError not_found */
export async function getRow(
  services: TableServices,
  request: TableRequest & { id: string },
): Promise<RowPage> {
  const open = await openTable(services, request);
  const id = rowId(request.id);
  const found = id === undefined ? undefined : (await open.tables.get(open.address, [id])).get(id);
  if (found === undefined) throw noRow(request);
  return {
    ...written(open, [open.address.model.present(found)]),
    matches: 1,
    lastModified: Date.parse(`${String(found.date_updated).replace(" ", "T")}Z`),
  };
}

/**
 * @param most the largest page: more than the seed's where rows go into a file
 * @throws SluiceError invalid_request with every problem
 */
export async function searchRows(
  services: TableServices,
  request: TableRequest,
  most = MAX_TABLE_LIMIT,
): Promise<RowPage> {
  const open = await openTable(services, request);
  const { model } = open.address;
  const body = objectOf(request.body, "The search");
  const problems: Problem[] = [];
  checkFields(body, SEARCH_FIELDS, problems);
  const search = readSearch(model, body, problems, { most });
  if (problems.length > 0) refuse("The search is wrong", problems);
  const [page] = await open.tables.search(open.address, [search]);
  if (page === undefined) throw new Error("a search has one answer");
  return {
    data: page.rows.map((row) => model.present(row)),
    limit: search.limit,
    offset: search.offset,
    matches: page.matches,
    exact: page.exact,
    next: search.cursor === undefined ? undefined : (page.next ?? null),
    bookmark: open.bookmark(),
  };
}

/** @throws SluiceError invalid_request, conflict */
export async function insertRows(services: TableServices, request: TableRequest): Promise<RowPage> {
  const open = await openTable(services, request);
  const rows = rowsOf(open, request);
  const { ids, at } = await open.tables.insert(open.address, rows);
  return written(
    open,
    rows.map((row, index) => stored(open, row, ids[index] as number, at)),
  );
}

/**
 * Inserts rows, or changes those with the same values in the columns `on`.
 * @throws SluiceError invalid_request, conflict
 */
export async function upsertRows(
  services: TableServices,
  request: TableRequest & { on: readonly string[] },
): Promise<RowPage> {
  const open = await openTable(services, request);
  const { model } = open.address;
  const { on } = request;
  const key = model.keys.find(
    (columns) => columns.length === on.length && columns.every((name) => on.includes(name)),
  );
  if (key === undefined) {
    const keys = model.keys.map((columns) => columns.join(",")).join(" or ");
    refuse("The rows cannot be matched", [
      { path: "on", reason: `names no unique columns of table "${model.name}"; it has ${keys}` },
    ]);
  }
  const rows = rowsOf(open, request);
  const problems: Problem[] = [];
  for (const [index, row] of rows.entries()) {
    for (const name of key) {
      if ((row.get(name) ?? null) === null) {
        problems.push({ path: `[${index}].${name}`, reason: "has no value, and rows are matched by it" });
      }
    }
  }
  if (problems.length > 0) refuse("The rows are wrong", problems);
  const { ids } = await open.tables.upsert(open.address, rows, key);
  const found = await open.tables.get(open.address, ids);
  return written(
    open,
    ids.flatMap((id) => {
      const row = found.get(id);
      return row === undefined ? [] : [model.present(row)];
    }),
  );
}

/** How many rows were changed. @throws SluiceError invalid_request, not_found, conflict */
export async function updateRows(
  services: TableServices,
  request: TableRequest & { id: string | undefined },
): Promise<{ changed: number; bookmark: string | undefined }> {
  const open = await openTable(services, request);
  const { model } = open.address;
  const problems: Problem[] = [];
  const { values, rest } = readChange(model, objectOf(request.body, "The change"), problems, request.lenient);
  checkFields(
    rest,
    SEARCH_FIELDS.filter((field) => field !== "cursor"),
    problems,
  );
  const search = readSearch(model, rest, problems);
  if (request.id === undefined && search.where === undefined) {
    problems.push({
      path: "where",
      reason: "is missing: say which rows to change, or give an id in the path",
    });
  }
  if (problems.length > 0) refuse("The change is wrong", problems);
  const id = request.id === undefined ? undefined : rowId(request.id);
  if (request.id !== undefined && id === undefined) throw noRow({ ...request, id: request.id });
  const [changed = 0] = await open.tables.update(open.address, [{ rows: { id, search }, values }]);
  // The row may be there and its rules not hold.
  if (changed === 0 && id !== undefined && !(await open.tables.get(open.address, [id])).has(id)) {
    throw noRow({ ...request, id: String(id) });
  }
  return { changed, bookmark: open.bookmark() };
}

/** @throws SluiceError not_found */
export async function deleteRow(
  services: TableServices,
  request: TableRequest & { id: string },
): Promise<{ bookmark: string | undefined }> {
  const open = await openTable(services, request);
  const id = rowId(request.id);
  const [deleted = 0] =
    id === undefined ? [] : await open.tables.delete(open.address, [{ id, search: undefined }]);
  if (deleted === 0) throw noRow(request);
  return { bookmark: open.bookmark() };
}

/** @throws SluiceError invalid_request */
export async function aggregateRows(services: TableServices, request: TableRequest): Promise<RowPage> {
  const open = await openTable(services, request);
  const problems: Problem[] = [];
  const aggregation = readAggregation(open.address.model, objectOf(request.body, "The query"), problems);
  if (problems.length > 0) refuse("The query is wrong", problems);
  const { rows, groups } = await open.tables.aggregate(open.address, aggregation);
  return {
    data: [...rows],
    limit: aggregation.limit,
    offset: aggregation.offset,
    matches: groups,
    exact: true,
    next: undefined,
    bookmark: open.bookmark(),
  };
}

/** The names in `on`: a list, or a text with commas. */
export function namesOf(on: Json | undefined): string[] {
  const list = typeof on === "string" ? on.split(",") : Array.isArray(on) ? on : [];
  return list.filter((name): name is string => typeof name === "string").map((name) => name.trim());
}

function rowsOf(open: OpenTable, { body, lenient }: TableRequest): CheckedRow[] {
  const problems: Problem[] = [];
  const { model } = open.address;
  const sent = lenient && model.column("row") === undefined ? listed(body) : body;
  const rows = readRows(model, sent === undefined ? {} : sent, problems, lenient);
  if (problems.length > 0) {
    const limit =
      rows.length === 0 && problems[0]?.reason.includes("MAX_TABLE_ROWS") ? "MAX_TABLE_ROWS" : undefined;
    refuse("The row is not as the table's columns are", problems, limit);
  }
  if (rows.length === 0) {
    refuse("There is nothing to write", [
      { path: "", reason: `send between one and ${MAX_TABLE_ROWS} rows` },
    ]);
  }
  return rows;
}

/** `<rows><row>…</row><row>…</row></rows>` is how people write a list in XML, beside our own `item`. */
function listed(body: Json | undefined): Json | undefined {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return body;
  const { row, ...more } = body;
  return typeof row === "object" && row !== null && Object.keys(more).length === 0 ? [row].flat() : body;
}

/** A row as it is stored now, without asking for it. */
function stored({ address: { model } }: OpenTable, row: CheckedRow, id: number, at: string): JsonObject {
  const values: Record<string, Stored> = { id, date_created: at, date_updated: at };
  for (const { name } of model.declared) values[name] = row.get(name) ?? null;
  return model.present(values as StoredRow);
}

function written(open: OpenTable, data: JsonObject[]): RowPage {
  return {
    data,
    limit: MAX_TABLE_LIMIT,
    offset: 0,
    matches: 0,
    exact: true,
    next: undefined,
    bookmark: open.bookmark(),
  };
}

function noRow({ table, id }: { table: string; id: string }): SluiceError {
  const shown = id.length <= 40 ? id : `${id.slice(0, 40)}…`;
  return new SluiceError("not_found", `There is no row ${shown} in table ${table}.`);
}
