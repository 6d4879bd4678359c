import { logError } from "../../domain/operator-log";
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
 * 3. No request waits for what another one asked: a promise of one request never settles in another whose client went away
 *    meanwhile, and what goes on behind it may run in the wrong request. Who finds nothing granted ahead asks for itself.
 * 4. What is told as remaining never rises within a window and an isolate, in whichever order answers come.
 */

/** Objects that count the calls of addresses: many addresses must not mean many objects. */
const ADDRESS_OBJECTS = 64;
/** Callers that an isolate remembers. */
const MAX_CALLERS = 10_000;
/** Calls that are granted ahead at the most. */
const MOST_AHEAD = 32;
/** Milliseconds within which a caller must have used up what it was granted, to be granted more the next time. */
const BUSY_MS = 250;
/** Milliseconds after which a question for calls ahead counts as lost, as when its request was cancelled. */
const LOST_MS = 2_000;

export interface DurableRateLimiterOptions {
  namespace: DurableObjectNamespace<RateLimiterObject>;
  now: () => number;
  /** Lets work go on after the answer. */
  background: (work: Promise<unknown>) => void;
}

/** What an isolate knows of a caller's window. */
interface Known {
  /** When the window began, by the object's clock: tells windows apart. */
  startedAt: number;
  endsAt: number;
  /** Granted calls that have not been made. */
  ahead: number;
  /** Calls left beside those. */
  beyond: number;
  /** The least that was told as remaining. */
  told: number;
  /** When calls ahead were asked for last, how many, and whether the answer is still due. */
  askedAt: number;
  wanted: number;
  asking: boolean;
}

/** A caller, as the object knows it. */
interface Caller {
  key: string;
  rate: RateLimit;
  /** Its name among those that this isolate knows. */
  cached: string;
}

/** The limiter objects, as operations see them. */
export class DurableRateLimiter implements RateLimiter {
  readonly #options: DurableRateLimiterOptions;
  readonly #known = new BoundedCache<Known>(MAX_CALLERS);

  constructor(options: DurableRateLimiterOptions) {
    this.#options = options;
  }

  async take(key: string, rate: RateLimit): Promise<RateState> {
    const caller: Caller = { key, rate, cached: `${key}/${rate.limit}/${rate.windowMs}` };
    const now = this.#options.now();
    const known = this.#known.get(caller.cached);
    if (known !== undefined && now < known.endsAt) {
      if (known.ahead > 0) {
        known.ahead -= 1;
        // Asked for early enough that nobody has to wait for them.
        if (known.ahead < known.wanted / 4) this.#askAhead(caller, known, now);
        return stateOf(known, rate, now);
      }
      if (known.beyond === 0) return { ...stateOf(known, rate, now), allowed: false, remaining: 0 };
    }
    try {
      const granted = await this.#ask(caller, Math.max(1, wantedAhead(known, now)), now);
      if (granted.ahead === 0) return { ...stateOf(granted, rate, now), allowed: false, remaining: 0 };
      granted.ahead -= 1;
      return stateOf(granted, rate, now);
    } catch (error) {
      // Who cannot be counted is let in: the limit guards us, and must not become the outage itself.
      logError("the rate limiter cannot be reached", error);
      return {
        allowed: true,
        limit: rate.limit,
        remaining: rate.limit,
        resetMs: rate.windowMs,
        windowMs: rate.windowMs,
      };
    }
  }

  /** Has calls granted ahead to a caller that uses them up quickly; nobody waits for the answer. */
  #askAhead(caller: Caller, known: Known, now: number): void {
    const wanted = wantedAhead(known, now);
    if (wanted > 0) this.#options.background(this.#ask(caller, wanted, now));
  }

  /** Asks the object, and adds what it grants to what is known. */
  async #ask(caller: Caller, wanted: number, now: number): Promise<Known> {
    const before = this.#known.get(caller.cached);
    if (before === undefined || wanted === 1) return this.#granted(caller, wanted, now);
    before.asking = true;
    try {
      return await this.#granted(caller, wanted, now);
    } finally {
      before.asking = false;
    }
  }

  async #granted({ key, rate, cached }: Caller, wanted: number, now: number): Promise<Known> {
    const kept = !key.startsWith("a/");
    const stub = this.#options.namespace.getByName(kept ? key : `addresses/${bucket(key)}`);
    const limits = { limit: rate.limit, windowMs: rate.windowMs };
    const { granted, remaining, resetMs, startedAt } = await stub.take(key, limits, kept, wanted);
    let known = this.#known.get(cached);
    // An answer about an earlier window grants nothing of this one.
    if (known !== undefined && known.startedAt > startedAt) return { ...known, ahead: granted };
    if (known === undefined || known.startedAt < startedAt) {
      known = {
        startedAt,
        endsAt: now + resetMs,
        ahead: 0,
        beyond: remaining,
        told: rate.limit,
        askedAt: known?.askedAt ?? 0,
        wanted: known?.wanted ?? 1,
        asking: false,
      };
      this.#known.set(cached, known);
    }
    known.ahead += granted;
    known.beyond = Math.min(known.beyond, remaining);
    return known;
  }
}

/** How many calls to ask for now: none while others are asked for, or where nothing is to be had ahead. */
function wantedAhead(known: Known | undefined, now: number): number {
  if (known === undefined) return 0;
  const age = now - known.askedAt;
  if (known.asking && age < LOST_MS) return 0;
  known.asking = false;
  known.askedAt = now;
  known.wanted = age < BUSY_MS ? Math.min(MOST_AHEAD, known.wanted * 2) : 1;
  return known.wanted > known.ahead + 1 ? known.wanted - known.ahead : 0;
}

function stateOf(known: Known, { limit, windowMs }: RateLimit, now: number): RateState {
  known.told = Math.min(known.told, known.ahead + known.beyond);
  return {
    allowed: true,
    limit,
    remaining: known.told,
    resetMs: Math.max(0, known.endsAt - now),
    windowMs,
  };
}

/** A small hash that spreads addresses evenly; nothing depends on who could find two that meet. */
function bucket(key: string): number {
  let hash = 0;
  for (let index = 0; index < key.length; index += 1) hash = (hash * 31 + key.charCodeAt(index)) >>> 0;
  return hash % ADDRESS_OBJECTS;
}
