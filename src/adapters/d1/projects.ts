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
import { BUMP, projectStatements } from "./project-statements";

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
    let results: D1Result<Record<string, unknown>>[];
    try {
      results = await this.#db.batch<Record<string, unknown>>(projectStatements(this.#db, change));
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
