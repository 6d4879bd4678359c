import type { Json } from "../../../domain/json";
import type { FieldFill } from "../../../operations/records/ports";
import { jsonChunks } from "../json-chunks";

/** Mapped fields whose rows are being made, or removed. */
export async function fieldFills(db: D1Database, environmentId: number): Promise<FieldFill[]> {
  const { results } = await db
    .prepare("SELECT field, up_to FROM record_field_fills WHERE environment_id = ?1")
    .bind(environmentId)
    .all<{ field: string; up_to: number | null }>();
  return results.map(({ field, up_to }) => ({ key: field, upTo: up_to === -1 ? "gone" : up_to }));
}

/** Has the rows of new fields made, and those of fields that are gone removed. */
export async function beginFills(
  db: D1Database,
  environmentId: number,
  keys: readonly string[],
  gone: readonly string[],
): Promise<void> {
  await db.batch([
    db
      .prepare(
        `INSERT OR REPLACE INTO record_field_fills (environment_id, field, up_to)
         SELECT ?1, value, (SELECT max(id) FROM records) FROM json_each(?2)`,
      )
      .bind(environmentId, JSON.stringify(keys)),
    db
      .prepare(
        `UPDATE record_field_fills SET up_to = -1
         WHERE environment_id = ?1 AND field IN (SELECT value FROM json_each(?2))`,
      )
      .bind(environmentId, JSON.stringify(gone)),
  ]);
}

/** The next records whose fields are to be read, the newest first. */
export async function recordsToFill(
  db: D1Database,
  environmentId: number,
  upTo: number,
  limit: number,
): Promise<{ id: number; projectId: number; createdAt: number; data: Json }[]> {
  const { results } = await db
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

/** Writes the values of a field, and how far that has come. */
export async function fillField(
  db: D1Database,
  environmentId: number,
  key: string,
  upTo: number | null,
  values: readonly { id: number; createdAt: number; value: string }[],
): Promise<void> {
  const statements: D1PreparedStatement[] = [];
  for (const part of jsonChunks(values)) {
    statements.push(
      db
        .prepare(
          `INSERT OR IGNORE INTO record_fields (environment_id, field, value, created_at, record_id)
           SELECT ?1, ?2, j.value ->> 'value', j.value ->> 'createdAt', r.id
           FROM json_each(?3) j JOIN records r ON r.id = j.value ->> 'id'`,
        )
        .bind(environmentId, key, part),
    );
  }
  statements.push(
    db
      .prepare(
        "UPDATE record_field_fills SET up_to = ?3 WHERE environment_id = ?1 AND field = ?2 AND up_to <> -1",
      )
      .bind(environmentId, key, upTo),
  );
  await db.batch(statements);
}

/** Removes some rows of a field that is gone. @returns whether none is left */
export async function forgetField(
  db: D1Database,
  environmentId: number,
  key: string,
  limit: number,
): Promise<boolean> {
  const [removed] = await db.batch([
    db
      .prepare(
        `DELETE FROM record_fields WHERE (environment_id, field, value, created_at, record_id) IN (
           SELECT environment_id, field, value, created_at, record_id FROM record_fields
           WHERE environment_id = ?1 AND field = ?2 LIMIT ?3)`,
      )
      .bind(environmentId, key, limit),
    db
      .prepare(
        `DELETE FROM record_field_fills WHERE environment_id = ?1 AND field = ?2 AND up_to = -1
         AND NOT EXISTS (SELECT 1 FROM record_fields WHERE environment_id = ?1 AND field = ?2)`,
      )
      .bind(environmentId, key),
  ]);
  return (removed?.meta.changes ?? 0) < limit;
}
