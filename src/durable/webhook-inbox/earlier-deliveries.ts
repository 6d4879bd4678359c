import type { Delivery, DeliveryTarget, EarlierDelivery } from "../../domain/delivery";
import type { DeliveryRows } from "./delivery-rows";

/*
 * Deliveries of the time when a webhook had one object. That object is now the first shard, and may keep deliveries whose
 * key belongs to another; so that other one asks it, as long as any of them may be kept.
 */

export class EarlierDeliveries {
  readonly #sql: SqlStorage;
  readonly #rows: DeliveryRows;
  readonly #ask: (key: string, target: DeliveryTarget) => Promise<EarlierDelivery>;
  /** A copy of the row; `undefined` while nobody has been asked. */
  #until: number | undefined;

  constructor(
    sql: SqlStorage,
    rows: DeliveryRows,
    ask: (key: string, target: DeliveryTarget) => Promise<EarlierDelivery>,
  ) {
    this.#sql = sql;
    this.#rows = rows;
    this.#ask = ask;
    this.#until = sql.exec<{ until: number }>("SELECT until FROM earlier").toArray()[0]?.until;
  }

  /** Of the first shard: until when it may keep deliveries of that time, in milliseconds since 1970. */
  until(): number {
    return this.#until ?? this.#remember(this.#rows.latestEnd());
  }

  /** Of another shard: whether the first one may keep such deliveries. */
  mayBe(now: number): boolean {
    return this.#until === undefined || now < this.#until;
  }

  /** Of another shard: what the first one keeps under a key. */
  async find(key: string, target: DeliveryTarget): Promise<Delivery | undefined> {
    const { until, delivery } = await this.#ask(key, target);
    if (this.#until !== until) this.#remember(until);
    return delivery;
  }

  /** Nothing is kept any more. */
  clear(): void {
    this.#sql.exec("DELETE FROM earlier");
    this.#until = undefined;
  }

  #remember(until: number): number {
    this.#sql.exec("INSERT OR REPLACE INTO earlier (only_one, until) VALUES (1, ?)", until);
    this.#until = until;
    return until;
  }
}
