import type { Environment } from "../../domain/environment";
import { apiHost, isEnvironmentHost } from "../../domain/environment-host";
import type {
  FlowAddress,
  FlowLookup,
  FlowPointer,
  FlowState,
  Resolution,
  StoredVersion,
  Workflow,
} from "../../domain/flow-address";
import type { Resource, ResourceDefinition, ResourceKind } from "../../domain/resource";

/** Candidates that an ambiguous version-10 name is answered with at the most. */
const MAX_CANDIDATES = 10;

interface PointerRow {
  project_id: number;
  project: string;
  flow_id: number;
  flow: string;
  version: number;
  status: FlowState;
  alias: string | null;
}

/** The version that a flow runs, or that a draft's caller wants to run. */
const VERSION = { current: "f.current_version", draft: "coalesce(f.draft_version, f.current_version)" };

const POINTER = `SELECT p.id AS project_id, p.name AS project, f.id AS flow_id, f.name AS flow,
    f.current_version AS version, f.status, f.alias
  FROM flows f JOIN projects p ON p.id = f.project_id
  WHERE f.environment_id = ?1 AND f.retired_at IS NULL AND f.current_version IS NOT NULL`;

interface ResourceRow {
  id: number;
  project_id: number;
  project: string;
  name: string;
  definition: string;
}

const RESOURCE = `SELECT r.id, r.project_id, p.name AS project, r.name, r.definition
  FROM resources r JOIN projects p ON p.id = r.project_id
  WHERE r.environment_id = ?1 AND r.kind = ?2 AND r.scope = 0`;

/** The truth that the catalogue's copies are made from. One statement a question, each by an index. */
export class CatalogSource {
  readonly #db: D1Database;
  readonly #domain: string;

  /** @param domain under which environments have their host names */
  constructor(db: D1Database, domain: string) {
    this.#db = db;
    this.#domain = domain;
  }

  /**
   * The environment of a host name, else the default one of the first organization; `undefined` for the host name of an
   * environment that is gone, whose calls are nobody else's.
   */
  async environment(host: string): Promise<Environment | undefined> {
    const row = await this.#db
      .prepare(
        `SELECT id, organization_id, name FROM environments WHERE host = ?1 OR (is_default = 1 AND ?2)
         ORDER BY host IS ?1 DESC, organization_id LIMIT 1`,
      )
      .bind(apiHost(host), isEnvironmentHost(host, this.#domain) ? 0 : 1)
      .first<{ id: number; organization_id: number; name: string }>();
    if (row === null) {
      if (isEnvironmentHost(host, this.#domain)) return undefined;
      throw new Error("there is no default environment: the migrations have not been applied");
    }
    return { id: row.id, organizationId: row.organization_id, name: row.name };
  }

  async epoch(environmentId: number): Promise<number> {
    const row = await this.#db
      .prepare("SELECT catalog_epoch FROM environments WHERE id = ?1")
      .bind(environmentId)
      .first<{ catalog_epoch: number }>();
    return row?.catalog_epoch ?? 0;
  }

  async resolve(environmentId: number, address: FlowAddress): Promise<Resolution> {
    if (address.kind === "named") {
      const row = await this.#db
        .prepare(
          `${POINTER} AND f.has_endpoint = 1 AND p.environment_id = ?1 AND p.name = ?2 AND f.name = ?3`,
        )
        .bind(environmentId, address.project, address.flow)
        .first<PointerRow>();
      if (row === null) return { kind: "missing" };
      const pointer = pointerOf(environmentId, row);
      if (row.alias !== null) return { kind: "aliased", alias: row.alias, pointer };
      return { kind: "found", pointer, deprecated: false };
    }
    const { results } = await this.#db
      .prepare(
        `${POINTER} AND f.has_endpoint = 1 AND (f.alias = ?2 OR (f.name = ?2 AND f.alias IS NULL))
         ORDER BY f.alias IS NULL, p.name LIMIT ${MAX_CANDIDATES}`,
      )
      .bind(environmentId, address.segment)
      .all<PointerRow>();
    const [first, second] = results;
    if (first === undefined) return { kind: "missing" };
    // An alias wins over a version-10 name.
    if (first.alias !== null)
      return { kind: "found", pointer: pointerOf(environmentId, first), deprecated: false };
    if (second === undefined)
      return { kind: "found", pointer: pointerOf(environmentId, first), deprecated: true };
    return { kind: "ambiguous", candidates: results.map((row) => `${row.project}/${row.flow}`) };
  }

  async flow(environmentId: number, projectId: number, name: string): Promise<FlowPointer | undefined> {
    const row = await this.#db
      .prepare(`${POINTER} AND f.project_id = ?2 AND f.name = ?3`)
      .bind(environmentId, projectId, name)
      .first<PointerRow>();
    return row === null ? undefined : pointerOf(environmentId, row);
  }

  async flowById(environmentId: number, flowId: number, draft = false): Promise<FlowPointer | undefined> {
    const row = await this.#db
      .prepare(
        `SELECT p.id AS project_id, p.name AS project, f.id AS flow_id, f.name AS flow,
           ${draft ? VERSION.draft : VERSION.current} AS version, f.status
         FROM flows f JOIN projects p ON p.id = f.project_id
         WHERE f.environment_id = ?1 AND f.id = ?2 AND f.retired_at IS NULL`,
      )
      .bind(environmentId, flowId)
      .first<Omit<PointerRow, "version"> & { version: number | null }>();
    if (row === null || row.version === null) return undefined;
    return pointerOf(environmentId, { ...row, version: row.version });
  }

  async workflows(environmentId: number, event: string, draft: boolean): Promise<Workflow[]> {
    const { results } = await this.#db
      .prepare(
        `SELECT p.id AS project_id, p.name AS project, f.id AS flow_id, f.name AS flow, v.version, f.status, f.alias,
           v.definition -> '$.definition.workflow' AS workflow
         FROM flow_versions v
         JOIN flows f ON f.id = v.flow_id AND v.version = ${draft ? VERSION.draft : VERSION.current}
         JOIN projects p ON p.id = f.project_id
         WHERE v.environment_id = ?1 AND v.event = ?2 AND f.retired_at IS NULL ORDER BY f.id`,
      )
      .bind(environmentId, event)
      .all<PointerRow & { workflow: string }>();
    return results.map(({ workflow, ...row }) => {
      const { event: handle, params = {} } = JSON.parse(workflow) as Workflow["registration"];
      return { pointer: pointerOf(environmentId, row), registration: { event: handle, params } };
    });
  }

  async resource<K extends ResourceKind>(
    environmentId: number,
    kind: K,
    name: string,
  ): Promise<Resource<K> | undefined> {
    const row = await this.#db
      .prepare(`${RESOURCE} AND r.name = ?3`)
      .bind(environmentId, kind, name)
      .first<ResourceRow>();
    return row === null ? undefined : resourceOf(environmentId, kind, row);
  }

  async resources<K extends ResourceKind>(environmentId: number, kind: K): Promise<Resource<K>[]> {
    const { results } = await this.#db
      .prepare(`${RESOURCE} ORDER BY r.name`)
      .bind(environmentId, kind)
      .all<ResourceRow>();
    return results.map((row) => resourceOf(environmentId, kind, row));
  }

  async flowNamed(environmentId: number, nameOrId: string): Promise<FlowLookup> {
    const { results } = await this.#db
      .prepare(
        `SELECT p.id AS project_id, p.name AS project, f.id AS flow_id, f.name AS flow, f.current_version AS version,
           f.status, f.alias
         FROM flows f JOIN projects p ON p.id = f.project_id
         WHERE f.environment_id = ?1 AND f.retired_at IS NULL AND (f.name = ?2 OR f.id = ?3)
         ORDER BY p.name LIMIT ${MAX_CANDIDATES}`,
      )
      .bind(environmentId, nameOrId, /^[1-9]\d{0,14}$/.test(nameOrId) ? Number(nameOrId) : null)
      .all<Omit<PointerRow, "version"> & { version: number | null }>();
    const [first, second] = results;
    if (first === undefined) return { kind: "missing" };
    if (second !== undefined) {
      return {
        kind: "ambiguous",
        candidates: results.map((row) => `${row.project}/${row.flow} (id ${row.flow_id})`),
      };
    }
    const { version } = first;
    if (version === null) return { kind: "draft", flowId: first.flow_id };
    return { kind: "found", pointer: pointerOf(environmentId, { ...first, version }) };
  }

  async version(environmentId: number, flowId: number, version: number): Promise<StoredVersion | undefined> {
    const row = await this.#db
      .prepare(
        "SELECT definition FROM flow_versions WHERE flow_id = ?2 AND version = ?3 AND environment_id = ?1",
      )
      .bind(environmentId, flowId, version)
      .first<{ definition: string }>();
    return row === null ? undefined : (JSON.parse(row.definition) as StoredVersion);
  }
}

function pointerOf(environmentId: number, row: PointerRow): FlowPointer {
  return {
    environmentId,
    projectId: row.project_id,
    project: row.project,
    flowId: row.flow_id,
    flow: row.flow,
    version: row.version,
    status: row.status,
  };
}

function resourceOf<K extends ResourceKind>(environmentId: number, kind: K, row: ResourceRow): Resource<K> {
  return {
    id: row.id,
    environmentId,
    projectId: row.project_id,
    project: row.project,
    kind,
    name: row.name,
    definition: JSON.parse(row.definition) as ResourceDefinition<K>,
  };
}
