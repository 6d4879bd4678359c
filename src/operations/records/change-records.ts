import { tellEnds } from "./ended-runs";
import type { RecordChange, RecordRow } from "./ports";
import { type RecordServices, startRecords } from "./start-records";

/** Why a record was left as it was. */
export interface Unchanged {
  uuid: string;
  kind: "missing" | "in_use" | "impossible";
  reason: string;
}

export const IN_USE = "it is being processed";
export const MISSING = "there is no such record";

/** What is to be made of a record; a text says why that cannot be. */
export type Wanted = Omit<RecordChange, "uuid" | "runId" | "newRunId"> & { run: "same" | "new" };

export interface ChangedRecords {
  changed: { row: RecordRow; to: Wanted }[];
  unchanged: Unchanged[];
}

/**
 * Changes records that nobody processes. A record that waits may be in a shard already, of which the row does not know yet:
 * so its run is withdrawn first, and one that has begun is left alone. A withdrawn run never begins, and the record gets
 * another one with the change.
 */
export async function changeRecords(
  services: RecordServices,
  environmentId: number,
  uuids: readonly string[],
  wanted: (row: RecordRow, now: number) => Wanted | string,
  again = true,
): Promise<ChangedRecords> {
  const { records, recordRuns, world } = services;
  const rows = new Map((await presentRows(services, environmentId, uuids)).map((row) => [row.uuid, row]));
  const unchanged: Unchanged[] = [];
  const planned: { row: RecordRow; to: Wanted }[] = [];
  const now = world.now();
  for (const uuid of uuids) {
    const row = rows.get(uuid);
    const to = row === undefined ? MISSING : wanted(row, now);
    if (row !== undefined && typeof to !== "string") planned.push({ row, to });
    else {
      const kind = row === undefined ? "missing" : row.queue === "taken" ? "in_use" : "impossible";
      unchanged.push({ uuid, kind, reason: typeof to === "string" ? to : MISSING });
    }
  }
  // Whatever will wait must be looked for, even if this process dies.
  if (planned.some(({ to }) => to.queue === "waiting")) await recordRuns.watch(environmentId);
  const begun = await withdrawn(
    services,
    environmentId,
    planned.map(({ row }) => row),
  );
  const changes = planned.filter(({ row }) => !begun.has(row.runId));
  const done = await records.change(
    environmentId,
    changes.map(({ row, to: { run, ...to } }) => ({
      ...to,
      uuid: row.uuid,
      runId: row.runId,
      newRunId: run === "same" ? row.runId : recordRuns.newRunId(environmentId, row.uuid, now),
    })),
    now,
  );
  const changed: ChangedRecords["changed"] = [];
  const lost: string[] = [];
  const ended = await tellEnds(services, environmentId, again ? [...begun] : []);
  for (const each of planned) {
    if (done.has(each.row.uuid)) changed.push(each);
    else if ((begun.has(each.row.runId) && !ended.has(each.row.runId)) || !again) {
      unchanged.push({ uuid: each.row.uuid, kind: "in_use", reason: IN_USE });
    } else lost.push(each.row.uuid);
  }
  const starting = changed
    .filter(({ to }) => to.queue === "waiting" && (to.dueAt ?? now) <= now)
    .map(({ row }) => row.uuid);
  if (starting.length > 0) services.background(startWaiting(services, environmentId, starting));
  if (lost.length > 0) {
    // Someone else changed them meanwhile, or they have ended: they are looked at once more, as they are now.
    const second = await changeRecords(services, environmentId, lost, wanted, false);
    changed.push(...second.changed);
    unchanged.push(...second.unchanged);
  }
  return { changed, unchanged };
}

/** Records' rows, as those of their runs that have ended leave them. */
async function presentRows(
  services: RecordServices,
  environmentId: number,
  uuids: readonly string[],
): Promise<RecordRow[]> {
  const rows = await services.records.rows(environmentId, uuids);
  const taken = rows.filter(({ queue }) => queue === "taken").map(({ runId }) => runId);
  const ended = await tellEnds(services, environmentId, taken);
  return ended.size === 0 ? rows : services.records.rows(environmentId, uuids);
}

/** Withdraws the runs of waiting records. @returns the ids of those that have begun */
export async function withdrawn(
  { recordRuns }: Pick<RecordServices, "recordRuns">,
  environmentId: number,
  rows: readonly RecordRow[],
): Promise<Set<string>> {
  const waiting = rows.filter(({ queue }) => queue === "waiting").map(({ runId }) => runId);
  return waiting.length === 0 ? new Set() : recordRuns.withdraw(environmentId, waiting);
}

async function startWaiting(
  services: RecordServices,
  environmentId: number,
  uuids: readonly string[],
): Promise<void> {
  await startRecords(services, environmentId, await services.records.waiting(environmentId, uuids));
}
