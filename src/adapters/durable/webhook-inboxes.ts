import {
  type BytesResult,
  type Delivery,
  type DeliveryFilter,
  type DeliveryResult,
  type EarlierDelivery,
  INBOX_SHARDS,
  inboxName,
  inboxShardOf,
  type NewDelivery,
  type TakeResult,
} from "../../domain/delivery";
import type { WebhookInbox } from "../../durable/webhook-inbox";
import type { ReplayRequest, WebhookAddress, WebhookInboxes } from "../../operations/webhook-ports";
import type { NamedObjects } from "./placement";

/** What an inbox's stub offers, told by hand: the platform's own types make promises of unions. */
interface Inbox {
  take(delivery: NewDelivery): Promise<TakeResult>;
  findEarlier(key: string): Promise<EarlierDelivery>;
  read(id: string): Promise<DeliveryResult>;
  readBody(id: string): Promise<BytesResult>;
  list(filter: DeliveryFilter, limit: number, after: string | undefined): Promise<Delivery[]>;
  replay(id: string, again: ReplayRequest): Promise<TakeResult | { kind: "missing" }>;
}

/** Inboxes as objects, some for each webhook. */
export class DurableWebhookInboxes implements WebhookInboxes {
  readonly #namespace: NamedObjects<WebhookInbox>;

  constructor(namespace: NamedObjects<WebhookInbox>) {
    this.#namespace = namespace;
  }

  take(delivery: NewDelivery): Promise<TakeResult> {
    const shard = inboxShardOf(delivery.id);
    if (shard === undefined) throw new Error(`the delivery's id ${delivery.id} names no shard`);
    return this.#shard(delivery.target, shard).take(delivery);
  }

  findEarlier(webhook: WebhookAddress, key: string): Promise<EarlierDelivery> {
    return this.#shard(webhook, 0).findEarlier(key);
  }

  async read(webhook: WebhookAddress, id: string): Promise<DeliveryResult> {
    return (await this.#keeper(webhook, id)?.read(id)) ?? { kind: "missing" };
  }

  async readBody(webhook: WebhookAddress, id: string): Promise<BytesResult> {
    return (await this.#keeper(webhook, id)?.readBody(id)) ?? { kind: "missing" };
  }

  async list(
    webhook: WebhookAddress,
    filter: DeliveryFilter,
    limit: number,
    after: string | undefined,
  ): Promise<Delivery[]> {
    const shards = Array.from({ length: INBOX_SHARDS }, (_, shard) => this.#shard(webhook, shard));
    const found = await Promise.all(shards.map((shard) => shard.list(filter, limit, after)));
    // Ids sort by time, whichever shard they are of.
    return found
      .flat()
      .sort((one, other) => (one.id < other.id ? 1 : -1))
      .slice(0, limit);
  }

  async replay(
    webhook: WebhookAddress,
    id: string,
    again: ReplayRequest,
  ): Promise<TakeResult | { kind: "missing" }> {
    return (await this.#keeper(webhook, id)?.replay(id, again)) ?? { kind: "missing" };
  }

  /** The shard that keeps a delivery, if it is kept. */
  #keeper(webhook: WebhookAddress, id: string): Inbox | undefined {
    const shard = inboxShardOf(id);
    return shard === undefined ? undefined : this.#shard(webhook, shard);
  }

  #shard({ environmentId, webhook }: WebhookAddress, shard: number): Inbox {
    return this.#namespace.getByName(inboxName(environmentId, webhook, shard)) as unknown as Inbox;
  }
}
