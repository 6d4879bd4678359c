import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/**
 * The databases that a killed runtime left, each open for one turn of the loop: D1's, and one of each Durable Object. Only
 * while nobody runs.
 *
 * @param {string} state
 * @returns {Generator<{ file: string, db: DatabaseSync, has: (table: string) => boolean }>}
 */
export function* stateDatabases(state) {
  for (const file of readdirSync(join(state, "v3"), { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".sqlite")) continue;
    const db = new DatabaseSync(join(state, "v3", file));
    try {
      yield {
        file,
        db,
        has: (table) => db.prepare("SELECT 1 FROM sqlite_master WHERE name = ?").get(table) !== undefined,
      };
    } finally {
      db.close();
    }
  }
}
