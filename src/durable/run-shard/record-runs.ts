import { MAX_RECORD_STEPS } from "../../domain/limits";
import { RECORD_STATUS, type RecordStatus, type RecordStep, type RecordTelling } from "../../domain/record";
import type { RunOutcome } from "../../domain/run";
import type { Plan } from "../../engine/plan";
import type { Catalog } from "../../operations/ports";
import { topNode } from "./rerun";
import type { RunRow, RunStore } from "./run-store";
import type { StepRows } from "./step-rows";
import type { Timers } from "./timers";

export interface RecordRunsOptions {
  sql: SqlStorage;
  runs: RunStore;
  steps: StepRows;
  timers: Timers;
  catalog: Catalog;
  /** The node that a run is at. */
  current: (id: string) => string | undefined;
  tell: (tellings: readonly RecordTelling[]) => Promise<void>;
}

interface RecordRunRow {
  [column: string]: SqlStorageValue;
  uuid: string;
  number: number;
  rev: number;
  begun_at: number | null;
}

/**
 * The runs of a shard that execute data records, and what they tell the rows of these. A telling is made of what the tables
 * say at that moment and carries the number of the last change, so a row takes each once and none is undone by an older one.
 */
export class RecordRuns {
  readonly #options: RecordRunsOptions;

  /** Memory only: whether there may be rows; a shard that executes no records need not look. */
  #any: boolean;

  constructor(options: RecordRunsOptions) {
    this.#options = options;
    this.#any = options.sql.exec("SELECT 1 FROM record_runs LIMIT 1").toArray().length > 0;
  }

  accept(run: string, { uuid, run: number }: { uuid: string; run: number }): void {
    this.#any = true;
    this.#options.sql.exec(
      "INSERT INTO record_runs (run, uuid, number, rev) VALUES (?, ?, ?, 1)",
      run,
      uuid,
      number,
    );
  }

  /** Counts a change. @returns whether the run executes a record */
  changed(run: string, begun: boolean, now: number): boolean {
    if (!this.#any) return false;
    const { rowsWritten } = this.#options.sql.exec(
      "UPDATE record_runs SET rev = rev + 1, begun_at = coalesce(begun_at, ?) WHERE run = ?",
      begun ? now : null,
      run,
    );
    return rowsWritten > 0;
  }

  /** Tells the rows of some runs' records. */
  async deliver(runs: readonly string[]): Promise<(run: string) => boolean> {
    const told = new Map<string, number>();
    const tellings: RecordTelling[] = [];
    for (const run of runs) {
      const telling = await this.telling(run);
      if (telling === undefined) continue;
      told.set(run, telling.rev);
      tellings.push(telling);
    }
    await this.#options.tell(tellings);
    return (run) => {
      const rev = this.#find(run)?.rev;
      return rev === undefined || rev === told.get(run);
    };
  }

  async telling(run: string): Promise<RecordTelling | undefined> {
    const { runs, catalog } = this.#options;
    const known = runs.find(run);
    if (known === undefined || this.#find(run) === undefined) return undefined;
    const plan = await catalog.plan(runs.pointer(known));
    // Read after the plan has come: the run may have got further.
    const row = runs.find(run);
    const record = this.#find(run);
    if (row === undefined || record === undefined) return undefined;
    const outcome = row.ended_at === null ? undefined : runs.outcome(run);
    const common = {
      environmentId: row.environment_id,
      uuid: record.uuid,
      runId: run,
      rev: record.rev,
      flowVersion: row.flow_version,
      run: record.begun_at === null ? undefined : record.number,
      begunAt: record.begun_at,
    };
    const steps = this.#steps(row, record, plan, outcome);
    if (row.ended_at === null) {
      const node = row.waits_at ?? this.#options.current(run);
      const top = node === undefined ? undefined : topNode(node);
      const waits = row.status === "Waiting";
      return {
        ...common,
        status: record.begun_at === null ? RECORD_STATUS.new : RECORD_STATUS.processing,
        queue: "taken",
        nextRunAt: waits ? (this.#options.timers.due("wake", run) ?? null) : null,
        stepType: top === undefined ? null : typeOf(plan, top),
        step: top ?? null,
        message: null,
        steps,
      };
    }
    // A run that returned nothing, but in which nothing failed, is no failure of its record: nobody waits for an answer.
    const status: RecordStatus =
      (outcome?.failures.length ?? 0) > 0 ? RECORD_STATUS.failed : RECORD_STATUS.finished;
    const failed = status === RECORD_STATUS.failed ? failedNode(outcome) : undefined;
    return {
      ...common,
      status,
      queue: "none",
      nextRunAt: null,
      stepType: failed === undefined ? "end" : typeOf(plan, failed),
      step: failed ?? "end",
      message:
        status === RECORD_STATUS.failed ? (outcome?.message ?? outcome?.failures[0]?.message ?? null) : null,
      steps,
    };
  }

  #steps(row: RunRow, record: RecordRunRow, plan: Plan, outcome: RunOutcome | undefined): RecordStep[] {
    const { steps, current } = this.#options;
    const failed = new Set(outcome?.failures.map(({ node }) => topNode(node)));
    let startedAt = record.begun_at ?? row.started_at;
    // Steps of one millisecond come in the order in which the flow runs its nodes.
    const place = new Map(plan.graph.nodes.map(({ name }, index) => [name, index]));
    const done = steps
      .topSteps(row.id, MAX_RECORD_STEPS)
      .map(({ path, at }) => ({ node: topNode(path), at }))
      .sort(
        (left, right) => left.at - right.at || (place.get(left.node) ?? 0) - (place.get(right.node) ?? 0),
      );
    const list: RecordStep[] = done.map(({ node, at }) => {
      // Nodes run one after the other. Those that an earlier run finished were kept as they were.
      const begun = Math.min(startedAt, at);
      startedAt = Math.max(startedAt, at);
      return {
        node,
        type: typeOf(plan, node),
        status: failed.has(node) ? "error" : "finished",
        startedAt: begun,
        endedAt: at,
      };
    });
    const listed = new Set(list.map(({ node }) => node));
    const last = row.ended_at === null ? (row.waits_at ?? current(row.id)) : failedNode(outcome);
    const open = last === undefined ? undefined : topNode(last);
    if (open !== undefined && open !== "" && !listed.has(open)) {
      const status = row.ended_at !== null ? "error" : row.status === "Waiting" ? "waiting" : "processing";
      list.push({ node: open, type: typeOf(plan, open), status, startedAt, endedAt: row.ended_at });
    }
    return list;
  }

  #find(run: string): RecordRunRow | undefined {
    return this.#options.sql
      .exec<RecordRunRow>("SELECT uuid, number, rev, begun_at FROM record_runs WHERE run = ?", run)
      .toArray()[0];
  }
}

function failedNode(outcome: RunOutcome | undefined): string | undefined {
  const node = outcome?.failures.find((failure) => failure.node !== "")?.node;
  return node === undefined ? undefined : topNode(node);
}

function typeOf(plan: Plan, node: string): string {
  return plan.graph.nodes.find(({ name }) => name === node)?.type.type ?? "node";
}
