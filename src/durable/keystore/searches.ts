import type { JsonObject } from "../../domain/json";
import { type CompiledSearch, compileSearch, type KeystoreSearch } from "../../domain/keystore-search";
import { MAX_KEYSTORE_BATCH_BYTES, MAX_KEYSTORE_FOUND } from "../../domain/limits";
import type { Entries, StoredEntry } from "./entries";
import type { Terms } from "./terms";

/** Entries, and characters of them, that a search looks at before it lets others have their turn. */
const SLICE_ENTRIES = 2_000;
const SLICE_CHARS = 4_000_000;

export interface SearchesOptions {
  storage: DurableObjectStorage;
  entries: Entries;
  terms: Terms;
  /** How many entries there are. */
  count: () => number;
  dropped: () => boolean;
}

type Refusal =
  | { kind: "dropped" }
  | { kind: "too_much"; limit: "MAX_KEYSTORE_BATCH_BYTES" | "MAX_KEYSTORE_FOUND" };
export type SearchAnswer = { kind: "done"; value: JsonObject[][] } | Refusal;

/**
 * Looks for entries: through terms where a search asks for what they hold, else through all. What is found there is compared
 * with the search in any case. Writes and reads get their turn in between.
 */
export class Searches {
  readonly #options: SearchesOptions;

  constructor(options: SearchesOptions) {
    this.#options = options;
  }

  /** What each search finds. */
  async answer(searches: readonly KeystoreSearch[]): Promise<SearchAnswer> {
    const { storage, entries, terms, count, dropped } = this.#options;
    const asked = searches.map((search) => ({
      ...compileSearch(search),
      rows: [] as JsonObject[],
      skipped: 0,
      lookups: terms.lookups(search.where, count()),
    }));
    const size = { bytes: 0 };
    const since = (after: number) => entries.since(after, Date.now());
    if (asked.some(({ lookups }) => lookups !== undefined)) {
      while (terms.build(since, (work) => storage.transactionSync(work))) await breath();
    }
    const unindexed: Asked[] = [];
    for (const search of asked) {
      const ids = search.lookups && terms.find(search.lookups);
      if (ids === undefined) unindexed.push(search);
      else {
        const behind = (after: number) => entries.withIds(behindId(ids, after), Date.now());
        const refused = await this.#look([search], behind, size);
        if (refused !== undefined) return refused;
      }
    }
    const refused = unindexed.length === 0 ? undefined : await this.#look(unindexed, since, size);
    if (dropped()) return { kind: "dropped" };
    return refused ?? { kind: "done", value: asked.map(({ rows }) => rows) };
  }

  /**
   * Compares entries with searches, and adds what they find to their rows.
   * @param since the entries behind an id, in order
   * @param size counts what has been found, of all searches
   */
  async #look(
    asked: readonly Asked[],
    since: (after: number) => Iterable<StoredEntry>,
    size: { bytes: number },
  ): Promise<Refusal | undefined> {
    for (let after = 0; ; ) {
      if (this.#options.dropped()) return { kind: "dropped" };
      let entries = 0;
      let chars = 0;
      let more = false;
      for (const entry of since(after)) {
        for (const search of asked) {
          if (hasEnough(search)) continue;
          const row = search.find(entry.key, entry);
          if (row === undefined) continue;
          if (search.skipped < search.offset) {
            search.skipped += 1;
            continue;
          }
          if (search.rows.length >= MAX_KEYSTORE_FOUND)
            return { kind: "too_much", limit: "MAX_KEYSTORE_FOUND" };
          for (const text of Object.values(row)) size.bytes += typeof text === "string" ? text.length : 8;
          if (size.bytes > MAX_KEYSTORE_BATCH_BYTES)
            return { kind: "too_much", limit: "MAX_KEYSTORE_BATCH_BYTES" };
          search.rows.push(row);
        }
        after = entry.id;
        entries += 1;
        chars += entry.text.length;
        more = entries >= SLICE_ENTRIES || chars >= SLICE_CHARS;
        if (more || asked.every(hasEnough)) break;
      }
      if (!more || asked.every(hasEnough)) return undefined;
      await breath();
    }
  }
}

/** A search that is being made. */
interface Asked extends CompiledSearch {
  rows: JsonObject[];
  /** Found entries that its offset passed over. */
  skipped: number;
}

function hasEnough({ limit, rows }: Asked): boolean {
  return limit !== undefined && rows.length >= limit;
}

/** Those of ordered ids that are greater than one. */
function behindId(ids: readonly number[], after: number): readonly number[] {
  const from = after === 0 ? 0 : ids.findIndex((id) => id > after);
  return from < 0 ? [] : ids.slice(from);
}

/** Writes and reads get their turn in between. */
function breath(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
