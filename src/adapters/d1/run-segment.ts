import { timeOf, timePrefix } from "../../domain/process-id";
import type { RunRecord } from "../../domain/run";
import { type RunColumns, runOf } from "../../domain/run-row";
import type { RunSummary } from "../../operations/ports";

/*
 * Segments: one row for many usual runs, those that ended as `Success` without a message and that share everything but
 * their ids and times. A row's `runs` is JSON, in order of the ids:
 *
 *   [ [id, milliseconds it lasted], [id, milliseconds it lasted, milliseconds from its id's time to its start] … ]
 *
 * As runs of several isolates end at the same time, segments overlap; how far is bounded by their span.
 */

/**
 * The ids of a segment's first and last run are less than so many milliseconds apart: the second that runs are gathered, and
 * as much again for runs that take longer than others. Whoever looks for a run looks at the segments of this span, so it may
 * grow, and never shrink while there are longer ones.
 */
export const SEGMENT_SPAN_MS = 2_000;

/** Runs of a segment at the most: who wants one of them reads them all. */
export const SEGMENT_RUNS = 1_000;

/** What the runs of a segment share. */
export type SharedFields = Pick<
  RunRecord,
  "environmentId" | "projectId" | "project" | "flowId" | "flow" | "flowVersion" | "trigger" | "user"
>;

/** Whether a run may be part of a segment. */
export function isUsual(run: RunRecord): run is RunRecord & { endedAt: number } {
  return (
    run.status === "Success" && run.message === null && run.endedAt !== null && run.messages.length === 0
  );
}

/** Usual runs of what one segment could hold, as they are gathered: three lists, and no object for a run. */
export interface GatheredRuns {
  shared: SharedFields;
  ids: string[];
  /** Milliseconds since 1970. */
  startedAt: number[];
  lastedMs: number[];
}

/** What a segment's row and its text in a batch are made from. */
export interface Segment {
  shared: SharedFields;
  firstId: string;
  lastId: string;
  count: number;
  totalMs: number;
  longestMs: number;
  /** The JSON above. */
  runs: string;
}

/** Cuts gathered runs into segments, none longer than the span, and none of more runs than one holds. */
export function segmentsOf({ shared, ids, startedAt, lastedMs }: GatheredRuns): Segment[] {
  const segments: Segment[] = [];
  let current: Segment | undefined;
  // The least id that no longer fits into the current segment, and the time that the ids at hand begin with.
  let end = "";
  let time = 0;
  let prefix = "";
  for (const index of inOrder(ids)) {
    const id = ids[index] as string;
    const lasted = lastedMs[index] as number;
    const started = startedAt[index] as number;
    if (prefix === "" || !id.startsWith(prefix)) {
      time = timeOf(id);
      prefix = timePrefix(time);
    }
    // Ids are digits and letters, so the JSON needs no escapes.
    const row = started === time ? `["${id}",${lasted}]` : `["${id}",${lasted},${started - time}]`;
    if (current === undefined || id >= end || current.count === SEGMENT_RUNS) {
      if (current !== undefined) current.runs += "]";
      end = timePrefix(time + SEGMENT_SPAN_MS);
      current = {
        shared,
        firstId: id,
        lastId: id,
        count: 1,
        totalMs: lasted,
        longestMs: lasted,
        runs: `[${row}`,
      };
      segments.push(current);
      continue;
    }
    current.lastId = id;
    current.count += 1;
    current.totalMs += lasted;
    if (lasted > current.longestMs) current.longestMs = lasted;
    current.runs += `,${row}`;
  }
  if (current !== undefined) current.runs += "]";
  return segments;
}

/** Places of ids in the order of the ids. Runs end nearly in the order in which they started. */
function inOrder(ids: readonly string[]): number[] {
  const order = Array.from(ids, (_, index) => index);
  return order.sort((left, right) => ((ids[left] as string) < (ids[right] as string) ? -1 : 1));
}

/** The columns of a segment that tell its runs. */
export type SegmentColumns = Omit<RunColumns, "id" | "started_at" | "ended_at" | "status" | "message"> & {
  last_id: string;
  runs: string;
};

/** Runs of a segment whose id is wanted, in order of their ids. */
export function runsOfSegment(
  environmentId: number,
  columns: SegmentColumns,
  wanted: (id: string) => boolean,
): RunSummary[] {
  const rows = JSON.parse(columns.runs) as [id: string, lastedMs: number, waitedMs?: number][];
  return rows
    .filter(([id]) => wanted(id))
    .map(([id, lasted, waited = 0]) => {
      const started_at = timeOf(id) + waited;
      const ended_at = started_at + lasted;
      const run = { ...columns, id, started_at, ended_at, status: "Success" as const, message: null };
      return { ...runOf(environmentId, run), messageCount: 0 };
    });
}
