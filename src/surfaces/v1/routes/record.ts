import { createRecords } from "../../../operations/records/create-records";
import { deleteRecord } from "../../../operations/records/delete-record";
import { checkedUuid } from "../../../operations/records/identifiers";
import { readRecord } from "../../../operations/records/read-record";
import { searchRecords } from "../../../operations/records/search-records";
import { updateRecords } from "../../../operations/records/update-records";
import {
  createdRecords,
  foundRecord,
  readRecordOnWire,
  updatedRecords,
} from "../../../operations/v1-resources/record";
import { EXECUTION_TIME, FLOW, UUID } from "../parameters";
import { created, defineV1Route, ok, type V1Method, type V1Parameter } from "../route";

const TAG = "Data record";

export const insertRecord = defineV1Route({
  method: "POST",
  path: "/v1/record",
  summary: "Insert a data record, or an array of them, all or none",
  tag: TAG,
  authority: "interface",
  scope: "record",
  parameters: { flow: FLOW, uuid: UUID, executionTime: EXECUTION_TIME },
  body: "data",
  accepts: ["json", "xml"],
  bodyRequired: true,
  stores: true,
  async handle({ services, principal, parameters, body }) {
    const { flow, uuid, executionTime } = parameters;
    const inserted = await createRecords(services, {
      environment: principal.environment,
      flow,
      uuid,
      executionTime,
      payload: body,
      by: principal.name,
      trigger: "v1",
    });
    return created(createdRecords(inserted), "Data Record is created successfully");
  },
});

export const getRecord = defineV1Route({
  method: "GET",
  path: "/v1/record/{uuid?}",
  summary: "Get a data record",
  tag: TAG,
  authority: "interface",
  scope: "record.read",
  parameters: { uuid: UUID },
  body: "none",
  async handle({ services, principal, parameters, path }) {
    const uuid = checkedUuid(path.uuid ?? parameters.uuid ?? "");
    const record = await readRecord(services, principal.environment, uuid);
    return ok(
      readRecordOnWire(record, principal.organizationId),
      "Data Record structure was retrieving successfully",
    );
  },
});

export const updateRecord = defineV1Route({
  method: "PUT",
  path: "/v1/record/{uuid?}",
  summary: "Update a data record, or several",
  tag: TAG,
  authority: "interface",
  scope: "record",
  parameters: { uuid: UUID },
  body: "data",
  accepts: ["json", "xml"],
  bodyRequired: true,
  async handle({ services, principal, parameters, path, body }) {
    const uuid = path.uuid ?? parameters.uuid;
    const updated = await updateRecords(services, principal.environment, uuid, body);
    return ok(updatedRecords(updated, principal.organizationId), "Data Record was updated successfully");
  },
});

export const removeRecord = defineV1Route({
  method: "DELETE",
  path: "/v1/record/{uuid?}",
  summary: "Remove a data record that is not in use",
  tag: TAG,
  authority: "interface",
  scope: "record.delete",
  parameters: { uuid: UUID },
  body: "none",
  async handle({ services, principal, parameters, path }) {
    const { uuid, flow } = await deleteRecord(services, principal.environment, path.uuid ?? parameters.uuid);
    return ok({ flow_name: flow, uuid }, "Data Record was removed successfully");
  },
});

const SEARCH = {
  limit: { headers: ["x-limit"], url: ["limit"], description: "Records of a page; 10 when not given." },
  offset: { headers: ["x-offset"], url: ["offset"], description: "Records to skip." },
  cursor: { headers: ["x-cursor"], url: ["cursor"], description: "`next` of the page before." },
  uuid: { headers: ["x-uuid"], url: ["uuid"], description: "Unique identifier of the data record." },
  flow: { headers: ["x-flow"], url: ["flow_name", "flow"], description: "Name or id of the flow." },
  status: {
    headers: ["x-datarecord-status"],
    url: ["datarecord_status"],
    description:
      "0 not started, new or paused, 1 processing, 2 finished, 3 finished with errors, 4 scheduled, 5 reviewed, 6 errors handled.",
  },
  fieldName: {
    headers: ["x-datafield-name"],
    url: ["datafield_name"],
    description: "Name of a mapped data field.",
  },
  fieldValue: {
    headers: ["x-datafield-value"],
    url: ["datafield_value"],
    description: "Value to search it for.",
  },
  dateType: {
    headers: ["x-date-type"],
    url: ["date_type"],
    description: "date_created, date_started or date_last_run.",
  },
  dateFrom: {
    headers: ["x-date-from"],
    url: ["date_from"],
    description: "From this date: 2017-12-31 24:00:00 or 31-12-2017 12:00:00, in UTC.",
  },
  dateTo: { headers: ["x-date-to"], url: ["date_to"], description: "Up to this date." },
} satisfies Record<string, V1Parameter>;

/** A search by each method that clients use: the seed's own list says PUT, its chapter GET. */
function searchRoute(method: V1Method) {
  return defineV1Route({
    method,
    path: "/v1/record/search",
    summary: "Search data records",
    tag: TAG,
    authority: "interface",
    scope: "record.read",
    parameters: SEARCH,
    body: "none",
    listIn: "records",
    safe: true,
    async handle({ services, principal, parameters }) {
      const found = await searchRecords(services, principal.environment, parameters);
      return ok(
        {
          records: found.records.map((record) => foundRecord(record, found.fieldValue)),
          total: found.total,
          total_exact: found.exact,
          offset: found.offset,
          limit: found.limit,
          next: found.next,
        },
        "The query has been executed successfully.",
      );
    },
  });
}

export const searchByGet = searchRoute("GET");
export const searchByPut = searchRoute("PUT");
export const searchByPost = searchRoute("POST");
