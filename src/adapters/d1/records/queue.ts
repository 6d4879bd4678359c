import type { RecordTelling } from "../../../domain/record";
import type { DueRecord } from "../../../operations/records/ports";
import { jsonChunks } from "../json-chunks";

const DUE_COLUMNS =
  "uuid, flow_id, flow_version, run_id, resume_of, resume_at, num_runs, created_by, trigger_kind, data";

const TELL = `UPDATE records SET run_rev = j.t_rev, status = j.t_status, queue = j.t_queue,
    flow_version = iif(j.t_version > 0, j.t_version, flow_version), num_runs = max(num_runs, coalesce(j.t_run, 0)),
    started_at = coalesce(started_at, j.t_begun), last_run_at = coalesce(j.t_begun, last_run_at), next_run_at = j.t_next,
    step_type = j.t_type, step = j.t_step, message = j.t_message, objects = coalesce(j.t_objects, objects),
    due_at = iif(j.t_queue = 'none', NULL, due_at)
  FROM (SELECT value ->> 0 AS t_environment, value ->> 1 AS t_uuid, value ->> 2 AS t_run_id, value ->> 3 AS t_rev,
    value ->> 4 AS t_status, value ->> 5 AS t_queue, value ->> 6 AS t_version, value ->> 7 AS t_run, value ->> 8 AS t_begun,
    value ->> 9 AS t_next, value ->> 10 AS t_type, value ->> 11 AS t_step, value ->> 12 AS t_message,
    value ->> 13 AS t_objects FROM json_each(?1)) j
  WHERE records.environment_id = j.t_environment AND records.uuid = j.t_uuid AND records.run_id = j.t_run_id
    AND records.run_rev < j.t_rev`;

const WAITING_FLOWS = `WITH RECURSIVE waiting (flow) AS (
    SELECT (SELECT min(flow_id) FROM records INDEXED BY records_waiting WHERE environment_id = ?1 AND queue = 'waiting')
    UNION ALL
    SELECT (SELECT min(flow_id) FROM records INDEXED BY records_waiting
      WHERE environment_id = ?1 AND queue = 'waiting' AND flow_id > waiting.flow)
    FROM waiting WHERE waiting.flow IS NOT NULL)`;

interface DueRow {
  uuid: string;
  flow_id: number;
  flow_version: number;
  run_id: string;
  resume_of: string | null;
  resume_at: string | null;
  num_runs: number;
  created_by: string;
  trigger_kind: DueRecord["trigger"];
  data: string;
}

function dueRecord(row: DueRow): DueRecord {
  return {
    uuid: row.uuid,
    flowId: row.flow_id,
    flowVersion: row.flow_version,
    runId: row.run_id,
    resumeOf: row.resume_of,
    resumeAt: row.resume_at,
    numRuns: row.num_runs,
    by: row.created_by,
    trigger: row.trigger_kind,
    data: row.data,
  };
}

/** Writes how runs go; what an earlier run, or an earlier telling, says changes nothing. */
export async function tellRecords(db: D1Database, tellings: readonly RecordTelling[]): Promise<void> {
  const statements: D1PreparedStatement[] = [];
  const rows = tellings.map((telling) => [
    telling.environmentId,
    telling.uuid,
    telling.runId,
    telling.rev,
    telling.status,
    telling.queue,
    telling.flowVersion,
    telling.run ?? null,
    telling.begunAt,
    telling.nextRunAt,
    telling.stepType,
    telling.step,
    telling.message,
    telling.steps === undefined ? null : JSON.stringify(telling.steps),
  ]);
  for (const part of jsonChunks(rows)) statements.push(db.prepare(TELL).bind(part));
  if (statements.length > 0) await db.batch(statements);
}

/** Records that are to begin now, of flows that run. */
export async function dueRecords(
  db: D1Database,
  environmentId: number,
  now: number,
  changedBefore: number,
  limit: number,
): Promise<DueRecord[]> {
  // One look at the index for each flow that has waiting records, however many wait for one that is paused.
  const { results } = await db
    .prepare(
      `${WAITING_FLOWS}
       SELECT ${DUE_COLUMNS} FROM records r INDEXED BY records_waiting
       WHERE r.environment_id = ?1 AND r.queue = 'waiting' AND r.due_at <= ?2 AND r.modified_at <= ?3
         AND r.flow_id IN (SELECT w.flow FROM waiting w JOIN flows f ON f.id = w.flow
           WHERE f.status = 'running' AND f.retired_at IS NULL AND f.current_version IS NOT NULL)
       LIMIT ?4`,
    )
    .bind(environmentId, now, changedBefore, limit)
    .all<DueRow>();
  return results.map(dueRecord);
}

/** Those of some records that wait, whenever they are due. */
export async function waitingRecords(
  db: D1Database,
  environmentId: number,
  uuids: readonly string[],
): Promise<DueRecord[]> {
  const { results } = await db
    .prepare(
      `SELECT ${DUE_COLUMNS} FROM records WHERE environment_id = ?1 AND queue = 'waiting'
       AND uuid IN (SELECT value FROM json_each(?2))`,
    )
    .bind(environmentId, JSON.stringify(uuids))
    .all<DueRow>();
  return results.map(dueRecord);
}

/** When the next record is due, and whether some wait for flows that take no work. */
export async function nextDueRecord(
  db: D1Database,
  environmentId: number,
): Promise<{ due: number | undefined; blocked: boolean }> {
  const row = await db
    .prepare(
      `${WAITING_FLOWS}
       SELECT count(w.flow) > count(f.id) AS blocked, min((SELECT min(due_at) FROM records r INDEXED BY records_waiting
         WHERE r.environment_id = ?1 AND r.queue = 'waiting' AND r.flow_id = f.id)) AS due
       FROM waiting w LEFT JOIN flows f ON f.id = w.flow
         AND f.status = 'running' AND f.retired_at IS NULL AND f.current_version IS NOT NULL`,
    )
    .bind(environmentId)
    .first<{ due: number | null; blocked: number }>();
  return { due: row?.due ?? undefined, blocked: row?.blocked === 1 };
}

/** Gives waiting records another run. */
export async function renewRuns(
  db: D1Database,
  environmentId: number,
  runs: readonly { uuid: string; runId: string; newRunId: string }[],
): Promise<void> {
  await db
    .prepare(
      `UPDATE records SET run_id = j.n, run_rev = 0
       FROM (SELECT value ->> 'uuid' AS u, value ->> 'runId' AS o, value ->> 'newRunId' AS n FROM json_each(?2)) j
       WHERE records.environment_id = ?1 AND records.uuid = j.u AND records.run_id = j.o AND records.queue = 'waiting'`,
    )
    .bind(environmentId, JSON.stringify(runs))
    .run();
}
