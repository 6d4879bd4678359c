import type { StartedRun, StartRequest, StartResult } from "../../domain/durable-run";
import { ValueTooLarge } from "./documents";
import type { Driver } from "./driver";
import { type Permits, permitRequest } from "./permits";
import type { RecordDesk } from "./record-desk";
import type { RunRow, RunStore } from "./run-store";

export interface AcceptanceOptions {
  storage: DurableObjectStorage;
  runs: RunStore;
  permits: Permits;
  records: RecordDesk;
  driver: Driver;
  /** Whether the shard takes no runs any more. */
  closed: () => boolean;
  /** Sees to it that a run that is lost is taken up again. */
  beat: () => void;
}

/** How a run was taken in. `replayed`: it was here already, under this id. */
export type Taken =
  | { kind: "accepted"; id: string; replayed: boolean }
  | Exclude<StartResult, { kind: "accepted" }>;

/** Takes runs in: each once, however often its start is asked for. */
export class Acceptance {
  readonly #options: AcceptanceOptions;

  constructor(options: AcceptanceOptions) {
    this.#options = options;
  }

  /** Accepts a run, in its exclusion group if it has one, and has it begin; `prepare` belongs to the same transaction. */
  async take(request: StartRequest, prepare?: () => void): Promise<Taken> {
    const { storage, runs, permits, driver } = this.#options;
    const permit = permitRequest(request);
    let entry: "held" | "queued" | undefined;
    if (permit !== undefined && this.#known(request) === undefined) {
      const asked = await permits.ask(permit);
      if (asked.kind !== "held" && asked.kind !== "queued") return asked;
      entry = asked.kind;
    }
    const taken = storage.transactionSync(() => {
      const result = this.accept(request, entry);
      if (result.kind === "accepted" && !result.replayed) prepare?.();
      return result;
    });
    // Another call with the same key was first, or the caller gave up meanwhile.
    if (permit !== undefined && entry !== undefined && runs.find(request.id) === undefined) {
      permits.abandon(permit);
    }
    if (taken.kind === "accepted" && !taken.replayed) driver.enqueue(taken.id, prepare === undefined);
    return taken;
  }

  /** Accepts runs that came together, those of no exclusion group in one transaction. @returns an answer for each, in order */
  takeAll(requests: readonly StartRequest[]): Promise<StartedRun[]> {
    const { storage, driver } = this.#options;
    const together = storage.transactionSync(() =>
      requests.map((request) =>
        request.exclusion === undefined ? this.accept(request, undefined) : undefined,
      ),
    );
    for (const taken of together) {
      if (taken?.kind === "accepted" && !taken.replayed) driver.enqueue(taken.id, true);
    }
    return Promise.all(
      requests.map(async (request, index) => startedRun(together[index] ?? (await this.take(request)))),
    );
  }

  /** Stores a run, within a transaction; it does not begin yet. @param entry how it stands with its exclusion group */
  accept(request: StartRequest, entry: "held" | "queued" | undefined): Taken {
    const { runs, permits, records, closed, beat } = this.#options;
    const { id } = request;
    if (closed() || runs.isWithdrawn(id)) return { kind: "withdrawn" };
    try {
      if (!runs.insert(request)) return this.#twin(request);
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

  /** A run of the same id, whose caller lost the answer and asks again, or of the same key. */
  #twin(request: StartRequest): Taken {
    const { id, idempotency } = request;
    const twin = this.#known(request);
    if (twin === undefined) throw new Error(`run ${id} was not stored, and has no twin`);
    if (twin.id !== id && idempotency !== undefined && !this.#options.runs.sameRequest(twin, idempotency)) {
      return { kind: "key_reused" };
    }
    return { kind: "accepted", id: twin.id, replayed: true };
  }

  /** The run that a request would start, if it is here already. */
  #known({ id, idempotency }: StartRequest): RunRow | undefined {
    const { runs } = this.#options;
    return runs.find(id) ?? (idempotency === undefined ? undefined : runs.findByKey(idempotency.key));
  }
}

/** What is told of a run whose end nobody waits for: how it stands follows from its request, or is asked for. */
function startedRun(taken: Taken): StartedRun {
  if (taken.kind !== "accepted") return taken;
  return taken.replayed ? { kind: "known", id: taken.id } : { kind: "new" };
}
