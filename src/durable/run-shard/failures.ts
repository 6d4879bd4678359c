/**
 * Counts, for each run, the executions that ended in an error of ours since the run last got further. An execution that ended
 * with its object counts as an attempt only: the fault may have been another run's, or nobody's.
 */
export class Failures {
  readonly #sql: SqlStorage;
  /** Whether there may be any: hardly ever is there one, and every delay asks. */
  #any: boolean | undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  of(run: string): number {
    if (!this.#mayHave()) return 0;
    const [row] = this.#sql.exec<{ count: number }>("SELECT count FROM failures WHERE run = ?", run);
    return row?.count ?? 0;
  }

  add(run: string): void {
    this.#any = true;
    this.#sql.exec(
      "INSERT INTO failures (run, count) VALUES (?, 1) ON CONFLICT (run) DO UPDATE SET count = count + 1",
      run,
    );
  }

  /** The run got further. */
  clear(run: string): void {
    if (this.#mayHave()) this.#sql.exec("DELETE FROM failures WHERE run = ?", run);
  }

  #mayHave(): boolean {
    this.#any ??= this.#sql.exec("SELECT 1 FROM failures LIMIT 1").toArray().length > 0;
    return this.#any;
  }
}
