import { logWarning } from "../domain/operator-log";
/*
 * How many bytes an object keeps, told to the database, which adds up what an environment has in use.
 *
 * 1. The count is changed in the transaction of the write that changes it, and so is the time at which it is to be told:
 *    whoever dies in between is woken by the alarm, and tells it.
 * 2. It is told at most once in `TELL_AFTER_MS`, however much is written, and the last count is always told.
 */

/** Milliseconds after the first change that was not told until it is. */
export const TELL_AFTER_MS = 5_000;
/** Milliseconds after which telling is tried again when the database was away. */
const RETRY_MS = 30_000;

const TABLE = `
-- One row: bytes kept, those that were told last, when the next telling is due.
CREATE TABLE IF NOT EXISTS usage (
  only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
  bytes INTEGER NOT NULL,
  told INTEGER NOT NULL,
  due INTEGER
)`;

export interface StorageReportOptions {
  sql: SqlStorage;
  /** An expression of the bytes that are kept, for an object that has not counted yet. */
  count: string;
  tell: (bytes: number) => Promise<void>;
  /** Sees to it that the object's alarm fires by then. */
  arm: (at: number) => void;
}

export class StorageReport {
  readonly #options: StorageReportOptions;
  readonly #sql: SqlStorage;

  constructor(options: StorageReportOptions) {
    this.#options = options;
    this.#sql = options.sql;
    this.#sql.exec(TABLE);
    if (this.#sql.exec("SELECT 1 FROM usage").toArray().length > 0) return;
    const { bytes } = this.#sql.exec<{ bytes: number | null }>(`SELECT (${options.count}) AS bytes`).one();
    this.#sql.exec("INSERT INTO usage (only_one, bytes, told) VALUES (1, 0, 0)");
    this.add(bytes ?? 0);
  }

  /** In the transaction of a write: so many bytes more, or less. */
  add(bytes: number): void {
    if (bytes === 0) return;
    this.#change("bytes = bytes + ?", bytes);
  }

  /** In the transaction that removes all: nothing is kept any more. */
  clear(): void {
    this.#change("bytes = ?", 0);
  }

  /** When a telling is due; `undefined` when the last count is known. */
  nextDue(): number | undefined {
    return this.#sql.exec<{ due: number | null }>("SELECT due FROM usage").one().due ?? undefined;
  }

  /** Tells the count when that is due; never throws. */
  async flush(now: number): Promise<void> {
    const due = this.nextDue();
    if (due === undefined || due > now) return;
    const { bytes, told } = this.#sql
      .exec<{ bytes: number; told: number }>("SELECT bytes, told FROM usage")
      .one();
    try {
      if (bytes !== told) await this.#options.tell(bytes);
      this.#sql.exec(
        "UPDATE usage SET told = ?1, due = CASE bytes WHEN ?1 THEN NULL ELSE ?2 END",
        bytes,
        now + TELL_AFTER_MS,
      );
    } catch (error) {
      logWarning("what an object stores could not be told, and is told later", error);
      this.#sql.exec("UPDATE usage SET due = ?", now + RETRY_MS);
    }
  }

  #change(set: string, bytes: number): void {
    const due = Date.now() + TELL_AFTER_MS;
    const row = this.#sql
      .exec<{ due: number }>(`UPDATE usage SET ${set}, due = coalesce(due, ?) RETURNING due`, bytes, due)
      .one();
    if (row.due === due) this.#options.arm(due);
  }
}
