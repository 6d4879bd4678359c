import { stateDatabases } from "./state-databases.mjs";

/**
 * Writes of steps that were committed in the database or by a keystore's owner, while the step's shard does not know that it
 * was done: those will come again. Read from the files that a killed runtime left, while nobody runs.
 *
 * @param {string} state
 * @returns {{ tables: number, keystores: number }}
 */
export function unfinishedWrites(state) {
  /** @type {Set<string>} */
  const finished = new Set();
  /** @type {{ key: string, kind: "tables" | "keystores" }[]} */
  const written = [];
  for (const { file, db, has } of stateDatabases(state)) {
    if (file.includes("RunShard") && has("steps")) {
      for (const { run, path } of db.prepare("SELECT run, path FROM steps").all())
        finished.add(`${run}/${path}`);
    } else if (has("applied_steps")) {
      for (const { key } of db.prepare("SELECT step_key AS key FROM applied_steps").all())
        written.push({ key: String(key), kind: "tables" });
    } else if (has("entries") && has("steps")) {
      for (const { key } of db.prepare("SELECT step AS key FROM steps").all())
        written.push({ key: String(key), kind: "keystores" });
    }
  }
  const open = written.filter(({ key }) => !finished.has(key.slice(0, key.lastIndexOf("/"))));
  const tables = open.filter(({ kind }) => kind === "tables").length;
  return { tables, keystores: open.length - tables };
}
