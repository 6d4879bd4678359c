import type { Environment } from "../domain/environment";
import type { KnownEventToken } from "../operations/access/authenticate-event-token";
import type { AccessDirectory, KnownApiKey, KnownInterface, KnownToken } from "../operations/access/ports";
import type { TokenStore } from "../operations/access/tokens";
import { BoundedCache } from "./bounded-cache";
import type { AccessStore } from "./d1/access-store";

/** Milliseconds for which an isolate trusts what it knows of a credential: a revocation is in force everywhere after them. */
const MAX_AGE_MS = 5_000;
/** Credentials remembered in an isolate. */
const MAX_ENTRIES = 20_000;
/** Milliseconds between two notes that a key was used. */
const USE_NOTED_EVERY_MS = 60_000;

export interface CachedAccessOptions {
  store: AccessStore;
  now: () => number;
  background: (work: Promise<unknown>) => void;
}

/**
 * Credentials as this isolate knows them, over D1. What was not found is never kept, so a new key works at once; what this
 * isolate changes drops everything it knew.
 */
export class CachedAccess implements AccessDirectory, TokenStore {
  readonly #options: CachedAccessOptions;
  readonly #known = new BoundedCache<{ value: unknown; at: number }>(MAX_ENTRIES);
  readonly #noted = new BoundedCache<number>(MAX_ENTRIES);
  /** What is being read when something changes may be old already when it arrives. */
  #changes = 0;

  constructor(options: CachedAccessOptions) {
    this.#options = options;
  }

  apiKey(hash: string): Promise<KnownApiKey | undefined> {
    return this.#through(`k/${hash}`, () => this.#options.store.apiKey(hash));
  }

  environmentOf(organizationId: number, host: string): Promise<Environment | undefined> {
    return this.#through(`o/${organizationId}/${host}`, () =>
      this.#options.store.environmentOf(organizationId, host),
    );
  }

  async environmentAt(host: string): Promise<Environment | undefined> {
    // Most hosts are no environment's, and that has to be remembered too.
    const found = await this.#through(
      `h/${host}`,
      async () => (await this.#options.store.environmentAt(host)) ?? null,
    );
    return found ?? undefined;
  }

  interfaceNamed(
    environmentId: number,
    name: string,
    appKeyHash: string,
  ): Promise<KnownInterface | undefined> {
    return this.#through(`i/${environmentId}/${appKeyHash}`, () =>
      this.#options.store.interfaceNamed(environmentId, name, appKeyHash),
    );
  }

  interfaceOfClient(clientId: string): Promise<KnownInterface | undefined> {
    return this.#through(`c/${clientId}`, () => this.#options.store.interfaceOfClient(clientId));
  }

  accessToken(hash: string): Promise<KnownToken | undefined> {
    return this.#through(`t/${hash}`, () => this.#options.store.find(hash));
  }

  eventToken(hash: string): Promise<KnownEventToken | undefined> {
    return this.#through(`e/${hash}`, () => this.#options.store.eventToken(hash));
  }

  used(kind: "api_key" | "event_token", id: number): void {
    const now = this.#options.now();
    const key = `${kind}/${id}`;
    if (now - (this.#noted.get(key) ?? 0) < USE_NOTED_EVERY_MS) return;
    this.#noted.set(key, now);
    this.#options.background(this.#options.store.noteUse(kind, id, now));
  }

  /** Forgets everything: something that credentials depend on was changed here. */
  forget(): void {
    this.#changes += 1;
    this.#known.clear();
  }

  add(tokens: readonly KnownToken[], now: number): Promise<void> {
    return this.#options.store.add(tokens, now);
  }

  find(hash: string): Promise<KnownToken | undefined> {
    return this.#options.store.find(hash);
  }

  exchange(hash: string, tokens: readonly KnownToken[], now: number): Promise<boolean> {
    return this.#options.store.exchange(hash, tokens, now);
  }

  remove(hash: string): Promise<void> {
    return this.#changed(this.#options.store.remove(hash));
  }

  removeFamily(family: string): Promise<void> {
    return this.#changed(this.#options.store.removeFamily(family));
  }

  removeClient(clientId: string): Promise<void> {
    return this.#changed(this.#options.store.removeClient(clientId));
  }

  async #changed(change: Promise<void>): Promise<void> {
    await change;
    this.forget();
  }

  async #through<T>(key: string, load: () => Promise<T | undefined>): Promise<T | undefined> {
    const known = this.#known.get(key);
    const now = this.#options.now();
    if (known !== undefined && now - known.at < MAX_AGE_MS) return known.value as T;
    const changes = this.#changes;
    const value = await load();
    if (value !== undefined && changes === this.#changes) this.#known.set(key, { value, at: now });
    return value;
  }
}
