import type {
  BytesResult,
  Delivery,
  DeliveryFilter,
  DeliveryResult,
  NewDelivery,
  TakeResult,
} from "../../domain/delivery";
import type { WebhookInbox } from "../../durable/webhook-inbox";
import type { ReplayRequest, WebhookAddress, WebhookInboxes } from "../../operations/webhook-ports";

/** What an inbox's stub offers, told by hand: the platform's own types make promises of unions. */
interface Inbox {
  take(delivery: NewDelivery): Promise<TakeResult>;
  read(id: string): Promise<DeliveryResult>;
  readBody(id: string): Promise<BytesResult>;
  list(filter: DeliveryFilter, limit: number, after: string | undefined): Promise<Delivery[]>;
  replay(id: string, again: ReplayRequest): Promise<TakeResult | { kind: "missing" }>;
}

/** Inboxes as objects, one for each webhook. */
export class DurableWebhookInboxes implements WebhookInboxes {
  readonly #namespace: DurableObjectNamespace<WebhookInbox>;

  constructor(namespace: DurableObjectNamespace<WebhookInbox>) {
    this.#namespace = namespace;
  }

  take(delivery: NewDelivery): Promise<TakeResult> {
    return this.#inbox(delivery.target).take(delivery);
  }

  read(webhook: WebhookAddress, id: string): Promise<DeliveryResult> {
    return this.#inbox(webhook).read(id);
  }

  readBody(webhook: WebhookAddress, id: string): Promise<BytesResult> {
    return this.#inbox(webhook).readBody(id);
  }

  list(
    webhook: WebhookAddress,
    filter: DeliveryFilter,
    limit: number,
    after: string | undefined,
  ): Promise<Delivery[]> {
    return this.#inbox(webhook).list(filter, limit, after);
  }

  replay(
    webhook: WebhookAddress,
    id: string,
    again: ReplayRequest,
  ): Promise<TakeResult | { kind: "missing" }> {
    return this.#inbox(webhook).replay(id, again);
  }

  #inbox({ environmentId, webhook }: WebhookAddress): Inbox {
    return this.#namespace.getByName(`e${environmentId}/webhook/${webhook}`) as unknown as Inbox;
  }
}
