import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CommandError } from "./command-error.mjs";

/**
 * Applies D1 migrations through the runtime's own D1 binding, in a fraction of the time that a call of wrangler takes.
 * The bookkeeping is wrangler's, to the letter (table `d1_migrations`, one batch for a file and its entry), so either
 * can go on where the other left off.
 */

const CREATE_TABLE = `CREATE TABLE IF NOT EXISTS "d1_migrations"(
		id         INTEGER PRIMARY KEY AUTOINCREMENT,
		name       TEXT UNIQUE,
		applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
);`;

/**
 * Names of the migration files, in the order in which they apply: by leading number, then by name.
 * @param {string} folder
 * @returns {string[]}
 */
export function migrationNames(folder) {
  if (!existsSync(folder)) return [];
  const number = (/** @type {string} */ name) => Number.parseInt(name, 10);
  return readdirSync(folder)
    .filter((name) => name.endsWith(".sql") && !name.startsWith("."))
    .sort((a, b) => {
      const [x, y] = [number(a), number(b)];
      if (x !== y) {
        if (Number.isFinite(x) && Number.isFinite(y)) return x - y;
        if (Number.isFinite(x)) return -1;
        if (Number.isFinite(y)) return 1;
      }
      return a < b ? -1 : a > b ? 1 : 0;
    });
}

/**
 * @param {any} database a D1 binding
 * @param {string} folder
 * @param {(sql: string) => string[]} splitStatements
 * @returns {Promise<string[]>} the names that were applied now
 */
export async function applyMigrations(database, folder, splitStatements) {
  const names = migrationNames(folder);
  if (names.length === 0) return [];
  await database.prepare(CREATE_TABLE).run();
  const { results } = await database.prepare("SELECT name FROM d1_migrations").all();
  const applied = new Set(results.map((/** @type {{ name: string }} */ row) => row.name));
  const pending = names.filter((name) => !applied.has(name));
  for (const name of pending) {
    const sql = readFileSync(join(folder, name), "utf8");
    const entry = `INSERT INTO "d1_migrations" (name)\nvalues ('${name.replace(/'/g, "''")}');`;
    try {
      await database.batch(
        splitStatements(`${sql}\n${entry}`).map((statement) => database.prepare(statement)),
      );
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new CommandError(`The migration ${name} failed, and nothing of it was kept: ${reason}`);
    }
  }
  return pending;
}
