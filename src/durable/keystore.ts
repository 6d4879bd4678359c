import { DurableObject } from "cloudflare:workers";
import type { Bindings } from "../bindings";
import type { JsonObject } from "../domain/json";
import type { KeystoreEntry, KeystoreValue } from "../domain/keystore";
import type { KeystoreSearch } from "../domain/keystore-search";
import { MAX_KEYSTORE_BATCH_BYTES } from "../domain/limits";
import { storingObjectOf } from "../domain/object-storage";
import { logError } from "../domain/operator-log";
import type { KeystorePage, KeystoreWrite, WriteOutcome } from "../engine/keystore-port";
import { servicesOf } from "../services";
import { Copies } from "./keystore/copies";
import { Entries, type StoredEntry } from "./keystore/entries";
import { createTables } from "./keystore/schema";
import { Searches } from "./keystore/searches";
import { Steps } from "./keystore/steps";
import { Terms } from "./keystore/terms";
import { StorageReport } from "./storage-report";

/*
 * The owner of a keystore, one per environment and keystore, named `e{environment}/keystore/{id}`.
 *
 * Invariants:
 * 1. Every write of the keystore is a transaction here, so of two inserts of one key one finds it taken.
 * 2. A write is answered when it is on disk (the platform's output gate), and no copy shows the value from before
 *    (keystore/copies.ts).
 * 3. The answer to a write that names a step is kept in the write's own transaction.
 * 4. A keystore that was dropped stays so: its id is given to no other.
 */

/** What an answer may be instead of what was asked for. */
export type OwnerAnswer<T> =
  | { kind: "done"; value: T }
  | { kind: "dropped" }
  /** Written, but KV did not take a copy away. */
  | { kind: "copy_stays" }
  | { kind: "too_much"; limit: "MAX_KEYSTORE_BATCH_BYTES" | "MAX_KEYSTORE_FOUND" };

/** What a missing key gets when it is read. */
export interface Beginning {
  value: KeystoreValue;
  expiresAt: number | null;
}

/** Milliseconds by which an alarm may be late before it is believed lost and set again. */
const ALARM_LOST_MS = 60_000;
/** Milliseconds after which an alarm that failed is tried again. */
const RETRY_MS = 5_000;
/** Keys that are written together at the most for their copies to be made unasked. */
const COPY_UNASKED = 100;
/** Rows of expired entries that one alarm removes. */
const SWEEP = 500;

export class Keystore extends DurableObject<Bindings> {
  readonly #sql: SqlStorage;
  readonly #entries: Entries;
  readonly #steps: Steps;
  readonly #terms: Terms;
  readonly #searches: Searches;
  readonly #copies: Copies;
  readonly #usage: StorageReport;
  /** A copy of the row `store`; `undefined` while there is none. */
  #store: { keys: number; prefix: string; dropped: boolean } | undefined;
  /** When the alarm is set to fire: a copy of what the platform knows. */
  #alarmAt: number | undefined;
  /** The version of the last write: the time, or one more than the last. */
  #version = 0;

  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    createTables(this.#sql);
    this.#entries = new Entries(this.#sql);
    this.#steps = new Steps(this.#sql);
    this.#terms = new Terms(this.#sql);
    const [row] = this.#sql.exec<{ keys: number; prefix: string; dropped: number }>("SELECT * FROM store");
    this.#store = row && { keys: row.keys, prefix: row.prefix, dropped: row.dropped === 1 };
    this.#searches = new Searches({
      storage: ctx.storage,
      entries: this.#entries,
      terms: this.#terms,
      count: () => this.count(),
      dropped: () => this.#store?.dropped === true,
    });
    this.#copies = new Copies({
      storage: ctx.storage,
      kv: env.KEYSTORE,
      now: () => Date.now(),
      entry: (key) => this.#entries.read(key, Date.now()),
      prefix: () => this.#store?.prefix ?? "",
      arm: (at) => this.#arm(at),
    });
    this.#usage = new StorageReport({
      sql: this.#sql,
      count: "SELECT sum(bytes + length(CAST(key AS BLOB))) FROM entries",
      tell: (bytes) => this.#tell(bytes),
      arm: (at) => this.#arm(at),
    });
    void ctx.blockConcurrencyWhile(async () => {
      this.#alarmAt = (await ctx.storage.getAlarm()) ?? undefined;
      const due = this.#usage.nextDue();
      if (due !== undefined) this.#arm(due);
    });
  }

  /** Entries by key; those that are missing are made where `beginning` says of what. */
  async read(
    prefix: string,
    keys: readonly string[],
    beginning: Beginning | undefined,
  ): Promise<OwnerAnswer<(KeystoreEntry | undefined)[]>> {
    if (this.#store?.dropped) return { kind: "dropped" };
    const now = Date.now();
    const found: (KeystoreEntry | undefined)[] = [];
    const missing: KeystoreWrite[] = [];
    let bytes = 0;
    for (const key of keys) {
      const entry = this.#entries.read(key, now);
      bytes += entry?.text.length ?? 0;
      if (bytes > MAX_KEYSTORE_BATCH_BYTES) return { kind: "too_much", limit: "MAX_KEYSTORE_BATCH_BYTES" };
      found.push(entry && onlyEntry(entry));
      if (entry !== undefined) this.#copies.wanted(key);
      if (entry === undefined && beginning !== undefined) missing.push({ kind: "insert", key, ...beginning });
    }
    if (missing.length === 0) return { kind: "done", value: found };
    const leaving = new Set<string>();
    this.#change(prefix, missing, undefined, leaving);
    const value = keys.map((key) => {
      const entry = this.#entries.read(key, now);
      return entry && onlyEntry(entry);
    });
    return (await this.#left(leaving)) ? { kind: "done", value } : { kind: "copy_stays" };
  }

  /** Writes in order, in one transaction. */
  async write(
    prefix: string,
    writes: readonly KeystoreWrite[],
    step: string | undefined,
  ): Promise<OwnerAnswer<WriteOutcome[]>> {
    if (this.#store?.dropped) return { kind: "dropped" };
    const known = step === undefined ? undefined : this.#steps.read(step);
    const leaving = new Set<string>();
    const outcomes = known ?? this.#change(prefix, writes, step, leaving);
    // The attempt before may have ended here.
    if (known !== undefined) for (const { key } of writes) leaving.add(key);
    return (await this.#left(leaving)) ? { kind: "done", value: outcomes } : { kind: "copy_stays" };
  }

  /** What each search finds. */
  search(searches: readonly KeystoreSearch[]): Promise<OwnerAnswer<JsonObject[][]>> {
    return this.#searches.answer(searches);
  }

  count(): number {
    return this.#store?.keys ?? 0;
  }

  browse(prefix: string, after: string | undefined, limit: number): KeystorePage {
    const entries: KeystorePage["entries"] = [];
    for (const head of this.#entries.under(prefix, after, Date.now())) {
      if (entries.length === limit) return { entries, more: true };
      entries.push(head);
    }
    return { entries, more: false };
  }

  /** Forgets everything but that the keystore was dropped. Copies go by and by; nobody looks at them any more. */
  clear(prefix: string): void {
    this.ctx.storage.transactionSync(() => {
      this.#sql.exec("DELETE FROM parts");
      this.#sql.exec("DELETE FROM entries");
      this.#sql.exec("DELETE FROM steps");
      this.#terms.clear();
      this.#sql.exec("INSERT OR REPLACE INTO store VALUES (1, 0, ?, 1)", prefix);
      this.#store = { keys: 0, prefix, dropped: true };
      this.#copies.dropAll();
      this.#usage.clear();
    });
  }

  override async alarm(): Promise<void> {
    this.#alarmAt = undefined;
    try {
      const now = Date.now();
      this.#sweep(now);
      await this.#copies.flush();
      await this.#usage.flush(now);
    } catch (error) {
      logError("a keystore's alarm failed, and comes again", error);
      return this.#arm(Date.now() + RETRY_MS);
    }
    const next = [
      this.#copies.nextDue(),
      this.#entries.nextExpiry(),
      this.#steps.nextSweep(),
      this.#usage.nextDue(),
    ];
    const due = next.filter((at) => at !== undefined);
    if (due.length > 0) this.#arm(Math.min(...due));
  }

  #change(
    prefix: string,
    writes: readonly KeystoreWrite[],
    step: string | undefined,
    leaving: Set<string>,
  ): WriteOutcome[] {
    const before = this.#store;
    try {
      return this.ctx.storage.transactionSync(() => {
        const now = Date.now();
        const store = { keys: before?.keys ?? 0, prefix, dropped: false };
        const many = writes.length > COPY_UNASKED;
        const outcomes = writes.map((write) => this.#one(write, now, store, leaving, many));
        this.#usage.add(this.#entries.takeGrowth());
        if (step !== undefined) {
          this.#steps.add(step, outcomes, now);
          this.#arm(this.#steps.nextSweep() as number);
        }
        if (before?.keys !== store.keys || before.prefix !== prefix) {
          this.#sql.exec("INSERT OR REPLACE INTO store VALUES (1, ?, ?, 0)", store.keys, prefix);
        }
        this.#store = store;
        return outcomes;
      });
    } catch (error) {
      // Undone with the rest, the alarm too.
      this.#entries.takeGrowth();
      this.#store = before;
      this.#alarmAt = undefined;
      throw error;
    }
  }

  /** Whether no copy shows what was there before, any more. */
  async #left(leaving: ReadonlySet<string>): Promise<boolean> {
    try {
      await Promise.all([...leaving].map((key) => this.#copies.leave(key)));
      return true;
    } catch (error) {
      logError("KV did not take copies of a keystore's entries away", error);
      return false;
    }
  }

  #one(
    write: KeystoreWrite,
    now: number,
    store: { keys: number },
    leaving: Set<string>,
    many: boolean,
  ): WriteOutcome {
    const { key } = write;
    const head = this.#entries.head(key);
    const there = head !== undefined && (head.expiresAt === null || head.expiresAt > now);
    if (write.kind === "insert" && there) return { kind: "exists" };
    if (write.kind === "delete" && head === undefined) return { kind: "missing" };
    this.#version = Math.max(now, this.#version + 1);
    const version = this.#version;
    if (write.kind === "delete") {
      this.#remove((head as { id: number }).id);
      store.keys -= 1;
    } else {
      const { value, expiresAt } = write;
      const replaces = head !== undefined;
      const id = this.#entries.write(key, value, { version, updatedAt: now, expiresAt, replaces });
      this.#terms.write(id, key, value);
      if (head === undefined) store.keys += 1;
      if (expiresAt !== null) this.#arm(expiresAt);
    }
    if (this.#copies.changed(key, head?.updatedAt, many)) leaving.add(key);
    if (write.kind !== "delete") return { kind: "written", version, updatedAt: now };
    return there ? { kind: "deleted", version } : { kind: "missing" };
  }

  #remove(id: number): void {
    this.#entries.remove(id);
    this.#terms.remove(id);
  }

  #sweep(now: number): void {
    this.ctx.storage.transactionSync(() => {
      const expired = this.#entries.expired(now, SWEEP);
      for (const { id, key } of expired) {
        this.#remove(id);
        this.#copies.forget(key);
      }
      if (expired.length > 0 && this.#store !== undefined) {
        this.#store = { ...this.#store, keys: this.#store.keys - expired.length };
        this.#sql.exec("UPDATE store SET keys = ?", this.#store.keys);
      }
      this.#usage.add(this.#entries.takeGrowth());
      this.#steps.sweep(now);
    });
  }

  async #tell(bytes: number): Promise<void> {
    const address = storingObjectOf(this.ctx.id.name);
    if (address !== undefined) await servicesOf(this.env).objectStorage.tell(address, bytes);
  }

  /** Sees to it that the alarm fires by `at`. In the transaction of what is written in this turn. */
  #arm(at: number): void {
    const set = this.#alarmAt;
    if (set !== undefined && set <= at && set > Date.now() - ALARM_LOST_MS) return;
    this.#alarmAt = at;
    void this.ctx.storage.setAlarm(at);
  }
}

function onlyEntry({ text, format, version, updatedAt, expiresAt }: StoredEntry): KeystoreEntry {
  return { text, format, version, updatedAt, expiresAt };
}
