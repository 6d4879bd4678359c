import { type Verified, verifySignature } from "../auth/webhook-signature";
import { sameToken } from "../auth/webhook-signature/same-token";
import { type Delivery, inboxShardFor, newDeliveryId, runShardKey } from "../domain/delivery";
import { sha256Hex } from "../domain/digest";
import { parseDuration } from "../domain/duration";
import type { Environment } from "../domain/environment";
import { SluiceError } from "../domain/errors";
import type { FlowPointer } from "../domain/flow-address";
import type { Json } from "../domain/json";
import { parseJsonPath, valueAt } from "../domain/json-path";
import { DEFAULT_WEBHOOK_RETENTION_MS, MAX_INBOX_BYTES } from "../domain/limits";
import { MAX_NAME_LENGTH } from "../domain/names";
import type { Resource } from "../domain/resource";
import { takesContentType, type WebhookDefinition } from "../domain/webhook";
import type { Host } from "../engine/ports";
import { requireRoom, type StorageRoom } from "./environments/storage-room";
import { type IncomingCall, isCredentialHeader, maskedUrl } from "./incoming-call";
import type { Catalog, RunShards, World } from "./ports";
import { bodyChallenge, type ChallengeAnswer, outsideChallenge, readJsonBody } from "./webhook-challenge";
import type { WebhookInboxes } from "./webhook-ports";

export interface WebhookServices {
  catalog: Catalog;
  inboxes: WebhookInboxes;
  room: StorageRoom;
  shards: RunShards;
  world: World;
  host: Host;
}

export type Webhook = Resource<"webhook">;

/** What became of a request to a webhook. */
export type Received =
  /** It is kept and starts its flow; or it is what was kept before, and starts nothing. */
  | { kind: "stored" | "repeated"; delivery: Delivery; webhook: Webhook; pointer: FlowPointer }
  | { kind: "challenged"; answer: ChallengeAnswer };

/** User of the runs that deliveries start: their senders are no users of ours. */
const WEBHOOK_USER = "system";

/**
 * A webhook by its name. @throws SluiceError not_found
 */
export async function findWebhook(
  { catalog }: Pick<WebhookServices, "catalog">,
  environment: Environment,
  name: string,
): Promise<Webhook> {
  const found =
    name.length > MAX_NAME_LENGTH ? undefined : await catalog.resource(environment.id, "webhook", name);
  if (found === undefined) throw noWebhook();
  return found;
}

export function noWebhook(): SluiceError {
  return new SluiceError("not_found", "There is no webhook at this URL.");
}

/**
 * Takes a request to a webhook: answers a challenge, or checks who sent it and stores it, byte for byte. When it
 * returns `stored` the delivery and the id of its run are on disk, and the run begins whatever happens.
 * @throws SluiceError unauthenticated for a signature that is missing, wrong or out of time; unsupported_media_type,
 *   method_not_allowed, payload_too_large, flow_unavailable; forbidden for a challenge's wrong token, and when the
 *   environment's storage is full; not_configured
 */
export async function receiveWebhook(
  services: WebhookServices,
  webhook: Webhook,
  call: IncomingCall,
): Promise<Received> {
  const { definition, environmentId } = webhook;
  const secret = (name: string) => requireSecret(services.host, environmentId, name);
  const asked = await outsideChallenge(definition, call, async (token, name) =>
    sameToken(token, await secret(name)),
  );
  if (asked !== undefined) return { kind: "challenged", answer: asked };
  if (call.method !== "POST") {
    const allow =
      definition.challenge?.method === "GET" ? ["GET", "HEAD", "POST", "OPTIONS"] : ["POST", "OPTIONS"];
    throw new SluiceError("method_not_allowed", `A webhook takes POST, not ${call.method}.`, { allow });
  }
  const contentType = call.headers.get("content-type") ?? "";
  if (!takesContentType(definition, contentType)) {
    throw new SluiceError(
      "unsupported_media_type",
      `This webhook takes ${definition.contentTypes?.join(", ")} as Content-Type.`,
    );
  }
  const body = (await call.readBody()) as Uint8Array<ArrayBuffer>;
  const verified = await verify(services, webhook, call, body);
  const json = looksInside(definition) ? readJsonBody(body, contentType) : undefined;
  const inside = bodyChallenge(definition, json);
  if (inside !== undefined) return { kind: "challenged", answer: inside };

  const pointer = await currentFlow(services.catalog, webhook);
  await requireRoom(services.room, environmentId);
  const receivedAt = services.world.now();
  const { key, senderId } = await identity(definition, call, body, verified, json);
  const shard = inboxShardFor(key, services.world.random);
  const taken = await services.inboxes.take({
    id: newDeliveryId(receivedAt, shard),
    runId: services.shards.newRunId(receivedAt, runShardKey(receivedAt, shard)),
    target: targetOf(webhook),
    request: {
      method: call.method,
      url: maskedUrl(call.url),
      headers: [...call.headers].flatMap(([name, value]) => {
        const lower = name.toLowerCase();
        return isCredentialHeader(lower) ? [] : [[lower, value] as [string, string]];
      }),
      contentType,
      client: call.client,
    },
    body,
    key,
    senderId,
    receivedAt,
    keepUntil: receivedAt + retentionMs(definition),
  });
  if (taken.kind === "full") throw inboxFull();
  if (taken.kind === "closed") throw noWebhook();
  return { ...taken, webhook, pointer };
}

/** Where a webhook's deliveries go. */
export function targetOf({ environmentId, projectId, name, definition }: Webhook): Delivery["target"] {
  return { environmentId, projectId, webhook: name, flow: definition.flow, user: WEBHOOK_USER };
}

export function retentionMs({ retention }: WebhookDefinition): number {
  return parseDuration(retention) ?? DEFAULT_WEBHOOK_RETENTION_MS;
}

export function inboxFull(): SluiceError {
  return new SluiceError(
    "unavailable",
    `The deliveries that this one would be kept with take ${MAX_INBOX_BYTES} bytes (MAX_INBOX_BYTES), so nothing more is taken there until some are forgotten.`,
    { limit: "MAX_INBOX_BYTES", retryAfter: 3_600 },
  );
}

/** The flow that a webhook starts. One that is paused takes deliveries, and starts them when it goes on. */
export async function currentFlow(catalog: Catalog, webhook: Webhook): Promise<FlowPointer> {
  const { environmentId, projectId, definition } = webhook;
  const pointer = await catalog.flow(environmentId, projectId, definition.flow);
  if (pointer === undefined || pointer.status === "inactive") {
    throw new SluiceError(
      "flow_unavailable",
      `The webhook's flow is ${pointer === undefined ? "not published" : "inactive"} and takes no deliveries now.`,
      { retryAfter: 60, state: pointer?.status ?? "unpublished" },
    );
  }
  return pointer;
}

async function verify(
  { host, world }: WebhookServices,
  { definition, environmentId }: Webhook,
  call: IncomingCall,
  body: Uint8Array<ArrayBuffer>,
): Promise<Verified | undefined> {
  const { signature } = definition;
  if (signature === undefined) return undefined;
  const secrets = await Promise.all(
    [signature.secret].flat().map((name) => requireSecret(host, environmentId, name)),
  );
  const verdict = await verifySignature(
    { url: call.url, headers: call.headers, body },
    signature,
    secrets,
    world.now(),
  );
  if (verdict.kind === "verified") return verdict;
  throw new SluiceError("unauthenticated", `The signature was not accepted: ${verdict.reason}.`);
}

async function requireSecret(host: Host, environmentId: number, name: string): Promise<string> {
  const value = await host.services.secrets.get(environmentId, name);
  if (value !== undefined && value !== "") return value;
  throw new SluiceError(
    "not_configured",
    `The secret "${name}" that this webhook checks its senders with is not set. Set it, then send again.`,
  );
}

/** Whether fields of the body decide what is done with it. */
function looksInside({ signature, challenge, dedupe }: WebhookDefinition): boolean {
  if (challenge?.json !== undefined) return true;
  if (typeof dedupe === "object" && "json" in dedupe) return true;
  return signature?.scheme === "slack" || (signature?.scheme === "stripe" && dedupe === undefined);
}

/** Fields in which senders whose headers have no id put one. */
const BODY_IDS: Partial<Record<NonNullable<WebhookDefinition["signature"]>["scheme"], string>> = {
  stripe: "$.id",
  slack: "$.event_id",
};

/**
 * What makes a delivery the same when it comes again: the id that its sender gave it; without one, what was signed, where
 * the time or an id is part of that.
 */
async function identity(
  { signature, dedupe }: WebhookDefinition,
  call: IncomingCall,
  body: Uint8Array<ArrayBuffer>,
  verified: Verified | undefined,
  json: Json | undefined,
): Promise<{ key: string | null; senderId: string | null }> {
  if (dedupe === false) return { key: null, senderId: verified?.id ?? null };
  if (dedupe === "content") {
    const content = verified?.content ?? (await bytesHash(body));
    return { key: await sha256Hex(`content:${content}`), senderId: verified?.id ?? null };
  }
  const senderId =
    dedupe === undefined
      ? (verified?.id ?? idIn(json, signature && BODY_IDS[signature.scheme]) ?? plainId(signature, call))
      : "header" in dedupe
        ? text(call.headers.get(dedupe.header))
        : idIn(json, dedupe.json);
  if (senderId !== undefined) return { key: await sha256Hex(`id:${senderId}`), senderId };
  // The same bytes are the same delivery only where the sender makes them different each time.
  const distinct =
    signature !== undefined && (signature.scheme !== "hmac" || signature.timestamp !== undefined);
  if (verified === undefined || !distinct) return { key: null, senderId: null };
  return { key: await sha256Hex(`content:${verified.content}`), senderId: null };
}

/** What senders without a scheme of their own say, as other APIs ask them to. */
function plainId(signature: WebhookDefinition["signature"], call: IncomingCall): string | undefined {
  const schemeHasIds = signature !== undefined && signature.scheme !== "hmac";
  return schemeHasIds ? undefined : text(call.headers.get("idempotency-key"));
}

function idIn(json: Json | undefined, path: string | undefined): string | undefined {
  const steps = path === undefined ? undefined : parseJsonPath(path);
  const value = steps === undefined ? undefined : valueAt(json, steps);
  if (typeof value === "number") return String(value);
  return typeof value === "string" ? text(value) : undefined;
}

function text(value: string | null): string | undefined {
  return value === null || value === "" ? undefined : value;
}

async function bytesHash(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
