import type { CallbackSigner } from "../../auth/callback-token";
import type { CallbackAnswer, CallbackView, PendingCallback, StoredInput } from "../../domain/durable-run";
import { FlowError } from "../../engine/errors";
import type { Callbacks } from "./callbacks";
import { ValueTooLarge } from "./documents";
import type { RunRow, RunStore } from "./run-store";

export interface CallbackDeskOptions {
  runs: RunStore;
  callbacks: Callbacks;
  /** Absent where the deployment has no key. */
  signer: CallbackSigner | undefined;
  /** Origin of the URLs; that of the call which started the run when the deployment names none. */
  publicUrl: string | undefined;
  /** Lets a run that waits go on. */
  wake: (id: string) => void;
}

/** Where callbacks are made known, looked at and taken in. */
export class CallbackDesk {
  readonly #options: CallbackDeskOptions;

  constructor(options: CallbackDeskOptions) {
    this.#options = options;
  }

  /** The URL of a step. @throws FlowError when the deployment cannot make one */
  url(environmentId: number, runId: string, step: string, origin: string | undefined): string {
    const { signer, publicUrl } = this.#options;
    const base = publicUrl ?? origin;
    if (signer === undefined || base === undefined) {
      const lacks =
        signer === undefined ? "MASTER_KEY" : "PUBLIC_URL, which a run that no HTTP call started needs";
      throw new FlowError("not_configured", `callbacks need the deployment's setting ${lacks}`);
    }
    return `${base}/callback/${signer.sign({ environmentId, runId, step })}`;
  }

  /** What a run that waits can be called for. */
  pending(row: RunRow): PendingCallback[] {
    const waiting = this.#options.callbacks.pending(row.id);
    if (waiting.length === 0) return [];
    const origin = originOf(this.#options.runs.beginning(row.id).input);
    return waiting.map((each) => ({ ...each, url: this.url(row.environment_id, row.id, each.step, origin) }));
  }

  /** How a step stands, without using its callback up. */
  describe(id: string, step: string): CallbackView {
    const { runs, callbacks } = this.#options;
    const row = runs.find(id);
    if (row === undefined) return { kind: "over" };
    const standing = callbacks.standing(id, step, Date.now());
    if (standing.kind === "open" && row.ended_at !== null) return { kind: "over" };
    const { project, flow, user_name: user, started_at: startedAt } = row;
    return { kind: "found", run: { project, flow, user, startedAt }, standing };
  }

  /** Takes a call in: the first one counts, also when the run has not come to its step yet. */
  answer(id: string, step: string, call: string): CallbackAnswer {
    const { runs, callbacks, wake } = this.#options;
    const row = runs.find(id);
    if (row === undefined) return { kind: "over" };
    const now = Date.now();
    const standing = callbacks.standing(id, step, now);
    if (standing.kind !== "open") return standing;
    if (row.ended_at !== null) return { kind: "over" };
    try {
      callbacks.called(id, step, call, now);
    } catch (error) {
      if (error instanceof ValueTooLarge) return { kind: "too_large" };
      throw error;
    }
    // One that executes something else looks before it waits again.
    if (row.status === "Waiting" && standing.due !== null) wake(id);
    return { kind: "taken" };
  }
}

/** Where the call that started a run was sent to; `undefined` when none did. */
export function originOf({ url }: StoredInput): string | undefined {
  const { protocol, origin } = new URL(url);
  return protocol === "https:" || protocol === "http:" ? origin : undefined;
}
