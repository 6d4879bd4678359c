import { SluiceError } from "../../domain/errors";
import type { JsonObject } from "../../domain/json";
import {
  emptyValue,
  expiryOf,
  type KeystoreEntry,
  type KeystoreRef,
  keystoreObject,
  keystorePrefix,
} from "../../domain/keystore";
import { copyKey, entryOfCopy } from "../../domain/keystore-copy";
import type { KeystoreSearch } from "../../domain/keystore-search";
import { MAX_KEYSTORE_BATCH_BYTES, MAX_KEYSTORE_FOUND } from "../../domain/limits";
import { logWarning } from "../../domain/operator-log";
import type { Keystore, OwnerAnswer } from "../../durable/keystore";
import type {
  KeystorePage,
  KeystorePort,
  KeystoreWrite,
  ReadOptions,
  WriteOutcome,
} from "../../engine/keystore-port";
import { after, type MaybePromise } from "../../engine/maybe-promise";
import type { Catalog } from "../../operations/ports";
import { BoundedCache } from "../bounded-cache";
import type { NamedObjects } from "./placement";

/** Keys that KV reads in one call. */
const BULK = 100;
/** Writes that an isolate remembers, and for how long in milliseconds: as KV's copies may be old elsewhere. */
const MAX_REMEMBERED = 20_000;
const REMEMBER_MS = 90_000;
/** Times that an owner is asked something that may be asked again: it may just have been moved, or the Worker been deployed anew. */
const TRIES = 2;

/** What the owner's stub offers, told by hand: the platform's own types lose themselves in JSON values. */
type Owner = {
  [M in "read" | "write" | "search" | "count" | "browse" | "clear"]: (
    ...values: Parameters<Keystore[M]>
  ) => Promise<Awaited<ReturnType<Keystore[M]>>>;
};

export interface DurableKeystoresOptions {
  namespace: NamedObjects<Keystore>;
  kv: KVNamespace;
  catalog: Pick<Catalog, "resource">;
  now: () => number;
}

/**
 * Keystores: copies in KV before their owners. What this isolate has written it remembers for a while, so that a copy
 * from before, which KV may go on showing at this place, is told from the new one.
 */
export class DurableKeystores implements KeystorePort {
  readonly #options: DurableKeystoresOptions;
  /** By KV key: the version that was written last, and until when to remember it. */
  readonly #written = new BoundedCache<{ version: number; until: number }>(MAX_REMEMBERED);

  constructor(options: DurableKeystoresOptions) {
    this.#options = options;
  }

  find(environmentId: number, name: string): MaybePromise<KeystoreRef | undefined> {
    return after(
      this.#options.catalog.resource(environmentId, "keystore", name),
      (found) => found && { environmentId, id: found.id, definition: found.definition },
    );
  }

  async read(
    store: KeystoreRef,
    keys: readonly string[],
    { fresh = false, create = false }: ReadOptions,
  ): Promise<(KeystoreEntry | undefined)[]> {
    const found = fresh ? keys.map(() => undefined) : await this.#copies(store, keys);
    const missed = keys.filter((_, index) => found[index] === undefined);
    if (missed.length === 0) return found;
    const { definition } = store;
    const beginning = create
      ? { value: emptyValue(definition), expiresAt: expiryOf(definition, this.#options.now()) }
      : undefined;
    const wanted = [...new Set(missed)];
    const entries = await this.#ask(store, TRIES, (owner) =>
      owner.read(keystorePrefix(store), wanted, beginning),
    );
    const byKey = new Map(wanted.map((key, index) => [key, entries[index]]));
    return keys.map((key, index) => found[index] ?? byKey.get(key));
  }

  async write(store: KeystoreRef, writes: readonly KeystoreWrite[], step?: string): Promise<WriteOutcome[]> {
    const outcomes: WriteOutcome[] = [];
    for (const [index, part] of inParts(writes).entries()) {
      const name = step === undefined || index === 0 ? step : `${step}/${index}`;
      // Without a step a write is not repeated: it might have been done, and another one after it.
      const tries = step === undefined ? 1 : TRIES;
      const answer = await this.#ask(store, tries, (owner) => owner.write(keystorePrefix(store), part, name));
      for (const outcome of answer) outcomes.push(outcome);
    }
    await this.#remember(store, writes, outcomes);
    return outcomes;
  }

  search(store: KeystoreRef, searches: readonly KeystoreSearch[]): Promise<JsonObject[][]> {
    return this.#ask(store, TRIES, (owner) => owner.search(searches));
  }

  count(store: KeystoreRef): Promise<number> {
    return this.#ask(store, TRIES, async (owner) => ({ kind: "done", value: await owner.count() }));
  }

  browse(store: KeystoreRef, prefix: string, from: string | undefined, limit: number): Promise<KeystorePage> {
    return this.#ask(store, TRIES, async (owner) => ({
      kind: "done",
      value: await owner.browse(prefix, from, limit),
    }));
  }

  clear(store: Pick<KeystoreRef, "environmentId" | "id">): Promise<void> {
    return this.#ask(store, TRIES, async (owner) => ({
      kind: "done",
      value: await owner.clear(keystorePrefix(store)),
    }));
  }

  /** What KV has of the keys. One that it does not have is `undefined`, which says nothing of whether there is one. */
  async #copies(store: KeystoreRef, keys: readonly string[]): Promise<(KeystoreEntry | undefined)[]> {
    const { kv, now } = this.#options;
    const prefix = keystorePrefix(store);
    const [only] = keys;
    try {
      if (only !== undefined && keys.length === 1) {
        const hashed = copyKey(prefix, only);
        const name = typeof hashed === "string" ? hashed : await hashed;
        const { value, metadata } = await kv.getWithMetadata(name, "text");
        return [this.#current(name, entryOfCopy(value, metadata, now()))];
      }
      const names = await Promise.all(keys.map((key) => copyKey(prefix, key)));
      const distinct = [...new Set(names)];
      const copies = new Map<string, KeystoreEntry | undefined>();
      for (let from = 0; from < distinct.length; from += BULK) {
        const part = await kv.getWithMetadata(distinct.slice(from, from + BULK), "text");
        // A key that is not there is null here, whatever the platform's types say.
        for (const [name, copy] of part as Map<string, { value: string | null; metadata: unknown } | null>) {
          copies.set(name, this.#current(name, entryOfCopy(copy?.value, copy?.metadata, now())));
        }
      }
      return names.map((name) => copies.get(name));
    } catch (error) {
      logWarning("KV did not answer; a keystore's owner is asked instead", error);
      return keys.map(() => undefined);
    }
  }

  /** A copy, unless this isolate knows that the key was written since. */
  #current(name: string, copy: KeystoreEntry | undefined): KeystoreEntry | undefined {
    const written = copy === undefined ? undefined : this.#written.get(name);
    if (written === undefined || written.until <= this.#options.now()) return copy;
    return (copy as KeystoreEntry).version < written.version ? undefined : copy;
  }

  async #remember(
    store: KeystoreRef,
    writes: readonly KeystoreWrite[],
    outcomes: readonly WriteOutcome[],
  ): Promise<void> {
    const prefix = keystorePrefix(store);
    const until = this.#options.now() + REMEMBER_MS;
    for (const [index, { key }] of writes.entries()) {
      const outcome = outcomes[index];
      if (outcome?.kind !== "written" && outcome?.kind !== "deleted") continue;
      const name = await copyKey(prefix, key);
      this.#written.set(name, { version: outcome.version, until });
    }
  }

  async #ask<T>(
    store: Pick<KeystoreRef, "environmentId" | "id">,
    tries: number,
    call: (owner: Owner) => Promise<OwnerAnswer<T>>,
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      let answer: OwnerAnswer<T>;
      try {
        // A stub that failed stays broken, so each try takes a new one.
        answer = await call(this.#options.namespace.getByName(keystoreObject(store)) as unknown as Owner);
      } catch (cause) {
        if (attempt < tries && !isOverloaded(cause)) continue;
        throw new SluiceError(
          "unavailable",
          "The keystore does not answer now, and what was asked of it may or may not have been done. Ask again.",
          { retryAfter: 1 },
          { cause },
        );
      }
      if (answer.kind === "done") return answer.value;
      throw refusal(answer);
    }
  }
}

function refusal(answer: Exclude<OwnerAnswer<unknown>, { kind: "done" }>): SluiceError {
  if (answer.kind === "dropped") return new SluiceError("not_found", "The keystore was dropped.");
  if (answer.kind === "copy_stays") {
    return new SluiceError(
      "unavailable",
      "The value is written, and will be read everywhere in a moment; until then readers may find the one from before.",
      { retryAfter: 5 },
    );
  }
  const { limit } = answer;
  return new SluiceError(
    "payload_too_large",
    limit === "MAX_KEYSTORE_FOUND"
      ? `The search finds more than ${MAX_KEYSTORE_FOUND} entries (MAX_KEYSTORE_FOUND). Narrow it, or ask for pages with \`limit\` and \`offset\`.`
      : `The values have more than ${MAX_KEYSTORE_BATCH_BYTES} bytes together (MAX_KEYSTORE_BATCH_BYTES). Ask for less at once.`,
    { limit },
  );
}

/** Writes that fit into one call each; nearly always all of them into one. */
function inParts(writes: readonly KeystoreWrite[]): KeystoreWrite[][] {
  const parts: KeystoreWrite[][] = [[]];
  let size = 0;
  for (const write of writes) {
    // Two bytes a character: as texts travel between the runtime's parts when they are not all Latin.
    const chars = 100 + write.key.length + (write.kind === "delete" ? 0 : write.value.text.length);
    if (size + chars > MAX_KEYSTORE_BATCH_BYTES / 2 && size > 0) {
      parts.push([]);
      size = 0;
    }
    parts.at(-1)?.push(write);
    size += chars;
  }
  return parts;
}

function isOverloaded(error: unknown): boolean {
  return typeof error === "object" && error !== null && "overloaded" in error && error.overloaded === true;
}
