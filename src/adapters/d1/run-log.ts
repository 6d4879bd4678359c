import type { MessageLevel, RunMessage, RunRecord } from "../../domain/run";
import { type RunColumns, runOf } from "../../domain/run-row";
import type { RunFilter, RunLog, RunSummary } from "../../operations/ports";
import { contentsOf, encodeRuns } from "./run-batch";
import {
  RUN_COLUMNS,
  rangeOf,
  runsStatement,
  SEGMENT_COLUMNS,
  segmentsEnd,
  segmentsStatement,
} from "./run-question";
import { runsOfSegment, type SegmentColumns } from "./run-segment";

interface RunRow extends RunColumns {
  message_count: number;
}

/** Bytes of one bound text: a D1 value ends at 2 MB. */
const MAX_TEXT_BYTES = 1_500_000;
/**
 * Segments that are read at first, and at the most, to fill a page. One may hold several pages, or two runs; and each further
 * question is for four times as many, so that there are few.
 */
const FIRST_SEGMENTS = 4;
const MOST_SEGMENTS = 64;

// Materialized, since each mention of json_each's `value` writes all of it down anew.
const INSERT_SEGMENTS = `WITH segments AS MATERIALIZED (SELECT value AS s FROM json_each(?1, '$.segments'))
  INSERT INTO run_segments (environment_id, project_id, project, flow_id, flow, flow_version, trigger_kind, user_name, first_id,
    last_id, run_count, total_ms, longest_ms, runs)
  SELECT s ->> 0, s ->> 1, s ->> 2, s ->> 3, s ->> 4, s ->> 5, s ->> 6, s ->> 7, s ->> 8, s ->> 9, s ->> 10, s ->> 11, s ->> 12,
    s -> 13
  FROM segments WHERE true
  ON CONFLICT DO NOTHING`;

const INSERT_RUNS = `WITH shared AS MATERIALIZED (
    SELECT value ->> 0 AS environment_id, value ->> 1 AS project_id, value ->> 2 AS project, value ->> 3 AS flow_id,
      value ->> 4 AS flow, value ->> 5 AS flow_version, value ->> 6 AS trigger_kind, value ->> 7 AS user_name, value -> 8 AS list
    FROM json_each(?1, '$.runs'))
  INSERT INTO runs (environment_id, ${RUN_COLUMNS})
  SELECT s.environment_id, r.value ->> 0, s.project_id, s.project, s.flow_id, s.flow, s.flow_version, s.trigger_kind, s.user_name,
    r.value ->> 1, (r.value ->> 1) + (r.value ->> 2), coalesce(r.value ->> 3, 'Success'), r.value ->> 4, coalesce(r.value ->> 5, 0)
  FROM shared s, json_each(s.list) r WHERE true
  ON CONFLICT (environment_id, id) DO UPDATE SET ended_at = excluded.ended_at, status = excluded.status,
    message = excluded.message, message_count = excluded.message_count`;

const INSERT_MESSAGES = `INSERT OR IGNORE INTO run_messages
    (environment_id, run_id, sequence, at, level, node, record, text, text_length, details, details_length)
  SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8,
    value ->> 9, value ->> 10
  FROM json_each(?1, '$.messages')`;

/**
 * Runs and their messages in D1: usual runs many in a row, as segments, all others in rows of their own. Writing the same text
 * twice leaves what it leaves once, since queues deliver at least once.
 */
export class D1RunLog implements RunLog {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  /** Stores runs in one transaction, each in a row of its own. */
  write(runs: readonly RunRecord[]): Promise<void> {
    return this.writeEncoded(encodeRuns(runs, MAX_TEXT_BYTES));
  }

  /** Stores texts of `RunBatch` in one transaction, without reading them here. */
  async writeEncoded(texts: readonly string[]): Promise<void> {
    const statements = texts.flatMap((text) => {
      const has = contentsOf(text);
      return [
        ...(has.segments ? [INSERT_SEGMENTS] : []),
        ...(has.runs ? [INSERT_RUNS] : []),
        ...(has.messages ? [INSERT_MESSAGES] : []),
      ].map((sql) => this.#db.prepare(sql).bind(text));
    });
    if (statements.length > 0) await this.#db.batch(statements);
  }

  async list(
    environmentId: number,
    filter: RunFilter,
    limit: number,
    after: string | undefined,
  ): Promise<RunSummary[]> {
    const range = rangeOf(filter, after);
    const runs = runsStatement(this.#db, environmentId, filter, range, limit);
    // All runs of segments were successful.
    if (filter.status !== undefined && filter.status !== "Success")
      return (await runs.all<RunRow>()).results.map((row) => summaryOf(environmentId, row));

    const segments = (from: string | undefined, below: string | undefined, count: number) =>
      segmentsStatement(this.#db, environmentId, filter, { ...range, from }, below, count);
    let count = FIRST_SEGMENTS;
    const [rows, first] = await this.#db.batch([runs, segments(range.from, undefined, count)]);
    let page = ((rows?.results ?? []) as RunRow[]).map((row) => summaryOf(environmentId, row));
    let read = (first?.results ?? []) as SegmentColumns[];
    for (;;) {
      // Of segments that were not read, no run comes after the last of any that was. Such that reach into the page may overlap.
      let least = page.length < limit ? range.from : page.at(-1)?.id;
      const wanted = (id: string): boolean =>
        (least === undefined || id >= least) && (range.before === undefined || id < range.before);
      const found = read.flatMap((segment) => runsOfSegment(environmentId, segment, wanted));
      page = [...page, ...found].sort(newestFirst).slice(0, limit);
      least = page.length < limit ? range.from : page.at(-1)?.id;
      const below = read.at(-1)?.last_id;
      if (read.length < count || below === undefined || (least !== undefined && below <= least)) return page;
      count = Math.min(count * 4, MOST_SEGMENTS);
      read = (await segments(least, below, count).all<SegmentColumns>()).results;
    }
  }

  async find(environmentId: number, id: string): Promise<RunRecord | undefined> {
    const [runs, messages, segments] = await this.#db.batch<Record<string, unknown>>([
      this.#db
        .prepare(`SELECT ${RUN_COLUMNS} FROM runs WHERE environment_id = ?1 AND id = ?2`)
        .bind(environmentId, id),
      this.#db
        .prepare(
          `SELECT at, level, node, record, text, text_length, details, details_length FROM run_messages
           WHERE environment_id = ?1 AND run_id = ?2 ORDER BY sequence`,
        )
        .bind(environmentId, id),
      this.#db
        .prepare(
          `SELECT ${SEGMENT_COLUMNS} FROM run_segments
           WHERE environment_id = ?1 AND last_id >= ?2 AND last_id < ?3 AND first_id <= ?2
             AND instr(runs, '["' || ?2 || '"') > 0`,
        )
        .bind(environmentId, id, segmentsEnd(id)),
    ]);
    const row = runs?.results[0] as RunRow | undefined;
    if (row !== undefined) {
      const { messageCount: _, ...run } = summaryOf(environmentId, row);
      return { ...run, messages: (messages?.results ?? []).map(messageOf) };
    }
    const found = ((segments?.results ?? []) as unknown as SegmentColumns[]).flatMap((segment) =>
      runsOfSegment(environmentId, segment, (other) => other === id),
    )[0];
    if (found === undefined) return undefined;
    const { messageCount: _, ...run } = found;
    return { ...run, messages: [] };
  }
}

function newestFirst(left: RunSummary, right: RunSummary): number {
  return left.id < right.id ? 1 : -1;
}

function summaryOf(environmentId: number, row: RunRow): RunSummary {
  return { ...runOf(environmentId, row), messageCount: row.message_count };
}

function messageOf(row: Record<string, unknown>): RunMessage {
  const message: RunMessage = {
    at: row.at as number,
    level: row.level as MessageLevel,
    text: row.text as string,
  };
  if (row.node !== null) message.node = row.node as string;
  if (row.record !== null) message.record = row.record as number;
  if (row.text_length !== null) message.textLength = row.text_length as number;
  if (row.details !== null) message.details = row.details as string;
  if (row.details_length !== null) message.detailsLength = row.details_length as number;
  return message;
}
