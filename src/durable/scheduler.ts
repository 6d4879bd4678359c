import { DurableObject } from "cloudflare:workers";
import { environmentOfScheduler } from "../adapters/durable/schedulers";
import type { Bindings } from "../bindings";
import { logError } from "../domain/operator-log";
import { ScheduleSettings, type ScheduleView } from "../domain/schedule";
import { carryOutTick } from "../operations/schedule-tick";
import { type Services, servicesOf } from "../services";
import { ScheduleRows, type TickRow } from "./scheduler/schedule-rows";

/*
 * Carries out the schedules of an environment. Named `e{environment}/scheduler`.
 *
 * Invariants:
 * 1. What is published is the truth, in D1; the table here is a copy with due times. It is read anew after each publication, before
 *    each listing, some times after a publication was announced (its word may be lost), and now and then.
 * 2. A tick is on disk with the id of its run before it is carried out, in the transaction that sets the schedule's next time. Carrying
 *    it out twice starts one run, so an alarm that comes twice, or an object that dies half-way, does no harm.
 * 3. Whether a tick is still wanted is asked when it is carried out, not when it was planned.
 * 4. `alarm()` may come early, late or twice, and lets no error out.
 */

/** Milliseconds after the announcement of a publication at which its word is no longer waited for. */
const EXPECT_MS = [5_000, 60_000, 600_000];
/** Milliseconds between looks at what is published, while there are schedules. */
const LOOK_MS = 600_000;
/** Milliseconds until a look that failed is tried again. */
const RETRY_LOOK_MS = 10_000;
/** Ticks carried out in one alarm; the next follows at once. */
const PER_ALARM = 100;
/** Wait after the first try of a tick that failed, doubled with each, up to the longest, in milliseconds. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 300_000;
/** Milliseconds after which an alarm that was to have come is believed lost. */
const ALARM_LOST_MS = 60_000;

export class Scheduler extends DurableObject<Bindings> {
  readonly #services: Services;
  readonly #rows: ScheduleRows;
  /** Memory only: the look that is under way, and whether another one was asked for meanwhile. */
  #looking: Promise<void> | undefined;
  /** Memory only: ticks that are being carried out. */
  readonly #busy = new Set<string>();
  #armed: number | undefined;

  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env);
    this.#services = servicesOf(env);
    this.#rows = new ScheduleRows(ctx.storage.sql);
    void ctx.blockConcurrencyWhile(async () => {
      this.#armed = (await ctx.storage.getAlarm()) ?? undefined;
    });
  }

  /** A publication is about to be made. */
  expect(): void {
    const now = Date.now();
    for (const ms of EXPECT_MS) this.#rows.look(now + ms);
    this.#arm();
  }

  /** A publication was made. */
  async reconcile(): Promise<void> {
    await this.#look();
  }

  /** Every schedule, as it is published now. */
  async list(): Promise<ScheduleView[]> {
    await this.#look();
    return this.#rows.list();
  }

  /** The environment is deleted: nothing is carried out any more, and nothing kept. */
  async close(): Promise<void> {
    this.#rows.clear();
    this.#armed = undefined;
    await this.ctx.storage.deleteAlarm();
  }

  override async alarm(): Promise<void> {
    this.#armed = undefined;
    try {
      if (this.#rows.isLookDue(Date.now())) {
        await this.#look().catch((error: unknown) => {
          this.#rows.looked(Date.now());
          this.#rows.look(Date.now() + RETRY_LOOK_MS);
          report(error);
        });
      }
      const now = Date.now();
      const { shards } = this.#services;
      this.ctx.storage.transactionSync(() => {
        this.#rows.reach(now, PER_ALARM, () => shards.newRunId(now, undefined));
      });
      await Promise.all(this.#rows.ticks(now, PER_ALARM).map((tick) => this.#carryOut(tick)));
    } catch (error) {
      this.#rows.look(Date.now() + RETRY_LOOK_MS);
      report(error);
    }
    this.#arm();
  }

  /** Never throws: what fails is tried again. */
  async #carryOut(tick: TickRow): Promise<void> {
    const environmentId = environmentOfScheduler(this.ctx.id.name);
    if (environmentId === undefined || this.#busy.has(tick.run)) return;
    this.#busy.add(tick.run);
    try {
      // On disk before the run is, so that a repetition finds the same id.
      await this.ctx.storage.sync();
      const result = await carryOutTick(this.#services, {
        environmentId,
        projectId: tick.project_id,
        flow: tick.flow,
        cron: tick.cron,
        timeZone: tick.time_zone,
        at: tick.at,
        runId: tick.run,
        skip: tick.skip,
        note: tick.note,
      });
      if (result === "later") this.#postpone(tick);
      else this.#rows.settle(tick, result, Date.now());
      if (result === "gone") this.#rows.look(Date.now());
    } catch (error) {
      report(error);
      this.#postpone(tick);
    } finally {
      this.#busy.delete(tick.run);
    }
  }

  #postpone(tick: TickRow): void {
    const wait = Math.min(FIRST_WAIT_MS * 2 ** tick.attempts, LONGEST_WAIT_MS);
    this.#rows.postpone(tick, Date.now() + wait);
  }

  /** Reads what is published. Whoever asks while a look is under way gets one that begins after he asked. */
  async #look(): Promise<void> {
    await this.#looking?.catch(() => undefined);
    this.#looking ??= this.#read().finally(() => {
      this.#looking = undefined;
    });
    await this.#looking;
  }

  async #read(): Promise<void> {
    const environmentId = environmentOfScheduler(this.ctx.id.name);
    if (environmentId === undefined) return;
    const began = Date.now();
    const { timeZone, missed } = ScheduleSettings.parse({ cron: "@daily" });
    const schedules = await this.#services.scheduleSource.current(environmentId, { timeZone, missed });
    this.ctx.storage.transactionSync(() => {
      this.#rows.reconcile(schedules, Date.now());
      this.#rows.looked(began);
      this.#rows.keepLooking(began + LOOK_MS);
    });
    this.#arm();
  }

  #arm(): void {
    const due = this.#rows.nextDue();
    if (due === undefined) return;
    const lost = this.#armed !== undefined && this.#armed < Date.now() - ALARM_LOST_MS;
    if (this.#armed !== undefined && this.#armed <= due && !lost) return;
    this.#armed = due;
    void this.ctx.storage.setAlarm(due);
  }
}

function report(error: unknown): void {
  // Nobody waits for an alarm.
  logError("a scheduler met an error", error);
}
