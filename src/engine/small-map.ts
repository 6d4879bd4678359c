/**
 * A map by name for the few entries that a node has: nearly every node takes items in by one port and emits on one or two
 * results. Those lie in the object itself; a hash table for each would be most of what a run leaves to the garbage collector.
 */
export class SmallMap<V> implements Iterable<[string, V]> {
  #size = 0;
  #firstKey = "";
  #first: V | undefined;
  #secondKey = "";
  #second: V | undefined;
  #rest: Map<string, V> | undefined;

  static of<V>(entries: Iterable<readonly [string, V]>): SmallMap<V> {
    const map = new SmallMap<V>();
    for (const [key, value] of entries) map.set(key, value);
    return map;
  }

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    if (this.#size === 0) return undefined;
    if (key === this.#firstKey) return this.#first;
    if (this.#size === 1) return undefined;
    if (key === this.#secondKey) return this.#second;
    return this.#rest?.get(key);
  }

  set(key: string, value: V): this {
    if (this.#size === 0 || this.#firstKey === key) {
      if (this.#size === 0) this.#size = 1;
      this.#firstKey = key;
      this.#first = value;
    } else if (this.#size === 1 || this.#secondKey === key) {
      if (this.#size === 1) this.#size = 2;
      this.#secondKey = key;
      this.#second = value;
    } else {
      this.#rest ??= new Map();
      this.#rest.set(key, value);
      this.#size = 2 + this.#rest.size;
    }
    return this;
  }

  /** The value of the entry at a place; entries have the order in which their keys were first set. */
  valueAt(index: number): V {
    if (index === 0) return this.#first as V;
    if (index === 1) return this.#second as V;
    return [...(this.#rest?.values() ?? [])][index - 2] as V;
  }

  /** Entries in the order in which their keys were first set. */
  *[Symbol.iterator](): Iterator<[string, V]> {
    if (this.#size > 0) yield [this.#firstKey, this.#first as V];
    if (this.#size > 1) yield [this.#secondKey, this.#second as V];
    if (this.#rest !== undefined) yield* this.#rest;
  }
}
