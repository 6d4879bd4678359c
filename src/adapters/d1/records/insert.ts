import type { FlowState } from "../../../domain/flow-address";
import type { InsertResult, NewRecord, NewRecords } from "../../../operations/records/ports";
import { jsonChunks } from "../json-chunks";
import { fieldRows, rawChunks } from "./chunks";
import { recordRows } from "./rows";

/** Stores records, all or none. */
export async function insertRecords(db: D1Database, given: NewRecords): Promise<InsertResult> {
  const { environmentId, flowId, flowVersion, status, dueAt, at, by, trigger, records } = given;
  const [only] = records;
  if (records.length === 1 && only !== undefined && only.fields.length === 0) {
    return insertOne(db, given, only);
  }
  const statements: D1PreparedStatement[] = [];
  for (const part of rawChunks(
    records.map(({ uuid, runId, data }) => ({ head: { u: uuid, r: runId }, data })),
  )) {
    statements.push(
      db
        .prepare(
          `INSERT INTO records (environment_id, uuid, flow_id, flow_version, status, queue, due_at, run_id, created_at,
             modified_at, next_run_at, created_by, trigger_kind, data)
           SELECT ?1, j.value ->> 'u', ?2, ?3, ?4, 'waiting', ?5, j.value ->> 'r', ?6, ?6, ?5, ?7, ?8, j.value -> 'd'
           FROM json_each(?9) j
           WHERE EXISTS (SELECT 1 FROM flows WHERE id = ?2 AND environment_id = ?1 AND status <> 'inactive' AND retired_at IS NULL)`,
        )
        .bind(environmentId, flowId, flowVersion, status, dueAt, at, by, trigger, part),
    );
  }
  const inserts = statements.length;
  for (const part of jsonChunks(fieldRows(records))) {
    statements.push(
      db
        .prepare(
          `INSERT OR IGNORE INTO record_fields (environment_id, field, value, created_at, record_id)
           SELECT ?1, j.value ->> 1, j.value ->> 2, r.created_at, r.id
           FROM json_each(?2) j JOIN records r ON r.environment_id = ?1 AND r.uuid = j.value ->> 0`,
        )
        .bind(environmentId, part),
    );
  }
  statements.push(
    db.prepare("SELECT status FROM flows WHERE id = ?2 AND environment_id = ?1").bind(environmentId, flowId),
  );
  try {
    const results = await db.batch<{ status: FlowState }>(statements);
    const stored = results.slice(0, inserts).some(({ meta }) => meta.changes > 0);
    if (!stored) return { kind: "inactive" };
    return { kind: "stored", flowState: results.at(-1)?.results[0]?.status ?? "running" };
  } catch (error) {
    if (!isTaken(error)) throw error;
    const uuids = records.map(({ uuid }) => uuid);
    const taken = (await recordRows(db, environmentId, uuids)).map(({ uuid }) => uuid);
    return { kind: "taken", uuids: taken.length > 0 ? taken : duplicates(uuids) };
  }
}

/** The usual record, by itself: one statement, which tells the flow's state as well. */
async function insertOne(
  db: D1Database,
  given: NewRecords,
  { uuid, runId, data }: NewRecord,
): Promise<InsertResult> {
  const { environmentId, flowId, flowVersion, status, dueAt, at, by, trigger } = given;
  try {
    const row = await db
      .prepare(
        `INSERT INTO records (environment_id, uuid, flow_id, flow_version, status, queue, due_at, run_id, created_at,
           modified_at, next_run_at, created_by, trigger_kind, data)
         SELECT ?1, ?2, ?3, ?4, ?5, 'waiting', ?6, ?7, ?8, ?8, ?6, ?9, ?10, ?11
         FROM flows WHERE id = ?3 AND environment_id = ?1 AND status <> 'inactive' AND retired_at IS NULL
         RETURNING (SELECT status FROM flows WHERE id = ?3) AS state`,
      )
      .bind(environmentId, uuid, flowId, flowVersion, status, dueAt, runId, at, by, trigger, data)
      .first<{ state: FlowState }>();
    return row === null ? { kind: "inactive" } : { kind: "stored", flowState: row.state };
  } catch (error) {
    if (!isTaken(error)) throw error;
    return { kind: "taken", uuids: [uuid] };
  }
}

/** SQLite names the columns of the constraint that failed, and D1 offers no code for it. */
function isTaken(error: unknown): boolean {
  return String(error).includes("records.uuid");
}

function duplicates(values: readonly string[]): string[] {
  const seen = new Set<string>();
  return values.filter((value) => seen.has(value) || !seen.add(value));
}
