import { timeOf, timePrefix } from "../../domain/process-id";
import type { RunFilter } from "../../operations/ports";
import { SEGMENT_SPAN_MS } from "./run-segment";

/*
 * Questions for runs: of those that have rows of their own, and of segments. Ids begin with the start of their run, so times
 * are ranges of ids.
 */

export const RUN_COLUMNS = `id, project_id, project, flow_id, flow, flow_version, trigger_kind, user_name, started_at,
  ended_at, status, message, message_count`;
export const SEGMENT_COLUMNS = `last_id, project_id, project, flow_id, flow, flow_version, trigger_kind, user_name, runs`;

/** Ids that are asked for: at or after `from`, and before `before`. */
export interface IdRange {
  from: string | undefined;
  before: string | undefined;
}

/** @param after the last run of the page before */
export function rangeOf({ from, to }: RunFilter, after: string | undefined): IdRange {
  const before = to === undefined ? undefined : timePrefix(to);
  return {
    from: from === undefined ? undefined : timePrefix(from),
    before: before === undefined || (after !== undefined && after < before) ? after : before,
  };
}

/** The least id that no segment reaches one of whose runs is before an id. */
export function segmentsEnd(before: string): string {
  return timePrefix(timeOf(before) + SEGMENT_SPAN_MS);
}

/** Rows of runs, newest first. */
export function runsStatement(
  db: D1Database,
  environmentId: number,
  filter: RunFilter,
  range: IdRange,
  limit: number,
): D1PreparedStatement {
  const question = new Question(environmentId, filter);
  question.where("status = ?", filter.status);
  question.where("id >= ?", range.from);
  question.where("id < ?", range.before);
  return question.ask(db, RUN_COLUMNS, "runs", indexFor(filter), "id", limit);
}

/** Segments that may have runs of a range, by their last runs, newest first. `below` is the last run of the segment before. */
export function segmentsStatement(
  db: D1Database,
  environmentId: number,
  filter: RunFilter,
  range: IdRange,
  below: string | undefined,
  limit: number,
): D1PreparedStatement {
  const question = new Question(environmentId, filter);
  question.where("last_id >= ?", range.from);
  question.where("first_id < ?", range.before);
  question.where(
    "last_id < ?",
    below ?? (range.before === undefined ? undefined : segmentsEnd(range.before)),
  );
  return question.ask(db, SEGMENT_COLUMNS, "run_segments", indexFor(filter), "last_id", limit);
}

class Question {
  readonly #conditions: string[] = [];
  readonly #values: unknown[] = [];

  constructor(environmentId: number, filter: RunFilter) {
    this.where("environment_id = ?", environmentId);
    this.where("project = ?", filter.project);
    this.where("flow = ?", filter.flow);
    this.where("trigger_kind = ?", filter.trigger);
    this.where("user_name = ?", filter.user);
  }

  where(condition: string, value: unknown): void {
    if (value === undefined) return;
    this.#values.push(value);
    this.#conditions.push(`${condition}${this.#values.length}`);
  }

  ask(
    db: D1Database,
    columns: string,
    table: string,
    index: Index | undefined,
    order: string,
    limit: number,
  ): D1PreparedStatement {
    const conditions =
      index?.condition === undefined ? this.#conditions : [...this.#conditions, index.condition];
    const from = index === undefined ? table : `${table} INDEXED BY ${table}_${index.name}`;
    const sql = `SELECT ${columns} FROM ${from} WHERE ${conditions.join(" AND ")}
      ORDER BY ${order} DESC LIMIT ?${this.#values.length + 1}`;
    return db.prepare(sql).bind(...this.#values, limit);
  }
}

interface Index {
  name: string;
  condition?: string;
}

/**
 * The index that leads to the fewest rows, by the end of its name: without statistics SQLite takes the one by time, which has
 * the order that is asked for, and reads past everything else. A partial index wants its own condition in the question.
 */
function indexFor({ user, trigger, status, flow, project }: RunFilter): Index | undefined {
  if (user !== undefined && user !== "system") return { name: "by_user", condition: "user_name <> 'system'" };
  if (trigger !== undefined && trigger !== "action")
    return { name: "by_trigger", condition: "trigger_kind <> 'action'" };
  if (status !== undefined && status !== "Success")
    return { name: "by_failure", condition: "status <> 'Success'" };
  if (flow !== undefined) return { name: "by_flow" };
  if (project !== undefined) return { name: "by_project" };
  return undefined;
}
