/** Callers that wait for a run to end. Memory only: when it is lost, so are their connections. */
export class Waiters {
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Resolves when a run has ended, or after `ms` milliseconds. */
  async wait(id: string, ms: number): Promise<void> {
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting);
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        waiting.delete(done);
        if (waiting.size === 0) this.#waiting.delete(id);
        resolve();
      };
      const timer = setTimeout(done, ms);
      waiting.add(done);
    });
  }

  /** A run has ended. */
  tell(id: string): void {
    for (const tell of this.#waiting.get(id) ?? []) tell();
  }
}
