import { timePrefix } from "../../domain/process-id";
import type { RunFilter, RunSummary } from "../../operations/ports";
import { type RunRow, type RunStore, summaryOf } from "./run-store";

/**
 * Runs that the history does not list yet, newest first: those that have not ended, and those whose end has not been
 * delivered. Each of the two is read by an index of its own, so ended runs cost nothing.
 */
export function openRuns(
  sql: SqlStorage,
  runs: RunStore,
  filter: RunFilter,
  limit: number,
  after: string | undefined,
): RunSummary[] {
  const conditions: string[] = [];
  const values: SqlStorageValue[] = [];
  const where = (condition: string, value: SqlStorageValue | undefined): void => {
    if (value === undefined) return;
    conditions.push(`AND ${condition}`);
    values.push(value);
  };
  where("project = ?", filter.project);
  where("flow = ?", filter.flow);
  where("status = ?", filter.status);
  where("trigger_kind = ?", filter.trigger);
  where("user_name = ?", filter.user);
  where("id >= ?", filter.from === undefined ? undefined : timePrefix(filter.from));
  where("id < ?", filter.to === undefined ? undefined : timePrefix(filter.to));
  where("id < ?", after);
  const chosen = conditions.join(" ");
  const rows = [
    ...sql.exec<RunRow>(
      `SELECT * FROM runs WHERE ended_at IS NULL ${chosen} ORDER BY id DESC LIMIT ?`,
      ...values,
      limit,
    ),
    ...sql.exec<RunRow>(
      `SELECT * FROM runs WHERE id IN (SELECT run FROM outbox WHERE kind = 'history') AND ended_at IS NOT NULL ${chosen}
       ORDER BY id DESC LIMIT ?`,
      ...values,
      limit,
    ),
  ];
  return rows
    .sort((left, right) => (left.id < right.id ? 1 : -1))
    .slice(0, limit)
    .map((row) => ({ ...summaryOf(row), messageCount: runs.messages(row).length }));
}
