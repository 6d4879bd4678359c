import { clientNetwork } from "../../domain/ip-range";
import { logError } from "../../domain/operator-log";
import type { AttemptCounter } from "../../durable/attempt-counter";
import type { AttemptGuard } from "../../operations/authenticate-admin";
import { BoundedCache } from "../bounded-cache";

/** Objects that count, each for many clients. */
const OBJECTS = 16;
/** What an isolate remembers: clients that have to wait, and credentials that were right. */
const MAX_CLIENTS = 10_000;
/** Milliseconds for which an isolate lets a credential in without asking. */
const TRUST_MS = 600_000;

export interface DurableAttemptGuardOptions {
  namespace: DurableObjectNamespace<AttemptCounter>;
  now: () => number;
}

/** Counters of failed attempts, as operations see them. One that cannot be reached lets in: tokens are too long to guess. */
export class DurableAttemptGuard implements AttemptGuard {
  readonly #options: DurableAttemptGuardOptions;
  readonly #blocked = new BoundedCache<number>(MAX_CLIENTS);
  readonly #trusted = new BoundedCache<number>(MAX_CLIENTS);

  constructor(options: DurableAttemptGuardOptions) {
    this.#options = options;
  }

  async wait(address: string, hash: string): Promise<number> {
    const client = clientNetwork(address);
    const now = this.#options.now();
    if (now < (this.#trusted.get(`${client} ${hash}`) ?? 0)) return 0;
    const known = `${client} ${hash}`;
    const until = this.#blocked.get(known) ?? 0;
    if (now < until) return until - now;
    const ms = (await this.#ask(client, (counter) => counter.wait(client, hash))) ?? 0;
    if (ms > 0) this.#blocked.set(known, now + ms);
    return ms;
  }

  async failed(address: string): Promise<void> {
    const client = clientNetwork(address);
    await this.#ask(client, (counter) => counter.failed(client));
  }

  async succeeded(address: string, hash: string): Promise<void> {
    const client = clientNetwork(address);
    const known = `${client} ${hash}`;
    const now = this.#options.now();
    if (now < (this.#trusted.get(known) ?? 0)) return;
    this.#trusted.set(known, now + TRUST_MS);
    await this.#ask(client, (counter) => counter.succeeded(client, hash));
  }

  async #ask<T>(client: string, ask: (counter: DurableObjectStub<AttemptCounter>) => Promise<T>) {
    try {
      return await ask(this.#options.namespace.getByName(`attempts/${bucket(client)}`));
    } catch (error) {
      logError("the counter of failed attempts cannot be reached", error);
      return undefined;
    }
  }
}

function bucket(client: string): number {
  let hash = 0;
  for (let index = 0; index < client.length; index += 1) hash = (hash * 31 + client.charCodeAt(index)) >>> 0;
  return hash % OBJECTS;
}
