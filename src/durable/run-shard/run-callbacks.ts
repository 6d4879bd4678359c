import type { Json } from "../../domain/json";
import type { CallbackNotice, CallbackPort } from "../../engine/callback-port";
import type { CallbackDesk } from "./callback-desk";
import type { Callbacks } from "./callbacks";

export interface RunCallbacksOptions {
  run: string;
  environmentId: number;
  /** Origin of the call that started the run. */
  origin: string | undefined;
  rows: Callbacks;
  desk: CallbackDesk;
  now: () => number;
  /** Writes down until when a step waits, and unwinds the execution. */
  suspend: (step: string, due: number) => never;
}

/** Callbacks as the nodes of one run see them. */
export class RunCallbacks implements CallbackPort {
  readonly #options: RunCallbacksOptions;

  constructor(options: RunCallbacksOptions) {
    this.#options = options;
  }

  url(step: string): string {
    const { desk, environmentId, run, origin } = this.#options;
    return desk.url(environmentId, run, step, origin);
  }

  wait(step: string, ms: number, notice: CallbackNotice): Json | undefined {
    const { rows, run, now, suspend } = this.#options;
    const waited = rows.wait(run, step, ms, notice, now());
    if (waited.kind === "waits") return suspend(step, waited.due);
    return waited.kind === "called" ? waited.call : undefined;
  }
}
