import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { MAX_BODY_BYTES, MAX_XML_ATTRIBUTES, MAX_XML_DEPTH, MAX_XML_ELEMENTS } from "../../src/domain/limits";
import { OPERATIONS } from "../../src/surfaces/soap/description";
import { applyFlows, caller } from "../support/records";
import {
  authentication,
  envelopeOf,
  type Fields,
  fail,
  faultOf,
  fieldsXml,
  SOAP_11,
  SOAP_12,
  sendEnvelope,
  succeed,
  textOf,
} from "../support/soap";
import {
  accessToken,
  issueApiKey,
  issueInterface,
  keyHeaders,
  type V1Credentials,
  v1,
  v1Credentials,
} from "../support/v1";
import { applyWebhooks, ended } from "../support/webhooks";
import { admin, call, ORIGIN } from "../support/worker";

/** The SOAP web services as the seed ("SOAP Web services") and the contract (section 3) describe them. */

const WRONG = "The credentials are not correct.";
const base64 = (value: unknown) =>
  btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(value))));
const decoded = (text: string) =>
  JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(text), (char) => char.charCodeAt(0))));

const SCHEMA = {
  $schema: "http://json-schema.org/draft-04/schema#",
  type: "object",
  required: ["amount"],
  properties: { amount: { type: "number" } },
};

let credentials: V1Credentials;
let auth: Fields;
let flows: Map<string, string>;

beforeAll(async () => {
  credentials = await v1Credentials();
  auth = authentication(credentials);
  flows = await applyFlows();
  await applyWebhooks("hooks", [
    { webhook: "plain" },
    { webhook: "locked", credentials: "required" },
    { webhook: "texts", contentTypes: ["text/plain"] },
    {
      webhook: "challenged",
      challenge: { method: "POST", json: "challenge", when: { type: "verify" } },
    },
  ]);
});

const insert = (data: unknown, more: Record<string, string> = {}, flow = "work") =>
  succeed("insertRecord", {
    ...auth,
    DataRecordObject: { Data: base64(data), ...more },
    FlowDiagramObject: { Flow: flow },
  });

describe("the schema", () => {
  const object = { Schema: base64(SCHEMA), DataRecord: base64({ amount: 1 }) };

  it("is inserted, read, updated and removed", async () => {
    const ip = { RequestIP: "127.0.0.1", Error: "null" };
    expect(await succeed("insertSchema", { ...auth, SchemaObject: object })).toEqual({
      ...ip,
      status: 201,
      Id: "created",
      Code: "201",
      Resource: "",
      Message: "Data Schema is created successfully.",
    });

    const read = await succeed("getSchema", auth);
    expect(read).toMatchObject({
      ...ip,
      status: 200,
      Id: "ok",
      Code: "200",
      Message: "Schema structure is retrieving successfully",
    });
    const resource = JSON.parse(read.Resource) as Record<string, string>;
    expect(Object.keys(resource)).toEqual([
      "url",
      "schema",
      "data_record",
      "creation_date",
      "modified_date",
      "customer",
    ]);
    expect(decoded(resource.schema as string)).toEqual(SCHEMA);
    const rest = await v1("GET", "/schema", keyHeaders(credentials));
    expect(((await rest.json()) as { resource: unknown }).resource).toEqual(resource);

    const changed = { ...SCHEMA, title: "größer <als> & so" };
    const updated = await succeed("updateSchema", {
      ...auth,
      SchemaObject: { ...object, Schema: base64(changed), Url: "https://schemas.example/one" },
    });
    expect(updated).toMatchObject({
      ...ip,
      Id: "created",
      Code: "201",
      Message: "Schema structure is created successfully",
    });
    expect(JSON.parse(updated.Resource)).toEqual(changed);
    expect(JSON.parse((await succeed("getSchema", auth)).Resource)).toMatchObject({
      url: "https://schemas.example/one",
    });

    expect(await succeed("deleteSchema", auth)).toEqual({
      ...ip,
      status: 200,
      Id: "ok",
      Code: "200",
      Resource: "",
      Message: "Schema has been removed successfully",
    });
    expect(await fail("getSchema", auth)).toMatchObject({ status: 404, code: "404" });
  });

  it("is inserted once: the second is a fault 409", async () => {
    await succeed("insertSchema", { ...auth, SchemaObject: object });
    expect(await fail("insertSchema", { ...auth, SchemaObject: object })).toMatchObject({
      status: 409,
      code: "409",
    });
    await succeed("deleteSchema", auth);
    expect(await fail("deleteSchema", auth)).toMatchObject({ status: 404, code: "404" });
    expect(await fail("updateSchema", { ...auth, SchemaObject: object })).toMatchObject({ code: "404" });
  });

  it.each([
    ["no schema", { DataRecord: object.DataRecord }, "SchemaObject.Schema"],
    ["an empty example", { Schema: object.Schema, DataRecord: " " }, "SchemaObject.DataRecord"],
    ["no Base64", { ...object, Schema: "?" }, "schema"],
    ["Base64 of no JSON", { ...object, Schema: btoa("no JSON") }, "schema"],
    [
      "an example that does not satisfy it",
      { ...object, DataRecord: base64({ amount: "1" }) },
      "data_record",
    ],
  ])("is refused with %s", async (_, SchemaObject, path) => {
    const fault = await fail("insertSchema", { ...auth, SchemaObject });
    expect(fault).toMatchObject({ status: 400, code: "400" });
    expect(fault.message).toContain(path);
    expect(JSON.parse(fault.detail.errors as string)[0].path).toContain(path);
  });
});

describe("data records", () => {
  it("are inserted, run and read; REST sees the same", async () => {
    const inserted = await insert({ amount: 21, note: "ä <&> \u{1f600}" });
    expect(inserted).toMatchObject({
      status: 201,
      Id: "created",
      Code: "201",
      Message: "Data Record is created successfully and it is included in the queue.",
      Error: "null",
    });
    const resource = decoded(inserted.Resource);
    expect(resource).toMatchObject({
      flow_id: flows.get("work"),
      flow_name: "work",
      data_record: { amount: 21, note: "ä <&> \u{1f600}" },
    });
    const uuid = resource.data_record_id as string;
    await caller(credentials).until(uuid, "2");

    const read = await succeed("getRecord", { ...auth, DataRecordObject: { Uuid: uuid } });
    expect(read).toMatchObject({
      status: 200,
      Id: "ok",
      Code: "200",
      Message: "Data Record structure was retrieving successfully",
    });
    expect(JSON.parse(read.Resource)).toEqual(await caller(credentials).read(uuid));
  });

  it("are known to have come by SOAP, and from which interface", async () => {
    const uuid = decoded((await insert({ amount: 1 })).Resource).data_record_id as string;
    const row = env.DB.prepare("SELECT trigger_kind, created_by FROM records WHERE uuid = ?1").bind(uuid);
    expect(await row.first()).toEqual({ trigger_kind: "soap", created_by: "demo" });
  });

  it("are inserted as a list, all or none, into a flow by its id", async () => {
    const inserted = await succeed("insertRecord", {
      ...auth,
      DataRecordObject: {
        Data: base64([{ amount: 1 }, { amount: 2 }]),
        Uuid: "soap-a, soap-b",
        ExecutionTime: "",
      },
      FlowDiagramObject: { FlowId: flows.get("cheap") as string, Status: "" },
    });
    expect(decoded(inserted.Resource)).toMatchObject([
      { data_record_id: "soap-a", flow_name: "cheap" },
      { data_record_id: "soap-b", flow_name: "cheap" },
    ]);
    const taken = await fail("insertRecord", {
      ...auth,
      DataRecordObject: { Data: base64([{ amount: 1 }, { amount: 2 }]), Uuid: "soap-c,soap-b" },
      FlowDiagramObject: { Flow: "cheap" },
    });
    expect(taken).toMatchObject({ status: 409, code: "409" });
    const none = await fail("getRecord", { ...auth, DataRecordObject: { Uuid: "soap-c" } });
    expect(none).toMatchObject({
      status: 404,
      code: "404",
      message: "There is no data record with this uuid.",
    });
  });

  it("of one uuid twenty times at the same moment: one wins", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        sendEnvelope(
          envelopeOf(
            "insertRecord",
            fieldsXml({
              ...auth,
              DataRecordObject: { Data: base64({ amount: 1 }), Uuid: "soap-race" },
              FlowDiagramObject: { Flow: "cheap" },
            }),
          ),
        ),
      ),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(19);
  });

  it("wait for their time, are updated and deleted", async () => {
    await insert({ amount: 1 }, { Uuid: "soap-later", ExecutionTime: "2105-08-15T15:52:01+00:00" });
    const updated = await succeed("updateRecord", {
      ...auth,
      DataRecordObject: { Uuid: "soap-later", Data: base64({ amount: 2 }) },
      // As the seed's sample sends it.
      FlowDiagramObject: { Flow: "", FlowId: "", Status: "" },
    });
    expect(updated).toMatchObject({
      status: 201,
      Id: "created",
      Code: "201",
      Message: "Data Record is updated successfully.",
    });
    expect(decoded(updated.Resource)).toMatchObject({ uuid: "soap-later", data_record: { amount: 2 } });
    expect(await caller(credentials).read("soap-later")).toMatchObject({
      data_record: { amount: 2 },
      info: { flow_status: "4" },
    });

    expect(await succeed("deleteRecord", { ...auth, DataRecordObject: { Uuid: "soap-later" } })).toEqual({
      status: 201,
      Id: "created",
      Code: "201",
      RequestIP: "127.0.0.1",
      Resource: "",
      Message: "Data Record is deleted successfully.",
      Error: "null",
    });
    for (const operation of ["deleteRecord", "getRecord"]) {
      const fault = await fail(operation, { ...auth, DataRecordObject: { Uuid: "soap-later" } });
      expect(fault).toMatchObject({ status: 404, code: "404" });
    }
  });

  it("in use are not deleted: the seed's fault 403", async () => {
    await insert({ amount: 1 }, { Uuid: "soap-used" }, "slow");
    await caller(credentials).until("soap-used", "1");
    const fault = await fail("deleteRecord", { ...auth, DataRecordObject: { Uuid: "soap-used" } });
    const message = "Data record cannot be deleted: it is being used";
    expect(fault).toMatchObject({ status: 403, code: "403", message, detail: { code: "403", message } });
    expect(fault.actor).toMatch(/^(?:[0-9a-f]{2}){44}$/);
  });

  const flow = { FlowDiagramObject: { Flow: "work" } };
  it.each<[string, string, Fields, string]>([
    ["no data", "insertRecord", { ...flow, DataRecordObject: {} }, "DataRecordObject.Data"],
    ["no object", "insertRecord", flow, "DataRecordObject.Data"],
    ["no flow", "insertRecord", { DataRecordObject: { Data: base64({}) } }, "FlowDiagramObject.FlowId"],
    ["no Base64", "insertRecord", { ...flow, DataRecordObject: { Data: "?" } }, "DataRecordObject.Data"],
    [
      "no JSON",
      "insertRecord",
      { ...flow, DataRecordObject: { Data: btoa("{amount") } },
      "DataRecordObject.Data",
    ],
    [
      "no object in it",
      "insertRecord",
      { ...flow, DataRecordObject: { Data: btoa("7") } },
      "a data record is an object",
    ],
    [
      "an odd time",
      "insertRecord",
      { ...flow, DataRecordObject: { Data: base64({}), ExecutionTime: "soon" } },
      "ATOM",
    ],
    ["no uuid", "getRecord", { DataRecordObject: { Uuid: " " } }, "DataRecordObject.Uuid"],
    ["no uuid", "updateRecord", { DataRecordObject: { Data: base64({}) } }, "uuid"],
    ["no uuid", "deleteRecord", {}, "DataRecordObject.Uuid"],
  ])("are refused with %s (%#, %s)", async (_, operation, fields, word) => {
    const fault = await fail(operation, { ...auth, ...fields });
    expect(fault).toMatchObject({ status: 400, code: "400", detail: { code: "400" } });
    expect(fault.message).toContain(word);
  });

  it("of an unknown flow, or an unknown record, are a fault 404", async () => {
    const data = { DataRecordObject: { Data: base64({}), Uuid: "soap-none" } };
    expect(
      await fail("insertRecord", { ...auth, ...data, FlowDiagramObject: { Flow: "nowhere" } }),
    ).toMatchObject({
      code: "404",
    });
    expect(await fail("updateRecord", { ...auth, ...data })).toMatchObject({ status: 404, code: "404" });
  });
});

describe("flows", () => {
  it("are described as REST describes them", async () => {
    const read = await succeed("getFlowDiagram", { ...auth, FlowDiagramObject: { Flow: "work" } });
    expect(read).toMatchObject({
      status: 200,
      Id: "ok",
      Code: "200",
      Message: "Flow diagram is retrieving successfully",
      Error: "null",
    });
    const rest = await v1("GET", "/flowdiagram", { ...keyHeaders(credentials), "x-flow": "work" });
    expect(JSON.parse(read.Resource)).toEqual(((await rest.json()) as { resource: unknown }).resource);
    expect(await fail("getFlowDiagram", { ...auth, FlowDiagramObject: { FlowId: "99999" } })).toMatchObject({
      code: "404",
    });
    expect(await fail("getFlowDiagram", auth)).toMatchObject({ code: "400" });
  });

  it("change their status", async () => {
    const FlowId = flows.get("target") as string;
    const set = (Status: string) =>
      succeed("changeFlowStatus", { ...auth, FlowDiagramObject: { FlowId, Status } });
    const published = await set("public");
    expect(published).toMatchObject({
      status: 201,
      Id: "created",
      Code: "201",
      Message: "Flow diagram has been published successfully",
      Error: "false",
    });
    expect(JSON.parse(published.Resource)).toEqual({
      flow_id: FlowId,
      flow_name: "target",
      project: "records",
      status: "public",
    });
    expect((await set("inactive")).Message).toBe("Flow diagram has been deactivated successfully");
    const refused = await fail("insertRecord", {
      ...auth,
      DataRecordObject: { Data: base64({}) },
      FlowDiagramObject: { FlowId },
    });
    expect(refused).toMatchObject({ status: 409, code: "409" });
    expect((await set("paused")).Message).toBe("Flow diagram has been stopped successfully");
    expect((await set("running")).Message).toBe("Flow diagram has been started successfully");
    for (const wrong of [{ FlowId, Status: "asleep" }, { FlowId }, { Status: "paused" }]) {
      const fields = wrong as Record<string, string>;
      expect(await fail("changeFlowStatus", { ...auth, FlowDiagramObject: fields })).toMatchObject({
        code: "400",
      });
    }
  });
});

describe("webhooks", () => {
  it("keep a payload without credentials and start their flow; a success is no Fault", async () => {
    const stored = await succeed("webhook", { Uri: "plain", Payload: '{"a": "<b> & ü"}' });
    expect(stored).toMatchObject({
      status: 201,
      Id: "created",
      Code: "201",
      Message: "Webhook response has been saved successfully",
      Error: "null",
    });
    const { process_id: runId } = JSON.parse(stored.Resource) as { process_id: string };
    const run = await ended(runId);
    expect(run).toMatchObject({ status: "Success", trigger: "webhook" });
    expect(JSON.stringify(run.messages)).toContain("<b> & ü");
  });

  it("keep the payload's type: what the webhook does not take is a fault", async () => {
    expect((await succeed("webhook", { Uri: "texts", Payload: "just words" })).Code).toBe("201");
    for (const Payload of ['{"json": 1}', "<xml/>"]) {
      expect(await fail("webhook", { Uri: "texts", Payload })).toMatchObject({ status: 415, code: "415" });
    }
  });

  it("answer a challenge", async () => {
    const asked = await succeed("webhook", {
      Uri: "challenged",
      Payload: '{"type":"verify","challenge":"c1"}',
    });
    expect(asked).toMatchObject({ Code: "200", Id: "ok", Resource: "c1" });
  });

  it("ask for credentials where their definition does, and for a name that there is", async () => {
    const locked = { Uri: "locked", Payload: "{}" };
    expect(await fail("webhook", locked)).toMatchObject({ status: 404, code: "404" });
    expect(await succeed("webhook", locked, keyHeaders(credentials))).toMatchObject({ Code: "201" });
    expect(await fail("webhook", { Uri: "nowhere", Payload: "{}" })).toMatchObject({ code: "404" });
    expect(await fail("webhook", { Payload: "{}" })).toMatchObject({ code: "400" });
  });
});

describe("credentials", () => {
  const wrongFault = { status: 404, code: "404", message: WRONG, detail: { code: "404", message: WRONG } };

  it.each<[string, () => Fields]>([
    ["none", () => ({})],
    ["empty ones", () => ({ AuthenticationObject: { Apikey: "", Appkey: "", Version: "1" } })],
    ["question marks", () => ({ AuthenticationObject: { Apikey: "?", Appkey: "?", Version: "1" } })],
    ["a wrong key", () => authentication({ apiKey: "0".repeat(64), name: "demo" })],
    ["another interface", () => authentication({ apiKey: credentials.apiKey, name: "nobody" })],
    ["no interface", () => ({ AuthenticationObject: { Apikey: credentials.apiKey, Version: "1" } })],
    [
      "a key for environments",
      () => authentication({ apiKey: credentials.organizationApiKey, name: "demo" }),
    ],
  ])("that are %s are the seed's fault 404", async (_, fields) => {
    const faults = await Promise.all(
      ["getSchema", "deleteSchema"].map((operation) => fail(operation, fields())),
    );
    for (const fault of faults) expect(fault).toMatchObject(wrongFault);
    expect(faults[0]?.actor).toMatch(/^(?:[0-9a-f]{2}){44}$/);
    expect(faults[0]?.actor).toBe(faults[1]?.actor);
  });

  it("may be the app key, without a version; another version than 1 is a fault", async () => {
    const { apiKey: Apikey, appKey: Appkey } = credentials;
    const getFlow = (more: Record<string, string>) => ({
      AuthenticationObject: { Apikey, Appkey, ...more },
      FlowDiagramObject: { Flow: "work" },
    });
    await succeed("getFlowDiagram", getFlow({}));
    await succeed("getFlowDiagram", getFlow({ Version: "1.0" }));
    expect(await fail("getFlowDiagram", getFlow({ Version: "2" }))).toMatchObject({
      status: 400,
      code: "400",
    });
  });

  it("may be an access token in the SOAP header, as the seed writes it, or in an HTTP header", async () => {
    const { access } = await accessToken(credentials);
    const content = fieldsXml({ FlowDiagramObject: { Flow: "work" } });
    const headers = [
      `<tns:AuthenticationHeader><AccessToken xsi:type="xsd:string">${access}</AccessToken></tns:AuthenticationHeader>`,
      `<AuthenticationHeader><SessionID>${access}</SessionID></AuthenticationHeader>`,
      `<AccessToken>${access}</AccessToken>`,
    ];
    for (const header of headers) {
      const answered = await sendEnvelope(envelopeOf("getFlowDiagram", content, header));
      expect(answered.status, answered.text).toBe(200);
    }
    const inside = `<soapenv:Header>${headers[1]}</soapenv:Header>${content}`;
    expect((await sendEnvelope(envelopeOf("getFlowDiagram", inside))).status).toBe(200);
    await succeed(
      "getFlowDiagram",
      { FlowDiagramObject: { Flow: "work" } },
      { authorization: `Bearer ${access}` },
    );
    await succeed("getFlowDiagram", { FlowDiagramObject: { Flow: "work" } }, keyHeaders(credentials));
  });

  it("are one set: a wrong token is 436, whatever else is right", async () => {
    const header = "<AuthenticationHeader><AccessToken>0123456789abcdef</AccessToken></AuthenticationHeader>";
    const answered = await sendEnvelope(envelopeOf("getSchema", fieldsXml(auth), header));
    expect(faultOf(answered)).toMatchObject({ status: 403, code: "436", message: "Access token not valid" });
    const two = `<AccessToken>a</AccessToken><SessionID>b</SessionID>`;
    expect(faultOf(await sendEnvelope(envelopeOf("getSchema", fieldsXml(auth), two)))).toMatchObject({
      code: "400",
    });
    const wrongInHeaders = await fail(
      "getSchema",
      auth,
      keyHeaders({ apiKey: "0".repeat(64), name: "demo" }),
    );
    expect(wrongInHeaders).toMatchObject(wrongFault);
  });

  it("need the scope and the address", async () => {
    const apiKey = await issueApiKey();
    await issueInterface("reader", { scopes: ["record.read"] });
    expect(await fail("deleteSchema", authentication({ apiKey, name: "reader" }))).toMatchObject({
      status: 403,
      code: "403",
    });
    await issueInterface("elsewhere", { ipAllowList: ["192.0.2.0/24"] });
    expect(await fail("getSchema", authentication({ apiKey, name: "elsewhere" }))).toMatchObject({
      status: 403,
      code: "437",
      message: "Ip not valid",
    });
  });
});

describe("strangers", () => {
  it("get the answers that they would get if there were nothing, and change nothing", async () => {
    const organization = await admin("POST", "/organizations", { name: "Strangers" });
    const { id } = await organization.json<{ id: number }>();
    const listed = await admin("GET", `/organizations/${id}/environments`);
    const { environments } = await listed.json<{ environments: { id: number }[] }>();
    const theirs = await issueInterface("stranger", {}, environments[0]?.id as number);
    const stranger = authentication({ apiKey: await issueApiKey("data", id), name: theirs.name });
    await insert({ amount: 1 }, { Uuid: "soap-owned", ExecutionTime: "2105-08-15T15:52:01+00:00" });
    const before = await caller(credentials).read("soap-owned");

    const Data = base64({ amount: 2 });
    const named = (Uuid: string, Flow: string): [string, Fields][] => [
      ["getRecord", { DataRecordObject: { Uuid } }],
      ["updateRecord", { DataRecordObject: { Uuid, Data } }],
      ["deleteRecord", { DataRecordObject: { Uuid } }],
      ["insertRecord", { DataRecordObject: { Data }, FlowDiagramObject: { Flow } }],
      ["getFlowDiagram", { FlowDiagramObject: { Flow } }],
      ["changeFlowStatus", { FlowDiagramObject: { Flow, Status: "inactive" } }],
    ];
    const absent = named("soap-absent", "absent");
    for (const [index, [operation, fields]] of named("soap-owned", "work").entries()) {
      const fault = await fail(operation, { ...stranger, ...fields });
      expect(fault).toMatchObject({ status: 404, code: "404" });
      const nothing = await fail(operation, { ...stranger, ...absent[index]?.[1] });
      expect(fault.message.replace("soap-owned", "…")).toBe(nothing.message.replace("soap-absent", "…"));
    }
    expect(await caller(credentials).read("soap-owned")).toEqual(before);
  });
});

describe("the rate limit", () => {
  it("counts with REST and is told in the same headers", async () => {
    const apiKey = await issueApiKey();
    await issueInterface("slow", { rateLimit: { limit: 3, window: "1h" } });
    const own = authentication({ apiKey, name: "slow" });
    const fields = { ...own, FlowDiagramObject: { Flow: "work" } };
    const answered = await sendEnvelope(envelopeOf("getFlowDiagram", fieldsXml(fields)));
    expect(answered.status).toBe(200);
    expect(answered.headers.get("x-ratelimit-limit")).toBe("3");
    expect(answered.headers.get("x-ratelimit-remaining")).toBe("2");
    await v1("GET", "/schema", keyHeaders({ apiKey, name: "slow" }));
    const third = await fail("getRecord", { ...own, DataRecordObject: { Uuid: "none" } });
    expect(third.code).toBe("404");
    const fourth = await fail("getFlowDiagram", fields);
    expect(fourth).toMatchObject({ status: 429, code: "429", message: "Too many requests." });
    expect(Number(fourth.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(fourth.headers.get("x-ratelimit-remaining")).toBe("0");
  });
});

describe("envelopes", () => {
  const content = () => fieldsXml({ ...auth, FlowDiagramObject: { Flow: "work" } });

  it("of SOAP 1.1 are answered in the seed's form", async () => {
    const { status, text, headers } = await sendEnvelope(envelopeOf("getFlowDiagram", content()), {
      soapaction: '"Flowize#getFlowDiagram"',
    });
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("text/xml; charset=utf-8");
    expect(text).toMatch(
      /^<\?xml version="1\.0" encoding="UTF-8"\?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http:\/\/schemas\.xmlsoap\.org\/soap\/envelope\/" SOAP-ENV:encodingStyle="http:\/\/schemas\.xmlsoap\.org\/soap\/encoding\/"/,
    );
    expect(text).toContain(
      '<ns1:getFlowDiagramResponse xsi:type="ns1:getFlowDiagramResponse"><getFlowDiagramResult xsi:type="ns1:Response"><Id xsi:type="xsd:string">ok</Id><Code xsi:type="xsd:string">200</Code><RequestIP xsi:type="xsd:string">127.0.0.1</RequestIP><Resource xsi:type="xsd:string">',
    );
  });

  it.each([SOAP_12, `${SOAP_12}/`])("of SOAP 1.2 (%s) are answered in SOAP 1.2", async (namespace) => {
    const type = { "content-type": 'application/soap+xml; charset=utf-8; action="Flowize#getFlowDiagram"' };
    const answered = await sendEnvelope(envelopeOf("getFlowDiagram", content(), "", namespace), type);
    expect(answered.status, answered.text).toBe(200);
    expect(answered.headers.get("content-type")).toBe("application/soap+xml; charset=utf-8");
    expect(answered.text).toContain(`<env:Envelope xmlns:env="${namespace}"`);
    expect(textOf(answered.text, "Code")).toBe("200");

    const failed = await sendEnvelope(envelopeOf("getSchema", "", "", namespace), type);
    expect(failed.status).toBe(404);
    expect(failed.headers.get("content-type")).toBe("application/soap+xml; charset=utf-8");
    expect(failed.text).toContain(
      `<env:Fault><env:Code><env:Value>env:Sender</env:Value></env:Code><env:Reason><env:Text xml:lang="en">${WRONG}</env:Text></env:Reason><env:Detail><item><key>code</key><value>404</value></item>`,
    );
    const broken = await sendEnvelope("<", type);
    expect(broken.status).toBe(400);
    expect(broken.text).toContain("<env:Fault>");
  });

  it("may have any prefixes, any order, namespaces on the spot and maps for structs", async () => {
    const { apiKey, name } = credentials;
    const one = `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><f:getFlowDiagram xmlns:f='Flowize'><input xmlns="">
      <FlowDiagramObject><Status/><FlowId> ${flows.get("work")} </FlowId></FlowDiagramObject>
      <AuthenticationObject><Version>1</Version><Appkey><![CDATA[${name}]]></Appkey><Apikey>${apiKey}</Apikey></AuthenticationObject>
    </input></f:getFlowDiagram></Body></Envelope>`;
    const two = `<?xml version="1.0" encoding="UTF-8"?><a:Envelope xmlns:a="http://schemas.xmlsoap.org/soap/envelope/" xmlns:b="Flowize"><a:Body a:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><b:getFlowDiagram><input xmlns:m="http://xml.apache.org/xml-soap" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="m:Map">
      <item><key>AuthenticationObject</key><value xsi:type="m:Map"><item><key>Apikey</key><value>${apiKey}</value></item><item><value>${name}</value><key>Appkey</key></item></value></item>
      <item><key>FlowDiagramObject</key><value xsi:type="m:Map"><item><key>Flow</key><value>work</value></item></value></item>
    </input></b:getFlowDiagram></a:Body></a:Envelope>`;
    const three = `<a:Envelope xmlns:a="http://schemas.xmlsoap.org/soap/envelope/"><a:Body><Flowize xmlns="urn:other" id="id1"/><getFlowDiagram xmlns="Flowize"><input href="#id0"/></getFlowDiagram><multiRef id="id0"><AuthenticationObject href="#id2"/><FlowDiagramObject><Flow>work</Flow><FlowId xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/></FlowDiagramObject></multiRef><multiRef id="id2"><Apikey>${apiKey}</Apikey><Appkey>${name}</Appkey></multiRef></a:Body></a:Envelope>`;
    for (const envelope of [one, two, three]) {
      const { status, text } = await sendEnvelope(envelope);
      expect(status, text).toBe(200);
      expect(text).toContain("<getFlowDiagramResult ");
    }
  });

  const body = (inside: string, more = "") =>
    `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:f="Flowize">${more}<s:Body>${inside}</s:Body></s:Envelope>`;
  it.each<[string, string, string]>([
    ["no XML", "insertSchema", "does not begin"],
    ["an empty body", "", "empty"],
    ["no envelope", "<f:getSchema xmlns:f='Flowize'/>", "not a SOAP envelope"],
    ["no body", '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"/>', "one Body"],
    [
      "a body of another namespace",
      '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><Body/></s:Envelope>',
      "one Body",
    ],
    ["two bodies", body("<f:getSchema/>", "<s:Body><f:getSchema/></s:Body>"), "one Body"],
    [
      "two bodies of two prefixes",
      body("<f:getSchema/>", '<t:Body xmlns:t="http://schemas.xmlsoap.org/soap/envelope/"/>'),
      "one Body",
    ],
    ["an empty Body element", body(""), "Body is empty"],
    ["two operations", body("<f:getSchema/><f:deleteSchema/>"), "one operation"],
    ["an unknown operation", body("<f:dropSchema><input/></f:dropSchema>"), "no operation"],
    ["an operation of Object", body("<f:constructor><input/></f:constructor>"), "no operation"],
    ["another namespace", body('<g:getSchema xmlns:g="urn:other"><input/></g:getSchema>'), "namespace"],
    ["no namespace", body("<getSchema><input/></getSchema>"), "namespace"],
    ["an undeclared prefix", body("<mym:getSchema><input/></mym:getSchema>"), "not declared"],
    ["no input", body("<f:getSchema/>"), "input"],
    ["two inputs", body("<f:getSchema><input/><input/></f:getSchema>"), "input"],
    ["an unknown object", body("<f:getSchema><input><Other/></input></f:getSchema>"), "Other"],
    [
      "an unknown field",
      body(
        "<f:getSchema><input><AuthenticationObject><apikey/></AuthenticationObject></input></f:getSchema>",
      ),
      "AuthenticationObject.apikey",
    ],
    ["a field twice", body("<f:webhook><input><Uri>a</Uri><Uri>b</Uri></input></f:webhook>"), "once"],
    [
      "an object twice",
      body("<f:getSchema><input><AuthenticationObject/><AuthenticationObject/></input></f:getSchema>"),
      "once",
    ],
    ["an element for a text", body("<f:webhook><input><Uri><b/></Uri></input></f:webhook>"), "is a text"],
    ["a loop of references", body('<f:webhook><input href="#a"/></f:webhook><m id="a" href="#a"/>'), "Uri"],
  ])("with %s are a fault 400", async (_, envelope, words) => {
    const answered = await sendEnvelope(envelope);
    const fault = faultOf(answered);
    expect(fault).toMatchObject({ status: 400, code: "400", detail: { code: "400" } });
    expect(fault.message).toContain(words);
    expect(answered.headers.get("content-type")).toBe("text/xml; charset=utf-8");
  });

  it("of an unknown version, or with a header that must be understood, have SOAP's own codes", async () => {
    const other = '<s:Envelope xmlns:s="urn:soap-3"><s:Body/></s:Envelope>';
    expect(faultOf(await sendEnvelope(other))).toMatchObject({
      status: 400,
      code: "SOAP-ENV:VersionMismatch",
    });
    const header = (attributes: string) =>
      `<soapenv:Header><x:Security xmlns:x="urn:x" ${attributes}/></soapenv:Header>`;
    const sent = (attributes: string) =>
      sendEnvelope(
        envelopeOf("getFlowDiagram", content()).replace(
          "<soapenv:Header></soapenv:Header>",
          header(attributes),
        ),
      );
    expect(faultOf(await sent('soapenv:mustUnderstand="1"'))).toMatchObject({
      code: "SOAP-ENV:MustUnderstand",
    });
    for (const fine of [
      "",
      'soapenv:mustUnderstand="0"',
      'soapenv:mustUnderstand="1" soapenv:actor="urn:other"',
    ]) {
      expect((await sent(fine)).status).toBe(200);
    }
  });

  it("of other types, compressed or too large, are refused as faults", async () => {
    const envelope = envelopeOf("getSchema", content());
    for (const type of ["application/json", "multipart/related; boundary=a", "text/plain"]) {
      expect(faultOf(await sendEnvelope(envelope, { "content-type": type }))).toMatchObject({
        status: 415,
        code: "415",
      });
    }
    expect(faultOf(await sendEnvelope(envelope, { "content-encoding": "gzip" }))).toMatchObject({
      status: 415,
    });
    const large = `<a>${"x".repeat(10 * 1024 * 1024)}</a>`;
    expect(faultOf(await sendEnvelope(large))).toMatchObject({ status: 413, code: "413" });
  });
});

describe("XML hazards", () => {
  const auths = () => fieldsXml(auth);
  const around = (doctype: string, inside = "&e;") =>
    `<?xml version="1.0"?>${doctype}${envelopeOf("getSchema", `<AuthenticationObject><Apikey>${inside}</Apikey></AuthenticationObject>`)}`;
  const deep = (depth: number) => `${"<a>".repeat(depth)}${"</a>".repeat(depth)}`;
  const utf16 = () => {
    const text = `\ufeff${around('<!DOCTYPE a [<!ENTITY e "x">]>')}`;
    const bytes = new Uint8Array(text.length * 2);
    for (let at = 0; at < text.length; at += 1)
      new DataView(bytes.buffer).setUint16(at * 2, text.charCodeAt(at), true);
    return bytes;
  };

  it.each<[string, () => string | Uint8Array<ArrayBuffer>]>([
    ["an external entity", () => around('<!DOCTYPE a [<!ENTITY e SYSTEM "http://127.0.0.1:1/x">]>')],
    ["an entity of a file", () => around('<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>')],
    ["an external DTD", () => around('<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd">', "x")],
    [
      "a parameter entity",
      () => around('<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:1/p"> %p;]>', "x"),
    ],
    [
      "a billion laughs",
      () =>
        around(
          `<!DOCTYPE a [<!ENTITY a "ha">${[..."bcdefghij"].map((name, at) => `<!ENTITY ${name} "${`&${"abcdefghij"[at]};`.repeat(10)}">`).join("")}]>`,
          "&j;",
        ),
    ],
    [
      "quadratic blow-up",
      () => around(`<!DOCTYPE a [<!ENTITY e "${"x".repeat(50_000)}">]>`, "&e;".repeat(10_000)),
    ],
    ["an entity that nobody declared", () => around("", "&nbsp;")],
    ["20,000 levels", () => envelopeOf("getSchema", deep(20_000))],
    ["101 levels", () => deep(101)],
    ["5,000 attributes", () => `<a ${Array.from({ length: 5_000 }, (_, at) => `a${at}="1"`).join(" ")}/>`],
    ["200,000 elements", () => envelopeOf("getSchema", "<a/>".repeat(200_000))],
    ["a false encoding", () => `<?xml version="1.0" encoding="UTF-16"?>${envelopeOf("getSchema", "")}`],
    ["UTF-16 that is not declared", utf16],
    ["UTF-7", () => `<?xml version="1.0" encoding="UTF-7"?>+ADw-a+AD4-`],
    ["bytes that are no UTF-8", () => new Uint8Array([0x3c, 0x61, 0x3e, 0xff, 0xfe, 0x3c, 0x2f, 0x61, 0x3e])],
    [
      "an XInclude",
      () =>
        envelopeOf(
          "getSchema",
          '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>',
        ),
    ],
    ["a NUL", () => envelopeOf("getSchema", "\u0000")],
    ["a broken tag", () => envelopeOf("getSchema", "<a></b>")],
  ])("%s is a fault 400, and nothing is fetched", async (_, envelope) => {
    const outgoing = vi.spyOn(globalThis, "fetch");
    const fault = faultOf(await sendEnvelope(envelope()));
    expect(fault).toMatchObject({ status: 400, code: "400" });
    expect(fault.message.length).toBeLessThan(1_000);
    expect(fault.message).not.toContain("root:");
    expect(outgoing).not.toHaveBeenCalled();
    outgoing.mockRestore();
  });

  const wrapped = (inside: string) =>
    `<s:Envelope xmlns:s="${SOAP_11}"><s:Header>${inside}</s:Header><s:Body/></s:Envelope>`;
  const sized = (bytes: number) => {
    const [head, tail] = wrapped("|").split("|") as [string, string];
    return `${head}${" ".repeat(bytes - head.length - tail.length)}${tail}`;
  };
  // An envelope has two levels and three elements of its own around what the header holds.
  it.each<[string, string, (size: number) => string, number, number]>([
    ["MAX_XML_DEPTH", "levels", (size) => wrapped(deep(size - 2)), MAX_XML_DEPTH, 400],
    ["MAX_XML_ELEMENTS", "elements", (size) => wrapped("<a/>".repeat(size - 3)), MAX_XML_ELEMENTS, 400],
    [
      "MAX_XML_ATTRIBUTES",
      "attributes of an element",
      (size) => wrapped(`<a ${Array.from({ length: size }, (_, at) => `a${at}="1"`).join(" ")}/>`),
      MAX_XML_ATTRIBUTES,
      400,
    ],
    ["MAX_BODY_BYTES", "bytes", sized, MAX_BODY_BYTES, 413],
  ])(
    "%s bounds the %s: what is one beyond is a fault that names the limit",
    async (limit, _, of, max, status) => {
      const outside = await sendEnvelope(of(max + 1));
      const fault = faultOf(outside);
      expect(fault).toMatchObject({ status, code: String(status), detail: { code: String(status), limit } });
      expect(fault.message).toContain(String(max));
      // At the limit it is read, and found to hold no operation.
      expect(faultOf(await sendEnvelope(of(max))).message).toContain("Body is empty");
    },
  );

  it("of a document with any document type are refused by that alone, however small it is", async () => {
    for (const doctype of ["<!DOCTYPE a>", "<!DOCTYPE a []>", "<!doctype a>"]) {
      const fault = faultOf(await sendEnvelope(`${doctype}${wrapped("")}`));
      expect(fault.status).toBe(400);
    }
  });

  it("does not grow with declarations of namespaces: a document full of them is answered", async () => {
    const declared = Array.from({ length: 900 }, (_, at) => `xmlns:p${at}="u${at}"`).join(" ");
    const levels = 50;
    const inside = Array.from({ length: 20_000 }, () => '<a xmlns:q="q"/>').join("");
    const content = `${`<a ${declared}>`.repeat(levels)}${inside}${"</a>".repeat(levels)}`;
    expect(faultOf(await sendEnvelope(envelopeOf("getSchema", content)))).toMatchObject({ code: "400" });
  });

  it("what a caller sent comes back escaped", async () => {
    const answered = await sendEnvelope(envelopeOf("getSchema", `${auths()}<a.b-c.ü/>`));
    expect(faultOf(answered).message).toContain("a.b-c.ü");
    const data = base64({ amount: 1, note: "]]> <script>\u0000" });
    const { Resource } = await succeed("insertRecord", {
      ...auth,
      DataRecordObject: { Data: data, Uuid: "soap-escaped" },
      FlowDiagramObject: { Flow: "cheap" },
    });
    expect(decoded(Resource).data_record.note).toBe("]]> <script>\u0000");
    const read = await succeed("getRecord", { ...auth, DataRecordObject: { Uuid: "soap-escaped" } });
    expect(JSON.parse(read.Resource).data_record.note).toBe("]]> <script>\u0000");
  });
});

describe("descriptions", () => {
  it("stand in the OpenAPI document, with every operation by name", async () => {
    const { paths } = await (await call("/openapi.json")).json<{
      paths: Record<string, Record<string, { description?: string; requestBody?: { content: object } }>>;
    }>();
    const described = paths["/v1/soap"];
    expect(Object.keys(described ?? {})).toEqual(["get", "post"]);
    for (const operation of Object.keys(OPERATIONS)) {
      expect(described?.post?.description).toContain(operation);
    }
    expect(Object.keys(described?.post?.requestBody?.content ?? {})).toEqual([
      "text/xml",
      "application/soap+xml",
    ]);
  });

  it.each(["?wsdl", "?WSDL", "?wsdl=1", "/?wsdl"])(
    "GET %s is the WSDL with this deployment's address",
    async (query) => {
      const response = await call(`/v1/soap${query}`);
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe("text/xml; charset=utf-8");
      const text = await response.text();
      expect(text).toContain(`<soap:address location="${ORIGIN}/v1/soap"/>`);
      expect(text.match(/<soap:operation /g)).toHaveLength(11);
      expect(text.match(/use="encoded"/g)).toHaveLength(22);
    },
  );

  it("GET without it is a page; HEAD, OPTIONS and other methods are answered", async () => {
    const page = await call("/v1/soap");
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(await page.text()).toContain("changeFlowStatus");
    const head = await call("/v1/soap?wsdl", { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    const options = await call("/v1/soap", { method: "OPTIONS" });
    expect([options.status, options.headers.get("allow")]).toEqual([204, "GET, HEAD, POST, OPTIONS"]);
    const put = await call("/v1/soap", { method: "PUT" });
    expect(put.headers.get("allow")).toBe("GET, HEAD, POST, OPTIONS");
    const { status, headers } = put;
    expect(faultOf({ status, headers, text: await put.text() })).toMatchObject({ status: 405, code: "405" });
    expect((await call("/v1/soapy")).status).toBe(404);
  });
});
