import { DurableObject } from "cloudflare:workers";
import { z } from "zod";
import type { Bindings } from "../bindings";
import type { RateLimit } from "../domain/principal";
import { countCall, type RateDecision, type RateWindow } from "../domain/rate-window";

/*
 * Counts calls in fixed windows. An object counts those of one caller, or of many addresses.
 *
 * 1. One object sees all calls of a caller and takes them one by one, so the limit is exact.
 * 2. What was counted is written without waiting for the disk: an object that is put to rest loses nothing, a crash at most
 *    the last few milliseconds' calls. Windows of addresses are memory only: they only slow down guessing.
 */

/** Windows of addresses that one object remembers. */
const MAX_WINDOWS = 10_000;

const StoredWindow = z.object({ startedAt: z.number(), count: z.number() });

export class RateLimiter extends DurableObject<Bindings> {
  readonly #windows = new Map<string, RateWindow>();

  /** @param kept whether the window outlives this object's memory */
  async take(key: string, rate: RateLimit, kept: boolean): Promise<RateDecision> {
    const { window, decision } = countCall(this.#window(key, kept), rate, Date.now());
    this.#windows.set(key, window);
    if (kept && decision.allowed) void this.ctx.storage.put(key, window, { allowUnconfirmed: true });
    if (!kept && this.#windows.size > MAX_WINDOWS) this.#forgetOldest();
    return decision;
  }

  #window(key: string, kept: boolean): RateWindow | undefined {
    const known = this.#windows.get(key);
    if (known !== undefined || !kept) return known;
    return StoredWindow.safeParse(this.ctx.storage.kv.get(key)).data;
  }

  #forgetOldest(): void {
    const byAge = [...this.#windows].sort(([, a], [, b]) => a.startedAt - b.startedAt);
    for (const [key] of byAge.slice(0, MAX_WINDOWS / 2)) this.#windows.delete(key);
  }
}
