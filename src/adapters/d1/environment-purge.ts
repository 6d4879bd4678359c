import type { StoringObjectAddress } from "../../domain/object-storage";
import { declaredTables } from "./tables/declared-tables";
import { literal, quoted } from "./tables/names";

/** Rows that one statement removes: D1 stops statements that take long. */
const PURGE_ROWS = 5_000;
/** The same of tables with large rows: those of files take parts of a megabyte along, those of segments are tens of kilobytes. */
const PURGE_LARGE_ROWS: Readonly<Record<string, number>> = { project_files: 100, run_segments: 250 };
/** Removed projects that are looked after: deliveries of earlier ones have ended by themselves. */
const REMOVED_PROJECTS = 1_000;
/** Declared tables that go together. */
const PURGE_TABLES = 50;

/**
 * Tables whose rows stay behind: what tells that the environment was deleted, and the audit trail, which tells by whom and
 * is append-only.
 */
const KEPT = ["environment_details", "audit_log"] as const;

/**
 * Removes an environment's rows. Which tables have any is read from the schema itself, whose every table with a column
 * `environment_id` is meant, so that one that is made later is not forgotten.
 */
export class EnvironmentPurge {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  /** Objects that keep data for the environment, as its rows name them. */
  async storingObjects(environmentId: number, limit: number): Promise<StoringObjectAddress[]> {
    const { results } = await this.#db
      .prepare(
        `SELECT kind, name FROM object_storage WHERE environment_id = ?1
         UNION SELECT 'keystore', CAST(id AS TEXT) FROM resources WHERE environment_id = ?1 AND kind = 'keystore'
         UNION SELECT 'webhook', name FROM resources WHERE environment_id = ?1 AND kind = 'webhook'
         UNION SELECT 'keystore', CAST(keystore_id AS TEXT) FROM dropped_keystores WHERE environment_id = ?1 LIMIT ?2`,
      )
      .bind(environmentId, limit)
      .all<Pick<StoringObjectAddress, "kind" | "name">>();
    return results.map(({ kind, name }) => ({ environmentId, kind, name }));
  }

  /** Objects that keep nothing any more are named no longer. */
  async forgetObjects(environmentId: number, objects: readonly StoringObjectAddress[]): Promise<void> {
    const named = "SELECT value ->> 'name' FROM json_each(?2) WHERE value ->> 'kind' =";
    const statements = [
      `DELETE FROM object_storage WHERE environment_id = ?1
         AND (kind, name) IN (SELECT value ->> 'kind', value ->> 'name' FROM json_each(?2))`,
      `DELETE FROM resources WHERE environment_id = ?1 AND kind = 'keystore' AND id IN (${named} 'keystore')`,
      `DELETE FROM resources WHERE environment_id = ?1 AND kind = 'webhook' AND name IN (${named} 'webhook')`,
      `DELETE FROM dropped_keystores WHERE environment_id = ?1 AND keystore_id IN (${named} 'keystore')`,
    ];
    await this.#db.batch(
      statements.map((sql) => this.#db.prepare(sql).bind(environmentId, JSON.stringify(objects))),
    );
  }

  /** Projects that were taken out of the environment, the latest first. */
  async removedProjects(environmentId: number): Promise<number[]> {
    const { results } = await this.#db
      .prepare(
        "SELECT id FROM projects WHERE environment_id = ?1 AND removed_at IS NOT NULL ORDER BY removed_at DESC LIMIT ?2",
      )
      .bind(environmentId, REMOVED_PROJECTS)
      .all<{ id: number }>();
    return results.map(({ id }) => id);
  }

  /** Inboxes that told of deliveries, as `object_storage` names them, by name; those behind `after`. */
  async tellingInboxes(environmentId: number, after: string, limit: number): Promise<string[]> {
    const { results } = await this.#db
      .prepare(
        "SELECT name FROM object_storage WHERE environment_id = ?1 AND kind = 'webhook' AND name > ?2 ORDER BY name LIMIT ?3",
      )
      .bind(environmentId, after, limit)
      .all<{ name: string }>();
    return results.map(({ name }) => name);
  }

  /** @returns whether there is nothing left */
  async removeRows(environmentId: number): Promise<boolean> {
    const declared = (await declaredTables(this.#db, environmentId)).slice(0, PURGE_TABLES);
    if (declared.length > 0) {
      await this.#db.batch(
        declared.flatMap(({ name }) => [
          this.#db.prepare(`DROP TABLE IF EXISTS ${quoted(name)}`),
          this.#db.prepare(`DELETE FROM table_counters WHERE table_name = ${literal(name)}`),
        ]),
      );
      return false;
    }
    for (const { name, key } of await this.#ownedTables()) {
      const limit = PURGE_LARGE_ROWS[name] ?? PURGE_ROWS;
      const { meta } = await this.#db
        .prepare(
          `DELETE FROM ${quoted(name)} WHERE (${key}) IN
             (SELECT ${key} FROM ${quoted(name)} WHERE environment_id = ?1 LIMIT ${limit})`,
        )
        .bind(environmentId)
        .run();
      // What a removed row takes along counts too, so there may be more than the limit.
      if (meta.changes >= limit) return false;
    }
    return true;
  }

  /** Tables with a column for the environment, and what their rows are known by; those first that refer to others. */
  async #ownedTables(): Promise<{ name: string; key: string }[]> {
    const { results } = await this.#db
      .prepare(
        // The platform's own tables may not even be looked at, so they go before anything else is asked.
        `WITH ours AS MATERIALIZED (
           SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_*' AND name NOT GLOB 'sqlite_*'
             -- Tables that projects declare may have a column of that name, which means something of their own.
             AND name NOT GLOB 't[0-9]*_*' AND name NOT IN (${KEPT.map((name) => literal(name)).join(", ")}))
         SELECT m.name,
           (SELECT json_group_array(name) FROM (SELECT name FROM pragma_table_info(m.name) WHERE pk > 0 ORDER BY pk)) AS key,
           (SELECT json_group_array("table") FROM pragma_foreign_key_list(m.name)) AS refers
         FROM ours m WHERE EXISTS (SELECT 1 FROM pragma_table_info(m.name) WHERE name = 'environment_id')`,
      )
      .all<{ name: string; key: string; refers: string }>();
    const left = results.map(({ name, key, refers }) => ({
      name,
      key: (JSON.parse(key) as string[]).map((column) => quoted(column)).join(", "),
      refers: (JSON.parse(refers) as string[]).filter((other) => other !== name),
    }));
    const ordered: typeof left = [];
    while (left.length > 0) {
      const free = left.findIndex(({ name }) => !left.some(({ refers }) => refers.includes(name)));
      const [next] = left.splice(Math.max(0, free), 1);
      if (next !== undefined) ordered.push(next);
    }
    return ordered;
  }
}
