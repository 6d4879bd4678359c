import type { RateLimit } from "../../domain/principal";
import type { RateLimiter as RateLimiterObject } from "../../durable/rate-limit";
import type { RateLimiter, RateState } from "../../operations/access/ports";
import { BoundedCache } from "../bounded-cache";

/** Objects that count the calls of addresses: many addresses must not mean many objects. */
const ADDRESS_OBJECTS = 64;
/** Callers whose refusal an isolate remembers until their next window. */
const MAX_REFUSED = 10_000;

export interface DurableRateLimiterOptions {
  namespace: DurableObjectNamespace<RateLimiterObject>;
  now: () => number;
}

/** The limiter objects, as operations see them. */
export class DurableRateLimiter implements RateLimiter {
  readonly #options: DurableRateLimiterOptions;
  /** When the windows end that are used up: until then nothing has to be asked. */
  readonly #refused = new BoundedCache<number>(MAX_REFUSED);

  constructor(options: DurableRateLimiterOptions) {
    this.#options = options;
  }

  async take(key: string, rate: RateLimit): Promise<RateState> {
    const { limit, windowMs } = rate;
    const cached = `${key}/${limit}/${windowMs}`;
    const now = this.#options.now();
    const until = this.#refused.get(cached) ?? 0;
    if (now < until) return { allowed: false, limit, remaining: 0, resetMs: until - now, windowMs };
    const kept = !key.startsWith("a/");
    const stub = this.#options.namespace.getByName(kept ? key : `addresses/${bucket(key)}`);
    try {
      const decision = await stub.take(key, { limit, windowMs }, kept);
      if (!decision.allowed) this.#refused.set(cached, now + decision.resetMs);
      return { ...decision, limit, windowMs };
    } catch (error) {
      // Who cannot be counted is let in: the limit guards us, and must not become the outage itself.
      // biome-ignore lint/suspicious/noConsole: the operators' log
      console.error("rate limiter unreachable", error);
      return { allowed: true, limit, remaining: limit, resetMs: windowMs, windowMs };
    }
  }
}

/** A small hash that spreads addresses evenly; nothing depends on who could find two that meet. */
function bucket(key: string): number {
  let hash = 0;
  for (let index = 0; index < key.length; index += 1) hash = (hash * 31 + key.charCodeAt(index)) >>> 0;
  return hash % ADDRESS_OBJECTS;
}
