import type { StartRequest, StartResult } from "../../domain/durable-run";
import type { RecordTelling } from "../../domain/record";
import type { Graph } from "../../engine/plan";
import type { RecordStart, RecordStartResult } from "../../operations/records/ports";
import { RecordRuns, type RecordRunsOptions } from "./record-runs";
import { keptSteps } from "./rerun";

export interface RecordDeskOptions extends RecordRunsOptions {
  /** Puts what a run has to tell its record into the outbox. */
  owe: (id: string) => void;
  /** Does something in one transaction. */
  together: (work: () => void) => void;
  /** Accepts a run that takes no exclusion group; within `together`. */
  take: (request: StartRequest) => { kind: StartResult["kind"]; replayed?: boolean };
  /** Lets an accepted run begin; whether nothing of it can be stored yet. */
  begin: (id: string, fresh: boolean) => void;
  /** Accepts a run and has it begin; `prepare` belongs to the same transaction. */
  start: (request: StartRequest, prepare: (() => void) | undefined) => Promise<{ kind: StartResult["kind"] }>;
}

type Kept = (path: string) => boolean;

/** Takes runs of data records in, many at once: one transaction, but for those that ask for an exclusion group first. */
export class RecordDesk {
  readonly #options: RecordDeskOptions;
  readonly #records: RecordRuns;

  constructor(options: RecordDeskOptions) {
    this.#options = options;
    this.#records = new RecordRuns(options);
  }

  /** An accepted run, if it executes a record: its row is told. */
  accept({ id, record }: StartRequest): void {
    if (record === undefined) return;
    this.#records.accept(id, record);
    this.#options.owe(id);
  }

  /** A run got somewhere: if it executes a record, its row is told. */
  changed(id: string, begun: boolean): void {
    if (this.#records.changed(id, begun, Date.now())) this.#options.owe(id);
  }

  /** Tells the rows of some runs' records. */
  deliver(runs: readonly string[]): Promise<(run: string) => boolean> {
    return this.#records.deliver(runs);
  }

  /** What runs have to tell their records now. */
  async tellings(ids: readonly string[]): Promise<RecordTelling[]> {
    const tellings = await Promise.all(ids.map((id) => this.#records.telling(id)));
    return tellings.filter((telling) => telling !== undefined);
  }

  async start(starts: readonly RecordStart[]): Promise<[id: string, RecordStartResult][]> {
    const { runs, steps, catalog, together, take, begin, start } = this.#options;
    const graphs = new Map<string, Graph>();
    for (const { request, resume } of starts) {
      if (resume !== undefined) graphs.set(request.id, (await catalog.plan(request.pointer)).graph);
    }
    const results: [string, RecordStartResult][] = [];
    const begun: { id: string; fresh: boolean }[] = [];
    /** What an earlier run finished and this one keeps; nothing when it begins at the beginning. */
    const keptOf = ({ request, resume }: RecordStart): Kept | "forgotten" | undefined => {
      // One that is here already is accepted once more, whatever became of the run before it.
      if (resume === undefined || runs.find(request.id) !== undefined) return undefined;
      if (runs.find(resume.of) === undefined) return "forgotten";
      const kept = keptSteps(graphs.get(request.id) as Graph, resume.at);
      return kept === "unknown" ? "forgotten" : kept;
    };
    together(() => {
      for (const each of starts) {
        const { request, resume } = each;
        if (request.exclusion !== undefined) continue;
        const kept = keptOf(each);
        if (kept === "forgotten") {
          results.push([request.id, kept]);
          continue;
        }
        const accepted = take(request);
        results.push([request.id, accepted.kind]);
        if (accepted.kind !== "accepted" || accepted.replayed === true) continue;
        if (resume !== undefined && kept !== undefined) steps.copy(resume.of, request.id, kept);
        begun.push({ id: request.id, fresh: resume === undefined });
      }
    });
    for (const { id, fresh } of begun) begin(id, fresh);
    for (const each of starts) {
      const { request, resume } = each;
      if (request.exclusion === undefined) continue;
      const kept = keptOf(each);
      if (kept === "forgotten") {
        results.push([request.id, kept]);
        continue;
      }
      const prepare =
        resume === undefined || kept === undefined
          ? undefined
          : () => steps.copy(resume.of, request.id, kept);
      results.push([request.id, (await start(request, prepare)).kind]);
    }
    return results;
  }
}
