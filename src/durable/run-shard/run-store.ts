import type { IdempotencyMark, Progress, RunView, StartRequest, StoredInput } from "../../domain/durable-run";
import type { FlowPointer } from "../../domain/flow-address";
import type {
  FinalStatus,
  RunMessage,
  RunOutcome,
  RunRecord,
  RunStatus,
  TriggerKind,
} from "../../domain/run";
import { runOf } from "../../domain/run-row";
import type { Documents } from "./documents";
import type { StepRows } from "./step-rows";

/** A run's row. */
export interface RunRow {
  [column: string]: SqlStorageValue;
  id: string;
  environment_id: number;
  project_id: number;
  project: string;
  flow_id: number;
  flow: string;
  flow_version: number;
  trigger_kind: TriggerKind;
  user_name: string;
  started_at: number;
  deadline: number;
  status: RunStatus;
  attempts: number;
  nodes: number;
  waits_at: string | null;
  ended_at: number | null;
  message: string | null;
  key: string | null;
  fingerprint: string | null;
}

/** Runs looked for in one turn. */
const PER_TURN = 200;
/** Accepted runs that are remembered until they begin; what is past them is read again. */
const MAX_FRESH = 256;

/** Names of a run's documents; those of steps are `step:` and the path. */
const INPUT = "input";
const OUTCOME = "outcome";
const MESSAGES = "messages";

/** What is kept of a run's beginning. */
export interface Beginning {
  input: StoredInput;
  item?: StartRequest["item"];
  messages: RunMessage[];
}

/** A run that was accepted just now. */
export interface FreshRun {
  row: RunRow;
  beginning: Beginning;
}

/** The runs of a shard. Every method is synchronous: all that one turn writes is one transaction. */
export class RunStore {
  readonly #sql: SqlStorage;
  readonly #documents: Documents;
  readonly #steps: StepRows;
  /** Memory only: runs that were accepted and have not begun, so that what was just written need not be read. */
  readonly #fresh = new Map<string, FreshRun>();
  /** Whether there may be runs that were given up before they came; `undefined` before the first look. */
  #anyWithdrawn: boolean | undefined;

  constructor(sql: SqlStorage, documents: Documents, steps: StepRows) {
    this.#sql = sql;
    this.#documents = documents;
    this.#steps = steps;
  }

  find(id: string): RunRow | undefined {
    return this.#sql.exec<RunRow>("SELECT * FROM runs WHERE id = ?", id).toArray()[0];
  }

  findByKey(key: string): RunRow | undefined {
    return this.#sql.exec<RunRow>("SELECT * FROM runs WHERE key = ?", key).toArray()[0];
  }

  /**
   * Stores a run, unless one of its id or its key is there.
   * @returns whether it was stored
   * @throws ValueTooLarge, and nothing is stored
   */
  insert(request: StartRequest): boolean {
    const { id, pointer, trigger, user, startedAt, deadline, idempotency } = request;
    const beginning: Beginning = { input: request.input, item: request.item, messages: request.messages };
    const text = JSON.stringify(beginning);
    this.#documents.check(text);
    const { rowsWritten } = this.#sql.exec(
      `INSERT OR IGNORE INTO runs (id, environment_id, project_id, project, flow_id, flow, flow_version, trigger_kind,
         user_name, started_at, deadline, status, attempts, nodes, key, fingerprint)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'Queued', 1, ?, ?, ?)`,
      id,
      pointer.environmentId,
      pointer.projectId,
      pointer.project,
      pointer.flowId,
      pointer.flow,
      pointer.version,
      trigger,
      user,
      startedAt,
      deadline,
      request.nodes,
      idempotency?.key ?? null,
      idempotency?.fingerprint ?? null,
    );
    if (rowsWritten === 0) return false;
    this.#documents.write(id, INPUT, text, true);
    if (this.#fresh.size < MAX_FRESH) this.#fresh.set(id, { row: acceptedRow(request), beginning });
    return true;
  }

  /** What was stored of a run that has not begun, as long as this memory has it; once. */
  takeFresh(id: string): FreshRun | undefined {
    const fresh = this.#fresh.get(id);
    this.#fresh.delete(id);
    return fresh;
  }

  /** The request behind a run, and what had been said before it began. */
  beginning(id: string): Beginning {
    const text = this.#documents.read(id, INPUT);
    if (text === undefined) throw new Error(`run ${id} has no input`);
    return JSON.parse(text) as Beginning;
  }

  /** Ids of any runs, at most `limit`. */
  some(limit: number): string[] {
    return this.#sql
      .exec<{ id: string }>("SELECT id FROM runs LIMIT ?", limit)
      .toArray()
      .map(({ id }) => id);
  }

  /** Runs that should be in memory, the earliest first. */
  active(after: string, limit: number): string[] {
    return this.#sql
      .exec<{ id: string }>(
        "SELECT id FROM runs WHERE status IN ('Queued', 'Running') AND id > ? ORDER BY id LIMIT ?",
        after,
        limit,
      )
      .toArray()
      .map(({ id }) => id);
  }

  /** All of them, looked for a page at a time. */
  *allActive(): Generator<string> {
    for (let page = this.active("", PER_TURN); ; page = this.active(page.at(-1) as string, PER_TURN)) {
      yield* page;
      if (page.length < PER_TURN) return;
    }
  }

  setRunning(id: string, attempts: number): void {
    this.#sql.exec(
      "UPDATE runs SET status = 'Running', attempts = ?, waits_at = NULL WHERE id = ? AND ended_at IS NULL",
      attempts,
      id,
    );
  }

  /** A run that waits is due again. Its attempts are counted when it begins. */
  setDue(id: string): void {
    this.#sql.exec(
      "UPDATE runs SET status = 'Running', waits_at = NULL WHERE id = ? AND status = 'Waiting'",
      id,
    );
  }

  setAttempts(id: string, attempts: number): void {
    this.#sql.exec("UPDATE runs SET attempts = ? WHERE id = ?", attempts, id);
  }

  setWaiting(id: string, at: string | null, attempts: number): void {
    this.#sql.exec(
      "UPDATE runs SET status = 'Waiting', waits_at = ?, attempts = ? WHERE id = ? AND ended_at IS NULL",
      at,
      attempts,
      id,
    );
  }

  /**
   * Writes a final state, which no later one replaces.
   * @param waited whether there may be delays of it
   * @returns whether this was the first
   * @throws ValueTooLarge, and nothing is stored
   */
  end(
    id: string,
    status: FinalStatus,
    at: number,
    outcome: RunOutcome,
    messages: readonly RunMessage[],
    waited: boolean,
  ): boolean {
    const ended = JSON.stringify(outcome);
    const said = messages.length === 0 ? undefined : JSON.stringify(messages);
    this.#documents.check(ended);
    if (said !== undefined) this.#documents.check(said);
    const { rowsWritten } = this.#sql.exec(
      "UPDATE runs SET status = ?, ended_at = ?, message = ?, waits_at = NULL WHERE id = ? AND ended_at IS NULL",
      status,
      at,
      outcome.message ?? null,
      id,
    );
    if (rowsWritten === 0) return false;
    this.#documents.write(id, OUTCOME, ended, true);
    if (said !== undefined) this.#documents.write(id, MESSAGES, said, true);
    if (waited) this.#sql.exec("DELETE FROM waits WHERE run = ?", id);
    return true;
  }

  outcome(id: string): RunOutcome | undefined {
    const text = this.#documents.read(id, OUTCOME);
    return text === undefined ? undefined : (JSON.parse(text) as RunOutcome);
  }

  /** All that a run has said; of one that has not ended, what it said before it began and in its finished steps. */
  messages(row: RunRow): RunMessage[] {
    if (row.ended_at !== null) {
      const text = this.#documents.read(row.id, MESSAGES);
      return text === undefined ? [] : (JSON.parse(text) as RunMessage[]);
    }
    return [...this.beginning(row.id).messages, ...this.#steps.messages(row.id)];
  }

  /** Adds lines to an ended run. */
  addMessages(row: RunRow, messages: readonly RunMessage[]): void {
    this.#documents.write(row.id, MESSAGES, JSON.stringify([...this.messages(row), ...messages]));
  }

  /** Ended runs with their messages, in two statements however many there are. */
  records(ids: readonly string[]): RunRecord[] {
    const list = JSON.stringify(ids);
    const said = new Map<string, string | null>();
    for (const { run, text } of this.#sql.exec<{ run: string; text: string | null }>(
      `SELECT run, text FROM documents WHERE run IN (SELECT value FROM json_each(?)) AND name = '${MESSAGES}' AND part = 0`,
      list,
    )) {
      said.set(run, text);
    }
    const rows = this.#sql.exec<RunRow>(
      "SELECT * FROM runs WHERE id IN (SELECT value FROM json_each(?))",
      list,
    );
    return [...rows].map((row) => {
      const text = said.get(row.id);
      if (row.ended_at === null || text === null) return this.record(row);
      return { ...summaryOf(row), messages: text === undefined ? [] : (JSON.parse(text) as RunMessage[]) };
    });
  }

  record(row: RunRow): RunRecord {
    return { ...summaryOf(row), messages: this.messages(row) };
  }

  progress(row: RunRow, current: string | undefined): Progress {
    return { done: this.#steps.finished(row.id), of: row.nodes, current: current ?? row.waits_at };
  }

  view(row: RunRow, current: string | undefined, nextWakeAt: number | undefined): RunView {
    const view: RunView = {
      ...summaryOf(row),
      progress: this.progress(row, current),
      nextWakeAt: nextWakeAt ?? null,
    };
    const outcome = row.ended_at === null ? undefined : this.outcome(row.id);
    if (outcome !== undefined) view.outcome = outcome;
    return view;
  }

  pointer(row: RunRow): FlowPointer {
    return {
      environmentId: row.environment_id,
      projectId: row.project_id,
      project: row.project,
      flowId: row.flow_id,
      flow: row.flow,
      version: row.flow_version,
      status: "running",
    };
  }

  sameRequest(row: RunRow, mark: IdempotencyMark): boolean {
    return row.fingerprint === mark.fingerprint;
  }

  withdraw(id: string, at: number): void {
    this.#anyWithdrawn = true;
    this.#sql.exec("INSERT OR IGNORE INTO withdrawn (run, at) VALUES (?, ?)", id, at);
  }

  isWithdrawn(id: string): boolean {
    // Hardly ever is there one, and every start asks.
    this.#anyWithdrawn ??= this.#sql.exec("SELECT 1 FROM withdrawn LIMIT 1").toArray().length > 0;
    if (!this.#anyWithdrawn) return false;
    return this.#sql.exec("SELECT 1 FROM withdrawn WHERE run = ?", id).toArray().length > 0;
  }

  /**
   * Runs that ended before `cutoff` and owe nobody anything, at most `limit`; those with an Idempotency-Key before
   * `keyedCutoff`, so that a key is not forgotten too soon.
   */
  expired(cutoff: number, keyedCutoff: number, limit: number): string[] {
    return this.#sql
      .exec<{ id: string }>(
        `SELECT id FROM runs WHERE ended_at < iif(key IS NULL, ?, ?)
         AND NOT EXISTS (SELECT 1 FROM outbox WHERE run = id) LIMIT ?`,
        cutoff,
        keyedCutoff,
        limit,
      )
      .toArray()
      .map(({ id }) => id);
  }

  /** When the next ended run may be forgotten, had it no key. */
  earliestEnd(): number | null {
    return this.#sql.exec<{ at: number | null }>("SELECT min(ended_at) AS at FROM runs").one().at;
  }

  forgetWithdrawn(before: number): void {
    this.#sql.exec("DELETE FROM withdrawn WHERE at < ?", before);
  }

  forget(id: string): void {
    this.#fresh.delete(id);
    for (const table of [
      "steps",
      "waits",
      "callbacks",
      "calls",
      "documents",
      "failures",
      "timers",
      "outbox",
      "record_runs",
    ]) {
      this.#sql.exec(`DELETE FROM ${table} WHERE run = ?`, id);
    }
    this.#sql.exec("DELETE FROM runs WHERE id = ?", id);
  }
}

/** A run without its messages. */
export function summaryOf(row: RunRow): Omit<RunRecord, "messages"> {
  return runOf(row.environment_id, row);
}

function acceptedRow({
  id,
  pointer,
  trigger,
  user,
  startedAt,
  deadline,
  nodes,
  idempotency,
}: StartRequest): RunRow {
  return {
    id,
    environment_id: pointer.environmentId,
    project_id: pointer.projectId,
    project: pointer.project,
    flow_id: pointer.flowId,
    flow: pointer.flow,
    flow_version: pointer.version,
    trigger_kind: trigger,
    user_name: user,
    started_at: startedAt,
    deadline,
    status: "Queued",
    attempts: 1,
    nodes,
    waits_at: null,
    ended_at: null,
    message: null,
    key: idempotency?.key ?? null,
    fingerprint: idempotency?.fingerprint ?? null,
  };
}
