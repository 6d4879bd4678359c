import { MAX_CONCURRENT_RECORDS, MAX_LOST_ATTEMPTS, MAX_WAKE_ATTEMPTS } from "../../domain/limits";
import { logError } from "../../domain/operator-log";
import type { RunMessage, RunOutcome } from "../../domain/run";
import { RunStopped, RunSuspended } from "../../engine/errors";
import { runFlow } from "../../engine/executor";
import { WHOLE_SET } from "../../engine/item";
import type { HostServices } from "../../engine/ports";
import { newMessage, RunContext } from "../../engine/run-context";
import { checkedRecords } from "../../operations/checked-records";
import type { Catalog } from "../../operations/ports";
import { HttpRunInput } from "../../operations/run-input";
import { type CallbackDesk, originOf } from "./callback-desk";
import type { Callbacks } from "./callbacks";
import { DurableHost } from "./durable-host";
import { Failures } from "./failures";
import type { Entry } from "./permits";
import type { Beginning, RunRow, RunStore } from "./run-store";
import type { StepRows } from "./step-rows";

/** Runs of one shard that may be in memory at once. */
const MAX_EXECUTING = 64;
/** New runs begun in one turn: their writes share a transaction, and requests get their turn in between. */
const SLICE = 16;
/** Times that a run is taken up without getting further before it is suspected of killing the object, and begins alone. */
const SUSPECT_AFTER = 3;
/** Milliseconds that those behind a suspected run wait for it to get further. */
const ALONE_MS = 2_000;
/** Wait after an execution that got nowhere, doubled with each, up to the longest, in milliseconds. */
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 300_000;

export interface DriverOptions {
  storage: DurableObjectStorage;
  runs: RunStore;
  steps: StepRows;
  catalog: Catalog;
  services: HostServices;
  callbacks: Callbacks;
  desk: CallbackDesk;
  background: (work: Promise<unknown>) => void;
  /** Writes a run's final state; the first one counts. `waited`: it may have delays and a due time. */
  end: (id: string, outcome: RunOutcome, messages: readonly RunMessage[], waited: boolean) => void;
  /** Whether a run may go on, as far as its exclusion group is concerned; `undefined` when it has none. */
  enter: (id: string) => Promise<Entry | undefined>;
  /** Told when a run has begun, or goes on. */
  running: (id: string) => void;
  /** Writes that a run waits. */
  suspend: (id: string, at: string | null, due: number, attempts: number) => void;
}

interface Execution {
  context: RunContext | undefined;
  host: DurableHost | undefined;
  /** Until when it holds its exclusion group. */
  permitUntil: number;
  /** Resolves when it has got further, or is over. */
  further: PromiseWithResolvers<void>;
}

/**
 * Executes the runs of a shard. Invariants:
 * 1. A run is executed by one execution at a time; `#executing` is memory only, since what it says dies with the object.
 * 2. A run that may have been begun before has its attempt counted on disk before it is begun again, and is begun in a
 *    turn of its own: one that kills the object each time is found out, and no other pays for it.
 * 3. A run that was taken up some times for nothing begins alone, after all others: where the object dies for another reason,
 *    again and again, at most one run's attempt is counted for each death.
 * 4. An execution that ended in an error tells on its run, and a few of them end it. One that ended with the object tells
 *    little, so it takes many: what kills a process again and again is rarely a run.
 */
export class Driver {
  readonly #options: DriverOptions;
  readonly #failures: Failures;
  readonly #executing = new Map<string, Execution>();
  /** Runs to begin, in order; whether nothing of them can be stored yet. */
  readonly #ready = new Map<string, boolean>();
  /** Suspected runs that were put behind the others. */
  readonly #last = new Set<string>();
  #pumping = false;

  constructor(options: DriverOptions) {
    this.#options = options;
    this.#failures = new Failures(options.storage.sql);
  }

  /** Lets a run begin when its turn comes. */
  enqueue(id: string, fresh: boolean): void {
    if (this.#executing.has(id) || this.#ready.has(id)) return;
    this.#ready.set(id, fresh);
    this.#pump();
  }

  /** Whether the run is executing here. */
  executes(id: string): boolean {
    return this.#executing.has(id);
  }

  /** The node that a run is at. */
  current(id: string): string | undefined {
    return this.#executing.get(id)?.context?.node;
  }

  /** Takes a run out of memory: nothing of it is written any more. @returns what it has said */
  stop(id: string, reason: RunStopped): readonly RunMessage[] | undefined {
    this.#ready.delete(id);
    this.#last.delete(id);
    const execution = this.#executing.get(id);
    execution?.host?.halt(reason);
    execution?.context?.stop(reason);
    return execution?.context?.takeMessages();
  }

  /** A run's exclusion group was renewed. */
  prolong(id: string, until: number): void {
    const execution = this.#executing.get(id);
    if (execution === undefined) return;
    execution.permitUntil = until;
    if (execution.context !== undefined) execution.context.permitUntil = until;
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.#options.background(this.#beginReady());
  }

  async #beginReady(): Promise<void> {
    try {
      // A turn of its own: the call that accepted a run is answered, and stored, before the run begins.
      await scheduler.wait(0);
      let begun = 0;
      while (this.#ready.size > 0 && this.#executing.size < MAX_EXECUTING) {
        const [id, fresh] = this.#ready.entries().next().value as [string, boolean];
        this.#ready.delete(id);
        if (fresh) this.#begin(id, true);
        else if (this.#comesLast(id)) continue;
        else await this.#beginAgain(id);
        begun += 1;
        if (!fresh || begun % SLICE === 0) await scheduler.wait(0);
      }
    } catch (error) {
      // The heartbeat takes up what is not in memory.
      logError("a run shard failed to begin runs", error);
    } finally {
      this.#pumping = false;
    }
  }

  /** Puts a suspected run behind all that are ready; once. @returns whether it did */
  #comesLast(id: string): boolean {
    if (this.#last.delete(id) || this.#ready.size === 0) return false;
    if ((this.#options.runs.find(id)?.attempts ?? 0) < SUSPECT_AFTER) return false;
    this.#last.add(id);
    this.#ready.set(id, false);
    return true;
  }

  /** Begins a run once more, which is written to disk before, if it may be. */
  async #beginAgain(id: string): Promise<void> {
    const { runs, storage } = this.#options;
    const row = runs.find(id);
    if (row === undefined || row.ended_at !== null) return;
    const reason =
      this.#failures.of(id) >= MAX_WAKE_ATTEMPTS
        ? `the run was taken up ${MAX_WAKE_ATTEMPTS} times (MAX_WAKE_ATTEMPTS) and got no further each time, for a reason inside Sluice`
        : row.attempts >= MAX_LOST_ATTEMPTS
          ? `the run was taken up ${row.attempts} times (MAX_LOST_ATTEMPTS) and got no further before the process that executed it ended`
          : undefined;
    if (reason !== undefined) {
      this.#fail(row, `${reason}; quote process id ${id}`);
      return;
    }
    runs.setAttempts(id, row.attempts + 1);
    await storage.sync();
    this.#begin(id, false);
    const further = this.#executing.get(id)?.further.promise;
    if (row.attempts >= SUSPECT_AFTER && further !== undefined) {
      await Promise.race([further, scheduler.wait(ALONE_MS)]);
    }
  }

  #begin(id: string, fresh: boolean): void {
    if (this.#executing.has(id)) return;
    const execution: Execution = {
      context: undefined,
      host: undefined,
      permitUntil: Number.POSITIVE_INFINITY,
      further: Promise.withResolvers(),
    };
    this.#executing.set(id, execution);
    this.#options.background(
      this.#execute(id, fresh, execution).finally(() => {
        this.#executing.delete(id);
        execution.further.resolve();
        if (this.#ready.size > 0) this.#pump();
      }),
    );
  }

  /** Never throws: what goes wrong is written down, and tried again later. */
  async #execute(id: string, fresh: boolean, execution: Execution): Promise<void> {
    const { runs, callbacks, suspend, end } = this.#options;
    const accepted = runs.takeFresh(id);
    const known = fresh ? accepted : undefined;
    const row = known?.row ?? runs.find(id);
    if (row === undefined || row.ended_at !== null) return;
    try {
      const entry = await this.#options.enter(id);
      // Asking a group takes time, in which the run may have been ended.
      if (entry !== undefined && runs.find(id)?.ended_at !== null) return;
      if (entry !== undefined && entry.kind !== "held") return this.#hold(row, entry);
      if (entry !== undefined) execution.permitUntil = entry.until;
      const ended = await this.#run(row, fresh, execution, known?.beginning);
      end(id, ended, execution.context?.takeMessages() ?? [], !fresh || execution.host?.waited === true);
    } catch (error) {
      const { host, context } = execution;
      const delayed = error instanceof RunSuspended ? host?.suspension : undefined;
      if (delayed !== undefined) {
        // It may have been called back while it executed something else.
        const due = callbacks.isReady(id) ? Date.now() : Math.min(delayed.due, row.deadline);
        this.#failures.clear(id);
        suspend(id, delayed.step, due, 0);
        return;
      }
      logError("a durable run could not go on", error, { runId: id });
      this.#failures.add(id);
      const attempts = runs.find(id)?.attempts ?? row.attempts;
      const wait = Math.min(FIRST_RETRY_MS * 2 ** (attempts - 1), LONGEST_RETRY_MS);
      suspend(id, context?.node ?? null, Date.now() + wait, attempts);
    }
  }

  /** A run whose turn in its exclusion group has not come: it waits, but not for ever. */
  #hold(row: RunRow, entry: Exclude<Entry, { kind: "held" }>): void {
    const { runs, suspend, end } = this.#options;
    const now = Date.now();
    if (entry.kind === "waits" && now < row.deadline) {
      suspend(row.id, null, Math.min(now + entry.ms, row.deadline), 0);
      return;
    }
    const text =
      entry.kind === "late"
        ? "its turn in its exclusion group did not come in time (maxWait), and nothing of it ran"
        : "its turn in its exclusion group did not come before its timeout";
    const status = entry.kind === "late" ? "Cancelled" : "Timeout";
    const outcome: RunOutcome = { ...failedOutcome(row.id, "group_busy", text), status };
    end(row.id, outcome, [...runs.messages(row), newMessage(now, "warning", text)], true);
  }

  async #run(
    row: RunRow,
    fresh: boolean,
    execution: Execution,
    known: Beginning | undefined,
  ): Promise<RunOutcome> {
    const { runs, steps, catalog, services, callbacks, desk } = this.#options;
    if (!fresh) runs.setRunning(row.id, row.attempts);
    this.#options.running(row.id);
    const plan = await catalog.plan(runs.pointer(row));
    const { input: stored, item, messages } = known ?? runs.beginning(row.id);
    const input = HttpRunInput.restore(stored);
    input.need(plan.names);
    const records = checkedRecords(plan, input, item);
    const host = new DurableHost({
      run: row.id,
      environmentId: row.environment_id,
      origin: originOf(stored),
      attempt: row.attempts,
      resumed: !fresh,
      steps,
      catalog,
      services,
      callbacks,
      desk,
      advanced: () => {
        if (row.attempts > 1) {
          runs.setAttempts(row.id, 1);
          this.#failures.clear(row.id);
        }
        execution.further.resolve();
      },
    });
    const context = new RunContext({
      id: row.id,
      trigger: row.trigger_kind,
      user: row.user_name,
      input,
      host,
      startedAt: row.started_at,
      deadline: row.deadline,
      messages: fresh ? messages : [...messages, ...steps.messages(row.id)],
    });
    context.permitUntil = execution.permitUntil;
    execution.host = host;
    execution.context = context;
    const concurrency = plan.endpoint?.prioritiseThroughput === true ? MAX_CONCURRENT_RECORDS : 1;
    const ended = runFlow(plan, records, context, concurrency);
    // One that waits for nothing ends in the turn in which it began, so nobody could see it run.
    if (fresh && ended instanceof Promise) runs.setRunning(row.id, row.attempts);
    return ended;
  }

  #fail(row: RunRow, text: string): void {
    const { runs, end } = this.#options;
    let messages: RunMessage[] = [];
    try {
      messages = runs.messages(row);
    } catch {
      // What it said may be what cannot be read.
    }
    messages.push(newMessage(Date.now(), "error", text));
    end(row.id, failedOutcome(row.id, "internal", text), messages, true);
  }
}

/** A run that ended without an outcome of its own. */
export function failedOutcome(runId: string, code: string, message: string): RunOutcome {
  return {
    runId,
    status: "Fail",
    outputs: {},
    outputConnected: false,
    failures: [{ record: WHOLE_SET, code, message, node: "" }],
    message,
  };
}

/** Why a run ends that someone cancelled. */
export function cancelled(): RunStopped {
  return new RunStopped("cancelled", "cancelled", "the run was cancelled");
}
