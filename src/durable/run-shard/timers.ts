/** What a due time is for. `wake`: a waiting run goes on. The others are the shard's own, with no run. */
export type TimerKind = "wake" | "heartbeat" | "outbox" | "permits" | "retention";

/** Milliseconds by which an alarm may be late before it is believed lost and set again. */
const ALARM_LOST_MS = 60_000;

/**
 * The due times of a shard. An object has one alarm, so a table holds all of them and the alarm is the earliest.
 * Invariant: the alarm is never later than the earliest row. It may be earlier; an early or repeated alarm does nothing.
 */
export class Timers {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  /** When the alarm is set to fire: a copy of what the platform knows. */
  #armed: number | undefined;
  /** The shard's own timers, which every run asks for: a copy of their rows. */
  readonly #own = new Map<TimerKind, number | undefined>();

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
  }

  /** Learns what the platform knows. */
  async load(): Promise<void> {
    this.#armed = (await this.#storage.getAlarm()) ?? undefined;
  }

  set(kind: TimerKind, run: string, due: number): void {
    this.#sql.exec("INSERT OR REPLACE INTO timers (kind, run, due) VALUES (?, ?, ?)", kind, run, due);
    if (run === "") this.#own.set(kind, due);
    this.#arm(due);
  }

  /** Sets a timer unless there is one that is due sooner. */
  setAtLatest(kind: TimerKind, run: string, due: number): void {
    const present = this.due(kind, run);
    if (present === undefined || present > due) this.set(kind, run, due);
    else this.#arm(present);
  }

  remove(kind: TimerKind, run: string): void {
    this.#sql.exec("DELETE FROM timers WHERE kind = ? AND run = ?", kind, run);
    if (run === "") this.#own.set(kind, undefined);
  }

  /** Forgets all of them, and the alarm. */
  async clear(): Promise<void> {
    this.#sql.exec("DELETE FROM timers");
    this.#own.clear();
    this.#armed = undefined;
    await this.#storage.deleteAlarm();
  }

  due(kind: TimerKind, run: string): number | undefined {
    if (run === "" && this.#own.has(kind)) return this.#own.get(kind);
    const due = this.#sql
      .exec<{ due: number }>("SELECT due FROM timers WHERE kind = ? AND run = ?", kind, run)
      .toArray()[0]?.due;
    if (run === "") this.#own.set(kind, due);
    return due;
  }

  /** Timers whose time has come, the earliest first. */
  expired(now: number, limit: number): { kind: TimerKind; run: string }[] {
    return this.#sql
      .exec<{ kind: TimerKind; run: string }>(
        "SELECT kind, run FROM timers WHERE due <= ? ORDER BY due LIMIT ?",
        now,
        limit,
      )
      .toArray();
  }

  /** The alarm went off: none is set any more. */
  fired(): void {
    this.#armed = undefined;
  }

  /** Sets the alarm to the earliest timer. */
  rearm(): void {
    const row = this.#sql.exec<{ due: number | null }>("SELECT min(due) AS due FROM timers").one();
    if (row.due !== null) this.#arm(row.due);
  }

  #arm(due: number): void {
    const lost = this.#armed !== undefined && this.#armed < Date.now() - ALARM_LOST_MS;
    if (this.#armed !== undefined && this.#armed <= due && !lost) return;
    this.#armed = due;
    // In the same transaction as the rows written in this turn; the output gate waits for both.
    void this.#storage.setAlarm(due);
  }
}
