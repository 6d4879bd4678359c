import { DurableObject } from "cloudflare:workers";
import type { Bindings } from "../bindings";
import {
  type BytesResult,
  type Delivery,
  type DeliveryFilter,
  type DeliveryResult,
  type EarlierDelivery,
  inboxShardOf,
  type NewDelivery,
  type TakeResult,
} from "../domain/delivery";
import { MAX_INBOX_BYTES } from "../domain/limits";
import { storingObjectOf } from "../domain/object-storage";
import { logError } from "../domain/operator-log";
import { startDeliveries } from "../operations/start-deliveries";
import { type Services, servicesOf } from "../services";
import { StorageReport } from "./storage-report";
import { DELIVERED_BYTES, DeliveryRows, stored } from "./webhook-inbox/delivery-rows";
import { EarlierDeliveries } from "./webhook-inbox/earlier-deliveries";
import { RunStarts } from "./webhook-inbox/run-starts";
import { createTables } from "./webhook-inbox/schema";

/*
 * Keeps a shard of the deliveries of one webhook and starts their runs. Named `e{environment}/webhook/{name}`, with
 * `/{shard}` behind it for all but the first.
 *
 * Invariants:
 * 1. A delivery is on disk, with all its bytes, its key and the id of its run, before its sender is answered: all writes of
 *    one turn are one transaction, and the platform holds the answer back until it is on disk (output gate).
 * 2. While a delivery has a `due` time an alarm is set, no later than `SAFETY_MS` after it, so that whoever dies
 *    in between is woken again. A start that is repeated is the same run, since its id was settled with the delivery.
 * 3. Of two requests with one key the second finds the first: the key decides the shard, an object does one thing at a time,
 *    and the key is unique.
 * 4. `alarm()` may come early, late or twice, and lets no error out.
 */

/** Milliseconds after which the alarm starts what this object was about to start when it died. */
const SAFETY_MS = 2_000;
/** Deliveries forgotten in one turn, and the least time between turns, in milliseconds. */
const FORGET_BATCH = 50;
const SWEEP_SOONEST_MS = 60_000;
/** Where it is written down that the inbox takes nothing any more. */
const CLOSED = "closed";

export class WebhookInbox extends DurableObject<Bindings> {
  readonly #services: Services;
  readonly #rows: DeliveryRows;
  readonly #usage: StorageReport;
  readonly #starts: RunStarts;
  readonly #earlier: EarlierDeliveries;
  /** Memory only: when the alarm is set to fire, as far as this instance knows. */
  #armed: number | undefined;

  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env);
    createTables(ctx.storage.sql);
    this.#services = servicesOf(env);
    this.#rows = new DeliveryRows(ctx.storage.sql);
    this.#usage = new StorageReport({
      sql: ctx.storage.sql,
      count: DELIVERED_BYTES,
      tell: (bytes) => this.#tell(bytes),
      arm: (at) => this.#arm(at),
    });
    this.#starts = new RunStarts({
      rows: this.#rows,
      storage: ctx.storage,
      start: (deliveries, readBody) => startDeliveries(this.#services, deliveries, readBody),
      ended: () => this.#rearm(false),
      report: (error) => this.#report(error),
    });
    this.#earlier = new EarlierDeliveries(ctx.storage.sql, this.#rows, (key, target) =>
      this.#services.inboxes.findEarlier(target, key),
    );
    void ctx.blockConcurrencyWhile(async () => {
      this.#armed = (await ctx.storage.getAlarm()) ?? undefined;
      if (this.#rows.nextDue() !== undefined) this.#arm(Date.now());
      const due = this.#usage.nextDue();
      if (due !== undefined) this.#arm(due);
    });
  }

  /** Stores a delivery, unless it has come before. Its run is started after the answer. */
  async take(delivery: NewDelivery): Promise<TakeResult> {
    const { id, key, target } = delivery;
    // What came before there were shards is told from what comes now.
    if (inboxShardOf(id) === 0) this.#earlier.until();
    else if (key !== null && this.#earlier.mayBe(Date.now())) {
      const earlier = await this.#earlier.find(key, target);
      if (earlier !== undefined) return { kind: "repeated", delivery: earlier };
    }
    // After all that is waited for: what came meanwhile is here.
    if (this.ctx.storage.kv.get(CLOSED) === true) return { kind: "closed" };
    const before = key === null ? undefined : this.#rows.findByKey(key);
    return before === undefined ? this.#store(delivery, null) : { kind: "repeated", delivery: before };
  }

  /** Of the first shard: what it kept before there were others, and until when any of that may be kept. */
  findEarlier(key: string): EarlierDelivery {
    return { until: this.#earlier.until(), delivery: this.#rows.findByKey(key) };
  }

  read(id: string): DeliveryResult {
    const delivery = this.#rows.find(id);
    return delivery === undefined ? { kind: "missing" } : { kind: "found", delivery };
  }

  readBody(id: string): BytesResult {
    const delivery = this.#rows.find(id);
    const body = this.#rows.body(id);
    if (delivery === undefined || body === undefined) return { kind: "missing" };
    return { kind: "found", delivery, body };
  }

  list(filter: DeliveryFilter, limit: number, after: string | undefined): Delivery[] {
    return this.#rows.list(filter, limit, after);
  }

  /** Stores a delivery once more, as a new one that starts a run of its own. */
  replay(
    id: string,
    again: Pick<NewDelivery, "id" | "runId" | "target" | "receivedAt" | "keepUntil">,
  ): TakeResult | { kind: "missing" } {
    const found = this.readBody(id);
    if (found.kind === "missing") return found;
    const { delivery, body } = found;
    const { request, senderId } = delivery;
    return this.#store({ ...again, request, senderId, body, key: null }, id);
  }

  /** Projects are no longer in the environment: what they took until then is forgotten. Other projects' deliveries stay. */
  forgetProjects(projectIds: readonly number[], until: number): void {
    this.ctx.storage.transactionSync(() => this.#usage.add(-this.#rows.forgetProjects(projectIds, until)));
  }

  /** The environment is deleted: deliveries are forgotten, those too whose runs were to be started, and none is taken. */
  async close(): Promise<void> {
    this.ctx.storage.transactionSync(() => {
      this.ctx.storage.kv.put(CLOSED, true);
      this.#rows.clear();
      this.#earlier.clear();
      this.#usage.clear();
    });
    this.#armed = undefined;
    await this.ctx.storage.deleteAlarm();
  }

  override async alarm(): Promise<void> {
    this.#armed = undefined;
    try {
      await this.#starts.startDue();
      const forgotten = this.ctx.storage.transactionSync(() => {
        const { count, bytes } = this.#rows.forgetOld(Date.now(), FORGET_BATCH);
        this.#usage.add(-bytes);
        return count;
      });
      await this.#usage.flush(Date.now());
      this.#rearm(forgotten === FORGET_BATCH);
    } catch (error) {
      this.#report(error);
      await this.ctx.storage
        .setAlarm(Date.now() + SAFETY_MS)
        .catch((failure: unknown) => this.#report(failure));
    }
  }

  #store(delivery: NewDelivery, replayOf: string | null): TakeResult {
    if (this.ctx.storage.sql.databaseSize + delivery.body.length > MAX_INBOX_BYTES) return { kind: "full" };
    this.ctx.storage.transactionSync(() => this.#usage.add(this.#rows.insert(delivery, replayOf)));
    this.#arm(Date.now() + SAFETY_MS);
    this.ctx.waitUntil(this.#starts.startDue().catch((error: unknown) => this.#report(error)));
    return { kind: "stored", delivery: stored(delivery, replayOf) };
  }

  /** Sets the alarm to whatever comes first. */
  #rearm(soon: boolean): void {
    const due = this.#rows.nextDue();
    // What is being started now is looked at again only if this object dies.
    const soonest = Date.now() + (this.#starts.busy ? SAFETY_MS : 0);
    if (due !== undefined) this.#arm(Math.max(due, soonest));
    const telling = this.#usage.nextDue();
    if (telling !== undefined) this.#arm(Math.max(telling, Date.now()));
    const end = this.#rows.nextEnd();
    if (soon) this.#arm(Date.now());
    else if (end !== undefined) this.#arm(Math.max(end, Date.now() + SWEEP_SOONEST_MS));
  }

  #arm(due: number): void {
    // One that should have gone off long ago is believed lost.
    const lost = this.#armed !== undefined && this.#armed < Date.now() - SWEEP_SOONEST_MS;
    if (this.#armed !== undefined && this.#armed <= due && !lost) return;
    this.#armed = due;
    // In the same transaction as the rows written in this turn; the output gate waits for both.
    void this.ctx.storage.setAlarm(due);
  }

  async #tell(bytes: number): Promise<void> {
    const address = storingObjectOf(this.ctx.id.name);
    if (address !== undefined) await this.#services.objectStorage.tell(address, bytes);
  }

  #report(error: unknown): void {
    logError("a webhook inbox met an error", error, { inbox: this.ctx.id.name ?? "" });
  }
}
