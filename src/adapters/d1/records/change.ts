import type { RecordChange } from "../../../operations/records/ports";
import { jsonChunks } from "../json-chunks";
import { fieldRows, rawChunks } from "./chunks";

/** Changes records whose run is still the one that was withdrawn. @returns the uuids of those that were changed */
export async function changeRecords(
  db: D1Database,
  environmentId: number,
  changes: readonly RecordChange[],
  at: number,
): Promise<Set<string>> {
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
      db
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
      db
        .prepare(
          `DELETE FROM record_fields WHERE record_id IN (SELECT id FROM records
           WHERE environment_id = ?1 AND uuid IN (SELECT value FROM json_each(?2)))`,
        )
        .bind(environmentId, JSON.stringify(withFields.map(({ uuid }) => uuid))),
    );
    const values = fieldRows(withFields.map(({ uuid, data }) => ({ uuid, fields: data?.fields ?? [] })));
    for (const part of jsonChunks(values)) {
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
  }
  const results = await db.batch<{ uuid: string }>(statements);
  for (const { results: found } of results.slice(0, updates)) for (const { uuid } of found) changed.add(uuid);
  return changed;
}
