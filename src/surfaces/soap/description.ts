import type { Scope } from "../../domain/scope";
import type { CallAuthority } from "../../operations/access/authenticate-call";

/*
 * The one description of the SOAP operations (seed: SOAP Web services). The WSDL is written from it, requests are read
 * and checked by it, and the page at /v1/soap lists it. Where samples of the seed contradict themselves (the request of
 * another operation, another one's response element, a success printed as a Fault) the operation's own names are right.
 */

/** Target namespace of the operations and types, as the seed prints it. */
export const NAMESPACE = "Flowize";

/** Objects that requests are made of, with their fields. All are texts. */
export const OBJECTS = {
  AuthenticationObject: ["Apikey", "Appkey", "Version"],
  SchemaObject: ["Url", "Schema", "DataRecord"],
  DataRecordObject: ["Uuid", "ExecutionTime", "Data"],
  FlowDiagramObject: ["Flow", "FlowId", "Status"],
} as const;

export type ObjectName = keyof typeof OBJECTS;
/** `SchemaObject.Schema`, or `Uri` for a field that stands directly in the request. */
export type FieldPath =
  | { [O in ObjectName]: `${O}.${(typeof OBJECTS)[O][number]}` }[ObjectName]
  | "Uri"
  | "Payload";

/** Fields of an answer, all texts, in the seed's order. */
export const RESPONSE_FIELDS = ["Id", "Code", "RequestIP", "Resource", "Message", "Error"] as const;

export interface SoapOperation {
  /** One sentence for the WSDL and the help page. */
  documentation: string;
  /** Type of its one parameter, `input`. */
  request: string;
  objects: readonly ObjectName[];
  /** Fields that stand directly in the request. */
  fields: readonly FieldPath[];
  required: readonly FieldPath[];
  authority: Extract<CallAuthority, "interface" | "none">;
  scope: Scope | undefined;
  /** Of the same call over REST: some credentials open only some methods. */
  method: "GET" | "POST" | "PUT" | "DELETE";
}

const called = { fields: [], authority: "interface" } as const;

export const OPERATIONS = {
  insertSchema: {
    ...called,
    documentation: "Inserts a Data Schema structure per customer.",
    request: "InsertSchemaRequest",
    objects: ["AuthenticationObject", "SchemaObject"],
    required: ["SchemaObject.Schema", "SchemaObject.DataRecord"],
    scope: "schema",
    method: "POST",
  },
  insertRecord: {
    ...called,
    documentation: "Inserts a Data Record structure, or an array of them.",
    request: "InsertRecordRequest",
    objects: ["AuthenticationObject", "DataRecordObject", "FlowDiagramObject"],
    required: ["DataRecordObject.Data"],
    scope: "record",
    method: "POST",
  },
  webhook: {
    documentation: "Inserts Data using a Webhook Protocol.",
    request: "WebhookRequest",
    objects: [],
    fields: ["Uri", "Payload"],
    required: ["Uri"],
    authority: "none",
    scope: undefined,
    method: "POST",
  },
  getRecord: {
    ...called,
    documentation: "Gets a Record Data with its identifier.",
    request: "GetRecordRequest",
    objects: ["AuthenticationObject", "DataRecordObject"],
    required: ["DataRecordObject.Uuid"],
    scope: "record.read",
    method: "GET",
  },
  getSchema: {
    ...called,
    documentation: "Gets the Data Schema Structure.",
    request: "GetSchemaRequest",
    objects: ["AuthenticationObject"],
    required: [],
    scope: "schema.read",
    method: "GET",
  },
  getFlowDiagram: {
    ...called,
    documentation: "Gets information related to a Flow Diagram.",
    request: "GetFlowDiagramRequest",
    objects: ["AuthenticationObject", "FlowDiagramObject"],
    required: [],
    scope: "flowdiagram.read",
    method: "GET",
  },
  updateRecord: {
    ...called,
    documentation: "Updates a Data Record with its identifier.",
    request: "UpdateRecordRequest",
    // The seed's sample sends a FlowDiagramObject; a record stays in its flow, so nothing is done with it.
    objects: ["AuthenticationObject", "DataRecordObject", "FlowDiagramObject"],
    required: ["DataRecordObject.Data"],
    scope: "record",
    method: "PUT",
  },
  updateSchema: {
    ...called,
    documentation: "Updates the customer Data Schema.",
    request: "UpdateSchemaRequest",
    objects: ["AuthenticationObject", "SchemaObject"],
    required: ["SchemaObject.Schema", "SchemaObject.DataRecord"],
    scope: "schema",
    method: "PUT",
  },
  changeFlowStatus: {
    ...called,
    documentation: "Updates the flow status: public, paused, running or inactive.",
    request: "ChangeFlowDiagramStatusRequest",
    objects: ["AuthenticationObject", "FlowDiagramObject"],
    required: ["FlowDiagramObject.Status"],
    scope: "flowdiagram",
    method: "PUT",
  },
  deleteSchema: {
    ...called,
    documentation: "Removes the customer Data Schema.",
    request: "DeleteSchemaRequest",
    objects: ["AuthenticationObject"],
    required: [],
    scope: "schema",
    method: "DELETE",
  },
  deleteRecord: {
    ...called,
    documentation: "Removes a Data Record with its identifier.",
    request: "DeleteRecordRequest",
    objects: ["AuthenticationObject", "DataRecordObject"],
    required: ["DataRecordObject.Uuid"],
    scope: "record.delete",
    method: "DELETE",
  },
} as const satisfies Record<string, SoapOperation>;

export type OperationName = keyof typeof OPERATIONS;

/** An operation by its name on the wire. */
export function isOperation(name: string): name is OperationName {
  return Object.hasOwn(OPERATIONS, name);
}
