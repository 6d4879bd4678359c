import type { JsonObject } from "../domain/json";
import type { KeystoreEntry, KeystoreRef, KeystoreValue } from "../domain/keystore";
import type { KeystoreSearch } from "../domain/keystore-search";
import type { MaybePromise } from "./maybe-promise";

/** One write. `expiresAt` is a time in milliseconds since 1970, or `null` for never. */
export type KeystoreWrite =
  | { kind: "insert" | "put"; key: string; value: KeystoreValue; expiresAt: number | null }
  | { kind: "delete"; key: string };

/** What became of a write. `version` tells which of two writes of one key was the later one. */
export type WriteOutcome =
  | { kind: "written"; version: number; updatedAt: number }
  | { kind: "exists" }
  | { kind: "deleted"; version: number }
  | { kind: "missing" };

export interface ReadOptions {
  /** Ask the owner, whatever a copy says. */
  fresh?: boolean;
  /** Make a missing key, with the store's empty structure. */
  create?: boolean;
}

/** Entries under a prefix, by key. */
export interface KeystorePage {
  entries: (Omit<KeystoreEntry, "text"> & { key: string; bytes: number })[];
  more: boolean;
}

/**
 * The environment's keystores: owners that serialise the writes of a keystore, and copies that serve its reads. A method
 * asks an owner once, however many keys it is given; a read that finds its copies does not ask it at all.
 *
 * @throws SluiceError unavailable when the owner cannot be asked, or is not certain that no copy shows the value from
 * before; not_found for a keystore that was dropped; payload_too_large for values that are too much for one call
 */
export interface KeystorePort {
  /** The keystore of that name; `undefined` when there is none (any more). */
  find(environmentId: number, name: string): MaybePromise<KeystoreRef | undefined>;
  /** Values in the order of the keys; `undefined` for a missing key. */
  read(
    store: KeystoreRef,
    keys: readonly string[],
    options: ReadOptions,
  ): Promise<(KeystoreEntry | undefined)[]>;
  /**
   * Writes in this order, all in one transaction; none is undone by another that finds its key taken.
   * @param step names this write among all others: when it comes again, nothing is written and the answer is the same
   */
  write(store: KeystoreRef, writes: readonly KeystoreWrite[], step?: string): Promise<WriteOutcome[]>;
  /** What each search finds, in the order in which entries were first written. */
  search(store: KeystoreRef, searches: readonly KeystoreSearch[]): Promise<JsonObject[][]>;
  /** How many entries there are; those that expired a moment ago may be among them. */
  count(store: KeystoreRef): Promise<number>;
  browse(store: KeystoreRef, prefix: string, after: string | undefined, limit: number): Promise<KeystorePage>;
  /** Forgets everything of a dropped keystore; it is never written again. */
  clear(store: Pick<KeystoreRef, "environmentId" | "id">): Promise<void>;
}
