import type { StartRequest, StartResult } from "../../domain/durable-run";
import { ValueTooLarge } from "./documents";
import { type Permits, permitRequest } from "./permits";
import type { RecordDesk } from "./record-desk";
import type { RunRow, RunStore } from "./run-store";

export interface AcceptanceOptions {
  runs: RunStore;
  permits: Permits;
  records: RecordDesk;
  /** Whether the shard takes no runs any more. */
  closed: () => boolean;
  /** Sees to it that a run that is lost is taken up again. */
  beat: () => void;
}

/** Takes runs in: each once, however often its start is asked for. */
export class Acceptance {
  readonly #options: AcceptanceOptions;

  constructor(options: AcceptanceOptions) {
    this.#options = options;
  }

  /** The run that a request would start, if it is here already. */
  known({ id, idempotency }: StartRequest): RunRow | undefined {
    const { runs } = this.#options;
    return runs.find(id) ?? (idempotency === undefined ? undefined : runs.findByKey(idempotency.key));
  }

  /** @param entry how the run stands with its exclusion group */
  accept(
    request: StartRequest,
    entry: "held" | "queued" | undefined,
  ): { kind: "accepted"; id: string; replayed: boolean } | Exclude<StartResult, { kind: "accepted" }> {
    const { runs, permits, records, closed, beat } = this.#options;
    const { id, idempotency } = request;
    if (closed() || runs.isWithdrawn(id)) return { kind: "withdrawn" };
    // A caller that lost the answer asks again.
    if (runs.find(id) !== undefined) return { kind: "accepted", id, replayed: true };
    const twin = idempotency === undefined ? undefined : runs.findByKey(idempotency.key);
    if (twin !== undefined && idempotency !== undefined) {
      if (!runs.sameRequest(twin, idempotency)) return { kind: "key_reused" };
      return { kind: "accepted", id: twin.id, replayed: true };
    }
    try {
      runs.insert(request);
    } catch (error) {
      if (error instanceof ValueTooLarge) return { kind: "too_large" };
      throw error;
    }
    const permit = permitRequest(request);
    if (permit !== undefined) permits.add(permit, entry === "held", Date.now());
    records.accept(request);
    beat();
    return { kind: "accepted", id, replayed: false };
  }
}
