import type { MessageLevel, RunMessage, RunRecord, RunStatus, TriggerKind } from "../../domain/run";
import type { RunFilter, RunLog, RunSummary } from "../../operations/ports";
import { jsonChunks } from "./json-chunks";

interface RunRow {
  id: string;
  project_id: number;
  project: string;
  flow_id: number;
  flow: string;
  flow_version: number;
  trigger_kind: TriggerKind;
  user_name: string;
  started_at: number;
  ended_at: number | null;
  status: RunStatus;
  message: string | null;
  message_count: number;
}

const COLUMNS = `id, project_id, project, flow_id, flow, flow_version, trigger_kind, user_name, started_at, ended_at, status,
  message, message_count`;

/** A run, or a part of one whose messages were too many to travel together. */
export interface RunPart extends RunRecord {
  /** Place of the first of these messages among all of the run. */
  firstMessage?: number;
  messageCount?: number;
}

/** Runs and their messages in D1. Writing the same run twice leaves one, since queues deliver at least once. */
export class D1RunLog implements RunLog {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  /** Stores runs in one transaction, each statement for as many rows as a parameter holds. */
  async write(runs: readonly RunPart[]): Promise<void> {
    if (runs.length === 0) return;
    const statements: D1PreparedStatement[] = [];
    const rows = runs.map(({ messages, firstMessage: _, ...run }) => ({
      messageCount: messages.length,
      ...run,
    }));
    for (const part of jsonChunks(rows)) {
      statements.push(
        this.#db
          .prepare(
            `INSERT INTO runs (environment_id, ${COLUMNS})
             SELECT j.value ->> 'environmentId', j.value ->> 'id', j.value ->> 'projectId', j.value ->> 'project', j.value ->> 'flowId',
               j.value ->> 'flow', j.value ->> 'flowVersion', j.value ->> 'trigger', j.value ->> 'user', j.value ->> 'startedAt',
               j.value ->> 'endedAt', j.value ->> 'status', j.value ->> 'message', j.value ->> 'messageCount'
             FROM json_each(?1) j WHERE true
             ON CONFLICT (environment_id, id) DO UPDATE SET ended_at = excluded.ended_at, status = excluded.status,
               message = excluded.message, message_count = excluded.message_count`,
          )
          .bind(part),
      );
    }
    const messages = runs.flatMap((run) =>
      run.messages.map((message, index) => ({
        environmentId: run.environmentId,
        runId: run.id,
        sequence: (run.firstMessage ?? 0) + index,
        ...message,
      })),
    );
    for (const part of jsonChunks(messages)) {
      statements.push(
        this.#db
          .prepare(
            `INSERT OR IGNORE INTO run_messages (environment_id, run_id, sequence, at, level, node, record, text, text_length, details, details_length)
             SELECT j.value ->> 'environmentId', j.value ->> 'runId', j.value ->> 'sequence', j.value ->> 'at', j.value ->> 'level',
               j.value ->> 'node', j.value ->> 'record', j.value ->> 'text', j.value ->> 'textLength', j.value ->> 'details', j.value ->> 'detailsLength'
             FROM json_each(?1) j`,
          )
          .bind(part),
      );
    }
    await this.#db.batch(statements);
  }

  async list(
    environmentId: number,
    filter: RunFilter,
    limit: number,
    after: { startedAt: number; id: string } | undefined,
  ): Promise<RunSummary[]> {
    const conditions = ["environment_id = ?1"];
    const values: unknown[] = [environmentId];
    const where = (condition: string, value: unknown): void => {
      if (value === undefined) return;
      values.push(value);
      conditions.push(condition.replace("?", `?${values.length}`));
    };
    where("project = ?", filter.project);
    where("flow = ?", filter.flow);
    where("status = ?", filter.status);
    // Tells SQLite that the index of what did not succeed serves this question.
    if (filter.status !== undefined && filter.status !== "Success") conditions.push("status <> 'Success'");
    where("trigger_kind = ?", filter.trigger);
    where("user_name = ?", filter.user);
    where("started_at >= ?", filter.from);
    where("started_at < ?", filter.to);
    if (after !== undefined) {
      values.push(after.startedAt, after.id);
      conditions.push(`(started_at, id) < (?${values.length - 1}, ?${values.length})`);
    }
    values.push(limit);
    const { results } = await this.#db
      .prepare(
        `SELECT ${COLUMNS} FROM runs WHERE ${conditions.join(" AND ")} ORDER BY started_at DESC, id DESC LIMIT ?${values.length}`,
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

function summaryOf(environmentId: number, row: RunRow): RunSummary {
  return {
    environmentId,
    id: row.id,
    projectId: row.project_id,
    project: row.project,
    flowId: row.flow_id,
    flow: row.flow,
    flowVersion: row.flow_version,
    trigger: row.trigger_kind,
    user: row.user_name,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    status: row.status,
    message: row.message,
    messageCount: row.message_count,
  };
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
