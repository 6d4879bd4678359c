import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import * as soap from "soap";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestRuntime, type TestRuntime } from "./support/runtime";

/** The SOAP endpoint of the built bundle, driven by other people's clients through its WSDL. */

let runtime: TestRuntime;
let apiKey: string;
let token: string;
const APP = "soap";

const OPERATIONS = [
  "insertSchema",
  "insertRecord",
  "webhook",
  "getRecord",
  "getSchema",
  "getFlowDiagram",
  "updateRecord",
  "updateSchema",
  "changeFlowStatus",
  "deleteSchema",
  "deleteRecord",
];

const PROJECT = {
  flows: [
    {
      flow: "work",
      outputs: { done: "any" },
      start: "done",
      nodes: { done: { type: "output", to: "done" } },
    },
  ],
  webhooks: [{ webhook: "hook", flow: "work" }],
  interfaces: [{ interface: APP, access: "both", scopes: ["schema", "record", "flowdiagram"] }],
};

async function json<T>(response: Response): Promise<T> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status}: ${text}`);
  return JSON.parse(text) as T;
}

beforeAll(async () => {
  runtime = await startTestRuntime();
  await json(await runtime.admin("PUT", "/admin/v1/projects/soap", PROJECT));
  const key = await runtime.admin("POST", "/admin/v1/organizations/1/api-keys", { name: "soap" });
  apiKey = (await json<{ key: string }>(key)).key;
  const issued = await runtime.admin("POST", `/admin/v1/interfaces/${APP}/credentials`, {});
  const { client_id, client_secret } = await json<{ client_id: string; client_secret: string }>(issued);
  const response = await fetch(`${runtime.url}/v1/checkauthentication`, {
    headers: { client_id, client_secret, grant_type: "client_credentials" },
  });
  token = (await json<{ resource: { access_token: string } }>(response)).resource.access_token;
});
afterAll(async () => {
  await runtime?.dispose();
});

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64");
const decoded = (text: string) => JSON.parse(Buffer.from(text, "base64").toString()) as unknown;
const SCHEMA = { $schema: "http://json-schema.org/draft-04/schema#", type: "object", required: ["amount"] };

interface Result {
  Id: string;
  Code: string;
  RequestIP: string;
  Resource: string;
  Message: string;
  Error: string;
}

/** What every client must have got, in whichever order it called. */
function checkResults(got: Record<string, Result>, uuid: string): void {
  expect(got.insertSchema).toMatchObject({
    Id: "created",
    Code: "201",
    Message: "Data Schema is created successfully.",
    Error: "null",
  });
  const schema = JSON.parse(got.getSchema?.Resource ?? "") as { schema: string };
  expect(decoded(schema.schema)).toEqual(SCHEMA);
  expect(got.getSchema).toMatchObject({ Id: "ok", Code: "200" });
  expect(JSON.parse(got.updateSchema?.Resource ?? "")).toEqual(SCHEMA);
  expect(decoded(got.insertRecord?.Resource ?? "")).toMatchObject({
    data_record_id: uuid,
    data_record: { amount: 7, note: "größer <als> & so" },
  });
  expect(JSON.parse(got.getRecord?.Resource ?? "")).toMatchObject({
    info: { uuid, flow_name: "work" },
    data_record: { amount: 7 },
  });
  expect(decoded(got.updateRecord?.Resource ?? "")).toMatchObject({ uuid, data_record: { amount: 8 } });
  expect(JSON.parse(got.getFlowDiagram?.Resource ?? "")).toMatchObject({ flow_name: "work" });
  expect(got.changeFlowStatus).toMatchObject({
    Code: "201",
    Message: "Flow diagram has been started successfully",
    Error: "false",
  });
  expect(got.webhook).toMatchObject({
    Code: "201",
    Message: "Webhook response has been saved successfully",
  });
  expect(got.deleteRecord).toMatchObject({ Code: "201", Message: "Data Record is deleted successfully." });
  expect(got.deleteSchema).toMatchObject({ Code: "200", Message: "Schema has been removed successfully" });
}

describe.each(["1.1", "1.2"])("the npm package soap, SOAP %s", (version) => {
  let client: soap.Client;

  beforeAll(async () => {
    client = await soap.createClientAsync(`${runtime.url}/v1/soap?wsdl`, {
      forceSoap12Headers: version === "1.2",
    });
  });

  async function ask(operation: string, input: object): Promise<Result> {
    const [answer] = (await client[`${operation}Async`]({ input })) as [
      Record<string, Record<string, unknown>>,
    ];
    const fields = Object.entries(answer[`${operation}Result`] ?? {}).map(([name, value]) => {
      // Texts with attributes come as objects.
      const text = typeof value === "object" && value !== null && "$value" in value ? value.$value : value;
      return [name, typeof text === "string" ? text : ""];
    });
    return Object.fromEntries(fields) as unknown as Result;
  }

  test("knows the eleven operations", () => {
    const description = client.describe() as Record<string, Record<string, object>>;
    expect(Object.keys(description.FlowizeService?.FlowizePort ?? {}).sort()).toEqual([...OPERATIONS].sort());
  });

  test("calls each of them", async () => {
    const uuid = `node-${version}`;
    const auth = { AuthenticationObject: { Apikey: apiKey, Appkey: APP, Version: "1" } };
    const SchemaObject = { Schema: base64(SCHEMA), DataRecord: base64({ amount: 1 }) };
    const data = { amount: 7, note: "größer <als> & so" };
    const later = "2105-08-15T15:52:01+00:00";
    const flow = { FlowDiagramObject: { Flow: "work" } };
    const got: Record<string, Result> = {};
    const calls: [string, object][] = [
      ["insertSchema", { ...auth, SchemaObject }],
      ["getSchema", auth],
      ["updateSchema", { ...auth, SchemaObject }],
      [
        "insertRecord",
        { ...auth, DataRecordObject: { Uuid: uuid, ExecutionTime: later, Data: base64(data) }, ...flow },
      ],
      ["getRecord", { ...auth, DataRecordObject: { Uuid: uuid } }],
      ["updateRecord", { ...auth, DataRecordObject: { Uuid: uuid, Data: base64({ amount: 8 }) } }],
      ["getFlowDiagram", { ...auth, ...flow }],
      ["changeFlowStatus", { ...auth, FlowDiagramObject: { Flow: "work", Status: "running" } }],
      ["webhook", { Uri: "hook", Payload: '{"from": "node"}' }],
      ["deleteRecord", { ...auth, DataRecordObject: { Uuid: uuid } }],
      ["deleteSchema", auth],
    ];
    for (const [operation, input] of calls) got[operation] = await ask(operation, input);
    checkResults(got, uuid);
  });

  test("gets faults as errors", async () => {
    const wrong = { AuthenticationObject: { Apikey: "wrong", Appkey: "wrong", Version: "1" } };
    const error = await ask("getSchema", wrong).then(
      () => undefined,
      (reason: unknown) =>
        reason as Error & { root: { Envelope: { Body: { Fault: Record<string, unknown> } } } },
    );
    expect(error?.message).toContain("The credentials are not correct.");
    const fault = error?.root.Envelope.Body.Fault as Record<
      string,
      { item?: { key: string; value: string }[] }
    >;
    if (version === "1.1") {
      expect(fault).toMatchObject({ faultcode: "404", faultstring: "The credentials are not correct." });
    }
    expect(fault[version === "1.1" ? "detail" : "Detail"]?.item).toEqual([
      { key: "code", value: "404" },
      { key: "message", value: "The credentials are not correct." },
    ]);
  });

  test("sends an access token in the SOAP header", async () => {
    client.addSoapHeader({ AuthenticationHeader: { AccessToken: token } });
    const answer = await ask("getFlowDiagram", { FlowDiagramObject: { Flow: "work" } });
    client.clearSoapHeaders();
    expect(answer.Code).toBe("200");
  });
});

/** Debian's php-cli and php-soap; where they are not installed, what PHP does is not looked at. */
const modules = spawnSync("php", ["-m"], { encoding: "utf8" });
const hasPhp = modules.status === 0 && /^soap$/im.test(modules.stdout);
if (!hasPhp) console.warn("notice: PHP's SoapClient is not tested here; install php-cli and php-soap for it");

interface PhpResults extends Record<string, unknown> {
  functions: string[];
  types: string[];
  request: string;
  faults: Record<string, { code: string; message: string; actor: string | null; detail: [string, string][] }>;
}

function php(version: string): Promise<PhpResults> {
  return new Promise((resolve, reject) => {
    const child = spawn("php", [join(import.meta.dirname, "support", "soap-client.php")]);
    let out = "";
    let problems = "";
    child.stdout.on("data", (chunk) => (out += String(chunk)));
    child.stderr.on("data", (chunk) => (problems += String(chunk)));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0 && problems === "") resolve(JSON.parse(out) as PhpResults);
      else reject(new Error(`php ended with ${code}: ${problems}${out}`));
    });
    const location = `${runtime.url}/v1/soap`;
    child.stdin.end(JSON.stringify({ wsdl: `${location}?wsdl`, location, apiKey, app: APP, token, version }));
  });
}

describe.skipIf(!hasPhp)("PHP's SoapClient", () => {
  test.each(["1.1", "1.2"])("calls each operation and gets faults, SOAP %s", async (version) => {
    const got = await php(version);
    expect(got.functions.map((line) => /^Response (\w+)\(/.exec(line)?.[1]).sort()).toEqual(
      [...OPERATIONS].sort(),
    );
    expect(got.types.join()).toContain("string RequestIP");
    checkResults(got as unknown as Record<string, Result>, `php-${version}`);

    const { credentials, missing, wrong } = got.faults;
    const old = version === "1.1";
    const message = "The credentials are not correct.";
    expect(credentials).toMatchObject({ message, code: old ? "404" : "env:Sender" });
    expect(credentials?.detail).toEqual([
      ["code", "404"],
      ["message", message],
    ]);
    if (old) expect(credentials?.actor).toMatch(/^[0-9a-f]{88}$/);
    expect(missing?.detail[0]).toEqual(["code", "404"]);
    expect(wrong?.detail[0]).toEqual(["code", "400"]);
    expect(wrong?.message).toContain("DataRecordObject.Data");

    expect(got.withToken).toMatchObject({ Code: "200" });
    expect(got.withoutWsdl).toMatchObject({
      Code: "200",
      Message: "Flow diagram is retrieving successfully",
    });
    expect(got.request).toContain(":Map");
  });
});
