import type { Visits } from "../../operations/sites/ports";

const HOUR_MS = 3_600_000;
/** Milliseconds between two writes of an isolate's counts: visits are many, and a count may be a second late. */
const FLUSH_MS = 1_000;

/** Counts visits in memory, and adds them to the database once a second; a crash can lose that second of statistics. */
export class VisitCounter implements Visits {
  readonly #db: D1Database;
  readonly #background: (work: Promise<unknown>) => void;
  #counts = new Map<string, number>();
  #flushing = false;

  constructor(db: D1Database, background: (work: Promise<unknown>) => void) {
    this.#db = db;
    this.#background = background;
  }

  count(environmentId: number, at: number): void {
    const key = `${environmentId}/${Math.floor(at / HOUR_MS)}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    if (this.#flushing) return;
    this.#flushing = true;
    this.#background(this.#flush());
  }

  async #flush(): Promise<void> {
    await new Promise<void>((resolve) => setTimeout(resolve, FLUSH_MS));
    this.#flushing = false;
    const counts = this.#counts;
    this.#counts = new Map();
    const rows = [...counts].map(([key, visits]) => {
      const [environment, hour] = key.split("/").map(Number);
      return { environment, hour, visits };
    });
    await this.#db
      .prepare(
        `INSERT INTO environment_visits (environment_id, hour, visits)
         SELECT value ->> 'environment', value ->> 'hour', value ->> 'visits' FROM json_each(?1) WHERE true
         ON CONFLICT (environment_id, hour) DO UPDATE SET visits = visits + excluded.visits`,
      )
      .bind(JSON.stringify(rows))
      .run();
  }
}
