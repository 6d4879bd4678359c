import type { ProjectChange } from "../../operations/ports";
import { jsonChunks } from "./json-chunks";

const PROJECT_ID = "(SELECT id FROM projects WHERE environment_id = ?1 AND name = ?2)";
/** Raises the epoch under which copies of what may change are kept. */
export const BUMP =
  "UPDATE environments SET catalog_epoch = catalog_epoch + 1 WHERE id = ?1 RETURNING catalog_epoch";

/** All that one change of a project writes, for one batch; the last statement gives the new epoch. */
export function projectStatements(db: D1Database, change: ProjectChange): D1PreparedStatement[] {
  const { environmentId, name, at, by, publish } = change;
  const run = (sql: string, ...values: unknown[]): D1PreparedStatement =>
    db.prepare(sql).bind(environmentId, name, ...values);
  const touched = JSON.stringify(
    [...change.flows, ...change.republish].map((flow) => flow.name).concat(change.retired),
  );
  const statements = [
    run(
      `INSERT INTO projects (environment_id, name, created_at, updated_at) VALUES (?1, ?2, ?3, ?3)
         ON CONFLICT (environment_id, name) DO NOTHING`,
      at,
    ),
    run(
      `INSERT INTO version_guards (project_id, unchanged)
         SELECT id, version = ?3 FROM projects WHERE environment_id = ?1 AND name = ?2`,
      change.from,
    ),
    run(`DELETE FROM version_guards WHERE project_id = ${PROJECT_ID}`),
    run(
      `UPDATE projects SET version = version + 1, description = ?3, updated_at = ?4, removed_at = NULL WHERE environment_id = ?1 AND name = ?2`,
      change.description,
      at,
    ),
  ];
  if (publish) {
    // Aliases may swap places among the flows, and each is unique at every moment.
    statements.push(
      run(
        `UPDATE flows SET alias = NULL WHERE project_id = ${PROJECT_ID} AND name IN (SELECT value FROM json_each(?3))`,
        touched,
      ),
    );
  }
  for (const part of jsonChunks(change.flows)) {
    statements.push(
      run(
        `INSERT INTO flows (environment_id, project_id, name, created_at, updated_at)
           SELECT ?1, ${PROJECT_ID}, j.value ->> 'name', ?4, ?4 FROM json_each(?3) j WHERE true
           ON CONFLICT (project_id, name) DO NOTHING`,
        part,
        at,
      ),
      run(
        `DELETE FROM flow_versions WHERE state = 'draft' AND flow_id IN (
             SELECT id FROM flows WHERE project_id = ${PROJECT_ID} AND name IN (SELECT value ->> 'name' FROM json_each(?3)))`,
        part,
      ),
      run(
        `INSERT INTO flow_versions (environment_id, flow_id, version, state, hash, definition, created_by, created_at, published_at)
           SELECT ?1, f.id, f.last_version + 1, ?4, j.value ->> 'hash', j.value ->> 'stored', ?5, ?6, ?7
           FROM json_each(?3) j JOIN flows f ON f.project_id = ${PROJECT_ID} AND f.name = j.value ->> 'name'`,
        part,
        publish ? "published" : "draft",
        by,
        at,
        publish ? at : null,
      ),
      publish
        ? run(
            `UPDATE flows SET last_version = last_version + 1, current_version = last_version + 1, draft_version = NULL,
                 alias = j.alias, has_endpoint = j.has_endpoint, retired_at = NULL, updated_at = ?4
               FROM (SELECT value ->> 'name' AS name, value ->> 'alias' AS alias, value ->> 'hasEndpoint' AS has_endpoint FROM json_each(?3)) j
               WHERE flows.project_id = ${PROJECT_ID} AND flows.name = j.name`,
            part,
            at,
          )
        : run(
            `UPDATE flows SET last_version = last_version + 1, draft_version = last_version + 1, updated_at = ?4
               WHERE project_id = ${PROJECT_ID} AND name IN (SELECT value ->> 'name' FROM json_each(?3))`,
            part,
            at,
          ),
    );
  }
  if (change.republish.length > 0) {
    const republish = JSON.stringify(change.republish);
    statements.push(
      run(
        `UPDATE flow_versions SET state = 'published', published_at = coalesce(published_at, ?4)
           WHERE (flow_id, version) IN (
             SELECT f.id, j.value ->> 'version' FROM json_each(?3) j JOIN flows f ON f.project_id = ${PROJECT_ID} AND f.name = j.value ->> 'name')`,
        republish,
        at,
      ),
      run(
        `UPDATE flows SET current_version = j.version, draft_version = CASE WHEN draft_version = j.version THEN NULL ELSE draft_version END,
             alias = j.alias, has_endpoint = j.has_endpoint, retired_at = NULL, updated_at = ?4
           FROM (SELECT value ->> 'name' AS name, value ->> 'version' AS version, value ->> 'alias' AS alias,
             value ->> 'hasEndpoint' AS has_endpoint FROM json_each(?3)) j
           WHERE flows.project_id = ${PROJECT_ID} AND flows.name = j.name`,
        republish,
        at,
      ),
    );
  }
  if (change.retired.length > 0) {
    statements.push(
      run(
        `UPDATE flows SET retired_at = ?4, alias = NULL, updated_at = ?4
           WHERE project_id = ${PROJECT_ID} AND name IN (SELECT value FROM json_each(?3))`,
        JSON.stringify(change.retired),
        at,
      ),
    );
  }
  statements.push(...resourceStatements(db, change));
  statements.push(
    run(
      `INSERT INTO project_versions (environment_id, project_id, version, document, summary, published, applied_by, applied_at)
         SELECT ?1, id, version, ?3, ?4, ?5, ?6, ?7 FROM projects WHERE environment_id = ?1 AND name = ?2`,
      change.document,
      change.summary,
      publish ? 1 : 0,
      by,
      at,
    ),
    db.prepare(BUMP).bind(environmentId),
  );
  return statements;
}

function resourceStatements(db: D1Database, change: ProjectChange): D1PreparedStatement[] {
  const { environmentId, name, at } = change;
  const statements: D1PreparedStatement[] = [];
  if (change.removedResources.length > 0) {
    statements.push(
      db
        .prepare(
          `DELETE FROM resources WHERE project_id = ${PROJECT_ID} AND (kind, name) IN (
               SELECT value ->> 'kind', value ->> 'name' FROM json_each(?3))`,
        )
        .bind(environmentId, name, JSON.stringify(change.removedResources)),
    );
  }
  for (const part of jsonChunks(change.resources)) {
    statements.push(
      // Only the project's own row is changed: that of another one makes the name taken.
      db
        .prepare(
          `UPDATE resources SET hash = j.hash, definition = j.definition, source = j.source, updated_at = ?4
             FROM (SELECT value ->> 'kind' AS kind, value ->> 'name' AS name, value ->> 'hash' AS hash,
               value ->> 'definition' AS definition, value ->> 'source' AS source FROM json_each(?3)) j
             WHERE resources.project_id = ${PROJECT_ID} AND resources.kind = j.kind AND resources.name = j.name`,
        )
        .bind(environmentId, name, part, at),
      db
        .prepare(
          `INSERT INTO resources (environment_id, project_id, kind, name, scope, hash, definition, source, created_at, updated_at)
             SELECT ?1, ${PROJECT_ID}, j.value ->> 'kind', j.value ->> 'name', coalesce(j.value ->> 'scope', ${PROJECT_ID}),
               j.value ->> 'hash', j.value ->> 'definition', j.value ->> 'source', ?4, ?4
             FROM json_each(?3) j WHERE NOT EXISTS (SELECT 1 FROM resources r WHERE r.project_id = ${PROJECT_ID}
               AND r.kind = j.value ->> 'kind' AND r.name = j.value ->> 'name')`,
        )
        .bind(environmentId, name, part, at),
    );
  }
  for (const sql of change.statements) statements.push(db.prepare(sql));
  return statements;
}
