import type { JsonObject } from "../../src/domain/json";
import {
  emptyValue,
  expiryOf,
  type KeystoreDefinition,
  type KeystoreEntry,
  type KeystoreRef,
} from "../../src/domain/keystore";
import { compileSearch, type KeystoreSearch } from "../../src/domain/keystore-search";
import type {
  KeystorePage,
  KeystorePort,
  KeystoreWrite,
  ReadOptions,
  WriteOutcome,
} from "../../src/engine/keystore-port";

/** Keystores in memory. Each method counts as one call, however many keys it is given. */
export class FakeKeystores implements KeystorePort {
  readonly calls: string[] = [];
  readonly stores = new Map<string, Map<string, KeystoreEntry>>();
  /** Answers of steps, as an owner keeps them. */
  readonly steps = new Map<string, WriteOutcome[]>();
  /** Thrown by every call while it is set. */
  failure: Error | undefined;
  readonly #definitions = new Map<string, KeystoreDefinition>();
  #version = 0;

  constructor(definitions: readonly KeystoreDefinition[] = []) {
    for (const definition of definitions) {
      this.#definitions.set(definition.keystore, definition);
      this.stores.set(definition.keystore, new Map());
    }
  }

  find(environmentId: number, name: string): KeystoreRef | undefined {
    const definition = this.#definitions.get(name);
    return definition && { environmentId, id: [...this.#definitions.keys()].indexOf(name) + 1, definition };
  }

  async read(
    store: KeystoreRef,
    keys: readonly string[],
    { create }: ReadOptions,
  ): Promise<(KeystoreEntry | undefined)[]> {
    this.#called("read");
    const entries = this.#entries(store);
    return keys.map((key) => {
      if (create === true && !entries.has(key)) {
        this.#put(store, key, emptyValue(store.definition), expiryOf(store.definition, 0));
      }
      return entries.get(key);
    });
  }

  async write(store: KeystoreRef, writes: readonly KeystoreWrite[], step?: string): Promise<WriteOutcome[]> {
    this.#called("write");
    const known = step === undefined ? undefined : this.steps.get(step);
    if (known !== undefined) return known;
    const entries = this.#entries(store);
    const outcomes = writes.map((write): WriteOutcome => {
      if (write.kind === "delete") {
        return entries.delete(write.key)
          ? { kind: "deleted", version: ++this.#version }
          : { kind: "missing" };
      }
      if (write.kind === "insert" && entries.has(write.key)) return { kind: "exists" };
      return this.#put(store, write.key, write.value, write.expiresAt);
    });
    if (step !== undefined) this.steps.set(step, outcomes);
    return outcomes;
  }

  async search(store: KeystoreRef, searches: readonly KeystoreSearch[]): Promise<JsonObject[][]> {
    this.#called("search");
    return searches.map((search) => {
      const { find, offset, limit } = compileSearch(search);
      const rows = [...this.#entries(store)].flatMap(([key, entry]): JsonObject[] => {
        const row = find(key, entry);
        return row === undefined ? [] : [row];
      });
      return rows.slice(offset, limit === undefined ? undefined : offset + limit);
    });
  }

  async count(store: KeystoreRef): Promise<number> {
    return this.#entries(store).size;
  }

  async browse(): Promise<KeystorePage> {
    return { entries: [], more: false };
  }

  async clear(): Promise<void> {}

  #put(
    store: KeystoreRef,
    key: string,
    value: Pick<KeystoreEntry, "text" | "format">,
    expiresAt: number | null,
  ): WriteOutcome {
    const version = ++this.#version;
    this.#entries(store).set(key, { ...value, version, updatedAt: version, expiresAt });
    return { kind: "written", version, updatedAt: version };
  }

  #entries({ definition }: KeystoreRef): Map<string, KeystoreEntry> {
    return this.stores.get(definition.keystore) as Map<string, KeystoreEntry>;
  }

  #called(method: string): void {
    this.calls.push(method);
    if (this.failure !== undefined) throw this.failure;
  }
}
