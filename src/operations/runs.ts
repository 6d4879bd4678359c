import type { Environment } from "../domain/environment";
import { SluiceError } from "../domain/errors";
import { isRunId } from "../domain/process-id";
import type { RunRecord } from "../domain/run";
import type { RunFilter, RunLog, RunSummary } from "./ports";

/** A page of runs, newest first, and the cursor of the next one. */
export async function listRuns(
  log: RunLog,
  environment: Environment,
  filter: RunFilter,
  limit: number,
  cursor: string | undefined,
): Promise<{ runs: RunSummary[]; next: string | null }> {
  const after = cursor === undefined ? undefined : checkedCursor(cursor);
  const runs = await log.list(environment.id, filter, limit + 1, after);
  const page = runs.slice(0, limit);
  const last = page.at(-1);
  return { runs: page, next: runs.length > limit && last !== undefined ? last.id : null };
}

export async function readRun(log: RunLog, environment: Environment, id: string): Promise<RunRecord> {
  const run = await log.find(environment.id, id);
  if (run === undefined) {
    throw new SluiceError(
      "not_found",
      "There is no run with this id. The history of a run is written within a few seconds after its answer.",
    );
  }
  return run;
}

/** A cursor is the id of the last run that was shown. */
function checkedCursor(cursor: string): string {
  if (isRunId(cursor)) return cursor;
  throw new SluiceError("invalid_request", "`cursor` is the `next` of the page before, as it was given.", {
    problems: [{ path: "cursor", reason: "not a cursor of this list" }],
  });
}
