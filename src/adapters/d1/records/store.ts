import type { FlowState } from "../../../domain/flow-address";
import type { Json } from "../../../domain/json";
import type { RecordStep, RecordTelling } from "../../../domain/record";
import type {
  DueRecord,
  FieldFill,
  InsertResult,
  NewRecord,
  NewRecords,
  RecordChange,
  RecordFilter,
  RecordPage,
  RecordRow,
  RecordStore,
  RecordWithData,
} from "../../../operations/records/ports";
import { jsonChunks } from "../json-chunks";
import { RECORD_COLUMNS, recordRow, type StoredRow } from "./rows";
import { pageOf, readCursor, searchStatements } from "./search";

/** A record's fields as JSON in a parameter; its data is put in as it is, so that it is not escaped once more. */
interface RawRow {
  head: unknown;
  data: string;
}

/** Characters of one JSON parameter: a D1 value ends at 2 MB, and a character may take three bytes. */
const MAX_PARAMETER_CHARS = 600_000;

const DUE_COLUMNS =
  "uuid, flow_id, flow_version, run_id, resume_of, resume_at, num_runs, created_by, trigger_kind, data";

/** Records in D1. Writes of many are one statement for some hundred kilobytes, and one transaction. */
export class D1Records implements RecordStore {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  async insert(given: NewRecords): Promise<InsertResult> {
    const { environmentId, flowId, flowVersion, status, dueAt, at, by, trigger, records } = given;
    const [only] = records;
    if (records.length === 1 && only !== undefined && only.fields.length === 0) {
      return this.#insertOne(given, only);
    }
    const statements: D1PreparedStatement[] = [];
    for (const part of rawChunks(
      records.map(({ uuid, runId, data }) => ({ head: { u: uuid, r: runId }, data })),
    )) {
      statements.push(
        this.#db
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
        this.#db
          .prepare(
            `INSERT OR IGNORE INTO record_fields (environment_id, field, value, created_at, record_id)
             SELECT ?1, j.value ->> 1, j.value ->> 2, r.created_at, r.id
             FROM json_each(?2) j JOIN records r ON r.environment_id = ?1 AND r.uuid = j.value ->> 0`,
          )
          .bind(environmentId, part),
      );
    }
    statements.push(
      this.#db
        .prepare("SELECT status FROM flows WHERE id = ?2 AND environment_id = ?1")
        .bind(environmentId, flowId),
    );
    try {
      const results = await this.#db.batch<{ status: FlowState }>(statements);
      const stored = results.slice(0, inserts).some(({ meta }) => meta.changes > 0);
      if (!stored) return { kind: "inactive" };
      return { kind: "stored", flowState: results.at(-1)?.results[0]?.status ?? "running" };
    } catch (error) {
      if (!isTaken(error)) throw error;
      const uuids = records.map(({ uuid }) => uuid);
      const taken = (await this.rows(environmentId, uuids)).map(({ uuid }) => uuid);
      return { kind: "taken", uuids: taken.length > 0 ? taken : duplicates(uuids) };
    }
  }

  /** The usual record, by itself: one statement, which tells the flow's state as well. */
  async #insertOne(given: NewRecords, { uuid, runId, data }: NewRecord): Promise<InsertResult> {
    const { environmentId, flowId, flowVersion, status, dueAt, at, by, trigger } = given;
    try {
      const row = await this.#db
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

  async find(environmentId: number, uuid: string): Promise<RecordWithData | undefined> {
    const row = await this.#db
      .prepare(
        `SELECT ${RECORD_COLUMNS}, r.objects, r.data FROM records r LEFT JOIN flows f ON f.id = r.flow_id
         WHERE r.environment_id = ?1 AND r.uuid = ?2`,
      )
      .bind(environmentId, uuid)
      .first<StoredRow & { objects: string | null; data: string }>();
    if (row === null) return undefined;
    return {
      ...recordRow(row),
      data: JSON.parse(row.data) as Json,
      steps: row.objects === null ? [] : (JSON.parse(row.objects) as RecordStep[]),
    };
  }

  async rows(environmentId: number, uuids: readonly string[]): Promise<RecordRow[]> {
    const { results } = await this.#db
      .prepare(
        `SELECT ${RECORD_COLUMNS} FROM records r LEFT JOIN flows f ON f.id = r.flow_id
         WHERE r.environment_id = ?1 AND r.uuid IN (SELECT value FROM json_each(?2))`,
      )
      .bind(environmentId, JSON.stringify(uuids))
      .all<StoredRow>();
    return results.map(recordRow);
  }

  async search(
    environmentId: number,
    filter: RecordFilter,
    { limit, offset, cursor }: { limit: number; offset: number; cursor: string | undefined },
  ): Promise<RecordPage> {
    const after = cursor === undefined ? undefined : readCursor(cursor);
    const { page, count, counted } = searchStatements(this.#db, environmentId, filter, {
      limit,
      offset,
      after,
    });
    const [rows, total] = await this.#db.batch<Record<string, unknown>>([page, count]);
    return pageOf(
      (rows?.results ?? []) as unknown as (StoredRow & { sorted_at: number })[],
      limit,
      (total?.results[0]?.total as number | undefined) ?? 0,
      counted,
    );
  }

  async change(environmentId: number, changes: readonly RecordChange[], at: number): Promise<Set<string>> {
    const changed = new Set<string>();
    if (changes.length === 0) return changed;
    const rows = changes.map((change) => ({
      head: {
        u: change.uuid,
        o: change.runId,
        n: change.newRunId,
        s: change.status,
        q: change.queue,
        t: change.dueAt,
        c: change.resumeOf,
        a: change.resumeAt,
        f: change.flow?.id ?? null,
        v: change.flow?.version ?? null,
      },
      data: change.data?.text ?? "null",
    }));
    const withFields = changes.filter(({ data }) => data !== undefined);
    const statements: D1PreparedStatement[] = [];
    for (const part of rawChunks(rows)) {
      statements.push(
        this.#db
          .prepare(
            `UPDATE records SET run_id = j.n, run_rev = iif(j.n = records.run_id, records.run_rev, 0), status = j.s, queue = j.q, due_at = j.t,
               next_run_at = j.t, resume_of = j.c, resume_at = j.a, modified_at = ?3,
               flow_id = coalesce(j.f, flow_id), flow_version = coalesce(j.v, flow_version),
               data = iif(j.d = 'null', data, j.d)
             FROM (SELECT value ->> 'u' AS u, value ->> 'o' AS o, value ->> 'n' AS n, value ->> 's' AS s, value ->> 'q' AS q,
               value ->> 't' AS t, value ->> 'c' AS c, value ->> 'a' AS a, value ->> 'f' AS f, value ->> 'v' AS v,
               value -> 'd' AS d FROM json_each(?2)) j
             WHERE records.environment_id = ?1 AND records.uuid = j.u AND records.run_id = j.o AND records.queue <> 'taken'
             RETURNING uuid`,
          )
          .bind(environmentId, part, at),
      );
    }
    const updates = statements.length;
    if (withFields.length > 0) {
      statements.push(
        this.#db
          .prepare(
            `DELETE FROM record_fields WHERE record_id IN (SELECT id FROM records
             WHERE environment_id = ?1 AND uuid IN (SELECT value FROM json_each(?2)))`,
          )
          .bind(environmentId, JSON.stringify(withFields.map(({ uuid }) => uuid))),
      );
      const values = fieldRows(withFields.map(({ uuid, data }) => ({ uuid, fields: data?.fields ?? [] })));
      for (const part of jsonChunks(values)) {
        statements.push(
          this.#db
            .prepare(
              `INSERT OR IGNORE INTO record_fields (environment_id, field, value, created_at, record_id)
               SELECT ?1, j.value ->> 1, j.value ->> 2, r.created_at, r.id
               FROM json_each(?2) j JOIN records r ON r.environment_id = ?1 AND r.uuid = j.value ->> 0`,
            )
            .bind(environmentId, part),
        );
      }
    }
    const results = await this.#db.batch<{ uuid: string }>(statements);
    for (const { results: found } of results.slice(0, updates))
      for (const { uuid } of found) changed.add(uuid);
    return changed;
  }

  async remove(environmentId: number, uuid: string, runId: string): Promise<boolean> {
    const { meta } = await this.#db
      .prepare(
        "DELETE FROM records WHERE environment_id = ?1 AND uuid = ?2 AND run_id = ?3 AND queue <> 'taken'",
      )
      .bind(environmentId, uuid, runId)
      .run();
    return meta.changes > 0;
  }

  async tell(tellings: readonly RecordTelling[]): Promise<void> {
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
    for (const part of jsonChunks(rows)) statements.push(this.#db.prepare(TELL).bind(part));
    if (statements.length > 0) await this.#db.batch(statements);
  }

  async due(environmentId: number, now: number, changedBefore: number, limit: number): Promise<DueRecord[]> {
    // One look at the index for each flow that has waiting records, however many wait for one that is paused.
    const { results } = await this.#db
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

  async waiting(environmentId: number, uuids: readonly string[]): Promise<DueRecord[]> {
    const { results } = await this.#db
      .prepare(
        `SELECT ${DUE_COLUMNS} FROM records WHERE environment_id = ?1 AND queue = 'waiting'
         AND uuid IN (SELECT value FROM json_each(?2))`,
      )
      .bind(environmentId, JSON.stringify(uuids))
      .all<DueRow>();
    return results.map(dueRecord);
  }

  async nextDue(environmentId: number): Promise<{ due: number | undefined; blocked: boolean }> {
    const row = await this.#db
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

  async renew(
    environmentId: number,
    runs: readonly { uuid: string; runId: string; newRunId: string }[],
  ): Promise<void> {
    await this.#db
      .prepare(
        `UPDATE records SET run_id = j.n, run_rev = 0
         FROM (SELECT value ->> 'uuid' AS u, value ->> 'runId' AS o, value ->> 'newRunId' AS n FROM json_each(?2)) j
         WHERE records.environment_id = ?1 AND records.uuid = j.u AND records.run_id = j.o AND records.queue = 'waiting'`,
      )
      .bind(environmentId, JSON.stringify(runs))
      .run();
  }

  async fills(environmentId: number): Promise<FieldFill[]> {
    const { results } = await this.#db
      .prepare("SELECT field, up_to FROM record_field_fills WHERE environment_id = ?1")
      .bind(environmentId)
      .all<{ field: string; up_to: number | null }>();
    return results.map(({ field, up_to }) => ({ key: field, upTo: up_to === -1 ? "gone" : up_to }));
  }

  async beginFills(environmentId: number, keys: readonly string[], gone: readonly string[]): Promise<void> {
    await this.#db.batch([
      this.#db
        .prepare(
          `INSERT OR REPLACE INTO record_field_fills (environment_id, field, up_to)
           SELECT ?1, value, (SELECT max(id) FROM records) FROM json_each(?2)`,
        )
        .bind(environmentId, JSON.stringify(keys)),
      this.#db
        .prepare(
          `UPDATE record_field_fills SET up_to = -1
           WHERE environment_id = ?1 AND field IN (SELECT value FROM json_each(?2))`,
        )
        .bind(environmentId, JSON.stringify(gone)),
    ]);
  }

  async toFill(
    environmentId: number,
    upTo: number,
    limit: number,
  ): Promise<{ id: number; projectId: number; createdAt: number; data: Json }[]> {
    const { results } = await this.#db
      .prepare(
        `SELECT r.id, f.project_id, r.created_at, r.data FROM records r NOT INDEXED JOIN flows f ON f.id = r.flow_id
         WHERE r.id <= ?2 AND r.environment_id = ?1 ORDER BY r.id DESC LIMIT ?3`,
      )
      .bind(environmentId, upTo, limit)
      .all<{ id: number; project_id: number; created_at: number; data: string }>();
    return results.map(({ id, project_id, created_at, data }) => ({
      id,
      projectId: project_id,
      createdAt: created_at,
      data: JSON.parse(data) as Json,
    }));
  }

  async fill(
    environmentId: number,
    key: string,
    upTo: number | null,
    values: readonly { id: number; createdAt: number; value: string }[],
  ): Promise<void> {
    const statements: D1PreparedStatement[] = [];
    for (const part of jsonChunks(values)) {
      statements.push(
        this.#db
          .prepare(
            `INSERT OR IGNORE INTO record_fields (environment_id, field, value, created_at, record_id)
             SELECT ?1, ?2, j.value ->> 'value', j.value ->> 'createdAt', r.id
             FROM json_each(?3) j JOIN records r ON r.id = j.value ->> 'id'`,
          )
          .bind(environmentId, key, part),
      );
    }
    statements.push(
      this.#db
        .prepare(
          "UPDATE record_field_fills SET up_to = ?3 WHERE environment_id = ?1 AND field = ?2 AND up_to <> -1",
        )
        .bind(environmentId, key, upTo),
    );
    await this.#db.batch(statements);
  }

  async forgetField(environmentId: number, key: string, limit: number): Promise<boolean> {
    const [removed] = await this.#db.batch([
      this.#db
        .prepare(
          `DELETE FROM record_fields WHERE (environment_id, field, value, created_at, record_id) IN (
             SELECT environment_id, field, value, created_at, record_id FROM record_fields
             WHERE environment_id = ?1 AND field = ?2 LIMIT ?3)`,
        )
        .bind(environmentId, key, limit),
      this.#db
        .prepare(
          `DELETE FROM record_field_fills WHERE environment_id = ?1 AND field = ?2 AND up_to = -1
           AND NOT EXISTS (SELECT 1 FROM record_fields WHERE environment_id = ?1 AND field = ?2)`,
        )
        .bind(environmentId, key),
    ]);
    return (removed?.meta.changes ?? 0) < limit;
  }
}

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

/** SQLite names the columns of the constraint that failed, and D1 offers no code for it. */
function isTaken(error: unknown): boolean {
  return String(error).includes("records.uuid");
}

/** Values of mapped fields as `[uuid, field, value]`. */
function fieldRows(
  records: readonly { uuid: string; fields: readonly (readonly [string, string])[] }[],
): (readonly [string, string, string])[] {
  return records.flatMap(({ uuid, fields }) =>
    fields.map(([field, value]): readonly [string, string, string] => [uuid, field, value]),
  );
}

/** JSON arrays of the rows, each of a size that one bound parameter holds. */
function* rawChunks(rows: readonly RawRow[]): Generator<string> {
  let part: string[] = [];
  let size = 0;
  for (const { head, data } of rows) {
    const text = `${JSON.stringify(head).slice(0, -1)},"d":${data}}`;
    if (part.length > 0 && size + text.length > MAX_PARAMETER_CHARS) {
      yield `[${part.join(",")}]`;
      part = [];
      size = 0;
    }
    part.push(text);
    size += text.length;
  }
  if (part.length > 0) yield `[${part.join(",")}]`;
}

function duplicates(values: readonly string[]): string[] {
  const seen = new Set<string>();
  return values.filter((value) => seen.has(value) || !seen.add(value));
}
