import { stateDatabases } from "./state-databases.mjs";

/**
 * Records that wait in the database while no shard has their run: only the sweeper will start them. Read from the files
 * that a killed runtime left, while nobody runs.
 *
 * @param {string} state
 * @returns {{ due: number, scheduled: number }} those whose time had come, and those whose time was still to come
 */
export function untakenRecords(state) {
  /** @type {Set<string>} */
  const taken = new Set();
  /** @type {{ run: string, scheduled: boolean }[]} */
  const waiting = [];
  for (const { file, db, has } of stateDatabases(state)) {
    if (file.includes("RunShard") && has("runs")) {
      for (const { id } of db.prepare("SELECT id FROM runs").all()) taken.add(String(id));
    } else if (has("records")) {
      const rows = db
        .prepare("SELECT run_id AS run, status = 4 AS scheduled FROM records WHERE queue = 'waiting'")
        .all();
      for (const { run, scheduled } of rows) waiting.push({ run: String(run), scheduled: scheduled === 1 });
    }
  }
  const untaken = waiting.filter(({ run }) => !taken.has(run));
  const scheduled = untaken.filter((record) => record.scheduled).length;
  return { due: untaken.length - scheduled, scheduled };
}
