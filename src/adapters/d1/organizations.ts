import type { HostedEnvironment, NameClash, Organization } from "../../domain/organization";
import type { EnvironmentChange, OrganizationStore } from "../../operations/access/organizations";

interface EnvironmentRow {
  id: number;
  organization_id: number;
  name: string;
  host: string | null;
  is_default: number;
  created_at: number;
}

const ORGANIZATION = "SELECT id, name, created_at AS createdAt FROM organizations";
/** Those that are not deleted, and not being deleted. */
const ENVIRONMENT = `SELECT id, organization_id, name, host, is_default, created_at FROM environments e
  WHERE NOT EXISTS (SELECT 1 FROM environment_details d WHERE d.environment_id = e.id AND d.status IN ('deleting', 'deleted'))`;

export class D1Organizations implements OrganizationStore {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  async list(limit: number, after: number): Promise<Organization[]> {
    const { results } = await this.#db
      .prepare(`${ORGANIZATION} WHERE id > ?1 ORDER BY id LIMIT ?2`)
      .bind(after, limit)
      .all<Organization>();
    return results;
  }

  async find(id: number): Promise<Organization | undefined> {
    return (
      (await this.#db.prepare(`${ORGANIZATION} WHERE id = ?1`).bind(id).first<Organization>()) ?? undefined
    );
  }

  async create(name: string, now: number): Promise<Organization | "name_taken"> {
    try {
      await this.#db.batch([
        this.#db.prepare("INSERT INTO organizations (name, created_at) VALUES (?1, ?2)").bind(name, now),
        this.#db
          .prepare(
            `INSERT INTO environments (organization_id, name, is_default, created_at)
             SELECT id, 'default', 1, ?2 FROM organizations WHERE name = ?1`,
          )
          .bind(name, now),
      ]);
    } catch (error) {
      if (clashOf(error) === "name_taken") return "name_taken";
      throw error;
    }
    const created = await this.#db
      .prepare(`${ORGANIZATION} WHERE name = ?1`)
      .bind(name)
      .first<Organization>();
    if (created === null) throw new Error("the organization just made is not there");
    return created;
  }

  async rename(id: number, name: string): Promise<Organization | "name_taken" | undefined> {
    try {
      await this.#db.prepare("UPDATE organizations SET name = ?2 WHERE id = ?1").bind(id, name).run();
    } catch (error) {
      if (clashOf(error) === "name_taken") return "name_taken";
      throw error;
    }
    return this.find(id);
  }

  async environments(organizationId: number): Promise<HostedEnvironment[]> {
    const { results } = await this.#db
      .prepare(`${ENVIRONMENT} AND organization_id = ?1 ORDER BY id`)
      .bind(organizationId)
      .all<EnvironmentRow>();
    return results.map(environmentOf);
  }

  async environment(id: number): Promise<HostedEnvironment | undefined> {
    const row = await this.#db.prepare(`${ENVIRONMENT} AND id = ?1`).bind(id).first<EnvironmentRow>();
    return row === null ? undefined : environmentOf(row);
  }

  async createEnvironment(
    organizationId: number,
    { name, host }: { name: string; host: string | null },
    now: number,
  ): Promise<HostedEnvironment | NameClash> {
    try {
      const row = await this.#db
        .prepare(
          `INSERT INTO environments (organization_id, name, host, created_at) VALUES (?1, ?2, ?3, ?4)
           RETURNING id, organization_id, name, host, is_default, created_at`,
        )
        .bind(organizationId, name, host, now)
        .first<EnvironmentRow>();
      return environmentOf(row as EnvironmentRow);
    } catch (error) {
      const clash = clashOf(error);
      if (clash !== undefined) return clash;
      throw error;
    }
  }

  async changeEnvironment(
    id: number,
    { name, host, isDefault }: EnvironmentChange,
  ): Promise<HostedEnvironment | NameClash | undefined> {
    const update = (column: "name" | "host", value: string | null) =>
      this.#db.prepare(`UPDATE environments SET ${column} = ?2 WHERE id = ?1`).bind(id, value);
    const statements = [
      ...(name === undefined ? [] : [update("name", name)]),
      ...(host === undefined ? [] : [update("host", host)]),
      ...(isDefault === undefined
        ? []
        : [
            this.#db
              .prepare(
                `UPDATE environments SET is_default = (id = ?1)
                 WHERE organization_id = (SELECT organization_id FROM environments WHERE id = ?1)`,
              )
              .bind(id),
          ]),
    ];
    if (statements.length === 0) return this.environment(id);
    try {
      await this.#db.batch(statements);
    } catch (error) {
      const clash = clashOf(error);
      if (clash !== undefined) return clash;
      throw error;
    }
    return this.environment(id);
  }
}

function environmentOf(row: EnvironmentRow): HostedEnvironment {
  return {
    id: row.id,
    organizationId: row.organization_id,
    name: row.name,
    host: row.host,
    isDefault: row.is_default === 1,
    createdAt: row.created_at,
  };
}

/** D1 tells of a constraint in words only; these are SQLite's own. */
function clashOf(error: unknown): NameClash | undefined {
  const words = String(error);
  if (/UNIQUE constraint failed: environments\.host\b/.test(words)) return "host_taken";
  if (/UNIQUE constraint failed: (?:organizations\.name|environments\.organization_id)\b/.test(words)) {
    return "name_taken";
  }
  return undefined;
}
