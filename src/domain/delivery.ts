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

export type DeliveryResult = { kind: "found"; delivery: Delivery } | { kind: "missing" };
export type BytesResult = { kind: "found"; delivery: Delivery; body: Uint8Array } | { kind: "missing" };

/** An id that sorts by time, and cannot be guessed. */
export function newDeliveryId(receivedAt: number, random: () => string = () => crypto.randomUUID()): string {
  return `${timePrefix(receivedAt)}w${random().replaceAll("-", "")}`;
}

const DELIVERY_ID = /^[0-9a-z]{9}w[0-9a-f]{32}$/;

export function isDeliveryId(text: string): boolean {
  return DELIVERY_ID.test(text);
}
