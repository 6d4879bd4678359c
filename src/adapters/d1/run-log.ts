import { timePrefix } from "../../domain/process-id";
import type { MessageLevel, RunMessage, RunRecord } from "../../domain/run";
import { type RunColumns, runOf } from "../../domain/run-row";
import type { RunFilter, RunLog, RunSummary } from "../../operations/ports";
import { encodeRuns, hasMessages } from "./run-batch";

interface RunRow extends RunColumns {
  message_count: number;
}

const COLUMNS = `id, project_id, project, flow_id, flow, flow_version, trigger_kind, user_name, started_at, ended_at, status,
  message, message_count`;

/** Characters of one bound text: a D1 value ends at 2 MB, and a character may take three bytes. */
const MAX_TEXT_CHARS = 500_000;

const INSERT_RUNS = `WITH shared AS MATERIALIZED (
    SELECT value ->> 0 AS environment_id, value ->> 1 AS project_id, value ->> 2 AS project, value ->> 3 AS flow_id,
      value ->> 4 AS flow, value ->> 5 AS flow_version, value ->> 6 AS trigger_kind, value ->> 7 AS user_name, value -> 8 AS list
    FROM json_each(?1, '$.runs'))
  INSERT INTO runs (environment_id, ${COLUMNS})
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

/** Runs and their messages in D1. Writing the same run twice leaves one, since queues deliver at least once. */
export class D1RunLog implements RunLog {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  /** Stores runs in one transaction. */
  write(runs: readonly RunRecord[]): Promise<void> {
    return this.writeEncoded(encodeRuns(runs, MAX_TEXT_CHARS));
  }

  /** Stores texts of `encodeRuns` in one transaction, without reading them here. */
  async writeEncoded(texts: readonly string[]): Promise<void> {
    const statements = texts.flatMap((text) => {
      const runs = this.#db.prepare(INSERT_RUNS).bind(text);
      return hasMessages(text) ? [runs, this.#db.prepare(INSERT_MESSAGES).bind(text)] : [runs];
    });
    if (statements.length > 0) await this.#db.batch(statements);
  }

  async list(
    environmentId: number,
    filter: RunFilter,
    limit: number,
    after: string | undefined,
  ): Promise<RunSummary[]> {
    const conditions = ["environment_id = ?1"];
    const values: unknown[] = [environmentId];
    const where = (condition: string, value: unknown): void => {
      if (value === undefined) return;
      values.push(value);
      conditions.push(condition.replace(/\?(?!\d)/, `?${values.length}`));
    };
    where("project = ?", filter.project);
    where("flow = ?", filter.flow);
    where("status = ?", filter.status);
    where("trigger_kind = ?", filter.trigger);
    where("user_name = ?", filter.user);
    // Ids begin with the start, so times are ranges of them.
    where("id >= ?", filter.from === undefined ? undefined : timePrefix(filter.from));
    where("id < ?", filter.to === undefined ? undefined : timePrefix(filter.to));
    where("id < ?", after);
    values.push(limit);
    const index = indexFor(filter);
    if (index?.condition !== undefined) conditions.push(index.condition);
    const from = index === undefined ? "runs" : `runs INDEXED BY ${index.name}`;
    const { results } = await this.#db
      .prepare(
        `SELECT ${COLUMNS} FROM ${from} WHERE ${conditions.join(" AND ")} ORDER BY id DESC LIMIT ?${values.length}`,
      )
      .bind(...values)
      .all<RunRow>();
    return results.map((row) => summaryOf(environmentId, row));
  }

  async find(environmentId: number, id: string): Promise<RunRecord | undefined> {
    const [runs, messages] = await this.#db.batch<Record<string, unknown>>([
      this.#db
        .prepare(`SELECT ${COLUMNS} FROM runs WHERE environment_id = ?1 AND id = ?2`)
        .bind(environmentId, id),
      this.#db
        .prepare(
          `SELECT at, level, node, record, text, text_length, details, details_length FROM run_messages
           WHERE environment_id = ?1 AND run_id = ?2 ORDER BY sequence`,
        )
        .bind(environmentId, id),
    ]);
    const row = runs?.results[0] as RunRow | undefined;
    if (row === undefined) return undefined;
    const { messageCount: _, ...run } = summaryOf(environmentId, row);
    return { ...run, messages: (messages?.results ?? []).map(messageOf) };
  }
}

/**
 * The index that leads to the fewest rows, by name: without statistics SQLite takes the primary key, which has the order
 * that is asked for, and reads past everything else. A partial index wants its own condition in the question.
 */
function indexFor({
  user,
  trigger,
  status,
  flow,
  project,
}: RunFilter): { name: string; condition?: string } | undefined {
  if (user !== undefined && user !== "system")
    return { name: "runs_by_user", condition: "user_name <> 'system'" };
  if (trigger !== undefined && trigger !== "action")
    return { name: "runs_by_trigger", condition: "trigger_kind <> 'action'" };
  if (status !== undefined && status !== "Success")
    return { name: "runs_by_failure", condition: "status <> 'Success'" };
  if (flow !== undefined) return { name: "runs_by_flow" };
  if (project !== undefined) return { name: "runs_by_project" };
  return undefined;
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
