import type { Environment } from "../../domain/environment";
import { SluiceError } from "../../domain/errors";
import type { FlowPointer } from "../../domain/flow-address";
import type { Json } from "../../domain/json";
import { RECORD_STATUS } from "../../domain/record";
import type { TriggerKind } from "../../domain/run";
import type { Payload } from "../payload";
import { checkedData } from "./checked-data";
import type { SchemaServices } from "./data-schema";
import { fieldValues } from "./fill-fields";
import { checkedExecutionTime, checkedUuid, checkedUuids, requireFlow } from "./identifiers";
import type { DueRecord, NewRecord } from "./ports";
import { type RecordServices, startRecords } from "./start-records";

export interface CreateRequest {
  environment: Environment;
  /** Name or id. */
  flow: string | undefined;
  /** The customer's own identifier; several, separated by commas, for a list. */
  uuid: string | undefined;
  executionTime: string | undefined;
  payload: Payload;
  /** Name of who calls: the user of the runs. */
  by: string;
  trigger: TriggerKind;
}

export interface CreatedRecord {
  uuid: string;
  data: Json;
}

/**
 * Stores data records, all or nothing, and has them executed. When it returns they are on disk, a search finds them, and
 * whatever happens to this process they will begin.
 * @throws SluiceError invalid_request with every problem, not_found, ambiguous_name, conflict for a taken uuid,
 * flow_unavailable, payload_too_large
 */
export async function createRecords(
  services: RecordServices & SchemaServices,
  request: CreateRequest,
): Promise<{ pointer: FlowPointer; list: boolean; records: CreatedRecord[] }> {
  const { environment, by, trigger } = request;
  const pointer = await requireFlow(services.catalog, environment.id, request.flow);
  if (pointer.status === "inactive") throw inactive(pointer);
  const now = services.world.now();
  const dueAt = checkedExecutionTime(request.executionTime, now);
  const { list, documents } = await checkedData(services, environment, request.payload);
  const uuids = identifiers(request.uuid, documents.length);
  const fields = await services.catalog.resources(environment.id, "mappedField");
  const records: NewRecord[] = documents.map(({ value, text }, index) => {
    const uuid = uuids[index] as string;
    return {
      uuid,
      runId: services.recordRuns.newRunId(environment.id, uuid, now),
      data: text,
      fields: fieldValues(fields, pointer.projectId, value),
    };
  });
  // Before they are stored: then no crash can leave them with nobody who would look for them.
  await services.recordRuns.watch(environment.id, dueAt);
  const stored = await services.records.insert({
    environmentId: environment.id,
    flowId: pointer.flowId,
    flowVersion: pointer.version,
    status: dueAt > now ? RECORD_STATUS.scheduled : RECORD_STATUS.new,
    dueAt,
    at: now,
    by,
    trigger,
    records,
  });
  if (stored.kind === "inactive") throw inactive(pointer);
  if (stored.kind === "taken") {
    const shown = stored.uuids.slice(0, 10).join(", ");
    throw new SluiceError("conflict", `The uuid is taken: ${shown}. Nothing was stored.`);
  }
  if (dueAt <= now && stored.flowState === "running") {
    const due = records.map(
      ({ uuid, runId, data }): DueRecord => ({
        uuid,
        flowId: pointer.flowId,
        flowVersion: pointer.version,
        runId,
        resumeOf: null,
        resumeAt: null,
        numRuns: 0,
        by,
        trigger,
        data,
      }),
    );
    services.background(startRecords(services, environment.id, due));
  }
  return {
    pointer,
    list,
    records: documents.map(({ value }, index) => ({ uuid: uuids[index] as string, data: value })),
  };
}

function inactive({ flow }: FlowPointer): SluiceError {
  return new SluiceError("flow_unavailable", `The flow "${flow}" is inactive and takes no new records.`, {
    retryAfter: 60,
    state: "inactive",
  });
}

function identifiers(given: string | undefined, count: number): string[] {
  if (given === undefined) return Array.from({ length: count }, () => crypto.randomUUID());
  const uuids = count === 1 ? [checkedUuid(given)] : checkedUuids(given);
  if (uuids.length !== count) {
    throw new SluiceError(
      "invalid_request",
      `The body has ${count} records and uuid names ${uuids.length}; give one for each, separated by commas, or none.`,
      { problems: [{ path: "uuid", reason: `expected ${count} different identifiers` }] },
    );
  }
  return uuids;
}
