import type { RecordServices } from "./start-records";

/**
 * Tells the rows of records whose runs have ended and have not said so yet: what a run tells is gathered for a moment, and
 * whoever reads the record sees the end before its row does. Nobody is refused for that moment.
 * @returns the ids of those that have ended
 */
export async function tellEnds(
  { records, recordRuns }: Pick<RecordServices, "records" | "recordRuns">,
  environmentId: number,
  runIds: readonly string[],
): Promise<Set<string>> {
  if (runIds.length === 0) return new Set();
  const tellings = await recordRuns.tellings(environmentId, runIds).catch(() => []);
  const ended = tellings.filter(({ queue }) => queue === "none");
  await records.tell(ended);
  return new Set(ended.map(({ runId }) => runId));
}
