import type { QueuePlace, RecordStatus } from "../../../domain/record";
import type { TriggerKind } from "../../../domain/run";
import type { RecordRow } from "../../../operations/records/ports";

/** Columns of a record without its data, and the name of its flow: `r` is the record, `f` the flow. */
export const RECORD_COLUMNS = `r.id, r.uuid, r.flow_id, f.name AS flow, r.flow_version, r.status, r.queue, r.due_at, r.run_id,
  r.resume_of, r.resume_at, r.num_runs, r.created_at, r.modified_at, r.started_at, r.last_run_at, r.next_run_at, r.step_type,
  r.step, r.message, r.created_by, r.trigger_kind`;

export interface StoredRow {
  id: number;
  uuid: string;
  flow_id: number;
  flow: string | null;
  flow_version: number;
  status: RecordStatus;
  queue: QueuePlace;
  due_at: number | null;
  run_id: string;
  resume_of: string | null;
  resume_at: string | null;
  num_runs: number;
  created_at: number;
  modified_at: number;
  started_at: number | null;
  last_run_at: number | null;
  next_run_at: number | null;
  step_type: string | null;
  step: string | null;
  message: string | null;
  created_by: string;
  trigger_kind: TriggerKind;
}

export function recordRow(row: StoredRow): RecordRow {
  return {
    id: row.id,
    uuid: row.uuid,
    flowId: row.flow_id,
    flow: row.flow ?? "",
    flowVersion: row.flow_version,
    status: row.status,
    queue: row.queue,
    dueAt: row.due_at,
    runId: row.run_id,
    resumeOf: row.resume_of,
    resumeAt: row.resume_at,
    numRuns: row.num_runs,
    createdAt: row.created_at,
    modifiedAt: row.modified_at,
    startedAt: row.started_at,
    lastRunAt: row.last_run_at,
    nextRunAt: row.next_run_at,
    stepType: row.step_type,
    step: row.step,
    message: row.message,
    by: row.created_by,
    trigger: row.trigger_kind,
  };
}

/** Records by their uuids, without their data. */
export async function recordRows(
  db: D1Database,
  environmentId: number,
  uuids: readonly string[],
): Promise<RecordRow[]> {
  const { results } = await db
    .prepare(
      `SELECT ${RECORD_COLUMNS} FROM records r LEFT JOIN flows f ON f.id = r.flow_id
       WHERE r.environment_id = ?1 AND r.uuid IN (SELECT value FROM json_each(?2))`,
    )
    .bind(environmentId, JSON.stringify(uuids))
    .all<StoredRow>();
  return results.map(recordRow);
}
