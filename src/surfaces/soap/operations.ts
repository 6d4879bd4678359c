import { base64OfText, encodedJson } from "../../domain/base64-text";
import { SluiceError } from "../../domain/errors";
import { type Json, type JsonObject, parseJson } from "../../domain/json";
import type { Principal } from "../../domain/principal";
import type { Credentials } from "../../operations/access/credentials";
import { requireRoom } from "../../operations/environments/storage-room";
import { readFlowDiagram } from "../../operations/flow-diagram";
import type { HeaderFields } from "../../operations/incoming-call";
import { type Payload, readPayload } from "../../operations/payload";
import { findWebhook, receiveWebhook } from "../../operations/receive-webhook";
import { createRecords } from "../../operations/records/create-records";
import { createSchema, readSchema, removeSchema, updateSchema } from "../../operations/records/data-schema";
import { deleteRecord } from "../../operations/records/delete-record";
import { changeFlowStatus, FLOW_STATUSES, flowStatusMessage } from "../../operations/records/flow-status";
import { checkedUuid, requireFlow } from "../../operations/records/identifiers";
import { readRecord } from "../../operations/records/read-record";
import { updateRecords } from "../../operations/records/update-records";
import { deliveryResource } from "../../operations/v1-resources/delivery";
import { flowDiagramResource } from "../../operations/v1-resources/flow-diagram";
import { createdRecords, readRecordOnWire, updatedRecords } from "../../operations/v1-resources/record";
import { schemaResource } from "../../operations/v1-resources/schema";
import { checkSenderCredentials } from "../../operations/webhook-credentials";
import type { FieldPath, OperationName } from "./description";
import type { SoapInput } from "./input";
import type { SoapServices } from "./services";

/** A call that may run. */
export interface SoapCall {
  input: SoapInput;
  principal: Principal;
  credentials: Credentials;
  /** Of the HTTP request that carried the envelope. */
  headers: HeaderFields;
  origin: string;
  host: string;
  client: string;
  signal: AbortSignal;
  services: SoapServices;
}

/** An answer without the fields that follow from others. */
export interface SoapAnswer {
  code: 200 | 201;
  /** Empty, JSON, or JSON in Base64: whichever the seed has for the operation. */
  resource: string;
  message: string;
  /** The seed's word for no error; `null` but for one operation. */
  error?: "null" | "false";
}

/** Codes and messages are the seed's. */
export const HANDLERS: Record<OperationName, (call: SoapCall) => Promise<SoapAnswer>> = {
  async insertSchema({ services, principal, input }) {
    await createSchema(services, principal.environment, schemaBody(input), "optional");
    return { code: 201, resource: "", message: "Data Schema is created successfully." };
  },

  async insertRecord({ services, principal, input }) {
    await requireRoom(services.room, principal.environment.id);
    const inserted = await createRecords(services, {
      environment: principal.environment,
      flow: flowOf(input),
      uuid: input.get("DataRecordObject.Uuid"),
      executionTime: input.get("DataRecordObject.ExecutionTime"),
      payload: await dataOf(input),
      by: principal.name,
      trigger: "soap",
    });
    return {
      code: 201,
      resource: encoded(createdRecords(inserted)),
      message: "Data Record is created successfully and it is included in the queue.",
    };
  },

  webhook,

  async getRecord({ services, principal, input }) {
    const uuid = checkedUuid(input.require("DataRecordObject.Uuid"));
    const record = await readRecord(services, principal.environment, uuid);
    return {
      code: 200,
      resource: JSON.stringify(readRecordOnWire(record, principal.organizationId)),
      message: "Data Record structure was retrieving successfully",
    };
  },

  async getSchema({ services, principal }) {
    const stored = await readSchema(services, principal.environment);
    return {
      code: 200,
      resource: JSON.stringify(schemaResource(stored)),
      message: "Schema structure is retrieving successfully",
    };
  },

  async getFlowDiagram({ services, principal, input }) {
    const { environment } = principal;
    const { projectId, project, flow } = await requireFlow(services.catalog, environment.id, flowOf(input));
    const diagram = await readFlowDiagram(services, environment, { projectId, project, flow });
    return {
      code: 200,
      resource: JSON.stringify(flowDiagramResource(diagram)),
      message: "Flow diagram is retrieving successfully",
    };
  },

  async updateRecord({ services, principal, input }) {
    const uuid = input.get("DataRecordObject.Uuid");
    const updated = await updateRecords(services, principal.environment, uuid, await dataOf(input));
    return {
      code: 201,
      resource: encoded(updatedRecords(updated, principal.organizationId)),
      message: "Data Record is updated successfully.",
    };
  },

  async updateSchema({ services, principal, input }) {
    const { environment } = principal;
    await updateSchema(services, environment, schemaBody(input), "optional");
    const { schema } = await readSchema(services, environment);
    return {
      code: 201,
      resource: JSON.stringify(schema),
      message: "Schema structure is created successfully",
    };
  },

  async changeFlowStatus({ services, principal, input }) {
    const wanted = input.require("FlowDiagramObject.Status");
    const path: FieldPath = "FlowDiagramObject.Status";
    if (!(FLOW_STATUSES as readonly string[]).includes(wanted.toLowerCase())) {
      const reason = `expected ${FLOW_STATUSES.join(", ")}`;
      throw new SluiceError("invalid_request", `${path}: ${reason}.`, { problems: [{ path, reason }] });
    }
    const { environment, name } = principal;
    const changed = await changeFlowStatus(services, environment, flowOf(input), wanted, name);
    const { flowId, flow, project, status } = changed;
    return {
      code: 201,
      resource: JSON.stringify({ flow_id: String(flowId), flow_name: flow, project, status }),
      message: flowStatusMessage(status),
      error: "false",
    };
  },

  async deleteSchema({ services, principal }) {
    await removeSchema(services, principal.environment);
    return { code: 200, resource: "", message: "Schema has been removed successfully" };
  },

  async deleteRecord({ services, principal, input }) {
    try {
      await deleteRecord(services, principal.environment, input.require("DataRecordObject.Uuid"));
    } catch (error) {
      if (!(error instanceof SluiceError) || error.code !== "forbidden") throw error;
      // The seed's own words for what the operation refuses.
      const message = "Data record cannot be deleted: it is being used";
      throw new SluiceError("forbidden", message, {}, { cause: error });
    }
    return { code: 201, resource: "", message: "Data Record is deleted successfully." };
  },
};

/** The same as a POST to the webhook's URL with the payload as its body. */
async function webhook(call: SoapCall): Promise<SoapAnswer> {
  const { services, principal, credentials, host, client, headers } = call;
  const uri = call.input.require("Uri");
  const found = await findWebhook(services, principal.environment, uri);
  await checkSenderCredentials(services, found, credentials, { method: "POST", host, client });
  const payload = call.input.exactly("Payload");
  const received = await receiveWebhook(services, found, {
    method: "POST",
    url: `${call.origin}/v1/webhook/${encodeURIComponent(found.name)}`,
    query: new URLSearchParams(),
    headers: payloadHeaders(headers, payload),
    client,
    readBody: () => Promise.resolve(new TextEncoder().encode(payload)),
    signal: call.signal,
  });
  if (received.kind === "challenged") {
    return { code: 200, resource: received.answer.body, message: "The challenge is answered" };
  }
  const resource = JSON.stringify(deliveryResource(received, principal.organizationId));
  return received.kind === "stored"
    ? { code: 201, resource, message: "Webhook response has been saved successfully" }
    : { code: 200, resource, message: "Data was stored before; nothing runs again" };
}

/** Headers of the envelope that speak of the envelope, not of the payload. */
const OF_ENVELOPE = new Set(["content-type", "content-length", "content-encoding", "soapaction"]);

function payloadHeaders(headers: HeaderFields, payload: string): HeaderFields {
  const kept = [...headers].filter(([name]) => !OF_ENVELOPE.has(name.toLowerCase()));
  const [start] = payload.trimStart();
  const type =
    start === "{" || start === "["
      ? "application/json"
      : start === "<"
        ? "application/xml"
        : "text/plain; charset=utf-8";
  return new Headers([...kept, ["content-type", type]]) as unknown as HeaderFields;
}

/** The flow by its id, else by its name. @throws SluiceError invalid_request */
function flowOf(input: SoapInput): string {
  const flow = input.get("FlowDiagramObject.FlowId") ?? input.get("FlowDiagramObject.Flow");
  if (flow !== undefined) return flow;
  const path: FieldPath = "FlowDiagramObject.FlowId";
  throw new SluiceError("invalid_request", `Name the flow: ${path}, or FlowDiagramObject.Flow.`, {
    problems: [{ path, reason: "it is required, or FlowDiagramObject.Flow" }],
  });
}

/** What REST takes as the body of a schema's POST. */
function schemaBody(input: SoapInput): JsonObject {
  const url = input.get("SchemaObject.Url");
  return {
    schema: input.require("SchemaObject.Schema"),
    data_record: input.require("SchemaObject.DataRecord"),
    ...(url === undefined ? {} : { url }),
  };
}

/** The data record, JSON in Base64, as the body that REST takes. @throws SluiceError invalid_request */
async function dataOf(input: SoapInput): Promise<Payload> {
  const path: FieldPath = "DataRecordObject.Data";
  const text = encodedJson(input.require(path));
  if (text === undefined) {
    throw new SluiceError("invalid_request", `${path} is not Base64 of JSON.`, {
      problems: [{ path, reason: "is not Base64 of JSON" }],
    });
  }
  // Said here, so that a message speaks of the field.
  parseJson(text, path);
  return readPayload(new TextEncoder().encode(text), "application/json");
}

function encoded(value: Json): string {
  return base64OfText(JSON.stringify(value));
}
