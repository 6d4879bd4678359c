import type { WriteOutcome } from "../../engine/keystore-port";

/** Milliseconds for which the answer of a step is kept: a run that died is taken up again within minutes, or never. */
export const STEP_KEEP_MS = 7 * 86_400_000;

/** Answers of writes that belong to a run's step, kept in the transaction of the write: a step that comes again writes nothing. */
export class Steps {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  read(step: string): WriteOutcome[] | undefined {
    const [row] = this.#sql.exec<{ answer: string }>("SELECT answer FROM steps WHERE step = ?", step);
    return row && (JSON.parse(row.answer) as WriteOutcome[]);
  }

  add(step: string, answer: readonly WriteOutcome[], now: number): void {
    this.#sql.exec(
      "INSERT INTO steps (step, answer, at) VALUES (?, ?, ?)",
      step,
      JSON.stringify(answer),
      now,
    );
  }

  /** Forgets answers that nobody asks for any more. */
  sweep(now: number): void {
    this.#sql.exec("DELETE FROM steps WHERE at <= ?", now - STEP_KEEP_MS);
  }

  nextSweep(): number | undefined {
    const { at } = this.#sql.exec<{ at: number | null }>("SELECT min(at) AS at FROM steps").one();
    return at === null ? undefined : at + STEP_KEEP_MS;
  }
}
