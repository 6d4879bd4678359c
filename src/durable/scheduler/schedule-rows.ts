import type { FlowState } from "../../domain/flow-address";
import { TICK_LATE_MS } from "../../domain/limits";
import type { CarriedSchedule, ScheduleView } from "../../domain/schedule";
import { lastTick, nextTick } from "../../engine/schedule";

const TABLES = `
-- What is carried out. Of one flow a schedule is named by its expression and time zone, so a publication that changes
-- something else of the flow loses no tick.
CREATE TABLE IF NOT EXISTS schedules (
  flow_id INTEGER NOT NULL,
  cron TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  project_id INTEGER NOT NULL,
  project TEXT NOT NULL,
  flow TEXT NOT NULL,
  status TEXT NOT NULL,
  missed TEXT NOT NULL,
  -- The next tick; NULL when none comes any more.
  due INTEGER,
  last_tick INTEGER,
  last_at INTEGER,
  last_run TEXT,
  last_result TEXT,
  PRIMARY KEY (flow_id, cron, time_zone)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS schedules_by_due ON schedules (due);

-- Ticks that were reached and are not carried out yet, each with the id of its run.
CREATE TABLE IF NOT EXISTS ticks (
  run TEXT PRIMARY KEY,
  flow_id INTEGER NOT NULL,
  cron TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  project_id INTEGER NOT NULL,
  flow TEXT NOT NULL,
  at INTEGER NOT NULL,
  skip TEXT,
  note TEXT,
  attempts INTEGER NOT NULL DEFAULT 0,
  -- When it is tried next.
  due INTEGER NOT NULL
) WITHOUT ROWID;

-- When to look at what is published.
CREATE TABLE IF NOT EXISTS looks (due INTEGER PRIMARY KEY);
`;

interface ScheduleRow {
  [column: string]: SqlStorageValue;
  flow_id: number;
  cron: string;
  time_zone: string;
  project_id: number;
  project: string;
  flow: string;
  status: FlowState;
  missed: "run-once" | "skip";
  due: number | null;
  last_tick: number | null;
  last_at: number | null;
  last_run: string | null;
  last_result: "started" | "skipped" | null;
}

/** A tick that is to be carried out. */
export interface TickRow {
  [column: string]: SqlStorageValue;
  run: string;
  flow_id: number;
  cron: string;
  time_zone: string;
  project_id: number;
  flow: string;
  at: number;
  skip: string | null;
  note: string | null;
  attempts: number;
}

/** Milliseconds back to which a schedule counts that is found only now. */
const LOOK_BACK_MS = 3_600_000;

/** The tables of a scheduler. Every method is synchronous: all that one turn writes is one transaction. */
export class ScheduleRows {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(TABLES);
  }

  /** Forgets everything. */
  clear(): void {
    for (const table of ["schedules", "ticks", "looks"]) this.#sql.exec(`DELETE FROM ${table}`);
  }

  /** Makes the table what is published: due times of schedules that were there stay. */
  reconcile(schedules: readonly CarriedSchedule[], now: number): void {
    const names = schedules.map(({ flowId, cron, timeZone }) => JSON.stringify([flowId, cron, timeZone]));
    this.#sql.exec(
      "DELETE FROM schedules WHERE json_array(flow_id, cron, time_zone) NOT IN (SELECT value FROM json_each(?))",
      JSON.stringify(names),
    );
    for (const { flowId, cron, timeZone, projectId, project, flow, status, missed, since } of schedules) {
      // One that was published a while ago, of which no word came, has missed its ticks since.
      const from = Math.max(Math.min(since, now), now - LOOK_BACK_MS);
      this.#sql.exec(
        `INSERT INTO schedules (flow_id, cron, time_zone, project_id, project, flow, status, missed, due)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (flow_id, cron, time_zone) DO UPDATE SET project = excluded.project, flow = excluded.flow,
           status = excluded.status, missed = excluded.missed`,
        flowId,
        cron,
        timeZone,
        projectId,
        project,
        flow,
        status,
        missed,
        nextTick({ cron, timeZone }, from) ?? null,
      );
    }
  }

  /** Turns schedules whose time has come into ticks, and sets their next times. @param newId an id for a tick's run */
  reach(now: number, limit: number, newId: () => string): void {
    const due = this.#sql
      .exec<ScheduleRow>("SELECT * FROM schedules WHERE due <= ? ORDER BY due LIMIT ?", now, limit)
      .toArray();
    for (const row of due) {
      const timetable = { cron: row.cron, timeZone: row.time_zone };
      const first = row.due as number;
      const at = Math.max(first, lastTick(timetable, now) ?? first);
      const late = now - at > TICK_LATE_MS;
      const since = new Date(first).toISOString();
      this.#sql.exec(
        `INSERT INTO ticks (run, flow_id, cron, time_zone, project_id, flow, at, skip, note, due)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        newId(),
        row.flow_id,
        row.cron,
        row.time_zone,
        row.project_id,
        row.flow,
        at,
        late && row.missed === "skip"
          ? `ticks since ${since} were missed, and missed ones are skipped`
          : null,
        at > first || late ? `Ticks since ${since} were missed; this run is for all of them` : null,
        now,
      );
      this.#sql.exec(
        "UPDATE schedules SET due = ? WHERE flow_id = ? AND cron = ? AND time_zone = ?",
        nextTick(timetable, now) ?? null,
        row.flow_id,
        row.cron,
        row.time_zone,
      );
    }
  }

  ticks(now: number, limit: number): TickRow[] {
    return this.#sql
      .exec<TickRow>("SELECT * FROM ticks WHERE due <= ? ORDER BY due LIMIT ?", now, limit)
      .toArray();
  }

  /** A tick was carried out. */
  settle(tick: TickRow, result: "started" | "skipped" | "gone", now: number): void {
    this.#sql.exec("DELETE FROM ticks WHERE run = ?", tick.run);
    if (result === "gone") return;
    this.#sql.exec(
      `UPDATE schedules SET last_tick = ?, last_at = ?, last_run = ?, last_result = ?
       WHERE flow_id = ? AND cron = ? AND time_zone = ?`,
      tick.at,
      now,
      tick.run,
      result,
      tick.flow_id,
      tick.cron,
      tick.time_zone,
    );
  }

  /** A tick is tried again. */
  postpone(tick: TickRow, due: number): void {
    this.#sql.exec("UPDATE ticks SET attempts = attempts + 1, due = ? WHERE run = ?", due, tick.run);
  }

  look(due: number): void {
    this.#sql.exec("INSERT OR IGNORE INTO looks (due) VALUES (?)", due);
  }

  /** Whether it is time to look at what is published. */
  isLookDue(now: number): boolean {
    return this.#sql.exec("SELECT 1 FROM looks WHERE due <= ?", now).toArray().length > 0;
  }

  looked(until: number): void {
    this.#sql.exec("DELETE FROM looks WHERE due <= ?", until);
  }

  /** The next moment at which something is to be done; `undefined` when there is nothing. */
  nextDue(): number | undefined {
    const { due } = this.#sql
      .exec<{ due: number | null }>(
        `SELECT min(due) AS due FROM (SELECT min(due) AS due FROM schedules UNION ALL
         SELECT min(due) FROM ticks UNION ALL SELECT min(due) FROM looks)`,
      )
      .one();
    return due ?? undefined;
  }

  /** Sees to it that there is a look some time, as long as there are schedules. */
  keepLooking(due: number): void {
    this.#sql.exec(
      `INSERT INTO looks (due) SELECT ? WHERE EXISTS (SELECT 1 FROM schedules) AND NOT EXISTS (SELECT 1 FROM looks)`,
      due,
    );
  }

  list(): ScheduleView[] {
    return this.#sql
      .exec<ScheduleRow>("SELECT * FROM schedules ORDER BY project, flow, cron, time_zone")
      .toArray()
      .map((row) => ({
        project: row.project,
        flow: row.flow,
        status: row.status,
        cron: row.cron,
        timeZone: row.time_zone,
        missed: row.missed,
        next: row.due,
        last:
          row.last_run === null
            ? null
            : {
                tick: row.last_tick as number,
                at: row.last_at as number,
                runId: row.last_run,
                result: row.last_result as "started" | "skipped",
              },
      }));
  }
}
