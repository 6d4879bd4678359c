import type { RunMessage, RunOutcome } from "../../domain/run";
import type { RunStopped } from "../../engine/errors";
import { newMessage, permitLost } from "../../engine/run-context";
import { cancelledBy } from "../../operations/admission";
import { ValueTooLarge } from "./documents";
import { cancelled, type Driver, failedOutcome } from "./driver";
import type { Outbox } from "./outbox";
import type { Permits } from "./permits";
import type { RecordDesk } from "./record-desk";
import type { Retention } from "./retention";
import type { RunRow, RunStore } from "./run-store";
import type { Timers } from "./timers";
import type { Waiters } from "./waiters";

export interface EndingOptions {
  storage: DurableObjectStorage;
  runs: RunStore;
  timers: Timers;
  permits: Permits;
  outbox: Outbox;
  retention: Retention;
  records: RecordDesk;
  driver: Driver;
  waiters: Waiters;
  /** Lets work go on that nobody waits for. */
  behind: (work: Promise<void>) => void;
}

/**
 * How runs end, by themselves and by others. A final state is written once, in one transaction with all that the run then
 * owes: its history, its place in its exclusion group, what its record is told.
 */
export class Ending {
  readonly #options: EndingOptions;

  constructor(options: EndingOptions) {
    this.#options = options;
  }

  /** Writes a run's final state; the first one counts. `waited`: it may have delays and a due time. */
  end(id: string, outcome: RunOutcome, messages: readonly RunMessage[], waited: boolean): void {
    const { storage, timers, permits, outbox, retention, records, waiters, behind } = this.#options;
    const now = Date.now();
    let leaves = false;
    const first = storage.transactionSync(() => {
      if (!this.#write(id, outcome, messages, now, waited)) return false;
      if (waited) timers.remove("wake", id);
      leaves = permits.end(id);
      outbox.add(id, "history", now);
      retention.plan(now);
      records.changed(id, false);
      return true;
    });
    if (!first) return;
    // The alarm would do it too, and does when this does not.
    if (leaves) behind(permits.tend());
    waiters.tell(id);
  }

  /** Ends a run as Cancelled; one that has ended stays as it is. */
  cancelOpen(id: string): void {
    const row = this.#options.runs.find(id);
    if (row?.ended_at === null) this.#cancel(row, cancelled());
  }

  /** A run was asked to leave its exclusion group, or lost it. */
  revoke(id: string, why: "cancel" | "lost", group: string): void {
    const { runs, driver } = this.#options;
    const row = runs.find(id);
    if (row === undefined || row.ended_at !== null) return;
    if (why === "cancel") this.#cancel(row, cancelledBy(group));
    // One that only waits asks for its group again before it goes on.
    else if (driver.executes(id)) this.#cancel(row, permitLost());
  }

  #cancel(row: RunRow, reason: RunStopped): void {
    const { id } = row;
    const { runs, driver } = this.#options;
    const said = driver.stop(id, reason) ?? runs.messages(row);
    const outcome: RunOutcome = { ...failedOutcome(id, reason.code, reason.message), status: "Cancelled" };
    this.end(id, outcome, [...said, newMessage(Date.now(), "warning", reason.message)], true);
  }

  #write(
    id: string,
    outcome: RunOutcome,
    messages: readonly RunMessage[],
    now: number,
    waited: boolean,
  ): boolean {
    const { runs } = this.#options;
    try {
      return runs.end(id, outcome.status, now, outcome, messages, waited);
    } catch (error) {
      if (!(error instanceof ValueTooLarge)) throw error;
      const failed = failedOutcome(id, "value_too_large", `the outcome of the run: ${error.message}`);
      return runs.end(id, failed.status, now, failed, messages, waited);
    }
  }
}
