import type { CertificateDescription, CheckedCertificate } from "../../domain/certificate";
import type { EnvironmentStatus, PackageCode, Region } from "../../domain/environment-life";
import type { ChangeFailure, PendingChange } from "../../domain/pending-change";
import type {
  EnvironmentFields,
  EnvironmentStore,
  HostedProject,
  StoredEnvironment,
  TransferResult,
  UrlMapping,
} from "../../operations/environments/ports";
import type { SecretCipher } from "../secret-cipher";
import { EnvironmentUse } from "./environment-use";

interface EnvironmentRow {
  id: number;
  organization_id: number;
  name: string;
  host: string | null;
  is_default: number;
  created_at: number;
  description: string | null;
  region: Region | null;
  timezone: string | null;
  package: PackageCode | null;
  extra_storage: number | null;
  software: string | null;
  status: EnvironmentStatus | null;
  pending: string | null;
  optimized: string | null;
  transferred: string | null;
  failure: string | null;
  used_bytes: number | null;
  measured_at: number | null;
  updated_at: number | null;
}

/** An environment that was made before it had details, or without them, has the defaults. */
const ENVIRONMENT = `SELECT e.id, e.organization_id, e.name, e.host, e.is_default, e.created_at, d.description, d.region,
    d.timezone, d.package, d.extra_storage, d.software, d.status, d.pending, d.optimized, d.transferred, d.failure, d.used_bytes, d.measured_at,
    d.updated_at
  FROM environments e LEFT JOIN environment_details d ON d.environment_id = e.id`;
const DETAILS = "INSERT OR IGNORE INTO environment_details (environment_id, updated_at) VALUES (?1, ?2)";

/** Name under which a certificate's key is encrypted. */
const KEY_NAME = "certificate";

/** Columns of the fields that change together. */
const COLUMNS: Record<
  Exclude<keyof EnvironmentFields, "name" | "host">,
  (value: never) => [string, unknown]
> = {
  description: (value: string) => ["description", value],
  package: (value: string) => ["package", value],
  extraStorageGb: (value: number) => ["extra_storage", value],
  software: (value: string) => ["software", value],
  optimized: (value: object) => ["optimized", JSON.stringify(value)],
  transferred: (value: object) => ["transferred", JSON.stringify(value)],
  failure: (value: object | null) => ["failure", value === null ? null : JSON.stringify(value)],
};

export class D1Environments extends EnvironmentUse implements EnvironmentStore {
  readonly #db: D1Database;
  readonly #cipher: SecretCipher;

  constructor(db: D1Database, cipher: SecretCipher) {
    super(db);
    this.#db = db;
    this.#cipher = cipher;
  }

  async list(organizationId: number): Promise<StoredEnvironment[]> {
    const { results } = await this.#db
      .prepare(
        `${ENVIRONMENT} WHERE e.organization_id = ?1 AND coalesce(d.status, '') <> 'deleted' ORDER BY e.id LIMIT 1000`,
      )
      .bind(organizationId)
      .all<EnvironmentRow>();
    return results.map(storedEnvironment);
  }

  async find(environmentId: number): Promise<StoredEnvironment | undefined> {
    const row = await this.#db
      .prepare(`${ENVIRONMENT} WHERE e.id = ?1`)
      .bind(environmentId)
      .first<EnvironmentRow>();
    return row === null ? undefined : storedEnvironment(row);
  }

  async create(
    environment: Parameters<EnvironmentStore["create"]>[0],
    pending: PendingChange,
    at: number,
  ): Promise<StoredEnvironment | undefined> {
    const { organizationId, name, description, region, timezone, software } = environment;
    const [inserted] = await this.#db.batch<{ id: number }>([
      this.#db
        .prepare(
          `INSERT INTO environments (organization_id, name, created_at) VALUES (?1, ?2, ?3)
           ON CONFLICT (organization_id, name) DO NOTHING RETURNING id`,
        )
        .bind(organizationId, name, at),
      // Nothing is inserted for a name that was taken: that environment has its details.
      this.#db
        .prepare(
          `INSERT INTO environment_details (environment_id, description, region, timezone, package, software, status, pending, updated_at)
           SELECT id, ?3, ?4, ?5, ?6, ?7, 'creating', ?8, ?9 FROM environments
           WHERE organization_id = ?1 AND name = ?2 AND created_at = ?9
           ON CONFLICT (environment_id) DO NOTHING`,
        )
        .bind(
          organizationId,
          name,
          description,
          region,
          timezone,
          environment.package,
          software,
          JSON.stringify(pending),
          at,
        ),
    ]);
    const id = inserted?.results[0]?.id;
    return id === undefined ? undefined : this.find(id);
  }

  async change(environmentId: number, fields: EnvironmentFields, at: number): Promise<boolean> {
    try {
      await this.#db.batch(this.#changes(environmentId, fields, at));
      return true;
    } catch (error) {
      if (/UNIQUE constraint failed: environments\.organization_id/.test(String(error))) return false;
      throw error;
    }
  }

  async move(
    environmentId: number,
    from: EnvironmentStatus,
    to: EnvironmentStatus,
    pending: PendingChange | null,
    at: number,
    fields: EnvironmentFields = {},
  ): Promise<boolean> {
    const moved = this.#db
      .prepare(
        `UPDATE environment_details SET status = ?3, pending = ?4, updated_at = ?5
         WHERE environment_id = ?1 AND status = ?2 RETURNING environment_id`,
      )
      .bind(environmentId, from, to, pending === null ? null : JSON.stringify(pending), at);
    const results = await this.#db.batch([
      this.#db.prepare(DETAILS).bind(environmentId, at),
      moved,
      ...this.#changes(
        environmentId,
        fields,
        at,
        `AND EXISTS (SELECT 1 FROM environment_details d
        WHERE d.environment_id = ?1 AND d.status = '${to}' AND d.updated_at = ${Math.floor(at)})`,
      ),
    ]);
    return (results[1]?.results.length ?? 0) > 0;
  }

  /** @param guard a further condition of the changes, made of our own words and numbers alone */
  #changes(environmentId: number, fields: EnvironmentFields, at: number, guard = ""): D1PreparedStatement[] {
    const statements = [this.#db.prepare(DETAILS).bind(environmentId, at)];
    for (const column of ["name", "host"] as const) {
      if (fields[column] === undefined) continue;
      statements.push(
        this.#db
          .prepare(`UPDATE environments SET ${column} = ?2 WHERE id = ?1 ${guard}`)
          .bind(environmentId, fields[column]),
      );
    }
    for (const [field, column] of Object.entries(COLUMNS)) {
      const value = fields[field as keyof typeof COLUMNS];
      if (value === undefined) continue;
      const [name, stored] = column(value as never);
      statements.push(
        this.#db
          .prepare(`UPDATE environment_details SET ${name} = ?2 WHERE environment_id = ?1 ${guard}`)
          .bind(environmentId, stored),
      );
    }
    statements.push(
      this.#db
        .prepare(`UPDATE environment_details SET updated_at = ?2 WHERE environment_id = ?1 ${guard}`)
        .bind(environmentId, at),
    );
    return statements;
  }

  async progress(environmentId: number, pending: PendingChange): Promise<void> {
    await this.#db
      .prepare(
        "UPDATE environment_details SET pending = ?2 WHERE environment_id = ?1 AND pending IS NOT NULL",
      )
      .bind(environmentId, JSON.stringify(pending))
      .run();
  }

  async certificate(environmentId: number): Promise<CertificateDescription | undefined> {
    const row = await this.#db
      .prepare("SELECT description FROM environment_certificates WHERE environment_id = ?1")
      .bind(environmentId)
      .first<{ description: string }>();
    return row === null ? undefined : (JSON.parse(row.description) as CertificateDescription);
  }

  async setCertificate(
    environmentId: number,
    { description, chain, privateKey }: CheckedCertificate & { ok: true },
    at: number,
  ): Promise<void> {
    const sealed = JSON.stringify(await this.#cipher.seal(environmentId, KEY_NAME, privateKey));
    await this.#db
      .prepare(
        `INSERT INTO environment_certificates (environment_id, description, chain, private_key, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (environment_id) DO UPDATE SET description = excluded.description, chain = excluded.chain,
           private_key = excluded.private_key, created_at = excluded.created_at`,
      )
      .bind(environmentId, JSON.stringify(description), chain, sealed, at)
      .run();
  }

  async removeCertificate(environmentId: number): Promise<void> {
    await this.#db
      .prepare("DELETE FROM environment_certificates WHERE environment_id = ?1")
      .bind(environmentId)
      .run();
  }

  async projects(environmentId: number): Promise<HostedProject[]> {
    const { results } = await this.#db
      .prepare(
        `SELECT id AS rowId, coalesce(origin_id, id) AS id, name, coalesce(origin_version, version) AS version,
           created_at AS createdAt, updated_at AS updatedAt
         FROM projects WHERE environment_id = ?1 AND removed_at IS NULL ORDER BY 2 LIMIT 10000`,
      )
      .bind(environmentId)
      .all<HostedProject>();
    return results;
  }

  async projectIds(organizationId: number): Promise<Map<number, number[]>> {
    const { results } = await this.#db
      .prepare(
        `SELECT p.environment_id, json_group_array(coalesce(p.origin_id, p.id)) AS ids
         FROM projects p JOIN environments e ON e.id = p.environment_id
         WHERE e.organization_id = ?1 AND p.removed_at IS NULL GROUP BY p.environment_id`,
      )
      .bind(organizationId)
      .all<{ environment_id: number; ids: string }>();
    return new Map(
      results.map(({ environment_id, ids }) => [
        environment_id,
        (JSON.parse(ids) as number[]).sort((left, right) => left - right),
      ]),
    );
  }

  async setOrigin(environmentId: number, rowId: number, originId: number, version: number): Promise<void> {
    await this.#db
      .prepare(
        "UPDATE projects SET origin_id = ?3, origin_version = ?4 WHERE environment_id = ?1 AND id = ?2",
      )
      .bind(environmentId, rowId, originId, version)
      .run();
  }

  async removeProject(environmentId: number, rowId: number, at: number): Promise<void> {
    const run = (sql: string) => this.#db.prepare(sql).bind(environmentId, rowId);
    await this.#db.batch([
      run("DELETE FROM url_mappings WHERE environment_id = ?1 AND project_id = ?2"),
      run("DELETE FROM project_files WHERE environment_id = ?1 AND project_id = ?2"),
      this.#db
        .prepare(
          "UPDATE projects SET removed_at = ?3, origin_id = NULL, origin_version = NULL WHERE environment_id = ?1 AND id = ?2",
        )
        .bind(environmentId, rowId, at),
    ]);
  }

  async mappings(environmentId: number): Promise<UrlMapping[]> {
    const { results } = await this.#db
      .prepare(
        `SELECT url, project_id AS projectId, name, type, created_at AS createdAt, updated_at AS updatedAt
         FROM url_mappings WHERE environment_id = ?1 ORDER BY url`,
      )
      .bind(environmentId)
      .all<UrlMapping>();
    return results;
  }

  async putMappings(environmentId: number, mappings: readonly UrlMapping[]): Promise<void> {
    await this.#db
      .prepare(
        `INSERT INTO url_mappings (environment_id, url, type, project_id, name, created_at, updated_at)
         SELECT ?1, j.value ->> 'url', j.value ->> 'type', j.value ->> 'projectId', j.value ->> 'name',
           j.value ->> 'createdAt', j.value ->> 'updatedAt' FROM json_each(?2) j WHERE true
         ON CONFLICT (environment_id, url) DO UPDATE SET type = excluded.type, project_id = excluded.project_id,
           name = excluded.name, updated_at = excluded.updated_at`,
      )
      .bind(environmentId, JSON.stringify(mappings))
      .run();
  }

  async removeMappings(
    environmentId: number,
    mappings: readonly Pick<UrlMapping, "url" | "type" | "projectId">[],
  ): Promise<number> {
    const { meta } = await this.#db
      .prepare(
        `DELETE FROM url_mappings WHERE environment_id = ?1 AND (url, type, project_id) IN (
           SELECT value ->> 'url', value ->> 'type', value ->> 'projectId' FROM json_each(?2))`,
      )
      .bind(environmentId, JSON.stringify(mappings))
      .run();
    return meta.changes;
  }
}

function storedEnvironment(row: EnvironmentRow): StoredEnvironment {
  return {
    id: row.id,
    organizationId: row.organization_id,
    name: row.name,
    host: row.host,
    isDefault: row.is_default === 1,
    description: row.description ?? "",
    region: row.region ?? "amsterdam",
    timezone: row.timezone ?? "Europe/Amsterdam",
    package: row.package ?? "SS-A",
    extraStorageGb: row.extra_storage ?? 0,
    software: row.software ?? "v.0.1.0",
    status: row.status ?? "ready",
    pending: row.pending === null ? null : (JSON.parse(row.pending) as PendingChange),
    optimized: row.optimized === null ? null : (JSON.parse(row.optimized) as Record<string, number>),
    transferred: row.transferred === null ? null : (JSON.parse(row.transferred) as TransferResult),
    failure: row.failure === null ? null : (JSON.parse(row.failure) as ChangeFailure),
    usedBytes: row.used_bytes ?? 0,
    measuredAt: row.measured_at ?? 0,
    createdAt: row.created_at,
    updatedAt: row.updated_at ?? row.created_at,
  };
}
