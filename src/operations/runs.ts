import type { PendingCallback, Progress, RunView } from "../domain/durable-run";
import type { Environment } from "../domain/environment";
import { SluiceError } from "../domain/errors";
import { isRunId } from "../domain/process-id";
import { FINAL_STATUSES, type RunRecord, type RunStatus } from "../domain/run";
import type { RunFilter, RunLog, RunShards, RunSummary, World } from "./ports";

/** A page of runs, those that have not ended among them, newest first; and the cursor of the next one. */
export async function listRuns(
  { runs: log, shards }: Pick<RunServices, "runs" | "shards">,
  environment: Environment,
  filter: RunFilter,
  limit: number,
  cursor: string | undefined,
): Promise<{ runs: RunSummary[]; next: string | null }> {
  const after = cursor === undefined ? undefined : checkedCursor(cursor);
  const { status } = filter;
  const ended = status === undefined || isFinal(status);
  const [stored, living] = await Promise.all([
    ended ? log.list(environment.id, filter, limit + 1, after) : [],
    shards.list(environment.id, filter, limit + 1, after),
  ]);
  // A run may end, and come into the history, while both are asked: what is stored is the later.
  const known = new Set(stored.map(({ id }) => id));
  const runs = [...stored, ...living.filter(({ id }) => !known.has(id))].sort((left, right) =>
    left.id < right.id ? 1 : -1,
  );
  const page = runs.slice(0, limit);
  const last = page.at(-1);
  return { runs: page, next: runs.length > limit && last !== undefined ? last.id : null };
}

function isFinal(status: RunStatus): boolean {
  return (FINAL_STATUSES as readonly RunStatus[]).includes(status);
}

/** What a run's shard knows beside its record, while the run has not ended. */
export interface Standing {
  progress: Progress;
  nextWakeAt: number | null;
  callbacks?: PendingCallback[];
}

export interface RunServices {
  runs: RunLog;
  shards: RunShards;
  world: World;
}

/** A run from the history, or from its shard while it has not come there. @throws SluiceError not_found */
export async function readRun(
  { runs, shards }: RunServices,
  environment: Environment,
  id: string,
): Promise<RunRecord & Partial<Standing>> {
  const stored = await runs.find(environment.id, id);
  if (stored !== undefined) return stored;
  const found = await shards.read(environment.id, id);
  if (found.kind === "missing") {
    throw new SluiceError(
      "not_found",
      "There is no run with this id. The history of a run is written within a few seconds after its answer.",
    );
  }
  const { run, progress, nextWakeAt, callbacks } = found;
  if (run.endedAt !== null) return run;
  return { ...run, progress, nextWakeAt, ...(callbacks === undefined ? {} : { callbacks }) };
}

const NOT_DURABLE =
  "There is no durable run with this id, or it has been forgotten. Synchronous calls without an Idempotency-Key run in memory, and end with their answer.";

/** Ends a durable run; one that has ended stays as it is. @throws SluiceError not_found */
export async function cancelRun(
  { shards }: RunServices,
  environment: Environment,
  id: string,
): Promise<RunView> {
  const found = await shards.cancel(environment.id, id);
  if (found.kind === "missing") throw new SluiceError("not_found", NOT_DURABLE);
  return found.view;
}

/**
 * Runs an ended durable run once more, on the version it had: as it was, or keeping the steps that do not depend on the
 * node `from`.
 * @throws SluiceError not_found, conflict, invalid_request
 */
export async function rerunRun(
  { shards, world }: RunServices,
  environment: Environment,
  id: string,
  from: string | undefined,
): Promise<RunView> {
  const result = await shards.rerun(environment.id, id, world.now(), from);
  switch (result.kind) {
    case "accepted":
      return result.view;
    case "missing":
      throw new SluiceError("not_found", NOT_DURABLE);
    case "running":
      throw new SluiceError(
        "conflict",
        `The run is ${result.status}. Wait for its end, or cancel it, before it runs again.`,
      );
    case "unknown_node":
      throw new SluiceError(
        "invalid_request",
        `The flow has no node "${from}". Its nodes: ${result.nodes.join(", ")}.`,
        {
          problems: [{ path: "/from", reason: "there is no such node" }],
        },
      );
  }
}

/** A cursor is the id of the last run that was shown. */
function checkedCursor(cursor: string): string {
  if (isRunId(cursor)) return cursor;
  throw new SluiceError("invalid_request", "`cursor` is the `next` of the page before, as it was given.", {
    problems: [{ path: "cursor", reason: "not a cursor of this list" }],
  });
}
