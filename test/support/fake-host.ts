import { MAX_DELAY_MS } from "../../src/domain/limits";
import type { MaybePromise } from "../../src/engine/maybe-promise";
import type { Plan } from "../../src/engine/plan";
import type { Host, HostServices, StepStore } from "../../src/engine/ports";
import { FakeKeystores } from "./fake-keystores";
import { FakeOutgoing } from "./fake-outgoing";
import { noTables } from "./fake-tables";

interface Sleeper {
  until: number;
  wake: () => void;
}

/**
 * A world with a clock of its own, which goes on only when the test says so. Flows are looked up by name among those
 * that the test gave it.
 */
export class FakeHost implements Host {
  longestDelayMs = MAX_DELAY_MS;
  time = 1_000_000;
  /** Added to the clock at each look at it, for runs that take time without waiting. */
  tick = 0;
  readonly flows = new Map<string, Plan>();
  /** Whether looking up a flow takes a promise, as it does when it is not in the cache. */
  slowLookup = false;
  readonly reported: unknown[] = [];
  readonly slept: number[] = [];
  steps?: StepStore;
  readonly outgoing = new FakeOutgoing();
  readonly secrets = new Map<string, string>();
  services: HostServices = {
    outgoing: this.outgoing,
    tables: noTables,
    keystores: new FakeKeystores(),
    secrets: { get: (_environment, name) => this.secrets.get(name) },
  };
  readonly #sleepers = new Set<Sleeper>();

  now(): number {
    this.time += this.tick;
    return this.time;
  }

  random(): number {
    return 0.5;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    this.slept.push(ms);
    return new Promise((resolve, reject) => {
      const sleeper: Sleeper = { until: this.time + ms, wake: resolve };
      this.#sleepers.add(sleeper);
      const aborted = () => {
        this.#sleepers.delete(sleeper);
        reject(signal.reason);
      };
      if (signal.aborted) aborted();
      else signal.addEventListener("abort", aborted, { once: true });
    });
  }

  timer(ms: number, due: () => void): () => void {
    this.slept.push(ms);
    const sleeper: Sleeper = { until: this.time + ms, wake: due };
    this.#sleepers.add(sleeper);
    return () => void this.#sleepers.delete(sleeper);
  }

  delay(_step: string, ms: number, signal: AbortSignal): Promise<void> {
    return this.sleep(ms, signal);
  }

  flow(_caller: Plan, name: string): MaybePromise<Plan | undefined> {
    const plan = this.flows.get(name);
    return this.slowLookup ? Promise.resolve(plan) : plan;
  }

  report(error: unknown): void {
    this.reported.push(error);
  }

  /** How many wait now. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  /** Moves the clock on, and wakes who is due, the earliest first; what they do then has been done when it resolves. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    await settled();
    for (;;) {
      const [next] = [...this.#sleepers]
        .filter(({ until }) => until <= end)
        .sort((a, b) => a.until - b.until);
      if (next === undefined) break;
      this.time = Math.max(this.time, next.until);
      this.#sleepers.delete(next);
      next.wake();
      await settled();
    }
    this.time = end;
  }
}

/** Lets every promise that can go on do so. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}
