import { SluiceError } from "../../../domain/errors";
import type { Json } from "../../../domain/json";
import { type QueueAction, statusName } from "../../../domain/record";
import type { Unchanged } from "../../../operations/records/change-records";
import { changeFlowStatus, flowStatusMessage } from "../../../operations/records/flow-status";
import { checkedUuids } from "../../../operations/records/identifiers";
import { moveRecords } from "../../../operations/records/move-records";
import { actOnQueue, checkedAction } from "../../../operations/records/queue-actions";
import { defineV1Route, ok, type V1Parameter } from "../route";

/** What is said of so many records; of the last the seed gives the words. */
const DONE: Record<QueueAction, string> = {
  "pause-queue": "paused in the queue",
  "resume-queue": "resumed in the queue",
  "execute-queue": "executed from the queue",
  "delete-from-queue": "deleted from the queue",
  "resume-and-continue": "resumed from error status",
  "mark-reviewed": "marked as reviewed",
  "mark-errors-handled": "marked as errors handled",
};

const UUIDS: V1Parameter = {
  headers: ["x-queue-uuids"],
  url: ["queue_uuids", "uuids", "uuid"],
  description: "The uuids, separated by commas; or as an array in the body.",
};

export const changeRecordStatus = defineV1Route({
  method: "PUT",
  path: "/v1/record/changestatus",
  summary: "Pause, resume, execute, delete or continue records in the queue",
  tag: "Data record",
  authority: "interface",
  scope: "record",
  parameters: {
    uuids: UUIDS,
    action: {
      headers: ["x-queue-status"],
      url: ["queue_status"],
      description: `One of ${Object.keys(DONE).join(", ")}.`,
    },
  },
  body: "data",
  async handle({ services, principal, parameters, body }) {
    const action = checkedAction(parameters.action);
    const uuids = requireUuids(parameters.uuids, body.value);
    const { acted, unchanged } = await actOnQueue(services, principal.environment, action, uuids);
    const records = acted.map(
      ({ uuid, state }): Json => ({
        uuid,
        queue_status: String(state.status),
        queue_status_key: statusName(state),
      }),
    );
    return ok(
      { records: [...records, ...unchanged.map(leftAlone)], total: acted.length },
      `${acted.length} datarecords ${DONE[action]}${remainder(unchanged)}`,
    );
  },
});

export const moveToFlow = defineV1Route({
  method: "PUT",
  path: "/v1/record/movetoflow",
  summary: "Move data records to another flow",
  tag: "Data record",
  authority: "interface",
  scope: "record",
  parameters: {
    flow: {
      headers: ["x-movetoflow-flow"],
      url: ["movetoflow_flow", "movetoflow", "flow_name"],
      description: "Name or id of the flow.",
    },
    uuids: { ...UUIDS, headers: ["x-queue-uuids", "x-uuid"] },
  },
  body: "data",
  async handle({ services, principal, parameters, body }) {
    const uuids = requireUuids(parameters.uuids, body.value);
    const { flow } = parameters;
    const { pointer, moved, unchanged } = await moveRecords(services, principal.environment, flow, uuids);
    const records = moved.map(
      (uuid): Json => ({
        uuid,
        message: "Data Record is moved to a new flow successfully and it is included in the queue.",
        movetoflow: flow ?? pointer.flow,
      }),
    );
    return ok(
      { records: [...records, ...unchanged.map(leftAlone)], total: moved.length },
      `${moved.length} flows moved to the new one${remainder(unchanged)}`,
    );
  },
});

export const changeFlow = defineV1Route({
  method: "PUT",
  path: "/v1/changeflowstatus",
  summary: "Publish, pause, resume or deactivate a flow",
  tag: "Flow diagram",
  authority: "interface",
  scope: "flowdiagram",
  parameters: {
    flow: {
      headers: ["x-flow-id", "x-flow"],
      url: ["flow_id", "flow_name"],
      description: "Id or name of the flow.",
    },
    status: {
      headers: ["x-status"],
      url: ["status"],
      description: "public, paused, running or inactive.",
    },
  },
  body: "none",
  async handle({ services, principal, parameters }) {
    const { flow, status } = parameters;
    const changed = await changeFlowStatus(services, principal.environment, flow, status, principal.name);
    return ok("", flowStatusMessage(changed.status));
  },
});

/** Identifiers of a header or the URL, or of the body: an array, or one under `uuids`. */
function requireUuids(given: string | undefined, body: Json | undefined): string[] {
  const inBody =
    typeof body === "object" && body !== null && !Array.isArray(body) ? (body.uuids ?? body.uuid) : body;
  const uuids = checkedUuids(given ?? inBody);
  if (uuids.length > 0) return uuids;
  throw new SluiceError(
    "invalid_request",
    "Name the records: an array of uuids as the body, or X-Queue-Uuids.",
    {
      problems: [{ path: "uuids", reason: "at least one is required" }],
    },
  );
}

function leftAlone({ uuid, reason }: Unchanged): Json {
  return { uuid, error: reason };
}

function remainder(unchanged: readonly Unchanged[]): string {
  return unchanged.length === 0 ? "" : `, ${unchanged.length} left as they were`;
}
