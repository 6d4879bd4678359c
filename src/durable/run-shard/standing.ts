import type { RecordResult, RunView, ViewResult } from "../../domain/durable-run";
import type { CallbackDesk } from "./callback-desk";
import type { Driver } from "./driver";
import type { RunRow, RunStore } from "./run-store";
import type { Timers } from "./timers";
import type { Waiters } from "./waiters";

export interface StandingOptions {
  runs: RunStore;
  timers: Timers;
  driver: Driver;
  desk: CallbackDesk;
  waiters: Waiters;
}

/** How runs stand, for those who ask and those who wait for their end. */
export class Standing {
  readonly #options: StandingOptions;

  constructor(options: StandingOptions) {
    this.#options = options;
  }

  /** How a run stands that is here. */
  view(id: string): RunView {
    const { runs, timers, driver, desk } = this.#options;
    const row = runs.find(id) as RunRow;
    if (row.status !== "Waiting") return runs.view(row, driver.current(id), undefined);
    const view = runs.view(row, driver.current(id), timers.due("wake", id));
    const callbacks = desk.pending(row);
    return callbacks.length === 0 ? view : { ...view, callbacks };
  }

  /** How a run stands; with `waitMs`, when it has ended, or when that time is over. */
  async poll(id: string, waitMs: number): Promise<ViewResult> {
    if (this.#options.runs.find(id) === undefined) return { kind: "missing" };
    if (waitMs > 0) await this.ended(id, waitMs);
    return { kind: "found", view: this.view(id) };
  }

  /** A run with its messages. */
  read(id: string): RecordResult {
    const { runs } = this.#options;
    const row = runs.find(id);
    if (row === undefined) return { kind: "missing" };
    const { progress, nextWakeAt, callbacks } = this.view(id);
    const waiting = callbacks === undefined ? {} : { callbacks };
    return { kind: "found", run: runs.record(row), progress, nextWakeAt, ...waiting };
  }

  /** Resolves when a run has ended, or after `ms` milliseconds. */
  async ended(id: string, ms: number): Promise<void> {
    const { runs, waiters } = this.#options;
    if (runs.find(id)?.ended_at === null) await waiters.wait(id, ms);
  }
}
