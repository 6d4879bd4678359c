import { MAX_CONCURRENT_CALLS } from "../../domain/limits";

/** What the outgoing calls of one run share: the connections that it may have open, and access tokens on their way. */
export class RunCalls {
  #open = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #tokens = new Map<string, Promise<string>>();

  /** Has `act` done when fewer than the most calls are under way; the first to ask is the first to go. */
  async inTurn<T>(act: () => Promise<T>): Promise<T> {
    if (this.#open >= MAX_CONCURRENT_CALLS) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#open += 1;
    try {
      return await act();
    } finally {
      // The place goes to the next one without being free in between.
      const next = this.#waiting.shift();
      if (next === undefined) this.#open -= 1;
      else next();
    }
  }

  /** One fetch of a token for all calls of the run that want it at the same time. */
  token(key: string, obtain: () => Promise<string>): Promise<string> {
    const pending = this.#tokens.get(key);
    if (pending !== undefined) return pending;
    const fetched = obtain().finally(() => this.#tokens.delete(key));
    this.#tokens.set(key, fetched);
    return fetched;
  }
}
