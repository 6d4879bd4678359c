import { SluiceError } from "../../domain/errors";
import type { KeystorePort, KeystoreWrite } from "../../engine/keystore-port";
import type { DataCopy, ProjectData } from "../../operations/environments/ports";
import { physicalTable, quoted } from "./tables/names";

/** Keys of a keystore that are read at a time. */
const KEYS_PER_PAGE = 500;

export interface ProjectDataOptions {
  db: D1Database;
  keystores: KeystorePort;
}

/** Copies what projects keep, within the database and between the owners of keystores. Copying twice is copying once. */
export class CopiedProjectData implements ProjectData {
  readonly #options: ProjectDataOptions;

  constructor(options: ProjectDataOptions) {
    this.#options = options;
  }

  async copyTable({ from, to, name, action }: DataCopy): Promise<void> {
    const { db } = this.#options;
    const source = physicalTable(from.environmentId, name);
    const target = physicalTable(to.environmentId, name);
    const [here, there] = await Promise.all([this.#columns(source), this.#columns(target)]);
    if (here.length === 0 || there.length === 0) throw missing("table", name);
    const shared = here.filter((column) => column !== "id" && there.includes(column));
    const columns = ["id", ...shared].map(quoted).join(", ");
    const into = quoted(target);
    const rows = `SELECT ${columns} FROM ${quoted(source)}`;
    const updates = shared.map((column) => `${quoted(column)} = excluded.${quoted(column)}`).join(", ");
    const insert = `INSERT INTO ${into} (${columns}) ${rows}`;
    const statements = {
      insert: [`INSERT OR IGNORE INTO ${into} (${columns}) ${rows}`],
      "insert or update": [
        `${insert} WHERE true ON CONFLICT (id) DO ${updates === "" ? "NOTHING" : `UPDATE SET ${updates}`}`,
      ],
      "delete and insert": [`DELETE FROM ${into}`, insert],
    }[action];
    try {
      await db.batch(statements.map((sql) => db.prepare(sql)));
    } catch (cause) {
      if (!/constraint failed/i.test(String(cause))) throw cause;
      throw new SluiceError(
        "conflict",
        `Rows of the table "${name}" do not go together with those that are there: a value that must be unique, or may not be missing.`,
        {},
        { cause },
      );
    }
  }

  async copyKeystore({ from, to, name, action }: DataCopy): Promise<void> {
    const { keystores } = this.#options;
    const [source, target] = await Promise.all([
      keystores.find(from.environmentId, name),
      keystores.find(to.environmentId, name),
    ]);
    if (source === undefined || target === undefined) throw missing("keystore", name);
    const writes: KeystoreWrite[] = [];
    const taken = new Set<string>();
    for await (const keys of this.#keys(source)) {
      const entries = await keystores.read(source, keys, { fresh: true });
      for (const [index, entry] of entries.entries()) {
        const key = keys[index];
        if (entry === undefined || key === undefined) continue;
        taken.add(key);
        const kind = action === "insert" ? "insert" : "put";
        writes.push({
          kind,
          key,
          value: { text: entry.text, format: entry.format },
          expiresAt: entry.expiresAt,
        });
      }
    }
    if (action === "delete and insert") {
      for await (const keys of this.#keys(target)) {
        for (const key of keys) if (!taken.has(key)) writes.push({ kind: "delete", key });
      }
    }
    if (writes.length > 0) await keystores.write(target, writes);
  }

  async copyFiles({ from, to, name: site, action }: DataCopy): Promise<void> {
    const { db } = this.#options;
    const here = "environment_id = ?3 AND project_id = ?4 AND site = ?5";
    const source = "f.environment_id = ?1 AND f.project_id = ?2 AND f.site = ?5";
    const present = `SELECT 1 FROM project_files t WHERE t.environment_id = ?3 AND t.project_id = ?4 AND t.site = ?5 AND t.path = f.path`;
    const replaced = {
      insert: [],
      "insert or update": [
        `DELETE FROM project_files WHERE ${here} AND path IN (SELECT f.path FROM project_files f WHERE ${source})`,
      ],
      "delete and insert": [`DELETE FROM project_files WHERE ${here}`],
    }[action];
    const statements = [
      ...replaced,
      `INSERT INTO project_files (environment_id, project_id, site, path, content_type, size, hash, updated_at)
       SELECT ?3, ?4, f.site, f.path, f.content_type, f.size, f.hash, f.updated_at FROM project_files f
       WHERE ${source} AND NOT EXISTS (${present})`,
      // A file that was there already has its parts, and keeps them.
      `INSERT OR IGNORE INTO project_file_parts (file_id, part, bytes)
       SELECT t.id, p.part, p.bytes FROM project_files f
       JOIN project_file_parts p ON p.file_id = f.id
       JOIN project_files t ON t.environment_id = ?3 AND t.project_id = ?4 AND t.site = ?5 AND t.path = f.path AND t.hash = f.hash
       WHERE ${source}`,
    ];
    await db.batch(
      statements.map((sql) =>
        db.prepare(sql).bind(from.environmentId, from.projectId, to.environmentId, to.projectId, site),
      ),
    );
  }

  async copySchema(fromEnvironmentId: number, toEnvironmentId: number): Promise<void> {
    const { db } = this.#options;
    const columns = await db
      .prepare(
        "SELECT name FROM pragma_table_info('record_schemas') WHERE name NOT IN ('environment_id', 'organization_id')",
      )
      .all<{ name: string }>();
    const names = columns.results.map(({ name }) => quoted(name));
    await db
      .prepare(
        `INSERT INTO record_schemas (environment_id, organization_id, ${names.join(", ")})
         SELECT ?2, organization_id, ${names.join(", ")} FROM record_schemas WHERE environment_id = ?1
         ON CONFLICT (environment_id) DO UPDATE SET ${names.map((name) => `${name} = excluded.${name}`).join(", ")}`,
      )
      .bind(fromEnvironmentId, toEnvironmentId)
      .run();
  }

  /** Columns of a table as it stands in the database, those that every table has too. */
  async #columns(table: string): Promise<string[]> {
    const { results } = await this.#options.db
      .prepare("SELECT name FROM pragma_table_info(?1)")
      .bind(table)
      .all<{ name: string }>();
    return results.map(({ name }) => name);
  }

  async *#keys(store: Parameters<KeystorePort["browse"]>[0]): AsyncGenerator<string[]> {
    let after: string | undefined;
    for (;;) {
      const page = await this.#options.keystores.browse(store, "", after, KEYS_PER_PAGE);
      if (page.entries.length > 0) yield page.entries.map(({ key }) => key);
      after = page.entries.at(-1)?.key;
      if (!page.more || after === undefined) return;
    }
  }
}

/** The columns that a table's rows travel with beside their ids: when they came and changed goes with them. */
function missing(what: string, name: string): SluiceError {
  return new SluiceError("not_found", `The ${what} "${name}" is not in both environments.`);
}
