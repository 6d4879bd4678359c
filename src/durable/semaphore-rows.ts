import type { Permit, Place, SemaphoreStore } from "../domain/semaphore";

/** Layout of storage: a row goes when its permit or place does, so a free semaphore has none. */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS permit (
  run_id TEXT PRIMARY KEY, project TEXT NOT NULL, flow TEXT NOT NULL, flow_id INTEGER NOT NULL, user TEXT NOT NULL,
  since INTEGER NOT NULL, expires_at INTEGER NOT NULL, cancelled INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS place (
  run_id TEXT PRIMARY KEY, project TEXT NOT NULL, flow TEXT NOT NULL, flow_id INTEGER NOT NULL, user TEXT NOT NULL,
  seq INTEGER NOT NULL, permits INTEGER NOT NULL, expires_at INTEGER NOT NULL, tell TEXT
) WITHOUT ROWID;`;

type RunColumns = { run_id: string; project: string; flow: string; flow_id: number; user: string };
type PermitRow = RunColumns & { since: number; expires_at: number; cancelled: number };
type PlaceRow = RunColumns & { seq: number; permits: number; expires_at: number; tell: string | null };

/**
 * A semaphore's permits and places as rows of its object's database.
 *
 * Every change is written at once but one: the row of a permit that ended goes with the next change, in the same
 * transaction, or with `flush`. So a permit that comes and goes costs one commit and not two. A crash before that leaves
 * a permit that nobody renews, which its lease ends: the group is free later, never taken twice.
 */
export class SemaphoreRows implements SemaphoreStore {
  readonly #sql: SqlStorage;
  #prepared = false;
  /** Runs whose permits ended and whose rows are still there. */
  readonly #ended = new Set<string>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#prepare();
  }

  putPermit({ runId, project, flow, flowId, user, since, expiresAt, cancelled }: Permit): void {
    this.#ended.delete(runId);
    this.#beforeWrite();
    this.#sql.exec(
      "INSERT OR REPLACE INTO permit VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      runId,
      project,
      flow,
      flowId,
      user,
      since,
      expiresAt,
      cancelled ? 1 : 0,
    );
  }

  deletePermit(runId: string): void {
    this.#ended.add(runId);
  }

  /** Whether rows of ended permits are still there. */
  get pending(): boolean {
    return this.#ended.size > 0;
  }

  /** Deletes the rows of ended permits. */
  flush(): void {
    for (const runId of this.#ended) this.#sql.exec("DELETE FROM permit WHERE run_id = ?", runId);
    this.#ended.clear();
  }

  putPlace({ runId, project, flow, flowId, user, seq, permits, expiresAt, tell }: Place): void {
    this.#beforeWrite();
    this.#sql.exec(
      "INSERT OR REPLACE INTO place VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      runId,
      project,
      flow,
      flowId,
      user,
      seq,
      permits,
      expiresAt,
      tell,
    );
  }

  deletePlace(runId: string): void {
    this.#beforeWrite();
    this.#sql.exec("DELETE FROM place WHERE run_id = ?", runId);
  }

  permits(): Permit[] {
    const rows = this.#sql.exec<PermitRow>("SELECT * FROM permit ORDER BY since");
    return [...rows].map(({ run_id, flow_id, expires_at, cancelled, ...row }) => ({
      ...row,
      runId: run_id,
      flowId: flow_id,
      expiresAt: expires_at,
      cancelled: cancelled === 1,
    }));
  }

  places(): Place[] {
    const rows = this.#sql.exec<PlaceRow>("SELECT * FROM place ORDER BY seq");
    return [...rows].map(({ run_id, flow_id, expires_at, ...row }) => ({
      ...row,
      runId: run_id,
      flowId: flow_id,
      expiresAt: expires_at,
    }));
  }

  /** Deletes everything, tables too: an object without storage costs nothing. They are made again when needed. */
  async forget(storage: DurableObjectStorage): Promise<void> {
    this.#prepared = false;
    this.#ended.clear();
    await storage.deleteAll();
  }

  #beforeWrite(): void {
    this.#prepare();
    if (this.#ended.size > 0) this.flush();
  }

  #prepare(): void {
    if (this.#prepared) return;
    this.#sql.exec(SCHEMA);
    this.#prepared = true;
  }
}
