import type { KeystoreValue } from "../../domain/keystore";
import { type GroupSource, Looked, type Place } from "../../domain/keystore-search";
import { type Lookup, lookupsOf, termAt } from "../../domain/keystore-terms";
import { MAX_KEYSTORE_INDEXED_PLACES } from "../../domain/limits";
import type { StoredEntry } from "./entries";

/*
 * The search index of a keystore: an inverted table from the values at the places that searches ask for to entries.
 *
 * 1. A place is indexed from the first search that asks for it, while there are fewer than MAX_KEYSTORE_INDEXED_PLACES: so a write
 *    costs a row for each of them at the most. Entries that were there before are indexed by and by, before that search goes on.
 * 2. An entry's terms are written in the transaction of the entry.
 * 3. What a lookup finds is compared afterwards like every other entry: an index finds too many at worst.
 */

/** Entries that a keystore must have to be worth an index: fewer are looked through as quickly. */
const INDEX_FROM = 500;
/** Entries that are indexed in one transaction, and characters of them. */
const BUILD_ENTRIES = 1_000;
const BUILD_CHARS = 2_000_000;
/** Entries found by an index at the most: beyond, looking at all of them in order is quicker. */
const MAX_FOUND = 20_000;

interface IndexedPlace {
  id: number;
  name: string;
  place: Place;
  /** Entries up to this id are in the index; `undefined` when all are. */
  builtTo: number | undefined;
}

export class Terms {
  readonly #sql: SqlStorage;
  /** A copy of the table `places`. */
  #places: IndexedPlace[];

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#places = sql
      .exec<{ id: number; name: string; built_to: number | null }>(
        "SELECT id, name, built_to FROM places ORDER BY id",
      )
      .toArray()
      .map(({ id, name, built_to }) => ({
        id,
        name,
        place: JSON.parse(name) as Place,
        builtTo: built_to ?? undefined,
      }));
  }

  /** Writes the terms of an entry, in the transaction of the entry itself. */
  write(entry: number, key: string, value: KeystoreValue): void {
    if (this.#places.length === 0) return;
    const looked = new Looked(key, value);
    for (const place of this.#places) this.#one(entry, place, looked);
  }

  remove(entry: number): void {
    if (this.#places.length > 0) this.#sql.exec("DELETE FROM terms WHERE entry = ?", entry);
  }

  /** Forgets all, as when the keystore is dropped. */
  clear(): void {
    this.#sql.exec("DELETE FROM terms");
    this.#sql.exec("DELETE FROM places");
    this.#places = [];
  }

  /**
   * What to look up for a search, its places indexed from now on.
   * @param keys how many entries the keystore has
   */
  lookups(where: GroupSource | undefined, keys: number): readonly Lookup[] | undefined {
    if (where === undefined || keys < INDEX_FROM) return undefined;
    let free = MAX_KEYSTORE_INDEXED_PLACES - this.#places.length;
    const added = new Set<string>();
    const lookups = lookupsOf(where, (name) => {
      if (added.has(name) || this.#places.some((place) => place.name === name)) return true;
      if (free === 0) return false;
      free -= 1;
      added.add(name);
      return true;
    });
    for (const name of new Set(lookups?.map(({ place }) => place))) if (added.has(name)) this.#add(name);
    return lookups;
  }

  /**
   * Indexes some more of the entries that were there before their place was asked for.
   * @param since the entries behind an id, in their order
   * @param transaction runs what it is given as one
   * @returns whether there is more to do
   */
  build(since: (after: number) => Iterable<StoredEntry>, transaction: (work: () => void) => void): boolean {
    const open = this.#places.filter(({ builtTo }) => builtTo !== undefined);
    const from = Math.min(...open.map(({ builtTo }) => builtTo as number));
    if (open.length === 0) return false;
    let more = false;
    transaction(() => {
      let last = from;
      let entries = 0;
      let chars = 0;
      for (const entry of since(from)) {
        const looked = new Looked(entry.key, entry);
        for (const place of open)
          if (entry.id > (place.builtTo as number)) this.#one(entry.id, place, looked);
        last = entry.id;
        entries += 1;
        chars += entry.text.length;
        more = entries >= BUILD_ENTRIES || chars >= BUILD_CHARS;
        if (more) break;
      }
      for (const place of open) {
        place.builtTo = more ? Math.max(last, place.builtTo as number) : undefined;
        this.#sql.exec("UPDATE places SET built_to = ? WHERE id = ?", place.builtTo ?? null, place.id);
      }
    });
    return more;
  }

  /** Ids of the entries that lookups find, in order; `undefined` when there are too many to be worth it. */
  find(lookups: readonly Lookup[]): number[] | undefined {
    const found = new Set<number>();
    for (const lookup of lookups) {
      const place = this.#places.find(({ name }) => name === lookup.place);
      if (place === undefined || place.builtTo !== undefined) return undefined;
      const { sql, values } = lookupSql(lookup, place.id);
      for (const { entry } of this.#sql.exec<{ entry: number }>(sql, ...values)) {
        found.add(entry);
        if (found.size > MAX_FOUND) return undefined;
      }
    }
    return [...found].sort((left, right) => left - right);
  }

  #add(name: string): void {
    const { id } = this.#sql
      .exec<{ id: number }>("INSERT INTO places (name, built_to) VALUES (?, 0) RETURNING id", name)
      .one();
    this.#places.push({ id, name, place: JSON.parse(name) as Place, builtTo: 0 });
  }

  #one(entry: number, { id, place }: IndexedPlace, looked: Looked): void {
    const term = termAt(looked, place);
    if (term === undefined) {
      this.#sql.exec("DELETE FROM terms WHERE entry = ? AND place = ?", entry, id);
      return;
    }
    this.#sql.exec(
      "INSERT OR REPLACE INTO terms (entry, place, text, lower, number) VALUES (?, ?, ?, ?, ?)",
      entry,
      id,
      term.text,
      term.lower,
      term.number,
    );
  }
}

/** A lookup as a statement. Names are ours; every value is bound. */
export function lookupSql(
  { field, from, to, before, noNumbers }: Lookup,
  place: number,
): { sql: string; values: (string | number)[] } {
  const values: (string | number)[] = [place];
  const bound = (comparison: string, value: string | number) => {
    values.push(value);
    return ` AND ${field} ${comparison} ?`;
  };
  let sql = "SELECT entry FROM terms WHERE place = ?";
  if (from !== undefined && from === to) sql += bound("=", from);
  else {
    if (from !== undefined) sql += bound(">=", from);
    if (to !== undefined) sql += bound(before ? "<" : "<=", to);
  }
  if (field === "number") sql += " AND number IS NOT NULL";
  if (noNumbers) sql += " AND number IS NULL";
  return { sql, values };
}
