import { DurableObject } from "cloudflare:workers";
import type { Bindings } from "../bindings";
import {
  acceptedView,
  type CallbackAnswer,
  type CallbackView,
  type RecordResult,
  type RerunResult,
  type RunView,
  type StartedRun,
  type StartRequest,
  type StartResult,
  type ViewResult,
  type WithdrawResult,
} from "../domain/durable-run";
import { logError } from "../domain/operator-log";
import { shardOf } from "../domain/process-id";
import type { RecordTelling } from "../domain/record";
import type { RunMessage, RunOutcome } from "../domain/run";
import type { RunStopped } from "../engine/errors";
import { newMessage, permitLost } from "../engine/run-context";
import { cancelledBy } from "../operations/admission";
import type { RunFilter, RunSummary } from "../operations/ports";
import type { RecordStart, RecordStartResult } from "../operations/records/ports";
import { type Services, servicesOf } from "../services";
import { Acceptance } from "./run-shard/acceptance";
import { runAlarm } from "./run-shard/alarm";
import { CallbackDesk } from "./run-shard/callback-desk";
import { Callbacks } from "./run-shard/callbacks";
import { Closing } from "./run-shard/closing";
import { Documents, ValueTooLarge } from "./run-shard/documents";
import { cancelled, Driver, failedOutcome } from "./run-shard/driver";
import { openRuns } from "./run-shard/open-runs";
import { historyOf, Outbox } from "./run-shard/outbox";
import { Permits } from "./run-shard/permits";
import { RecordDesk } from "./run-shard/record-desk";
import { keptSteps, rerunRequest } from "./run-shard/rerun";
import { Retention } from "./run-shard/retention";
import { type RunRow, RunStore } from "./run-shard/run-store";
import { createTables } from "./run-shard/schema";
import { StepRows } from "./run-shard/step-rows";
import { type TimerKind, Timers } from "./run-shard/timers";
import { Waiters } from "./run-shard/waiters";

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

/** Milliseconds after which a run whose execution was lost is taken up again. */
const HEARTBEAT_MS = 5_000;

export class RunShard extends DurableObject<Bindings> {
  readonly #services: Services;
  readonly #steps: StepRows;
  readonly #runs: RunStore;
  readonly #timers: Timers;
  readonly #outbox: Outbox;
  readonly #driver: Driver;
  readonly #permits: Permits;
  readonly #desk: CallbackDesk;
  readonly #retention: Retention;
  readonly #records: RecordDesk;
  readonly #closing: Closing;
  readonly #acceptance: Acceptance;
  /** Memory only: callers that wait for a run to end. */
  readonly #waiters = new Waiters();

  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env);
    const { sql } = ctx.storage;
    createTables(sql);
    this.#services = servicesOf(env);
    const documents = new Documents(sql);
    this.#steps = new StepRows(ctx.storage, documents);
    this.#runs = new RunStore(sql, documents, this.#steps);
    this.#timers = new Timers(ctx.storage);
    this.#retention = new Retention(this.#runs, this.#timers, this.#services.settings.RUN_RETENTION_HOURS);
    const callbacks = new Callbacks(sql, documents);
    this.#desk = new CallbackDesk({
      runs: this.#runs,
      callbacks,
      signer: this.#services.callbackSigner,
      publicUrl: this.#services.settings.PUBLIC_URL,
      wake: (id) => this.#expire.wake(id),
    });
    this.#outbox = new Outbox(sql, this.#timers, {
      history: historyOf(this.#runs, (runs) => this.#services.runLog.write(runs)),
      record: (runs) => this.#records.deliver(runs),
    });
    this.#records = new RecordDesk({
      sql,
      runs: this.#runs,
      steps: this.#steps,
      timers: this.#timers,
      catalog: this.#services.catalog,
      current: (id) => this.#driver.current(id),
      tell: (tellings) => this.#services.records.tell(tellings),
      owe: (id) => this.#outbox.add(id, "record", Date.now()),
      together: (work) => this.ctx.storage.transactionSync(work),
      take: (request) => this.#acceptance.accept(request, undefined),
      begin: (id, fresh) => this.#driver.enqueue(id, fresh),
      start: (request, prepare) => this.#acceptance.take(request, prepare),
    });
    this.#permits = new Permits({
      sql,
      timers: this.#timers,
      groups: this.#services.groupsOf((work) => ctx.waitUntil(work)),
      shard: ctx.id.name,
      isDurable: (id) => shardOf(id) !== undefined,
      prolonged: (id, until) => this.#driver.prolong(id, until),
      revoked: (id, why, group) => this.#revoke(id, why, group),
    });
    this.#driver = new Driver({
      storage: ctx.storage,
      runs: this.#runs,
      steps: this.#steps,
      catalog: this.#services.catalog,
      services: this.#services.host.services,
      callbacks,
      desk: this.#desk,
      background: (work) => ctx.waitUntil(work),
      end: (id, outcome, messages, waited) => this.#end(id, outcome, messages, waited),
      enter: (id) => this.#permits.enter(id),
      running: (id) => this.#records.changed(id, true),
      suspend: (id, at, due, attempts) => this.#suspend(id, at, due, attempts),
    });
    this.#closing = new Closing({
      storage: ctx.storage,
      runs: this.#runs,
      timers: this.#timers,
      cancel: (id) => this.cancel(id),
      giveBack: () => this.#permits.tend(),
    });
    this.#acceptance = new Acceptance({
      storage: ctx.storage,
      runs: this.#runs,
      permits: this.#permits,
      records: this.#records,
      driver: this.#driver,
      closed: () => this.#closing.closed,
      beat: () => this.#timers.setAtLatest("heartbeat", "", Date.now() + HEARTBEAT_MS),
    });
    void ctx.blockConcurrencyWhile(async () => {
      await this.#timers.load();
      // What was in memory is lost, so nobody need wait for the heartbeat.
      if (this.#runs.active("", 1).length > 0) this.#timers.setAtLatest("heartbeat", "", Date.now());
    });
  }

  /** Accepts a run; with `waitMs`, answers when it has ended, or when that time is over. The same run twice is one. */
  async start(request: StartRequest, waitMs = 0): Promise<StartResult> {
    const taken = await this.#acceptance.take(request);
    if (taken.kind !== "accepted") return taken;
    const { id, replayed } = taken;
    if (waitMs > 0) await this.#ended(id, waitMs);
    else if (!replayed) return { kind: "accepted", view: acceptedView(request), replayed };
    return { kind: "accepted", view: this.#view(id), replayed };
  }

  /** Accepts runs that came together. @returns an answer for each, in order */
  startAll(requests: readonly StartRequest[]): Promise<StartedRun[]> {
    return this.#acceptance.takeAll(requests);
  }

  /** Accepts many runs of data records. */
  startRecords(starts: readonly RecordStart[]): Promise<[id: string, RecordStartResult][]> {
    return this.#records.start(starts);
  }

  /** Withdraws runs of records. @returns the ids of those that have begun, and go on or have ended */
  withdrawRecords(ids: readonly string[]): string[] {
    return ids.filter((id) => this.withdraw(id).kind === "begun");
  }

  /** What runs have to tell their records. */
  recordTellings(ids: readonly string[]): Promise<RecordTelling[]> {
    return this.#records.tellings(ids);
  }

  /** How a run stands; with `waitMs`, when it has ended, or when that time is over. */
  async poll(id: string, waitMs = 0): Promise<ViewResult> {
    if (this.#runs.find(id) === undefined) return { kind: "missing" };
    if (waitMs > 0) await this.#ended(id, waitMs);
    return { kind: "found", view: this.#view(id) };
  }

  /** Runs that the history does not list yet, newest first. */
  list(filter: RunFilter, limit: number, after: string | undefined): RunSummary[] {
    return openRuns(this.ctx.storage.sql, this.#runs, filter, limit, after);
  }

  /** A run with its messages. */
  read(id: string): RecordResult {
    const row = this.#runs.find(id);
    if (row === undefined) return { kind: "missing" };
    const { progress, nextWakeAt, callbacks } = this.#view(id);
    const waiting = callbacks === undefined ? {} : { callbacks };
    return { kind: "found", run: this.#runs.record(row), progress, nextWakeAt, ...waiting };
  }

  /** Undoes a start of which the caller has not heard: it will not run, unless it has begun. */
  withdraw(id: string): WithdrawResult {
    const row = this.#runs.find(id);
    if (row !== undefined && (row.status !== "Queued" || this.#driver.executes(id))) {
      return { kind: "begun", view: this.#view(id) };
    }
    this.#driver.stop(id, cancelled());
    if (row !== undefined) {
      this.#permits.end(id);
      this.#runs.forget(id);
    }
    this.#runs.withdraw(id, Date.now());
    this.#retention.plan(Date.now());
    return { kind: "withdrawn" };
  }

  /** Ends a run as Cancelled; one that has ended stays as it is. */
  cancel(id: string): ViewResult {
    const row = this.#runs.find(id);
    if (row === undefined) return { kind: "missing" };
    if (row.ended_at === null) this.#cancel(row, cancelled());
    return { kind: "found", view: this.#view(id) };
  }

  /** The environment is deleted: runs end as Cancelled and are forgotten, some at a time. @returns whether none is left */
  close(): Promise<boolean> {
    return this.#closing.close();
  }

  /** A run's turn in its exclusion group has come. */
  turn(id: string): void {
    const row = this.#runs.find(id);
    // One that waits at a step holds its group already.
    if (row?.status === "Waiting" && row.waits_at === null) this.#expire.wake(id);
  }

  /** Runs an ended run once more as `newId`: as it was, or keeping the steps that do not depend on node `from`. */
  async rerun(id: string, newId: string, from: string | undefined): Promise<RerunResult> {
    const row = this.#runs.find(id);
    if (row === undefined) return { kind: "missing" };
    if (row.ended_at === null) return { kind: "running", status: row.status };
    const plan = await this.#services.catalog.plan(this.#runs.pointer(row));
    const kept = from === undefined ? undefined : keptSteps(plan.graph, from);
    if (kept === "unknown") return { kind: "unknown_node", nodes: plan.graph.nodes.map(({ name }) => name) };
    const request = rerunRequest({
      row,
      newId,
      from,
      plan,
      pointer: this.#runs.pointer(row),
      beginning: this.#runs.beginning(id),
      host: this.#services.host,
      now: Date.now(),
    });
    this.ctx.storage.transactionSync(() => {
      this.#acceptance.accept(request, undefined);
      if (kept !== undefined) this.#steps.copy(id, newId, kept);
    });
    this.#driver.enqueue(newId, kept === undefined);
    return { kind: "accepted", view: this.#view(newId) };
  }

  /** Adds lines to the console of an ended run: what was answered is known to the surface alone. */
  note(id: string, messages: readonly RunMessage[]): void {
    const row = this.#runs.find(id);
    if (row === undefined || row.ended_at === null) return;
    this.#runs.addMessages(row, messages);
    this.#outbox.add(id, "history", Date.now());
  }

  /** How a callback stands, without using it up. */
  callback(id: string, step: string): CallbackView {
    return this.#desk.describe(id, step);
  }

  /** Takes a callback in; `call` is JSON. */
  answerCallback(id: string, step: string, call: string): CallbackAnswer {
    return this.#desk.answer(id, step, call);
  }

  override alarm(): Promise<void> {
    return runAlarm({
      storage: this.ctx.storage,
      timers: this.#timers,
      expire: this.#expire,
      retryMs: HEARTBEAT_MS,
      report: (error) => this.#report(error),
    });
  }

  /** What each kind of timer does. */
  readonly #expire: Record<TimerKind, (run: string) => void> = {
    wake: (run) => {
      this.#timers.remove("wake", run);
      this.#runs.setDue(run);
      this.#timers.setAtLatest("heartbeat", "", Date.now() + HEARTBEAT_MS);
      this.#driver.enqueue(run, false);
    },
    heartbeat: () => {
      for (const id of this.#runs.allActive()) this.#driver.enqueue(id, false);
      if (this.#runs.active("", 1).length === 0) this.#timers.remove("heartbeat", "");
      else this.#timers.set("heartbeat", "", Date.now() + HEARTBEAT_MS);
    },
    // Not waited for: a database that hangs must not hold up the other timers.
    outbox: () => this.#behind(this.#outbox.flush()),
    permits: () => this.#behind(this.#permits.tend()),
    retention: () => this.#retention.forgetOld(Date.now()),
  };

  #cancel(row: RunRow, reason: RunStopped): void {
    const { id } = row;
    const said = this.#driver.stop(id, reason) ?? this.#runs.messages(row);
    const outcome: RunOutcome = { ...failedOutcome(id, reason.code, reason.message), status: "Cancelled" };
    this.#end(id, outcome, [...said, newMessage(Date.now(), "warning", reason.message)], true);
  }

  /** A run was asked to leave its exclusion group, or lost it. */
  #revoke(id: string, why: "cancel" | "lost", group: string): void {
    const row = this.#runs.find(id);
    if (row === undefined || row.ended_at !== null) return;
    if (why === "cancel") this.#cancel(row, cancelledBy(group));
    // One that only waits asks for its group again before it goes on.
    else if (this.#driver.executes(id)) this.#cancel(row, permitLost());
  }

  #end(id: string, outcome: RunOutcome, messages: readonly RunMessage[], waited: boolean): void {
    const now = Date.now();
    let leaves = false;
    const first = this.ctx.storage.transactionSync(() => {
      if (!this.#writeEnd(id, outcome, messages, now, waited)) return false;
      if (waited) this.#timers.remove("wake", id);
      leaves = this.#permits.end(id);
      this.#outbox.add(id, "history", now);
      this.#retention.plan(now);
      this.#records.changed(id, false);
      return true;
    });
    if (!first) return;
    // The alarm would do it too, and does when this does not.
    if (leaves) this.#behind(this.#permits.tend());
    this.#waiters.tell(id);
  }

  #writeEnd(
    id: string,
    outcome: RunOutcome,
    messages: readonly RunMessage[],
    now: number,
    waited: boolean,
  ): boolean {
    try {
      return this.#runs.end(id, outcome.status, now, outcome, messages, waited);
    } catch (error) {
      if (!(error instanceof ValueTooLarge)) throw error;
      const failed = failedOutcome(id, "value_too_large", `the outcome of the run: ${error.message}`);
      return this.#runs.end(id, failed.status, now, failed, messages, waited);
    }
  }

  #suspend(id: string, at: string | null, due: number, attempts: number): void {
    const row = this.#runs.find(id);
    if (row === undefined || row.ended_at !== null) return;
    this.#runs.setWaiting(id, at, attempts);
    this.#timers.set("wake", id, due);
    this.#records.changed(id, false);
  }

  #view(id: string): RunView {
    const row = this.#runs.find(id) as RunRow;
    if (row.status !== "Waiting") return this.#runs.view(row, this.#driver.current(id), undefined);
    const view = this.#runs.view(row, this.#driver.current(id), this.#timers.due("wake", id));
    const callbacks = this.#desk.pending(row);
    return callbacks.length === 0 ? view : { ...view, callbacks };
  }

  /** Resolves when a run has ended, or after `ms` milliseconds. */
  async #ended(id: string, ms: number): Promise<void> {
    if (this.#runs.find(id)?.ended_at === null) await this.#waiters.wait(id, ms);
  }

  /** Lets work go on that nobody waits for. */
  #behind(work: Promise<void>): void {
    this.ctx.waitUntil(work.catch((error: unknown) => this.#report(error)));
  }

  #report(error: unknown): void {
    // Nobody waits for an alarm.
    logError("a run shard's alarm met an error", error);
  }
}
