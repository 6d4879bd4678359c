import {
  type Delivery,
  type DeliveryFilter,
  inboxShardOf,
  newDeliveryId,
  runShardKey,
} from "../domain/delivery";
import type { Environment } from "../domain/environment";
import { SluiceError } from "../domain/errors";
import { requireRoom } from "./environments/storage-room";
import {
  currentFlow,
  findWebhook,
  inboxFull,
  noWebhook,
  retentionMs,
  targetOf,
  type Webhook,
  type WebhookServices,
} from "./receive-webhook";

/** A page of a webhook's deliveries, newest first, and the cursor of the next one. */
export async function listDeliveries(
  services: WebhookServices,
  environment: Environment,
  name: string,
  filter: DeliveryFilter,
  limit: number,
  cursor: string | undefined,
): Promise<{ deliveries: Delivery[]; next: string | null }> {
  if (cursor !== undefined && inboxShardOf(cursor) === undefined) {
    throw new SluiceError("invalid_request", "`cursor` is the `next` of the page before, as it was given.", {
      problems: [{ path: "cursor", reason: "not a cursor of this list" }],
    });
  }
  const webhook = await findWebhook(services, environment, name);
  const rows = await services.inboxes.list(addressOf(webhook), filter, limit + 1, cursor);
  const deliveries = rows.slice(0, limit);
  return { deliveries, next: rows.length > limit ? (deliveries.at(-1)?.id ?? null) : null };
}

/** @throws SluiceError not_found */
export async function readDelivery(
  services: WebhookServices,
  environment: Environment,
  name: string,
  id: string,
): Promise<Delivery> {
  const webhook = await findWebhook(services, environment, name);
  const found = await services.inboxes.read(addressOf(webhook), id);
  if (found.kind !== "found") throw noDelivery();
  return found.delivery;
}

/** A delivery's bytes, as they came. @throws SluiceError not_found */
export async function readDeliveryBody(
  services: WebhookServices,
  environment: Environment,
  name: string,
  id: string,
): Promise<{ delivery: Delivery; body: Uint8Array }> {
  const webhook = await findWebhook(services, environment, name);
  const found = await services.inboxes.readBody(addressOf(webhook), id);
  if (found.kind !== "found") throw noDelivery();
  return found;
}

/**
 * Starts a new run from a stored delivery, by the webhook's flow as it is now.
 * @throws SluiceError not_found, flow_unavailable, forbidden when the environment's storage is full, unavailable
 */
export async function replayDelivery(
  services: WebhookServices,
  environment: Environment,
  name: string,
  id: string,
): Promise<Delivery> {
  const webhook = await findWebhook(services, environment, name);
  await currentFlow(services.catalog, webhook);
  await requireRoom(services.room, environment.id);
  const receivedAt = services.world.now();
  // Beside the one that it repeats: its bytes are there.
  const shard = inboxShardOf(id);
  if (shard === undefined) throw noDelivery();
  const taken = await services.inboxes.replay(addressOf(webhook), id, {
    id: newDeliveryId(receivedAt, shard),
    runId: services.shards.newRunId(receivedAt, runShardKey(receivedAt, shard)),
    target: targetOf(webhook),
    receivedAt,
    keepUntil: receivedAt + retentionMs(webhook.definition),
  });
  if (taken.kind === "missing") throw noDelivery();
  if (taken.kind === "full") throw inboxFull();
  if (taken.kind === "closed") throw noWebhook();
  return taken.delivery;
}

function addressOf({ environmentId, name }: Webhook): { environmentId: number; webhook: string } {
  return { environmentId, webhook: name };
}

function noDelivery(): SluiceError {
  return new SluiceError("not_found", "This webhook has no delivery with this id, or it has been forgotten.");
}
