import type { RunStore } from "./run-store";
import type { Timers } from "./timers";

/** Runs forgotten in one turn. */
const PER_TURN = 200;
/** Hours for which an Idempotency-Key is remembered at the least. */
const KEY_HOURS = 24;
/** Milliseconds between looks for runs to forget, at the least and at the most. */
const SOONEST_MS = 60_000;
const LATEST_MS = 3_600_000;
const HOUR_MS = 3_600_000;

/** Forgets ended runs when their time is over; the history keeps them. */
export class Retention {
  readonly #runs: RunStore;
  readonly #timers: Timers;
  readonly #keepMs: number;

  constructor(runs: RunStore, timers: Timers, hours: number) {
    this.#runs = runs;
    this.#timers = timers;
    this.#keepMs = hours * HOUR_MS;
  }

  /** There is something to forget some day. */
  plan(now: number): void {
    this.#timers.setAtLatest("retention", "", now + LATEST_MS);
  }

  forgetOld(now: number): void {
    const keyed = now - Math.max(this.#keepMs, KEY_HOURS * HOUR_MS);
    const expired = this.#runs.expired(now - this.#keepMs, keyed, PER_TURN);
    for (const id of expired) this.#runs.forget(id);
    this.#runs.forgetWithdrawn(now - HOUR_MS);
    const earliest = this.#runs.earliestEnd();
    if (expired.length === PER_TURN) this.#timers.set("retention", "", now);
    else if (earliest === null) this.#timers.remove("retention", "");
    else {
      const next = Math.max(earliest + this.#keepMs, now + SOONEST_MS);
      this.#timers.set("retention", "", Math.min(next, now + LATEST_MS));
    }
  }
}
