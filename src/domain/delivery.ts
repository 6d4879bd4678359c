import { timePrefix } from "./process-id";

/**
 * A delivery: one request that a webhook took. It is kept as it came, byte for byte, before its sender is told so, and
 * starts one run; what is said here travels between the Worker and the object that keeps it.
 */

/** `waiting`: its run is still to be started. `failed`: none can be; `error` says why. */
export const DELIVERY_STATES = ["waiting", "started", "failed"] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** The request without its body. Credentials are not in it. */
export interface DeliveredRequest {
  method: string;
  /** Complete, with the query. */
  url: string;
  /** Names in lower case. */
  headers: [string, string][];
  contentType: string;
  /** The client's address, as the platform tells it. */
  client: string;
}

/** The flow that a delivery starts, and who starts it. */
export interface DeliveryTarget {
  environmentId: number;
  projectId: number;
  webhook: string;
  flow: string;
  user: string;
}

export interface NewDelivery {
  id: string;
  /** The run's id, settled now: however often its start is tried, it is one run. */
  runId: string;
  target: DeliveryTarget;
  request: DeliveredRequest;
  body: Uint8Array;
  /** Hash of what makes it the same delivery when it comes again; `null` when nothing does. */
  key: string | null;
  /** The sender's own id of it. */
  senderId: string | null;
  /** Milliseconds since 1970. */
  receivedAt: number;
  /** When it may be forgotten, in milliseconds since 1970. */
  keepUntil: number;
}

/** A delivery as it is listed. */
export interface Delivery {
  id: string;
  runId: string;
  target: DeliveryTarget;
  request: DeliveredRequest;
  /** Bytes of the body. */
  size: number;
  senderId: string | null;
  receivedAt: number;
  keepUntil: number;
  state: DeliveryState;
  /** Why its run could not be started, for good or so far. */
  error: string | null;
  /** Times that starting its run was tried in vain. */
  attempts: number;
  /** When it is tried again, in milliseconds since 1970. */
  nextAttemptAt: number | null;
  /** The delivery that this one repeats at someone's request. */
  replayOf: string | null;
}

export interface DeliveryFilter {
  state?: DeliveryState | undefined;
  /** The sender's own id. */
  senderId?: string | undefined;
  runId?: string | undefined;
  /** Milliseconds since 1970; received at or after. */
  from?: number | undefined;
  /** Milliseconds since 1970; received before. */
  to?: number | undefined;
}

export type TakeResult =
  | { kind: "stored"; delivery: Delivery }
  /** It had come before; `delivery` is the first. */
  | { kind: "repeated"; delivery: Delivery }
  /** The webhook's deliveries take up all the space that they may. */
  | { kind: "full" }
  /** The webhook's environment is deleted. */
  | { kind: "closed" };

/** What the first shard of an inbox knows of the time when it was the only one. */
export interface EarlierDelivery {
  /** Milliseconds since 1970 after which nothing of that time is kept. */
  until: number;
  delivery: Delivery | undefined;
}

export type DeliveryResult = { kind: "found"; delivery: Delivery } | { kind: "missing" };
export type BytesResult = { kind: "found"; delivery: Delivery; body: Uint8Array } | { kind: "missing" };

/**
 * Objects that keep a webhook's deliveries between them. A delivery's id names its shard, and its key decides it, so that
 * the same delivery always comes to the same object. Another number needs a rule for what is kept by this one, as there is
 * for what was kept before there were shards (durable/webhook-inbox/earlier-deliveries.ts).
 */
export const INBOX_SHARDS = 4;

/** The name of the object that keeps a shard of a webhook's deliveries: a webhook's name has no slash. */
export function inboxName(environmentId: number, webhook: string, shard: number): string {
  const first = `e${environmentId}/webhook/${webhook}`;
  return shard === 0 ? first : `${first}/${shard}`;
}

/** The shard that a delivery belongs to. @param key a hash, in hexadecimal digits */
export function inboxShardFor(key: string | null, random: () => number): number {
  const number = key === null ? Math.floor(random() * INBOX_SHARDS) : Number.parseInt(key.slice(-8), 16);
  return number % INBOX_SHARDS;
}

/** An id that sorts by time, names its shard, and cannot be guessed. */
export function newDeliveryId(
  receivedAt: number,
  shard: number,
  random: () => string = () => crypto.randomUUID(),
): string {
  return `${timePrefix(receivedAt)}x${shard.toString(36)}${random().replaceAll("-", "")}`;
}

/** Ids with a `w` are of the time before there were shards. */
const DELIVERY_ID = /^[0-9a-z]{9}(?:w|x([0-9a-z]))[0-9a-f]{32}$/;

/** The number of the shard that a delivery is kept in; `undefined` for what is no delivery's id. */
export function inboxShardOf(id: string): number | undefined {
  const match = DELIVERY_ID.exec(id);
  if (match === null) return undefined;
  const shard = match[1] === undefined ? 0 : Number.parseInt(match[1], 36);
  return shard < INBOX_SHARDS ? shard : undefined;
}

/** Milliseconds of deliveries to a shard whose runs go to the same run shard. */
const TOGETHER_MS = 250;

/**
 * What leads a delivery's run to its run shard: the same for those that one shard takes at about the same time, so that they
 * are started by one call and stored in one transaction, and another one a moment later, so that all run shards have their part.
 */
export function runShardKey(receivedAt: number, shard: number): string {
  const number = (Math.floor(receivedAt / TOGETHER_MS) * INBOX_SHARDS + shard) % 2 ** 32;
  return number.toString(16).padStart(8, "0");
}
