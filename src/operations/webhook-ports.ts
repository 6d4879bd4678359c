import type {
  BytesResult,
  Delivery,
  DeliveryFilter,
  DeliveryResult,
  EarlierDelivery,
  NewDelivery,
  TakeResult,
} from "../domain/delivery";

/** Which webhook: names belong to an environment. */
export interface WebhookAddress {
  environmentId: number;
  webhook: string;
}

/** What starts a run again from a stored delivery. */
export type ReplayRequest = Pick<NewDelivery, "id" | "runId" | "target" | "receivedAt" | "keepUntil">;

/** Where deliveries are kept. An inbox that cannot be reached throws. An id that no delivery can have is `missing`. */
export interface WebhookInboxes {
  /** Stores a delivery before it answers; the run is started afterwards, whatever happens meanwhile. */
  take(delivery: NewDelivery): Promise<TakeResult>;
  read(webhook: WebhookAddress, id: string): Promise<DeliveryResult>;
  /** What the first of a webhook's inboxes kept under a key before there were others. */
  findEarlier(webhook: WebhookAddress, key: string): Promise<EarlierDelivery>;
  readBody(webhook: WebhookAddress, id: string): Promise<BytesResult>;
  /** Newest first. `after` is the id of the last delivery of the page before. */
  list(
    webhook: WebhookAddress,
    filter: DeliveryFilter,
    limit: number,
    after: string | undefined,
  ): Promise<Delivery[]>;
  replay(
    webhook: WebhookAddress,
    id: string,
    again: ReplayRequest,
  ): Promise<TakeResult | { kind: "missing" }>;
}
