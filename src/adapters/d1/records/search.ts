import { MAX_COUNTED_RECORDS } from "../../../domain/limits";
import type { RecordFilter, RecordPage } from "../../../operations/records/ports";
import { RECORD_COLUMNS, recordRow, type StoredRow } from "./rows";

/*
 * A search reads an index from its newest end, whichever parameter it has, so that its cost follows from the page and
 * not from how many records there are. The index is named: without statistics SQLite would take any.
 */

const DATE_COLUMNS = { created: "created_at", started: "started_at", lastRun: "last_run_at" } as const;

interface Source {
  /** Tables, with the index that leads. */
  from: string;
  /** Column of the order, the newest first; `r.id` breaks ties. */
  order: string;
  /** A condition that a partial index wants to see. */
  also?: string;
  /** Whether `record_counts` knows how many there are. */
  counted: boolean;
}

/** Statements of one search. */
export interface SearchStatements {
  page: D1PreparedStatement;
  count: D1PreparedStatement;
  counted: boolean;
}

export function searchStatements(
  db: D1Database,
  environmentId: number,
  filter: RecordFilter,
  page: { limit: number; offset: number; after: Cursor | undefined },
): SearchStatements {
  const source = sourceOf(filter);
  const conditions = ["r.environment_id = ?1"];
  const values: unknown[] = [environmentId];
  const where = (condition: string, ...given: unknown[]): void => {
    let at = 0;
    conditions.push(
      condition.replace(/\?/g, () => {
        values.push(given[at]);
        at += 1;
        return `?${values.length}`;
      }),
    );
  };
  if (source.also !== undefined) conditions.push(source.also);
  if (filter.uuid !== undefined) where("r.uuid = ?", filter.uuid);
  if (filter.flowId !== undefined) where("r.flow_id = ?", filter.flowId);
  if (filter.status !== undefined) where("r.status = ?", filter.status);
  if (filter.field !== undefined) {
    where(
      "v.environment_id = ? AND v.field = ? AND v.value = ?",
      environmentId,
      filter.field.name,
      filter.field.value,
    );
  }
  if (filter.date !== undefined) {
    const column =
      filter.field !== undefined && filter.date.of === "created"
        ? "v.created_at"
        : `r.${DATE_COLUMNS[filter.date.of]}`;
    if (filter.date.from !== undefined) where(`${column} >= ?`, filter.date.from);
    if (filter.date.to !== undefined) where(`${column} <= ?`, filter.date.to);
    if (filter.date.from === undefined && filter.date.to === undefined)
      conditions.push(`${column} IS NOT NULL`);
  }
  const matching = conditions.join(" AND ");
  const counting = values.slice();
  if (page.after !== undefined) where(`(${source.order}, r.id) < (?, ?)`, page.after.at, page.after.id);
  const rows = `SELECT ${RECORD_COLUMNS}, ${source.order} AS sorted_at
    FROM ${source.from} LEFT JOIN flows f ON f.id = r.flow_id
    WHERE ${conditions.join(" AND ")} ORDER BY ${source.order} DESC, ${source.order.startsWith("v.") ? "v.record_id" : "r.id"} DESC
    LIMIT ${page.limit + 1} OFFSET ${page.after === undefined ? page.offset : 0}`;
  const count = source.counted
    ? db
        .prepare(
          `SELECT coalesce(sum(records), 0) AS total FROM record_counts
           WHERE environment_id = ?1 AND flow_id = ?2 AND status >= ?3 AND status <= ?4`,
        )
        .bind(environmentId, filter.flowId ?? 0, filter.status ?? 0, filter.status ?? 9)
    : db
        .prepare(
          `SELECT count(*) AS total FROM (SELECT 1 FROM ${source.from} WHERE ${matching} LIMIT ${MAX_COUNTED_RECORDS + 1})`,
        )
        .bind(...counting);
  return { page: db.prepare(rows).bind(...values), count, counted: source.counted };
}

/** The page out of its rows: one more than asked for tells that there is a next one. */
export function pageOf(
  rows: readonly (StoredRow & { sorted_at: number })[],
  limit: number,
  total: number,
  counted: boolean,
): RecordPage {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    records: shown.map(recordRow),
    total: counted ? total : Math.min(total, MAX_COUNTED_RECORDS),
    exact: counted || total <= MAX_COUNTED_RECORDS,
    next: rows.length > limit && last !== undefined ? writeCursor({ at: last.sorted_at, id: last.id }) : null,
  };
}

function sourceOf({ uuid, flowId, status, field, date }: RecordFilter): Source {
  const records = (index: string, order: string, more: Partial<Source> = {}): Source => ({
    from: `records r INDEXED BY ${index}`,
    order: `r.${order}`,
    counted: false,
    ...more,
  });
  if (uuid !== undefined) {
    // One record at most, whatever else is asked.
    const from =
      field === undefined ? "records r" : "records r CROSS JOIN record_fields v ON v.record_id = r.id";
    return { from, order: "r.created_at", counted: false };
  }
  if (field !== undefined) {
    return {
      from: "record_fields v CROSS JOIN records r ON r.id = v.record_id",
      order: "v.created_at",
      counted: false,
    };
  }
  if (date?.of === "started") {
    return records("records_by_start", "started_at", { also: "r.started_at IS NOT NULL" });
  }
  if (date?.of === "lastRun") {
    return records("records_by_last_run", "last_run_at", { also: "r.last_run_at IS NOT NULL" });
  }
  const counted = date === undefined || (date.from === undefined && date.to === undefined);
  if (flowId !== undefined && status !== undefined) {
    return records("records_by_flow_status", "created_at", { counted });
  }
  if (flowId !== undefined) return records("records_by_flow", "created_at", { counted });
  if (status !== undefined) return records("records_by_status", "created_at", { counted });
  return records("records_by_time", "created_at", { counted });
}

/** Where a page ended. */
export interface Cursor {
  at: number;
  id: number;
}

function writeCursor({ at, id }: Cursor): string {
  return `${at.toString(36)}-${id.toString(36)}`;
}

/** @returns nothing for a text that is no cursor of ours */
export function readCursor(text: string): Cursor | undefined {
  const found = /^([0-9a-z]{1,10})-([0-9a-z]{1,10})$/.exec(text);
  if (found === null) return undefined;
  return { at: Number.parseInt(found[1] as string, 36), id: Number.parseInt(found[2] as string, 36) };
}
