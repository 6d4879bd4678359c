import type { RateLimit } from "../../domain/principal";
import type { RateLimiter as RateLimiterObject } from "../../durable/rate-limit";
import type { RateLimiter, RateState } from "../../operations/access/ports";
import { BoundedCache } from "../bounded-cache";

/*
 * Invariants:
 * 1. Every call that passes was granted by the object of its caller, and each grant lets one call pass: no limit is exceeded.
 * 2. A busy caller's isolate has calls granted ahead, some at a time, so that not each of them costs a call of the object. The
 *    nearer the limit, the fewer: the last ones are granted one by one. What an isolate was granted and does not use until the
 *    window ends is lost to the caller: at the most `MOST_AHEAD` calls, or a twentieth of what was left.
 * 3. Of one caller one question is under way at a time, so what is told as remaining never rises within an isolate.
 */

/** Objects that count the calls of addresses: many addresses must not mean many objects. */
const ADDRESS_OBJECTS = 64;
/** Callers that an isolate remembers. */
const MAX_CALLERS = 10_000;
/** Calls that are granted ahead at the most. */
const MOST_AHEAD = 32;
/** Milliseconds within which a caller must have used up what it was granted, to be granted more the next time. */
const BUSY_MS = 250;

export interface DurableRateLimiterOptions {
  namespace: DurableObjectNamespace<RateLimiterObject>;
  now: () => number;
}

/** What an isolate knows of a caller's window. */
interface Known {
  /** Granted calls that have not been made. */
  ahead: number;
  /** Calls left beside those. */
  beyond: number;
  endsAt: number;
  askedAt: number;
  /** How many to ask for next. */
  wanted: number;
  asking: Promise<void> | undefined;
}

/** The limiter objects, as operations see them. */
export class DurableRateLimiter implements RateLimiter {
  readonly #options: DurableRateLimiterOptions;
  readonly #known = new BoundedCache<Known>(MAX_CALLERS);

  constructor(options: DurableRateLimiterOptions) {
    this.#options = options;
  }

  async take(key: string, rate: RateLimit): Promise<RateState> {
    const { limit, windowMs } = rate;
    const cached = `${key}/${limit}/${windowMs}`;
    for (;;) {
      const now = this.#options.now();
      const known = this.#known.get(cached);
      if (known?.asking !== undefined) {
        await known.asking;
        continue;
      }
      if (known !== undefined && now < known.endsAt) {
        const resetMs = known.endsAt - now;
        if (known.ahead > 0) {
          known.ahead -= 1;
          return { allowed: true, limit, remaining: known.ahead + known.beyond, resetMs, windowMs };
        }
        if (known.beyond === 0) return { allowed: false, limit, remaining: 0, resetMs, windowMs };
      }
      try {
        await this.#ask(key, cached, rate, known, now);
      } catch (error) {
        // Who cannot be counted is let in: the limit guards us, and must not become the outage itself.
        // biome-ignore lint/suspicious/noConsole: the operators' log
        console.error("rate limiter unreachable", error);
        return { allowed: true, limit, remaining: limit, resetMs: windowMs, windowMs };
      }
    }
  }

  async #ask(
    key: string,
    cached: string,
    rate: RateLimit,
    before: Known | undefined,
    now: number,
  ): Promise<void> {
    const kept = !key.startsWith("a/");
    const busy = before !== undefined && now - before.askedAt < BUSY_MS;
    const wanted = busy ? Math.min(MOST_AHEAD, before.wanted * 2) : 1;
    const known: Known = { ahead: 0, beyond: 0, endsAt: 0, askedAt: now, wanted, asking: undefined };
    const stub = this.#options.namespace.getByName(kept ? key : `addresses/${bucket(key)}`);
    const asked = stub
      .take(key, { limit: rate.limit, windowMs: rate.windowMs }, kept, wanted)
      .then(({ granted, remaining, resetMs }) => {
        known.ahead = granted;
        known.beyond = remaining;
        known.endsAt = now + resetMs;
      })
      .finally(() => {
        known.asking = undefined;
      });
    // Those who wait for it ask for themselves when it fails.
    known.asking = asked.catch(() => undefined);
    this.#known.set(cached, known);
    await asked;
  }
}

/** A small hash that spreads addresses evenly; nothing depends on who could find two that meet. */
function bucket(key: string): number {
  let hash = 0;
  for (let index = 0; index < key.length; index += 1) hash = (hash * 31 + key.charCodeAt(index)) >>> 0;
  return hash % ADDRESS_OBJECTS;
}
