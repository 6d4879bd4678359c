import type { FlowState, StoredVersion } from "../../domain/flow-address";
import type { ResourceDefinition, ResourceKind } from "../../domain/resource";
import type {
  ApplyOutcome,
  FlowVersionSummary,
  ProjectChange,
  ProjectSummary,
  Projects,
  StoredFlow,
  StoredProject,
  StoredResource,
} from "../../operations/ports";
import { jsonChunks } from "./json-chunks";

interface FlowRow {
  id: number;
  name: string;
  status: FlowState;
  current_version: number | null;
  draft_version: number | null;
  last_version: number;
  retired_at: number | null;
  updated_at: number;
  current_hash: string | null;
  draft_hash: string | null;
}

const FLOW = `SELECT f.id, f.name, f.status, f.current_version, f.draft_version, f.last_version, f.retired_at,
    f.updated_at, c.hash AS current_hash, d.hash AS draft_hash
  FROM flows f
  LEFT JOIN flow_versions c ON c.flow_id = f.id AND c.version = f.current_version
  LEFT JOIN flow_versions d ON d.flow_id = f.id AND d.version = f.draft_version
  WHERE f.environment_id = ?1 AND f.project_id = ?2`;
const PROJECT_ID = "(SELECT id FROM projects WHERE environment_id = ?1 AND name = ?2)";
const BUMP =
  "UPDATE environments SET catalog_epoch = catalog_epoch + 1 WHERE id = ?1 RETURNING catalog_epoch";

/** Projects in D1. A change is one batch, and so one transaction, whatever the number of its flows. */
export class D1Projects implements Projects {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  async list(environmentId: number, limit: number, after: string | undefined): Promise<ProjectSummary[]> {
    const { results } = await this.#db
      .prepare(
        `SELECT p.id, p.name, p.description, p.version, p.updated_at,
           (SELECT count(*) FROM flows f WHERE f.project_id = p.id AND f.retired_at IS NULL) AS flows
         FROM projects p WHERE p.environment_id = ?1 AND p.name > ?2 AND p.removed_at IS NULL ORDER BY p.name LIMIT ?3`,
      )
      .bind(environmentId, after ?? "", limit)
      .all<{
        id: number;
        name: string;
        description: string | null;
        version: number;
        updated_at: number;
        flows: number;
      }>();
    return results.map(({ updated_at, ...row }) => ({ ...row, updatedAt: updated_at }));
  }

  async find(environmentId: number, name: string): Promise<StoredProject | undefined> {
    const row = await this.#db
      .prepare(
        `SELECT p.id, p.name, p.description, p.version, p.updated_at, p.removed_at, v.document FROM projects p
         JOIN project_versions v ON v.project_id = p.id AND v.version = p.version
         WHERE p.environment_id = ?1 AND p.name = ?2`,
      )
      .bind(environmentId, name)
      .first<{
        id: number;
        name: string;
        description: string | null;
        version: number;
        updated_at: number;
        removed_at: number | null;
        document: string;
      }>();
    if (row === null) return undefined;
    const { updated_at, removed_at, document, ...project } = row;
    return {
      ...project,
      updatedAt: updated_at,
      ...(removed_at === null ? {} : { removed: true }),
      document: JSON.parse(document) as Record<string, unknown>,
    };
  }

  async flows(environmentId: number, projectId: number): Promise<StoredFlow[]> {
    const { results } = await this.#db
      .prepare(`${FLOW} ORDER BY f.name`)
      .bind(environmentId, projectId)
      .all<FlowRow>();
    return results.map(storedFlow);
  }

  async flow(environmentId: number, projectId: number, name: string): Promise<StoredFlow | undefined> {
    const row = await this.#db
      .prepare(`${FLOW} AND f.name = ?3`)
      .bind(environmentId, projectId, name)
      .first<FlowRow>();
    return row === null ? undefined : storedFlow(row);
  }

  async flowById(
    environmentId: number,
    flowId: number,
  ): Promise<(StoredFlow & { project: string }) | undefined> {
    const found = await this.#db
      .prepare(
        `SELECT f.project_id, f.name, p.name AS project FROM flows f JOIN projects p ON p.id = f.project_id
         WHERE f.environment_id = ?1 AND f.id = ?2 AND f.retired_at IS NULL`,
      )
      .bind(environmentId, flowId)
      .first<{ project_id: number; name: string; project: string }>();
    if (found === null) return undefined;
    const flow = await this.flow(environmentId, found.project_id, found.name);
    return flow === undefined ? undefined : { ...flow, project: found.project };
  }

  async definitions(environmentId: number, projectId: number, drafts: boolean): Promise<StoredVersion[]> {
    const { results } = await this.#db
      .prepare(
        `SELECT v.definition FROM flows f
         JOIN flow_versions v ON v.flow_id = f.id
           AND v.version = ${drafts ? "coalesce(f.draft_version, f.current_version)" : "f.current_version"}
         WHERE f.environment_id = ?1 AND f.project_id = ?2 AND f.retired_at IS NULL ORDER BY f.name`,
      )
      .bind(environmentId, projectId)
      .all<{ definition: string }>();
    return results.map(({ definition }) => JSON.parse(definition) as StoredVersion);
  }

  async definition(
    environmentId: number,
    flowId: number,
    version: number,
  ): Promise<StoredVersion | undefined> {
    const row = await this.#db
      .prepare(
        "SELECT definition FROM flow_versions WHERE environment_id = ?1 AND flow_id = ?2 AND version = ?3",
      )
      .bind(environmentId, flowId, version)
      .first<{ definition: string }>();
    return row === null ? undefined : (JSON.parse(row.definition) as StoredVersion);
  }

  async resources(environmentId: number, projectId: number): Promise<StoredResource[]> {
    const { results } = await this.#db
      .prepare(
        `SELECT id, kind, name, hash, definition, source FROM resources
         WHERE environment_id = ?1 AND project_id = ?2 ORDER BY kind, name`,
      )
      .bind(environmentId, projectId)
      .all<{
        id: number;
        kind: ResourceKind;
        name: string;
        hash: string;
        definition: string;
        source: string;
      }>();
    return results.map((row) => ({
      ...row,
      definition: JSON.parse(row.definition) as ResourceDefinition,
      source: JSON.parse(row.source) as unknown,
    }));
  }

  async resourcesElsewhere(
    environmentId: number,
    project: string,
    wanted: readonly { kind: ResourceKind; name: string }[],
  ): Promise<{ kind: ResourceKind; name: string; project: string }[]> {
    if (wanted.length === 0) return [];
    const { results } = await this.#db
      .prepare(
        `SELECT r.kind, r.name, p.name AS project
         FROM json_each(?3) j
         JOIN resources r ON r.environment_id = ?1 AND r.kind = j.value ->> 'kind' AND r.scope = 0 AND r.name = j.value ->> 'name'
         JOIN projects p ON p.id = r.project_id
         WHERE p.name <> ?2`,
      )
      .bind(environmentId, project, JSON.stringify(wanted))
      .all<{ kind: ResourceKind; name: string; project: string }>();
    return results;
  }

  async versions(
    environmentId: number,
    flowId: number,
    limit: number,
    before: number | undefined,
  ): Promise<FlowVersionSummary[]> {
    const { results } = await this.#db
      .prepare(
        `SELECT v.version, v.state, v.hash, v.created_by, v.created_at, v.published_at, v.version = f.current_version AS current
         FROM flow_versions v JOIN flows f ON f.id = v.flow_id
         WHERE v.environment_id = ?1 AND v.flow_id = ?2 AND v.version < ?3 ORDER BY v.version DESC LIMIT ?4`,
      )
      .bind(environmentId, flowId, before ?? Number.MAX_SAFE_INTEGER, limit)
      .all<{
        version: number;
        state: "draft" | "published";
        hash: string;
        created_by: string;
        created_at: number;
        published_at: number | null;
        current: number | null;
      }>();
    return results.map((row) => ({
      version: row.version,
      state: row.state,
      current: row.current === 1,
      hash: row.hash,
      createdBy: row.created_by,
      createdAt: row.created_at,
      publishedAt: row.published_at,
    }));
  }

  async aliasesElsewhere(
    environmentId: number,
    project: string,
    aliases: string[],
  ): Promise<{ alias: string; project: string; flow: string }[]> {
    if (aliases.length === 0) return [];
    const { results } = await this.#db
      .prepare(
        `SELECT f.alias, p.name AS project, f.name AS flow FROM flows f JOIN projects p ON p.id = f.project_id
         WHERE f.environment_id = ?1 AND p.name <> ?2 AND f.retired_at IS NULL
           AND f.alias IN (SELECT value FROM json_each(?3))`,
      )
      .bind(environmentId, project, JSON.stringify(aliases))
      .all<{ alias: string; project: string; flow: string }>();
    return results;
  }

  async apply(change: ProjectChange): Promise<ApplyOutcome> {
    const statements = this.#statements(change);
    let results: D1Result<Record<string, unknown>>[];
    try {
      results = await this.#db.batch<Record<string, unknown>>(statements);
    } catch (error) {
      // SQLite names the constraint that failed, and offers no code for it through D1.
      const text = String(error);
      if (text.includes("project_moved_on")) return { kind: "moved" };
      if (text.includes("resources.environment_id") || text.includes("resource_name_taken"))
        return { kind: "resource_taken" };
      const repeated = /UNIQUE constraint failed: (t\d+_[^:]+)/.exec(text)?.[1];
      if (repeated !== undefined) {
        const columns = repeated.split(",").map((name) => name.trim().split(".").at(-1) as string);
        return { kind: "values_repeated", columns };
      }
      if (text.includes("flows_by_alias") || text.includes("flows.alias")) return { kind: "alias_taken" };
      throw error;
    }
    const epoch = results.at(-1)?.results[0]?.catalog_epoch as number;
    return { kind: "applied", version: change.from + 1, epoch };
  }

  #statements(change: ProjectChange): D1PreparedStatement[] {
    const { environmentId, name, at, by, publish } = change;
    const run = (sql: string, ...values: unknown[]): D1PreparedStatement =>
      this.#db.prepare(sql).bind(environmentId, name, ...values);
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
    statements.push(...this.#resourceStatements(change));
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
      this.#db.prepare(BUMP).bind(environmentId),
    );
    return statements;
  }

  #resourceStatements(change: ProjectChange): D1PreparedStatement[] {
    const { environmentId, name, at } = change;
    const statements: D1PreparedStatement[] = [];
    if (change.removedResources.length > 0) {
      statements.push(
        this.#db
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
        this.#db
          .prepare(
            `UPDATE resources SET hash = j.hash, definition = j.definition, source = j.source, updated_at = ?4
             FROM (SELECT value ->> 'kind' AS kind, value ->> 'name' AS name, value ->> 'hash' AS hash,
               value ->> 'definition' AS definition, value ->> 'source' AS source FROM json_each(?3)) j
             WHERE resources.project_id = ${PROJECT_ID} AND resources.kind = j.kind AND resources.name = j.name`,
          )
          .bind(environmentId, name, part, at),
        this.#db
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
    for (const sql of change.statements) statements.push(this.#db.prepare(sql));
    return statements;
  }

  async setStatus(
    environmentId: number,
    flowId: number,
    status: FlowState,
    at: number,
  ): Promise<{ epoch: number }> {
    const results = await this.#db.batch<{ catalog_epoch: number }>([
      this.#db
        .prepare("UPDATE flows SET status = ?3, updated_at = ?4 WHERE environment_id = ?1 AND id = ?2")
        .bind(environmentId, flowId, status, at),
      this.#db.prepare(BUMP).bind(environmentId),
    ]);
    return { epoch: results.at(-1)?.results[0]?.catalog_epoch as number };
  }
}

function storedFlow(row: FlowRow): StoredFlow {
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    currentVersion: row.current_version,
    draftVersion: row.draft_version,
    lastVersion: row.last_version,
    retiredAt: row.retired_at,
    updatedAt: row.updated_at,
    currentHash: row.current_hash,
    draftHash: row.draft_hash,
  };
}
