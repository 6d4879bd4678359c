import type { KeystoreEntry } from "../../domain/keystore";
import { copyKey, copyMetadata } from "../../domain/keystore-copy";
import { logWarning } from "../../domain/operator-log";

/*
 * What KV holds of a keystore. Invariants:
 * 1. Only the owner writes KV, and under one key one thing at a time, at most once a second (KV's own limit).
 * 2. `held` is 1 before a copy may be there, on disk, and 0 only after KV has confirmed that it is gone. So a write of a key
 *    that KV may hold takes the copy away before it is answered, and no reader finds the value from before: it misses, and
 *    asks the owner.
 * 3. What is due is a row, written in the transaction of the write that makes it due, with an alarm. An owner that dies
 *    between the two is woken, and goes on.
 * 4. What an owner was sending to KV when it died may arrive later than what the next one sends. So what is under way is
 *    known on disk, and what the next owner does under such a key is done again after a while.
 * 5. A copy is made when its key has been left alone for a moment, so a key that is written often costs no KV write each
 *    time, and its writers never wait for KV's limit.
 */

/** KV takes one write per key and second; a little more for two clocks that differ. */
const KV_INTERVAL_MS = 1_050;
/** Milliseconds after a write until the copy is made. */
const QUIET_MS = 1_000;
/** A key that was written twice within as many milliseconds waits as long for its copy. */
const HOT_MS = 5_000;
/** Milliseconds after which something that was under way when the owner died, or that KV refused, is tried again. */
const RETRY_MS = 5_000;
/** A copy that would expire within as many milliseconds is not worth making. */
const MIN_LIFE_MS = 5_000;
/** KV's shortest expiry, in seconds. What expires sooner says so in its metadata. */
const KV_MIN_TTL_S = 60;
/** Milliseconds in which what an owner that died had sent to KV may still arrive there. */
const LATE_MS = 30_000;
/** Times that KV is asked to take a copy away before the writer is told that it did not. */
const TRIES = 3;
const TRY_AGAIN_MS = 200;
/** Copies that one alarm makes or takes away, and how many at once: an invocation has six connections. */
const BATCH = 200;
const CONCURRENCY = 6;

interface Copy {
  [column: string]: SqlStorageValue;
  key: string;
  held: number;
  due: number | null;
  touched_at: number;
}

export interface CopiesOptions {
  storage: Pick<DurableObjectStorage, "sql" | "sync">;
  kv: Pick<KVNamespace, "put" | "delete">;
  now: () => number;
  /** The entry as it is now. */
  entry: (key: string) => KeystoreEntry | undefined;
  prefix: () => string;
  /** Sees to it that the alarm fires by then. */
  arm: (at: number) => void;
  pause?: (ms: number) => Promise<void>;
}

export class Copies {
  readonly #options: CopiesOptions;
  readonly #sql: SqlStorage;
  readonly #pause: (ms: number) => Promise<void>;
  /** Memory only: what is under way in KV, by key; it never rejects. */
  readonly #busy = new Map<string, Promise<unknown>>();
  /** Memory only: copies that are being taken away, so that several writers wait for one deletion. */
  readonly #leaving = new Map<string, Promise<void>>();
  /** Memory only: keys under which something was under way when the owner before this died, and until when it may arrive. */
  readonly #late = new Map<string, number>();

  constructor(options: CopiesOptions) {
    this.#options = options;
    this.#sql = options.storage.sql;
    this.#pause = options.pause ?? pause;
    const until = options.now() + LATE_MS;
    for (const { key } of this.#sql.exec<{ key: string }>(
      "SELECT key FROM copies WHERE held = 1 AND due IS NOT NULL",
    )) {
      this.#late.set(key, until);
    }
  }

  /**
   * In the transaction of a write: its copy is no longer right. Returns whether one may be there, to be taken away before
   * the write is answered.
   * @param before when the key was last written before this
   * @param onRead whether its copy waits for someone to read it, as it does for each of many that are written together
   */
  changed(key: string, before: number | undefined, onRead = false): boolean {
    const now = this.#options.now();
    if (onRead && this.#read(key) === undefined) return false;
    const due = now + (before !== undefined && now - before < HOT_MS ? HOT_MS : QUIET_MS);
    const held =
      this.#sql
        .exec<{ held: number }>(
          `INSERT INTO copies (key, held, due, touched_at) VALUES (?1, 0, ?2, 0)
           ON CONFLICT (key) DO UPDATE SET due = CASE held WHEN 1 THEN ?3 ELSE ?2 END RETURNING held`,
          key,
          due,
          now,
        )
        .one().held === 1;
    // Whoever dies before the copy is gone is woken soon; whoever does not has no need of the alarm before the copy is made.
    this.#options.arm(held ? now + RETRY_MS : due);
    return held;
  }

  /** Someone asked the owner for an entry that has no copy, and none is due. */
  wanted(key: string): void {
    if (this.#read(key) !== undefined) return;
    const due = this.#options.now();
    this.#sql.exec("INSERT INTO copies (key, held, due, touched_at) VALUES (?, 0, ?, 0)", key, due);
    this.#options.arm(due);
  }

  /** Takes a copy away, once no longer than it takes. @throws when KV refuses */
  leave(key: string): Promise<void> {
    let leaving = this.#leaving.get(key);
    if (leaving === undefined) {
      leaving = this.#afterOthers(key, () => this.#delete(key)).finally(() => this.#leaving.delete(key));
      this.#leaving.set(key, leaving);
    }
    return leaving;
  }

  /** Forgets an entry that expired; its copy expires by itself, and says so. */
  forget(key: string): void {
    this.#sql.exec("DELETE FROM copies WHERE key = ?", key);
  }

  /** The keystore was dropped: every copy is to go. */
  dropAll(): void {
    this.#sql.exec("DELETE FROM copies WHERE held = 0");
    this.#sql.exec("UPDATE copies SET due = ?", this.#options.now());
    this.#options.arm(this.#options.now());
  }

  /** Makes and takes away what is due; never throws. */
  async flush(): Promise<void> {
    const due = this.#sql
      .exec<Copy>("SELECT * FROM copies WHERE due <= ? ORDER BY due LIMIT ?", this.#options.now(), BATCH)
      .toArray();
    const next = due[Symbol.iterator]();
    const lane = async () => {
      for (const { key } of next) await this.#bring(key);
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, lane));
  }

  nextDue(): number | undefined {
    const row = this.#sql
      .exec<{ due: number | null }>("SELECT min(due) AS due FROM copies WHERE due IS NOT NULL")
      .one();
    return row.due ?? undefined;
  }

  /** Makes KV say of a key what is so. */
  async #bring(key: string): Promise<void> {
    try {
      // What a writer waits for is under way already.
      if (this.#leaving.has(key)) return await this.leave(key);
      const { entry, now } = this.#options;
      const found = entry(key);
      const lasts =
        found !== undefined && (found.expiresAt === null || found.expiresAt > now() + MIN_LIFE_MS);
      if (lasts) await this.#afterOthers(key, () => this.#put(key));
      else if (this.#read(key)?.held === 1) await this.leave(key);
      else this.forget(key);
    } catch (error) {
      logWarning("a copy of a keystore's entry is late", error);
      this.#later(key);
    }
  }

  async #put(key: string): Promise<void> {
    const { kv, now, entry, prefix, arm, storage } = this.#options;
    const row = this.#read(key);
    // Meanwhile the key was written, or another put made the copy.
    if (row === undefined || row.due === null || row.due > now()) return;
    const name = await copyKey(prefix(), key);
    await this.#interval(row.touched_at);
    const found = entry(key);
    if (found === undefined) return this.#later(key);
    const at = now();
    this.#sql.exec(
      "UPDATE copies SET held = 1, due = ?, touched_at = ? WHERE key = ?",
      at + RETRY_MS,
      at,
      key,
    );
    arm(at + RETRY_MS);
    await storage.sync();
    await kv.put(name, found.text, {
      metadata: copyMetadata(found),
      ...(found.expiresAt === null
        ? {}
        : { expirationTtl: Math.max(KV_MIN_TTL_S, Math.ceil((found.expiresAt - at) / 1_000)) }),
    });
    // A write that came meanwhile has made its own time due.
    const again = this.#again(key);
    this.#sql.exec("UPDATE copies SET due = ? WHERE key = ? AND due = ?", again, key, at + RETRY_MS);
    if (again !== null) arm(again);
  }

  async #delete(key: string): Promise<void> {
    const row = this.#read(key);
    if (row === undefined || row.held === 0) return;
    const { kv, now, prefix, entry, arm } = this.#options;
    const name = await copyKey(prefix(), key);
    for (let attempt = 1; ; attempt += 1) {
      await this.#interval(this.#read(key)?.touched_at ?? 0);
      try {
        await kv.delete(name);
        break;
      } catch (error) {
        if (attempt < TRIES) {
          await this.#pause(TRY_AGAIN_MS * attempt);
          continue;
        }
        this.#later(key);
        throw error;
      }
    }
    const at = now();
    if (entry(key) === undefined) {
      const again = this.#again(key);
      if (again === null) return this.forget(key);
      this.#sql.exec("UPDATE copies SET due = ?, touched_at = ? WHERE key = ?", again, at, key);
      return arm(again);
    }
    const made = at + (at - row.touched_at < HOT_MS ? HOT_MS : QUIET_MS);
    this.#sql.exec("UPDATE copies SET held = 0, due = ?, touched_at = ? WHERE key = ?", made, at, key);
    arm(made);
  }

  /** When something is to be done once more, since an earlier owner's doing may have come after it; `null` for never. */
  #again(key: string): number | null {
    const until = this.#late.get(key);
    if (until === undefined || until > this.#options.now()) return until ?? null;
    this.#late.delete(key);
    return null;
  }

  #later(key: string): void {
    const due = this.#options.now() + RETRY_MS;
    this.#sql.exec("UPDATE copies SET due = ? WHERE key = ?", due, key);
    this.#options.arm(due);
  }

  /** Waits until KV takes another write of the key. */
  async #interval(touchedAt: number): Promise<void> {
    const wait = touchedAt + KV_INTERVAL_MS - this.#options.now();
    if (wait > 0) await this.#pause(Math.min(wait, KV_INTERVAL_MS));
  }

  /** Does something under a key of KV when all before it has ended. */
  #afterOthers<T>(key: string, act: () => Promise<T>): Promise<T> {
    const before = this.#busy.get(key);
    const doing = before === undefined ? act() : before.then(act);
    const ended = doing.then(
      () => {},
      () => {},
    );
    this.#busy.set(key, ended);
    void ended.then(() => {
      if (this.#busy.get(key) === ended) this.#busy.delete(key);
    });
    return doing;
  }

  #read(key: string): Copy | undefined {
    return this.#sql.exec<Copy>("SELECT * FROM copies WHERE key = ?", key).toArray()[0];
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
