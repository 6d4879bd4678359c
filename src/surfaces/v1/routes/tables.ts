import { SluiceError } from "../../../domain/errors";
import type { Json, JsonObject } from "../../../domain/json";
import { MAX_TABLE_ROWS } from "../../../domain/limits";
import { fromXml } from "../../../domain/xml-body";
import { requestTarget } from "../../../http/request-target";
import { isCsv, notCsv, rowsFromCsv, rowsToCsv, wantsCsv } from "../../../operations/tables/csv";
import { objectOf, type TableRequest } from "../../../operations/tables/open-table";
import {
  aggregateRows,
  deleteRow,
  getRow,
  insertRows,
  namesOf,
  type RowPage,
  searchRows,
  updateRows,
  upsertRows,
} from "../../../operations/tables/rows";
import { bare, defineV1Route, ok, plain, type V1Answer, type V1Call } from "../route";

/** Tables (seed: *Tables*). Answers have the seed's own shape, without the envelope; only a deletion has it. */

const common = { tag: "Tables", authority: "apikey", listIn: "data" } as const;
const BOOKMARK = "x-d1-bookmark";

export const getTableRow = defineV1Route({
  ...common,
  method: "GET",
  path: "/v1/tables/{table}/{id?}",
  summary: "Get a row by its id; without one, a page of rows",
  scope: "tables.read",
  body: "none",
  async handle(call) {
    const { id } = call.path;
    if (id !== undefined) return pageAnswer(await getRow(call.services, { ...requestOf(call), id }));
    return searched(call, queryOf(call.url));
  },
});

export const searchTable = defineV1Route({
  ...common,
  method: "POST",
  path: "/v1/tables/{table}/search",
  summary: "Search for rows",
  scope: "tables.read",
  body: "data",
  safe: true,
  handle: (call) => searched(call, objectOf(bodyOf(call), "The search")),
});

export const aggregateTable = defineV1Route({
  ...common,
  method: "POST",
  path: "/v1/tables/{table}/aggregate",
  summary: "Count, sum, minimum, maximum and average of rows, by groups",
  scope: "tables.read",
  body: "data",
  safe: true,
  handle: async (call) => pageAnswer(await aggregateRows(call.services, requestOf(call))),
});

export const upsertTable = defineV1Route({
  ...common,
  method: "POST",
  path: "/v1/tables/{table}/upsert",
  summary: "Insert rows, or change those with the same unique values",
  scope: "tables",
  body: "data",
  accepts: ["json", "xml", "text"],
  bodyRequired: true,
  stores: true,
  async handle(call) {
    const request = requestOf(call);
    const given = queryOf(call.url);
    if (call.body.kind === "text") {
      return writtenAnswer(await upsertRows(call.services, { ...request, on: namesOf(given.on) }));
    }
    const { on, rows, ...more } = objectOf(request.body, "The body");
    const [unknown] = Object.keys(more);
    if (unknown !== undefined || rows === undefined) {
      throw new SluiceError(
        "invalid_request",
        'The body is { "on": ["column", …], "rows": [ … ] }, and nothing else.',
      );
    }
    return writtenAnswer(
      await upsertRows(call.services, { ...request, body: rows, on: namesOf(on ?? given.on) }),
    );
  },
});

export const insertTableRow = defineV1Route({
  ...common,
  method: "POST",
  // An id in the path is the seed's alternative form. The row gets one of its own all the same, as the seed says.
  path: "/v1/tables/{table}/{id?}",
  summary: "Insert a row, or a list of rows",
  scope: "tables",
  body: "data",
  accepts: ["json", "xml", "form", "text"],
  bodyRequired: true,
  stores: true,
  async handle(call) {
    const { id } = call.path;
    if (id !== undefined && !/^\d+$/.test(id)) {
      throw new SluiceError(
        "not_found",
        "There is nothing at this path; POST takes search, aggregate and upsert.",
      );
    }
    return writtenAnswer(await insertRows(call.services, requestOf(call)));
  },
});

export const updateTable = defineV1Route({
  ...common,
  method: "PUT",
  path: "/v1/tables/{table}/{id?}",
  summary: "Change the row with an id, or those that a search finds",
  scope: "tables",
  body: "data",
  bodyRequired: true,
  async handle(call) {
    const { changed, bookmark } = await updateRows(call.services, { ...requestOf(call), id: call.path.id });
    return bare({ ...EMPTY_PAGE, total: changed }, marked(bookmark));
  },
});

export const deleteTableRow = defineV1Route({
  ...common,
  method: "DELETE",
  path: "/v1/tables/{table}/{id}",
  summary: "Delete a row",
  scope: "tables",
  body: "none",
  async handle(call) {
    const { table = "", id = "" } = call.path;
    const { bookmark } = await deleteRow(call.services, { ...requestOf(call), id });
    return ok(1, `Successfully deleted row ${id} in table ${table}`, marked(bookmark));
  },
});

/** The counters of an answer to a write, as the seed prints them. */
const EMPTY_PAGE = {
  data: [] as Json[],
  total: 0,
  start_at: 0,
  next_element: 0,
  limit: 100,
  offset: 0,
  max_results: 0,
};

async function searched(call: V1Call, body: JsonObject): Promise<V1Answer> {
  const csv = wantsCsv(call.headers.get("accept"));
  const page = await searchRows(
    call.services,
    { ...requestOf(call), body },
    csv ? MAX_TABLE_ROWS : undefined,
  );
  if (!csv) return pageAnswer(page);
  const { definition } = (await call.services.catalog.resource(
    call.principal.environment.id,
    "table",
    call.path.table as string,
  )) ?? { definition: { columns: {} } };
  const columns = ["id", "date_created", "date_updated", ...Object.keys(definition.columns)];
  const { headers } = marked(page.bookmark);
  return plain(rowsToCsv(page.data, columns), {
    contentType: "text/csv; charset=utf-8; header=present",
    headers: { ...headers, ...(page.next ? { "x-next-cursor": page.next } : {}) },
  });
}

function pageAnswer(page: RowPage): V1Answer {
  const { data, limit, offset, matches, exact, next, bookmark, lastModified } = page;
  const value = {
    data,
    total: data.length,
    start_at: offset,
    next_element: offset + data.length,
    limit,
    offset,
    max_results: matches,
    ...(exact ? {} : { max_results_exact: false }),
    ...(next === undefined ? {} : { next_cursor: next }),
  };
  return bare(value, { ...marked(bookmark), ...(lastModified === undefined ? {} : { lastModified }) });
}

function writtenAnswer({ data, bookmark }: RowPage): V1Answer {
  return bare({ ...EMPTY_PAGE, data, total: data.length }, marked(bookmark));
}

function marked(bookmark: string | undefined): { headers?: Record<string, string> } {
  return bookmark === undefined ? {} : { headers: { [BOOKMARK]: bookmark } };
}

function requestOf(call: V1Call): TableRequest {
  return {
    environment: call.principal.environment,
    table: call.path.table as string,
    body: bodyOf(call),
    lenient: call.body.kind !== "json",
    bookmark: call.headers.get(BOOKMARK) ?? undefined,
  };
}

function bodyOf({ body }: V1Call): Json | undefined {
  if (body.kind === "text") {
    if (!isCsv(body.contentType)) throw notCsv();
    return rowsFromCsv(body.text ?? "");
  }
  return body.kind === "xml" ? fromXml(body.value as Json) : body.value;
}

/** What the URL says about a page. Credentials and the frame's own `fields` are not the search's. */
function queryOf(url: string): JsonObject {
  const query = new URLSearchParams(requestTarget(url).query);
  const found: JsonObject = {};
  for (const name of ["limit", "offset", "order_field", "order_type", "cursor", "on"]) {
    const values = query.getAll(name);
    if (values.length > 1) throw new SluiceError("invalid_request", `${name}: give it once.`);
    const [value] = values;
    if (value !== undefined) found[name] = value;
  }
  return found;
}
