import { DurableObject } from "cloudflare:workers";
import type { Bindings } from "../bindings";
import {
  acceptedView,
  type CallbackAnswer,
  type CallbackView,
  type RecordResult,
  type RerunResult,
  type StartedRun,
  type StartRequest,
  type StartResult,
  type ViewResult,
  type WithdrawResult,
} from "../domain/durable-run";
import type { RecordTelling } from "../domain/record";
import type { RunMessage } from "../domain/run";
import type { RunFilter, RunSummary } from "../operations/ports";
import type { RecordStart, RecordStartResult } from "../operations/records/ports";
import { servicesOf } from "../services";
import { runAlarm } from "./run-shard/alarm";
import { cancelled } from "./run-shard/driver";
import { openRuns } from "./run-shard/open-runs";
import { assemble, type ShardParts } from "./run-shard/parts";
import { createTables } from "./run-shard/schema";
import { HEARTBEAT_MS } from "./run-shard/waking";

/*
 * Hosts many durable runs, as their only writer. Named `e{environment}/shard/{number}`; a process id tells the number.
 *
 * Invariants:
 * 1. A run is on disk before its caller is told that it was accepted, and before anything of it executes. All writes of
 *    one turn are one transaction, and the platform holds answers and calls back until it is on disk (output gate).
 * 2. Memory holds nothing that the tables do not say, but executions, and callers that wait. When it is lost, the
 *    heartbeat finds what was queued or running, and timers what waits.
 * 3. A heartbeat is due, at the latest `HEARTBEAT_MS` from now, while any run is queued or running. It is set with the
 *    first of them, so before it executes.
 * 4. A final state is written once, with all that the run then owes.
 * 5. `alarm()` may come early, late or twice, and lets no error out.
 */

export class RunShard extends DurableObject<Bindings> {
  readonly #parts: ShardParts;

  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env);
    createTables(ctx.storage.sql);
    this.#parts = assemble(ctx, servicesOf(env));
    const { timers, waking } = this.#parts;
    void ctx.blockConcurrencyWhile(async () => {
      await timers.load();
      waking.recover();
    });
  }

  /** Accepts a run; with `waitMs`, answers when it has ended, or when that time is over. The same run twice is one. */
  async start(request: StartRequest, waitMs = 0): Promise<StartResult> {
    const { acceptance, standing } = this.#parts;
    const taken = await acceptance.take(request);
    if (taken.kind !== "accepted") return taken;
    const { id, replayed } = taken;
    if (waitMs > 0) await standing.ended(id, waitMs);
    else if (!replayed) return { kind: "accepted", view: acceptedView(request), replayed };
    return { kind: "accepted", view: standing.view(id), replayed };
  }

  /** Accepts runs that came together. @returns an answer for each, in order */
  startAll(requests: readonly StartRequest[]): Promise<StartedRun[]> {
    return this.#parts.acceptance.takeAll(requests);
  }

  /** Accepts many runs of data records. */
  startRecords(starts: readonly RecordStart[]): Promise<[id: string, RecordStartResult][]> {
    return this.#parts.records.start(starts);
  }

  /** Withdraws runs of records. @returns the ids of those that have begun, and go on or have ended */
  withdrawRecords(ids: readonly string[]): string[] {
    return ids.filter((id) => this.withdraw(id).kind === "begun");
  }

  /** What runs have to tell their records. */
  recordTellings(ids: readonly string[]): Promise<RecordTelling[]> {
    return this.#parts.records.tellings(ids);
  }

  /** How a run stands; with `waitMs`, when it has ended, or when that time is over. */
  poll(id: string, waitMs = 0): Promise<ViewResult> {
    return this.#parts.standing.poll(id, waitMs);
  }

  /** Runs that the history does not list yet, newest first. */
  list(filter: RunFilter, limit: number, after: string | undefined): RunSummary[] {
    return openRuns(this.ctx.storage.sql, this.#parts.runs, filter, limit, after);
  }

  /** A run with its messages. */
  read(id: string): RecordResult {
    return this.#parts.standing.read(id);
  }

  /** Undoes a start of which the caller has not heard: it will not run, unless it has begun. */
  withdraw(id: string): WithdrawResult {
    const { runs, driver, permits, retention, standing } = this.#parts;
    const row = runs.find(id);
    if (row !== undefined && (row.status !== "Queued" || driver.executes(id))) {
      return { kind: "begun", view: standing.view(id) };
    }
    driver.stop(id, cancelled());
    if (row !== undefined) {
      permits.end(id);
      runs.forget(id);
    }
    runs.withdraw(id, Date.now());
    retention.plan(Date.now());
    return { kind: "withdrawn" };
  }

  /** Ends a run as Cancelled; one that has ended stays as it is. */
  cancel(id: string): ViewResult {
    const { runs, ending, standing } = this.#parts;
    if (runs.find(id) === undefined) return { kind: "missing" };
    ending.cancelOpen(id);
    return { kind: "found", view: standing.view(id) };
  }

  /** The environment is deleted: runs end as Cancelled and are forgotten, some at a time. @returns whether none is left */
  close(): Promise<boolean> {
    return this.#parts.closing.close();
  }

  /** A run's turn in its exclusion group has come. */
  turn(id: string): void {
    const { runs, waking } = this.#parts;
    const row = runs.find(id);
    // One that waits at a step holds its group already.
    if (row?.status === "Waiting" && row.waits_at === null) waking.wake(id);
  }

  /** Runs an ended run once more as `newId`: as it was, or keeping the steps that do not depend on node `from`. */
  rerun(id: string, newId: string, from: string | undefined): Promise<RerunResult> {
    return this.#parts.reruns.start(id, newId, from);
  }

  /** Adds lines to the console of an ended run: what was answered is known to the surface alone. */
  note(id: string, messages: readonly RunMessage[]): void {
    const { runs, outbox } = this.#parts;
    const row = runs.find(id);
    if (row === undefined || row.ended_at === null) return;
    runs.addMessages(row, messages);
    outbox.add(id, "history", Date.now());
  }

  /** How a callback stands, without using it up. */
  callback(id: string, step: string): CallbackView {
    return this.#parts.desk.describe(id, step);
  }

  /** Takes a callback in; `call` is JSON. */
  answerCallback(id: string, step: string, call: string): CallbackAnswer {
    return this.#parts.desk.answer(id, step, call);
  }

  override alarm(): Promise<void> {
    const { timers, expire } = this.#parts;
    return runAlarm({ storage: this.ctx.storage, timers, expire, retryMs: HEARTBEAT_MS });
  }
}
