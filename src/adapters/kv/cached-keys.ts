import type { KeyStanding, VerifiedKey } from "../../domain/identity";
import { after, type MaybePromise } from "../../engine/maybe-promise";
import type { Keys } from "../../operations/identity-ports";
import { BoundedCache } from "../bounded-cache";

/*
 * What keys stand for, in three layers: this isolate's memory, KV, D1. Invariants:
 * 1. Standings are kept under the organization's identity epoch, which every change raises in its own transaction. To look
 *    again means to read that one number.
 * 2. An epoch carries the time at which D1 was asked for it, and none is believed when that is `MAX_EPOCH_AGE_MS` ago,
 *    whatever KV, a place's cache of it or this isolate make of it. So a change is in force everywhere within
 *    a minute, and at once in the isolate that made it.
 * 3. Nothing is concluded from a KV miss: D1 is asked.
 */

/** Milliseconds after which an epoch is asked of D1 again: a minute, less what it takes to ask and clocks that differ. */
export const MAX_EPOCH_AGE_MS = 55_000;
/** Milliseconds for which this isolate does not even look at KV's copy, at the most: what a minute has left. */
const MAX_LOOK_MS = 3_000;
/** KV's shortest. */
const EPOCH_TTL_S = 60;
const STANDING_TTL_S = 3_600;
/** Tokens whose signature was checked, and standings, that an isolate remembers. */
const MAX_TOKENS = 10_000;
const MAX_STANDINGS = 10_000;
/** Milliseconds by which "last used" may be behind: a use is only noted when the last noted one is that old. */
const LAST_USED_STEP_MS = 3_600_000;
/** Milliseconds for which uses are gathered before they are written together. */
const GATHER_MS = 1_000;

interface Epoch {
  value: number;
  /** When D1 was asked. */
  readAt: number;
}

interface KnownEpoch extends Epoch {
  lookedAt: number;
}

interface Source {
  epoch(organizationId: number): Promise<number>;
  standing(organizationId: number, keyId: string): Promise<KeyStanding | undefined>;
  touch(uses: ReadonlyMap<string, number>): Promise<void>;
}

export interface CachedKeysOptions {
  kv: KVNamespace;
  source: Source;
  /** Milliseconds for which an isolate trusts what it knows before it looks again. */
  maxAgeMs: number;
  now: () => number;
  verify: (token: string, now: number) => Promise<VerifiedKey>;
  /** The errors of a key that does not count, and of one that no longer does. */
  refuse: { bad(): Error; expired(): Error };
  /** Lets work go on after the answer. */
  background: (work: Promise<unknown>) => void;
}

export class CachedKeys implements Keys {
  readonly #options: CachedKeysOptions;
  /**
   * By the token, in memory only, where each call brings it anyway. Hashing it first costs more than the rest of the check
   * (SHA-256 in workerd: 9 µs with WebCrypto and a promise, 20 µs with node:crypto; the map: 0.1 µs), and would hide
   * nothing: whether a guess is near a token does not show in the time of a map's lookup, which compares only what has the
   * same seeded hash. Only tokens that were right are here, so nobody can fill it with wrong ones.
   */
  readonly #verified = new BoundedCache<VerifiedKey>(MAX_TOKENS);
  readonly #standings = new BoundedCache<KeyStanding | "missing">(MAX_STANDINGS);
  readonly #epochs = new Map<number, KnownEpoch>();
  /** Uses of keys that are not written yet; memory only, so a crash forgets at most a second of them. */
  #uses = new Map<string, number>();
  #gatheringSince = Number.NEGATIVE_INFINITY;

  constructor(options: CachedKeysOptions) {
    this.#options = options;
  }

  holder(token: string): MaybePromise<{ key: VerifiedKey; standing: KeyStanding }> {
    const now = this.#options.now();
    const known = this.#verified.get(token);
    if (known === undefined) {
      return this.#options.verify(token, now).then((key) => {
        this.#verified.set(token, key);
        return this.#holderOf(key, now);
      });
    }
    if (now >= known.expiresAt) throw this.#options.refuse.expired();
    if (now < known.notBefore) throw this.#options.refuse.bad();
    return this.#holderOf(known, now);
  }

  async advance(organizationId: number, epoch: number): Promise<void> {
    const now = this.#options.now();
    const known = this.#epochs.get(organizationId);
    const value = Math.max(epoch, known?.value ?? 0);
    this.#epochs.set(organizationId, { value, readAt: now, lookedAt: now });
    try {
      await this.#put(organizationId, { value, readAt: now });
    } catch {
      // The change is committed, and the age of the old copy's epoch brings the new one in time.
    }
  }

  #holderOf(key: VerifiedKey, now: number): MaybePromise<{ key: VerifiedKey; standing: KeyStanding }> {
    return after(this.#standing(key, now), (standing) => {
      if (standing === undefined || standing.revoked || standing.userId !== key.userId)
        throw this.#options.refuse.bad();
      this.#used(standing, now);
      return { key, standing };
    });
  }

  #standing({ id, organizationId }: VerifiedKey, now: number): MaybePromise<KeyStanding | undefined> {
    return after(this.#epoch(organizationId, now), (epoch) => {
      const name = `o/${organizationId}/keys/${epoch}/${id}`;
      const known = this.#standings.get(name);
      if (known !== undefined) return known === "missing" ? undefined : known;
      return this.#load(name, organizationId, id);
    });
  }

  async #load(name: string, organizationId: number, id: string): Promise<KeyStanding | undefined> {
    const { kv, source, background } = this.#options;
    let standing = (await kv.get<KeyStanding>(name, "json")) ?? undefined;
    if (standing === undefined) {
      standing = await source.standing(organizationId, id);
      if (standing !== undefined)
        background(kv.put(name, JSON.stringify(standing), { expirationTtl: STANDING_TTL_S }));
    }
    this.#standings.set(name, standing ?? "missing");
    return standing;
  }

  #epoch(organizationId: number, now: number): MaybePromise<number> {
    const known = this.#epochs.get(organizationId);
    if (known !== undefined && now - known.readAt < MAX_EPOCH_AGE_MS) {
      if (now - known.lookedAt < Math.min(this.#options.maxAgeMs, MAX_LOOK_MS)) return known.value;
      // The first to find it old looks again; those who come meanwhile use it still, as long as it may be believed.
      known.lookedAt = now;
    }
    return this.#look(organizationId, now);
  }

  async #look(organizationId: number, now: number): Promise<number> {
    const copy = await this.#options.kv.get<Epoch>(epochKey(organizationId), "json");
    let found: Epoch;
    if (copy !== null && now - copy.readAt < MAX_EPOCH_AGE_MS) found = copy;
    else {
      // The time before the question: what was changed after it may not be in the answer.
      found = { value: await this.#options.source.epoch(organizationId), readAt: now };
      this.#options.background(this.#put(organizationId, found));
    }
    const known = this.#epochs.get(organizationId);
    // KV may be behind what this isolate itself changed.
    if (known === undefined || found.value >= known.value) {
      const readAt = Math.max(found.readAt, found.value === known?.value ? known.readAt : 0);
      this.#epochs.set(organizationId, { value: found.value, readAt, lookedAt: now });
      return found.value;
    }
    return known.value;
  }

  #put(organizationId: number, epoch: Epoch): Promise<void> {
    return this.#options.kv.put(epochKey(organizationId), JSON.stringify(epoch), {
      expirationTtl: EPOCH_TTL_S,
    });
  }

  /** Notes a use, of each key once an hour, many keys in one statement, after the answer. */
  #used(standing: KeyStanding, now: number): void {
    if (standing.lastUsedAt !== null && now - standing.lastUsedAt < LAST_USED_STEP_MS) return;
    standing.lastUsedAt = now;
    this.#uses.set(standing.keyId, now);
    // One that began long ago was cut off with its request, and will not come to its end.
    if (now - this.#gatheringSince < 10 * GATHER_MS) return;
    this.#gatheringSince = now;
    this.#options.background(
      new Promise<void>((resolve) => setTimeout(resolve, GATHER_MS)).then(() => {
        const uses = this.#uses;
        this.#uses = new Map();
        this.#gatheringSince = Number.NEGATIVE_INFINITY;
        return this.#options.source.touch(uses);
      }),
    );
  }
}

function epochKey(organizationId: number): string {
  return `o/${organizationId}/identity-epoch`;
}
