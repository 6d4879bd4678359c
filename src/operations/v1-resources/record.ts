import type { FlowPointer } from "../../domain/flow-address";
import type { Json, JsonObject } from "../../domain/json";
import { runningName, statusName } from "../../domain/record";
import { writeDate } from "../../domain/record-date";
import type { CreatedRecord } from "../records/create-records";
import type { RecordRow, RecordWithData } from "../records/ports";
import type { UpdatedRecord } from "../records/update-records";

/* What REST and SOAP both say of data records. */

/** Inserted records: a list when a list came. */
export function createdRecords({
  pointer,
  list,
  records,
}: {
  pointer: FlowPointer;
  list: boolean;
  records: readonly CreatedRecord[];
}): Json {
  const resources = records.map(
    (record): Json => ({
      flow_id: String(pointer.flowId),
      flow_name: pointer.flow,
      data_record_id: record.uuid,
      data_record: record.data,
    }),
  );
  return list ? resources : (resources[0] as Json);
}

/** Updated records: a list when a list came. */
export function updatedRecords(
  { list, records }: { list: boolean; records: readonly UpdatedRecord[] },
  organizationId: number,
): Json {
  const resources = records.map(
    (record): Json => ({
      flow_name: record.flow,
      customer_id: String(organizationId),
      uuid: record.uuid,
      data_record: record.data,
    }),
  );
  return list ? resources : (resources[0] as Json);
}

/** A record as a search lists it (seed, Search data records by query). Ids and counts are texts there. */
export function foundRecord(record: RecordRow, dynamicValue: string): JsonObject {
  return {
    id: String(record.id),
    uuid: record.uuid,
    flow_id: String(record.flowId),
    flow_name: record.flow,
    flow_version: String(record.flowVersion),
    date_created: writeDate(record.createdAt),
    date_started: writeDate(record.startedAt),
    date_last_run: writeDate(record.lastRunAt),
    date_next_run: writeDate(record.nextRunAt),
    queue_status: record.queue === "none" ? "" : String(record.status),
    dynamic_value: dynamicValue,
    current_step: currentStep(record),
    num_runs: String(record.numRuns),
    flow_status: String(record.status),
    flow_status_name: statusName(record),
  };
}

/** A record with its data (seed, Get a Data Record), and what a search says of it. */
export function readRecordOnWire(record: RecordWithData, organizationId: number): JsonObject {
  return {
    info: {
      uuid: record.uuid,
      customer_id: String(organizationId),
      flow_id: String(record.flowId),
      flow_name: record.flow,
      flow_version: String(record.flowVersion),
      date_created: writeDate(record.createdAt),
      status: runningName(record),
      flow_status: String(record.status),
      flow_status_name: statusName(record),
      message: record.message ?? "",
    },
    data_record: record.data,
    flow_process: {
      date_started: writeDate(record.startedAt),
      date_last_run: writeDate(record.lastRunAt),
      date_next_run: writeDate(record.nextRunAt),
      num_runs: String(record.numRuns),
      current_step: currentStep(record),
    },
    flow_objects_info: record.steps.map(
      (step): Json => ({
        name: step.node,
        type: step.type,
        status: step.status,
        date_started: writeDate(step.startedAt),
        date_finished: writeDate(step.endedAt),
      }),
    ),
  };
}

function currentStep({ stepType, step }: RecordRow): JsonObject {
  return { type: stepType ?? "", text: step ?? "" };
}
