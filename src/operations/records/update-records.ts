import type { Environment } from "../../domain/environment";
import { SluiceError } from "../../domain/errors";
import type { Json, JsonObject } from "../../domain/json";
import type { Payload } from "../payload";
import { type ChangedRecords, changeRecords } from "./change-records";
import { checkedData } from "./checked-data";
import type { SchemaServices } from "./data-schema";
import { fieldValues } from "./fill-fields";
import { checkedUuid, checkedUuids } from "./identifiers";
import { NO_RECORD } from "./read-record";
import type { RecordServices } from "./start-records";

export interface UpdatedRecord {
  uuid: string;
  flow: string;
  data: Json;
}

/**
 * Replaces the data of one record, or of several: as many documents as identifiers, in the same order; or, without
 * identifiers beside the body, `{ uuid, data_record }` for each. A record that is being processed keeps what it began with,
 * and is refused.
 * @throws SluiceError invalid_request, not_found, forbidden when one is in use (nothing was changed then, or all others)
 */
export async function updateRecords(
  services: RecordServices & SchemaServices,
  environment: Environment,
  uuid: string | undefined,
  payload: Payload,
): Promise<{ list: boolean; records: UpdatedRecord[] }> {
  const named = uuid === undefined ? namedInBody(payload) : undefined;
  const { list, documents } = await checkedData(services, environment, named?.payload ?? payload);
  const uuids =
    named?.uuids ?? (documents.length === 1 && uuid !== undefined ? [checkedUuid(uuid)] : checkedUuids(uuid));
  if (uuids.length !== documents.length) {
    throw new SluiceError(
      "invalid_request",
      `The body has ${documents.length} records and uuid names ${uuids.length}; give one for each, separated by commas.`,
      { problems: [{ path: "uuid", reason: `expected ${documents.length} different identifiers` }] },
    );
  }
  const present = new Map((await services.records.rows(environment.id, uuids)).map((row) => [row.uuid, row]));
  const missing = uuids.filter((each) => !present.has(each));
  if (missing.length > 0) {
    throw new SluiceError(
      "not_found",
      uuids.length === 1
        ? NO_RECORD
        : `There are no data records with these uuids: ${missing.slice(0, 10).join(", ")}.`,
    );
  }
  const taken = uuids.filter((each) => present.get(each)?.queue === "taken");
  if (taken.length > 0) throw inUse(taken);
  const fields = await services.catalog.resources(environment.id, "mappedField");
  const byUuid = new Map(
    uuids.map((each, index) => [each, documents[index] as { value: JsonObject; text: string }]),
  );
  const pointers = new Map<number, number>();
  for (const { flowId } of present.values()) {
    if (pointers.has(flowId)) continue;
    pointers.set(flowId, (await services.catalog.flowById(environment.id, flowId))?.projectId ?? 0);
  }
  const result: ChangedRecords = await changeRecords(services, environment.id, uuids, (row) => {
    const document = byUuid.get(row.uuid) as { value: JsonObject; text: string };
    return {
      status: row.status,
      queue: row.queue,
      dueAt: row.dueAt,
      resumeOf: row.resumeOf,
      resumeAt: row.resumeAt,
      run: row.queue === "waiting" ? "new" : "same",
      data: {
        text: document.text,
        fields: fieldValues(fields, pointers.get(row.flowId) ?? 0, document.value),
      },
    };
  });
  const [left] = result.unchanged;
  if (left !== undefined) throw inUse(result.unchanged.map((each) => each.uuid));
  return {
    list,
    records: uuids.map((each) => ({
      uuid: each,
      flow: present.get(each)?.flow ?? "",
      data: byUuid.get(each)?.value as Json,
    })),
  };
}

function inUse(uuids: readonly string[]): SluiceError {
  return new SluiceError(
    "forbidden",
    `In use, since it is being processed: ${uuids.slice(0, 10).join(", ")}. Update it when it has ended.`,
  );
}

/** Identifiers that stand beside the data in the body. */
function namedInBody(payload: Payload): { uuids: string[]; payload: Payload } {
  const body = payload.value;
  const list = Array.isArray(body) ? body : [body];
  const entries = list.map((entry) =>
    typeof entry === "object" &&
    entry !== null &&
    !Array.isArray(entry) &&
    typeof entry.uuid === "string" &&
    Object.hasOwn(entry, "data_record")
      ? { uuid: checkedUuid(entry.uuid), data: entry.data_record as Json }
      : undefined,
  );
  if (entries.length === 0 || entries.some((entry) => entry === undefined)) {
    throw new SluiceError(
      "invalid_request",
      "Name the record: X-Uuid, or uuid in the URL; of several, all of them separated by commas, or `uuid` beside `data_record` in each.",
      { problems: [{ path: "uuid", reason: "it is required" }] },
    );
  }
  const known = entries as { uuid: string; data: Json }[];
  const values = known.map(({ data }) => data);
  return {
    uuids: known.map(({ uuid }) => uuid),
    payload: { ...payload, value: Array.isArray(body) ? values : (values[0] as Json) },
  };
}
