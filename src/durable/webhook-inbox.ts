import { DurableObject } from "cloudflare:workers";
import type { Bindings } from "../bindings";
import type {
  BytesResult,
  Delivery,
  DeliveryFilter,
  DeliveryResult,
  NewDelivery,
  TakeResult,
} from "../domain/delivery";
import { MAX_INBOX_BYTES } from "../domain/limits";
import { storingObjectOf } from "../domain/object-storage";
import { startDelivery } from "../operations/start-delivery";
import { type Services, servicesOf } from "../services";
import { StorageReport } from "./storage-report";
import { DELIVERED_BYTES, DeliveryRows } from "./webhook-inbox/delivery-rows";
import { createTables } from "./webhook-inbox/schema";

/*
 * Keeps the deliveries of one webhook and starts their runs. Named `e{environment}/webhook/{name}`.
 *
 * Invariants:
 * 1. A delivery is on disk, with all its bytes, its key and the id of its run, before its sender is answered: all writes of
 *    one turn are one transaction, and the platform holds the answer back until it is on disk (output gate).
 * 2. While a delivery has a `due` time an alarm is set, no later than `SAFETY_MS` after it, so that whoever dies
 *    in between is woken again. A start that is repeated is the same run, since its id was settled with the delivery.
 * 3. Of two requests with one key the second finds the first: an object does one thing at a time, and the key is unique.
 * 4. `alarm()` may come early, late or twice, and lets no error out.
 */

/** Milliseconds after which the alarm starts what this object was about to start when it died. */
const SAFETY_MS = 2_000;
/** Deliveries that are taken up together, and the bytes that they may hold in memory meanwhile. */
const BATCH = 16;
const BATCH_BYTES = 8 * 1024 * 1024;
/** Wait after the first start that went wrong, doubled with each, up to the longest, in milliseconds. */
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 300_000;
/** Milliseconds between looks at a flow that is paused, at the least and at the most: a quarter of the time that it has waited. */
const PAUSED_SOONEST_MS = 2_000;
const PAUSED_LATEST_MS = 60_000;
/** Deliveries forgotten in one turn, and the least time between turns, in milliseconds. */
const FORGET_BATCH = 50;
const SWEEP_SOONEST_MS = 60_000;
/** Where it is written down that the inbox takes nothing any more. */
const CLOSED = "closed";

export class WebhookInbox extends DurableObject<Bindings> {
  readonly #services: Services;
  readonly #rows: DeliveryRows;
  readonly #usage: StorageReport;
  /** Memory only: when the alarm is set to fire, as far as this instance knows. */
  #armed: number | undefined;
  /** Memory only: starts are under way. */
  #busy = false;

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
    void ctx.blockConcurrencyWhile(async () => {
      this.#armed = (await ctx.storage.getAlarm()) ?? undefined;
      if (this.#rows.nextDue() !== undefined) this.#arm(Date.now());
      const due = this.#usage.nextDue();
      if (due !== undefined) this.#arm(due);
    });
  }

  /** Stores a delivery, unless it has come before. Its run is started after the answer. */
  take(delivery: NewDelivery): TakeResult {
    if (this.ctx.storage.kv.get(CLOSED) === true) return { kind: "closed" };
    const before = delivery.key === null ? undefined : this.#rows.findByKey(delivery.key);
    if (before !== undefined) return { kind: "repeated", delivery: before };
    return this.#store(delivery, null);
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

  /** The environment is deleted: deliveries are forgotten, those too whose runs were to be started, and none is taken. */
  async close(): Promise<void> {
    this.ctx.storage.transactionSync(() => {
      this.ctx.storage.kv.put(CLOSED, true);
      this.#rows.clear();
      this.#usage.clear();
    });
    this.#armed = undefined;
    await this.ctx.storage.deleteAlarm();
  }

  override async alarm(): Promise<void> {
    this.#armed = undefined;
    try {
      await this.#startDue();
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
    this.ctx.waitUntil(this.#startDue().catch((error: unknown) => this.#report(error)));
    return { kind: "stored", delivery: this.#rows.find(delivery.id) as Delivery };
  }

  /** Starts the runs of all deliveries that are due. */
  async #startDue(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (;;) {
        const due = this.#rows.due(Date.now(), BATCH);
        if (due.length === 0) break;
        let bytes = 0;
        const batch = due.filter(({ size }, index) => {
          bytes += size;
          return index === 0 || bytes <= BATCH_BYTES;
        });
        const settle = await Promise.all(batch.map((delivery) => this.#start(delivery)));
        // Together: each write by itself would be a commit of its own, which the answers to senders wait for.
        for (const write of settle) write();
      }
    } finally {
      this.#busy = false;
      this.#rearm(false);
    }
  }

  /** Starts one run; what came of it is written by the function that it gives. */
  async #start(delivery: Delivery): Promise<() => void> {
    const { id, attempts, receivedAt } = delivery;
    try {
      const begun = await startDelivery(
        this.#services,
        delivery,
        () => this.#rows.body(id) ?? new Uint8Array(),
      );
      if (begun.kind !== "waits") {
        return () => this.#rows.settle(id, begun.kind, begun.kind === "failed" ? begun.reason : null);
      }
      const quarter = (Date.now() - receivedAt) / 4;
      const wait = Math.round(Math.min(Math.max(quarter, PAUSED_SOONEST_MS), PAUSED_LATEST_MS));
      return () => this.#rows.postpone(id, Date.now() + wait, begun.reason, false);
    } catch (error) {
      this.#report(error);
      const wait = Math.min(FIRST_WAIT_MS * 2 ** attempts, LONGEST_WAIT_MS);
      const reason = "The run could not be started now; it is tried again.";
      return () => this.#rows.postpone(id, Date.now() + wait, reason, true);
    }
  }

  /** Sets the alarm to whatever comes first. */
  #rearm(soon: boolean): void {
    const due = this.#rows.nextDue();
    if (due !== undefined) this.#arm(Math.max(due, Date.now()));
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
    // biome-ignore lint/suspicious/noConsole: the operators' log
    console.error("webhook inbox", this.ctx.id.name, error);
  }
}
