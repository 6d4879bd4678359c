import { DurableObject } from "cloudflare:workers";
import { z } from "zod";
import type { Bindings } from "../bindings";
import type { RateLimit } from "../domain/principal";
import { countCalls, type RateDecision, type RateWindow } from "../domain/rate-window";

/*
 * Counts calls in fixed windows. An object counts those of one caller, or of many addresses.
 *
 * 1. One object sees all calls of a caller and takes them one by one, so the limit is exact.
 * 2. What was counted is written without waiting for the disk: an object that is put to rest loses nothing, a crash at most
 *    the calls of the last WRITE_AFTER_MS. Windows of addresses are memory only: they only slow down guessing.
 */

/** Windows of addresses that one object remembers. */
const MAX_WINDOWS = 10_000;

/** Milliseconds after which what was counted is written. An object is put to rest seconds after its last call at the earliest. */
const WRITE_AFTER_MS = 50;

const StoredWindow = z.object({ startedAt: z.number(), count: z.number() });

export class RateLimiter extends DurableObject<Bindings> {
  readonly #windows = new Map<string, RateWindow>();
  /** Windows whose last calls are not on disk yet; a timer is set while there are any. */
  readonly #unwritten = new Set<string>();

  /**
   * @param kept whether the window outlives this object's memory
   * @param wanted calls that the asker would like to have granted at once
   */
  async take(key: string, rate: RateLimit, kept: boolean, wanted = 1): Promise<RateDecision> {
    const { window, decision } = countCalls(this.#window(key, kept), rate, Date.now(), wanted);
    this.#windows.set(key, window);
    if (kept && decision.granted > 0) this.#writeSoon(key);
    if (!kept && this.#windows.size > MAX_WINDOWS) this.#forgetOldest();
    return decision;
  }

  #window(key: string, kept: boolean): RateWindow | undefined {
    const known = this.#windows.get(key);
    if (known !== undefined || !kept) return known;
    return StoredWindow.safeParse(this.ctx.storage.kv.get(key)).data;
  }

  /** Calls that come together are written together: a write for each would cost more than counting it. */
  #writeSoon(key: string): void {
    const waits = this.#unwritten.size > 0;
    this.#unwritten.add(key);
    if (waits) return;
    setTimeout(() => {
      for (const each of this.#unwritten) {
        void this.ctx.storage.put(each, this.#windows.get(each), { allowUnconfirmed: true });
      }
      this.#unwritten.clear();
    }, WRITE_AFTER_MS);
  }

  #forgetOldest(): void {
    const byAge = [...this.#windows].sort(([, a], [, b]) => a.startedAt - b.startedAt);
    for (const [key] of byAge.slice(0, MAX_WINDOWS / 2)) this.#windows.delete(key);
  }
}
