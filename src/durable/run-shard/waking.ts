import type { Driver } from "./driver";
import type { RecordDesk } from "./record-desk";
import type { RunStore } from "./run-store";
import type { Timers } from "./timers";

/** Milliseconds after which a run whose execution was lost is taken up again. */
export const HEARTBEAT_MS = 5_000;

export interface WakingOptions {
  runs: RunStore;
  timers: Timers;
  records: RecordDesk;
  driver: Driver;
}

/**
 * Has runs go on that wait, or whose execution was lost. A heartbeat is due, at the latest `HEARTBEAT_MS` from now, while
 * any run is queued or running.
 */
export class Waking {
  readonly #options: WakingOptions;

  constructor(options: WakingOptions) {
    this.#options = options;
  }

  /** A run is queued or goes on: should it be lost, the heartbeat finds it. */
  expectLoss(): void {
    this.#options.timers.setAtLatest("heartbeat", "", Date.now() + HEARTBEAT_MS);
  }

  /** What was in memory is lost, so nobody need wait for the heartbeat. */
  recover(): void {
    const { runs, timers } = this.#options;
    if (runs.active("", 1).length > 0) timers.setAtLatest("heartbeat", "", Date.now());
  }

  /** The heartbeat: all that should be going on does. */
  beat(): void {
    const { runs, timers, driver } = this.#options;
    for (const id of runs.allActive()) driver.enqueue(id, false);
    if (runs.active("", 1).length === 0) timers.remove("heartbeat", "");
    else timers.set("heartbeat", "", Date.now() + HEARTBEAT_MS);
  }

  /** Writes that a run waits, until it is woken or its time has come. */
  suspend(id: string, at: string | null, due: number, attempts: number): void {
    const { runs, timers, records } = this.#options;
    const row = runs.find(id);
    if (row === undefined || row.ended_at !== null) return;
    runs.setWaiting(id, at, attempts);
    timers.set("wake", id, due);
    records.changed(id, false);
  }

  /** A run that waits goes on. */
  wake(id: string): void {
    const { runs, timers, driver } = this.#options;
    timers.remove("wake", id);
    runs.setDue(id);
    this.expectLoss();
    driver.enqueue(id, false);
  }
}
