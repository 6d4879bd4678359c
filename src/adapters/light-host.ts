import { MAX_LIGHT_DELAY_MS } from "../domain/limits";
import { logError } from "../domain/operator-log";
import type { MaybePromise } from "../engine/maybe-promise";
import { after } from "../engine/maybe-promise";
import type { Plan } from "../engine/plan";
import type { Host, HostServices } from "../engine/ports";
import type { Catalog } from "../operations/ports";
import { sleep, timer } from "./sleep";

/** Host of runs that live in the isolate that took their request: nothing is persisted, nothing outlives it. */
export class LightHost implements Host {
  readonly longestDelayMs = MAX_LIGHT_DELAY_MS;
  readonly #catalog: Catalog;

  readonly services: HostServices;

  constructor(catalog: Catalog, services: HostServices) {
    this.#catalog = catalog;
    this.services = services;
  }

  now(): number {
    return Date.now();
  }

  random(): number {
    return Math.random();
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return sleep(ms, signal);
  }

  timer(ms: number, due: () => void): () => void {
    return timer(ms, due);
  }

  delay(_step: string, ms: number, signal: AbortSignal): Promise<void> {
    return this.sleep(ms, signal);
  }

  flow(caller: Plan, name: string): MaybePromise<Plan | undefined> {
    return after(this.#catalog.flow(caller.key.environmentId, caller.key.projectId, name), (pointer) =>
      pointer === undefined ? undefined : this.#catalog.plan(pointer),
    );
  }

  report(error: unknown, about: { runId: string; node?: string }): void {
    // Callers never see it.
    logError("unexpected error in a run", error, about);
  }
}
