import type { StartRequest } from "../../domain/durable-run";
import { SluiceError } from "../../domain/errors";
import type { FlowPointer } from "../../domain/flow-address";
import { FormatError } from "../../domain/format-error";
import { RECORD_STATUS } from "../../domain/record";
import type { Catalog } from "../ports";
import { HttpRunInput } from "../run-input";
import { type StartServices, startRequest } from "../start-run";
import type { DueRecord, RecordRuns, RecordStart, RecordStore } from "./ports";

export interface RecordServices extends StartServices {
  catalog: Catalog;
  records: RecordStore;
  recordRuns: RecordRuns;
  /** Lets work go on after the answer. */
  background: (work: Promise<unknown>) => void;
}

/** The address that a flow sees as `input.url`: records come with no credentials, and keep none. */
const RECORD_URL = "https://records.invalid/v1/record";

/** Records that run once each, however busy their exclusion group is: they wait for their turn. */
const MAX_WAITING_RECORDS = 10_000;

/**
 * Hands waiting records to their shards: one call for many. What a shard has taken it has on disk; a record that it has
 * already is taken once. Those that cannot run at all end as failed, with the reason.
 * @returns how many were taken
 */
export async function startRecords(
  services: RecordServices,
  environmentId: number,
  due: readonly DueRecord[],
): Promise<number> {
  const { records, recordRuns } = services;
  const starts: RecordStart[] = [];
  const refused: { record: DueRecord; version: number; message: string }[] = [];
  for (const [flowId, list] of Map.groupBy(due, (record) => record.flowId)) {
    const current = await services.catalog.flowById(environmentId, flowId);
    if (current === undefined || current.status !== "running") continue;
    for (const record of list) {
      try {
        starts.push(await recordStart(services, current, record));
      } catch (error) {
        if (!(error instanceof SluiceError) && !(error instanceof FormatError)) throw error;
        refused.push({ record, version: current.version, message: error.message });
      }
    }
  }
  const results = await recordRuns.start(environmentId, starts);
  const byRun = new Map(due.map((record) => [record.runId, record]));
  const withdrawn: DueRecord[] = [];
  let taken = 0;
  for (const [runId, result] of results) {
    const record = byRun.get(runId) as DueRecord;
    if (result === "accepted" || result === "following") taken += 1;
    else if (result === "withdrawn") withdrawn.push(record);
    else if (result === "too_large" || result === "key_reused") {
      refused.push({ record, version: 0, message: "The record is larger than a durable run stores." });
    } else if (result === "forgotten") {
      refused.push({
        record,
        version: 0,
        message:
          "The run that should be continued is no longer kept. `execute-queue` runs the record from the beginning.",
      });
    }
    // Busy or undecided: it waits, and the sweeper tries again.
  }
  if (withdrawn.length > 0) {
    const now = services.world.now();
    await records.renew(
      environmentId,
      withdrawn.map(({ uuid, runId }) => ({
        uuid,
        runId,
        newRunId: recordRuns.newRunId(environmentId, uuid, now),
      })),
    );
  }
  if (refused.length > 0) {
    const now = services.world.now();
    await records.tell(
      refused.map(({ record, version, message }) => ({
        environmentId,
        uuid: record.uuid,
        runId: record.runId,
        rev: 1,
        status: RECORD_STATUS.failed,
        queue: "none",
        flowVersion: version,
        run: record.numRuns + 1,
        begunAt: now,
        nextRunAt: null,
        stepType: null,
        step: null,
        message,
        steps: [],
      })),
    );
  }
  return taken;
}

/** @throws SluiceError when the record is not what the flow takes */
async function recordStart(
  services: RecordServices,
  current: FlowPointer,
  record: DueRecord,
): Promise<RecordStart> {
  // A run that is continued goes on with the version that it began with.
  const version = record.resumeAt === null ? current.version : record.flowVersion;
  const pointer = version === current.version ? current : { ...current, version };
  const plan = await services.catalog.plan(pointer);
  const request: StartRequest = {
    ...startRequest(services, {
      plan,
      pointer,
      trigger: record.trigger,
      user: record.by,
      input: HttpRunInput.restore({
        method: "POST",
        url: RECORD_URL,
        headers: [["content-type", "application/json"]],
        contentType: "application/json",
        client: "",
        body: record.data,
      }),
      item: "body",
      id: record.runId,
    }),
    record: { uuid: record.uuid, run: record.numRuns + 1 },
  };
  if (request.exclusion !== undefined) {
    request.exclusion = {
      ...request.exclusion,
      onBusy: "queue",
      maxQueue: MAX_WAITING_RECORDS,
      maxWaitMs: null,
    };
  }
  if (record.resumeOf === null || record.resumeAt === null) return { request };
  return { request, resume: { of: record.resumeOf, at: record.resumeAt } };
}
