import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { FOUND_FIELDS } from "../support/record-fields";
import { startTestRuntime, type TestRuntime } from "./support/runtime";

/**
 * Each request that the seed prints, from its beginning to *Change flow status*, as it prints it: path, headers in their
 * order and spelling, parameters, body; over a real connection, with what HTTP libraries will not send. And the answer in
 * the seed's own words.
 */

let runtime: TestRuntime;
let apiKey: string;
let app: { client_id: string; client_secret: string; app_key: string };
let token: string;
let refreshToken: string;
let flowId: string;

/** The seed's sample of a data record. */
const CLIENT = {
  client: [
    {
      uuid: "",
      name: "",
      street: "",
      house_number: true,
      postcode: "",
      age: 0,
      country: true,
      raw_data: true,
      post_id: "",
      post_text: "",
      post_url: true,
      accounts: [
        {
          dossier_no: "",
          iban: "",
          bic: "",
          payment_method: "",
          invoices: [{ invoice_date: "", invoice_number: "", amount: "", expiration_date: "" }],
        },
      ],
    },
  ],
};
const PAYLOAD = JSON.stringify(CLIENT);
const SCHEMA = { $schema: "http://json-schema.org/draft-04/schema#", type: "object", required: ["client"] };
const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64");
const SCHEMA_BODY = JSON.stringify({
  schema: base64(SCHEMA),
  data_record: base64(CLIENT),
  url: "www.example.nl",
});
const DATE = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
const HEX = expect.stringMatching(/^[0-9a-f]{28,}$/);

interface Answer {
  status: number;
  json: { id: unknown; code: number; resource: Record<string, unknown>; message: string; error: unknown };
  headers: Record<string, string | string[] | undefined>;
}

/** As curl sends it: `-d` makes a form body, of a GET too; headers as they are written. */
function curl(method: string, path: string, headers: readonly string[], body?: string): Promise<Answer> {
  const raw = headers.flatMap((line) => {
    const at = line.indexOf(":");
    return [line.slice(0, at), line.slice(at + 1).trim()];
  });
  const length = body === undefined ? [] : ["Content-Length", String(Buffer.byteLength(body))];
  const { host } = new URL(runtime.url);
  return new Promise((done, fail) => {
    const sent = request(
      `${runtime.url}${path}`,
      { method, headers: ["Host", host, "User-Agent", "curl/7.58.0", "Accept", "*/*", ...raw, ...length] },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () =>
          done({ status: response.statusCode ?? 0, json: JSON.parse(text), headers: response.headers }),
        );
      },
    );
    sent.on("error", fail);
    sent.end(body);
  });
}

const JSON_TYPE = "Content-Type: application/json";
const NO_CACHE = "Cache-Control: no-cache";
/** Credentials as headers, in the seed's three ways; the interface by its name and by its key. */
const bearer = () => `Authorization: Bearer ${token}`;
const byKey = () => [`X-Apikey: ${apiKey}`, `X-App: ${app.app_key}`];
const inUrl = (more: string) => `api_key=${apiKey}&app_key=${app.app_key}${more}`;

beforeAll(async () => {
  runtime = await startTestRuntime();
  const say = { type: "calculate", set: { ok: "=true" }, next: "end" };
  const applied = await runtime.admin("PUT", "/admin/v1/projects/seed", {
    flows: [
      { flow: "flow name", start: "say", nodes: { say } },
      { flow: "target", start: "say", nodes: { say } },
      { flow: "stopped", start: "say", nodes: { say } },
    ],
    interfaces: [
      {
        interface: "seed",
        access: "both",
        scopes: ["schema", "record", "flowdiagram"],
        rateLimit: { limit: 9_999 },
      },
    ],
    webhooks: [{ webhook: "webhook-uri", flow: "flow name" }],
  });
  if (!applied.ok) throw new Error(await applied.text());
  const made = async (path: string, body: unknown) =>
    (await runtime.admin("POST", `/admin/v1${path}`, body)).json() as Promise<never>;
  ({ key: apiKey } = await made("/organizations/1/api-keys", { name: "seed" }));
  app = await made("/interfaces/seed/credentials", {});
  const { json } = await curl("GET", "/v1/checkauthentication", clientHeaders());
  token = json.resource.access_token as string;
  refreshToken = json.resource.refresh_token as string;
  const stored = await curl("POST", "/v1/record", [JSON_TYPE, ...byKey(), "X-Flow: stopped"], PAYLOAD);
  flowId = stored.json.resource.flow_id as string;
});
afterAll(async () => {
  await runtime?.dispose();
});

const clientHeaders = () => [
  JSON_TYPE,
  `client_id: ${app.client_id}`,
  `client_secret: ${app.client_secret}`,
  "grant_type: client_credentials",
  NO_CACHE,
];

/** An answer that went well, in the envelope that CONTRACT gives to the seed's. */
function answered(
  answer: Answer,
  status: number,
  message: string,
  id: unknown = status === 201 ? "created" : "ok",
) {
  expect(answer.json, JSON.stringify(answer.json)).toMatchObject({ id, code: status, message, error: null });
  expect(answer.status).toBe(status);
  return answer.json.resource;
}

describe("Authentication", () => {
  test("Check Authentication", async () => {
    const answer = await curl("GET", "/v1/checkauthentication", clientHeaders());
    const resource = answered(answer, 200, "The credentials are valid");
    expect(resource).toEqual({
      access_token: HEX,
      token_type: "bearer",
      refresh_token: HEX,
      expires_in: expect.any(Number),
      scopes: null,
    });
    expect(resource.expires_in).toBeGreaterThan(Date.now() / 1_000);
  });

  test("Generate a new token", async () => {
    const headers = clientHeaders();
    headers.splice(3, 0, `refresh_token: ${refreshToken}`);
    const answer = await curl("GET", "/v1/refreshtoken", headers);
    expect(answered(answer, 200, "The token has been generated")).toMatchObject({
      access_token: HEX,
      expires_at: expect.any(Number),
    });
    token = answer.json.resource.access_token as string;
  });

  test("the token as PHP's example sends it: Authentication: Bearer", async () => {
    const answer = await curl("GET", "/v1/record/search", [JSON_TYPE, `Authentication: Bearer ${token}`]);
    answered(answer, 200, "The query has been executed successfully.");
  });

  test("the list of methods", async () => {
    const answer = await curl("GET", "/v1/options", [JSON_TYPE]);
    const listed = JSON.stringify(answered(answer, 200, answer.json.message));
    for (const path of [
      "/v1/checkauthentication",
      "/v1/schema",
      "/v1/record/search",
      "/v1/changeflowstatus",
    ]) {
      expect(listed).toContain(path);
    }
  });
});

describe("Data Schema", () => {
  const remove = () =>
    curl("DELETE", "/v1/schema", [
      JSON_TYPE,
      `client_id: ${app.client_id}`,
      `client_secret: ${app.client_secret}`,
      NO_CACHE,
    ]);
  const dates = { creation_date: DATE, modified_date: DATE };
  type Form = [form: string, path: () => string, headers: () => string[]];
  const forms = (scope: string, extra: string[] = []): Form[] => [
    ["oAuth2", () => "/v1/schema", () => [JSON_TYPE, ...extra, bearer(), `X-Scopes: ${scope}`, NO_CACHE]],
    ["Headers no oAuth2", () => "/v1/schema", () => [JSON_TYPE, ...byKey(), `X-Scopes: ${scope}`, NO_CACHE]],
    ["URL", () => `/v1/schema?${inUrl(`&scopes=${scope}`)}`, () => [JSON_TYPE, NO_CACHE]],
  ];

  test.each(forms("schema", ["grant_type: client_credentials"]))(
    "Create new Schema, %s",
    async (_, path, headers) => {
      await remove();
      const answer = await curl("POST", path(), headers(), SCHEMA_BODY);
      expect(answered(answer, 201, "Schema structure is created successfully")).toEqual(dates);
    },
  );

  test.each([
    ...forms("schema.read"),
    [
      "URL, as the table of parameters has it",
      () => `/v1/schema?app_key=${app.app_key}&api_key=${apiKey}&scopes=schema.read`,
      () => [JSON_TYPE],
    ],
    ["URL, scopes first", () => `/v1/schema?scopes=schema.read&${inUrl("")}`, () => [JSON_TYPE, NO_CACHE]],
  ] as Form[])("Get the customer schema, %s", async (_, path, headers) => {
    const answer = await curl("GET", path(), headers());
    expect(answered(answer, 200, "Schema structure is retrieving successfully")).toMatchObject({
      url: "www.example.nl",
      schema: base64(SCHEMA),
      ...dates,
      customer: "default",
    });
  });

  test.each(forms("schema"))("Update a customer Schema, %s", async (_, path, headers) => {
    const answer = await curl("PUT", path(), headers(), SCHEMA_BODY);
    expect(answered(answer, 201, "Schema structure is updated successfully")).toEqual(dates);
  });

  test("Delete the Schema: the example's GET with a client's id and secret removes nothing; DELETE does", async () => {
    const headers = [
      JSON_TYPE,
      `client_id: ${app.client_id}`,
      `client_secret: ${app.client_secret}`,
      NO_CACHE,
    ];
    await curl("GET", "/v1/schema", headers);
    const read = await curl("GET", "/v1/schema", [JSON_TYPE, ...byKey()]);
    expect(read.status).toBe(200);
    expect(answered(await remove(), 201, "Schema has been removed successfully")).toEqual({});
    expect((await curl("GET", "/v1/schema", [JSON_TYPE, ...byKey()])).status).toBe(404);
  });
});

describe("Data Record", () => {
  let uuids = 0;
  const fresh = () => {
    uuids += 1;
    return `seed-${uuids}`;
  };
  type Form = [form: string, path: (uuid: string) => string, headers: (uuid: string) => string[]];
  const creating: Form[] = [
    [
      "oAuth2",
      () => "/v1/record",
      (uuid) => [
        JSON_TYPE,
        bearer(),
        "X-Scopes: record",
        NO_CACHE,
        "X-Flow: flow name",
        `X-Uuid: ${uuid}`,
        "X-Executiontime: ",
      ],
    ],
    [
      "Headers no oAuth2",
      () => "/v1/record",
      (uuid) => [
        JSON_TYPE,
        ...byKey(),
        NO_CACHE,
        "X-Flow: flow name",
        `X-Uuid: ${uuid}`,
        "X-Executiontime: 2009-11-04T19:55:41Z",
      ],
    ],
    [
      "URL",
      (uuid) => `/v1/record?${inUrl(`&flow_name=flow%20name&uuid=${uuid}&executiontime=`)}`,
      () => [JSON_TYPE, NO_CACHE],
    ],
    [
      "URL, a time gone by under the name of the seed's first example",
      (uuid) =>
        `/v1/record?${inUrl(`&flow_name=flow%20name&scopes=record&uuid=${uuid}&realtime=2005-08-15T15:52:01%2B00:00`)}`,
      () => [JSON_TYPE, NO_CACHE],
    ],
  ];
  const [byHeaders] = creating.slice(1) as [Form];
  /** A record that has been executed. */
  const finished = async () => {
    const uuid = fresh();
    await curl("POST", byHeaders[1](uuid), byHeaders[2](uuid), PAYLOAD);
    await ends(uuid);
    return uuid;
  };
  const ends = (uuid: string) =>
    vi.waitFor(async () => expect(await statusOf(uuid)).toBe("2"), { timeout: 15_000, interval: 100 });
  const statusOf = async (uuid: string) => {
    const { json } = await curl("GET", "/v1/record", [JSON_TYPE, ...byKey(), `X-Uuid: ${uuid}`]);
    return (json.resource as { info?: { flow_status: string } }).info?.flow_status;
  };
  let kept: string;
  beforeAll(async () => {
    kept = await finished();
  });

  test.each(creating)("Create new Data Record, %s", async (_, path, headers) => {
    const uuid = fresh();
    const answer = await curl("POST", path(uuid), headers(uuid), PAYLOAD);
    expect(answered(answer, 201, "Data Record is created successfully")).toEqual({
      flow_id: expect.stringMatching(/^\d+$/),
      flow_name: "flow name",
      data_record_id: uuid,
      data_record: CLIENT,
    });
    await ends(uuid);
  });

  test("Create new Data Record, without a uuid and with an array", async () => {
    const headers = [JSON_TYPE, bearer(), "X-Scopes: record", NO_CACHE, "X-Flow: flow name"];
    const answer = await curl("POST", "/v1/record", headers, JSON.stringify([CLIENT, { n: 2 }]));
    expect(answered(answer, 201, answer.json.message)).toMatchObject([
      { flow_name: "flow name", data_record: CLIENT },
      { flow_name: "flow name", data_record: { n: 2 } },
    ]);
  });

  test.each<Form>([
    [
      "oAuth2",
      () => "/v1/record",
      (uuid) => [JSON_TYPE, bearer(), "X-Scopes: record.read", `X-Uuid: ${uuid}`, NO_CACHE],
    ],
    ["Headers no oAuth2", () => "/v1/record", (uuid) => [JSON_TYPE, ...byKey(), `X-Uuid: ${uuid}`, NO_CACHE]],
    [
      "Url",
      (uuid) => `/v1/record?${inUrl(`&flow_name=flow%20name&uuid=${uuid}`)}`,
      () => [JSON_TYPE, NO_CACHE],
    ],
    [
      "Url, as in URL authorization",
      (uuid) => `/v1/record?${inUrl(`&flow_name=flow%20name&scopes=record.read&uuid=${uuid}&realtime=`)}`,
      () => [JSON_TYPE, NO_CACHE],
    ],
    ["at /v1/record/:id", (uuid) => `/v1/record/${uuid}`, () => [JSON_TYPE, ...byKey()]],
  ])("Get a Data Record, %s", async (_, path, headers) => {
    const answer = await curl("GET", path(kept), headers(kept));
    const resource = answered(answer, 200, "Data Record structure was retrieving successfully");
    expect(resource).toMatchObject({
      info: {
        uuid: kept,
        customer_id: "1",
        flow_id: expect.stringMatching(/^\d+$/),
        date_created: DATE,
        status: expect.any(String),
      },
      data_record: CLIENT,
      flow_process: { date_started: DATE, date_last_run: DATE },
      flow_objects_info: [{ name: "say" }],
    });
  });

  test.each<Form>([
    [
      "oAuth2",
      () => "/v1/record",
      (uuid) => [JSON_TYPE, bearer(), "X-Scopes: record", `X-Uuid: ${uuid}`, NO_CACHE],
    ],
    ["Headers no oAuth2", () => "/v1/record", (uuid) => [JSON_TYPE, ...byKey(), `X-Uuid: ${uuid}`, NO_CACHE]],
    ["Url", (uuid) => `/v1/record?${inUrl(`&uuid=${uuid}`)}`, () => [JSON_TYPE, NO_CACHE]],
  ])("Update a Data Record, %s", async (form, path, headers) => {
    const changed = { ...CLIENT, form };
    const answer = await curl("PUT", path(kept), headers(kept), JSON.stringify(changed));
    expect(answered(answer, 200, "Data Record was updated successfully")).toEqual({
      flow_name: "flow name",
      customer_id: "1",
      uuid: kept,
      data_record: changed,
    });
    await curl("PUT", path(kept), headers(kept), PAYLOAD);
  });

  test.each<Form>([
    [
      "oAuth2 and Headers",
      () => "/v1/record",
      (uuid) => [
        JSON_TYPE,
        `client_id: ${app.client_id}`,
        `client_secret: ${app.client_secret}`,
        "scopes: record.delete",
        `uuid: ${uuid}`,
        NO_CACHE,
      ],
    ],
    ["Url", (uuid) => `/v1/record?${inUrl(`&uuid=${uuid}`)}`, () => [JSON_TYPE, NO_CACHE]],
  ])("Delete a Data Record, %s", async (_, path, headers) => {
    const uuid = await finished();
    const answer = await curl("DELETE", path(uuid), headers(uuid));
    expect(answered(answer, 200, "Data Record was removed successfully")).toEqual({
      flow_name: "flow name",
      uuid,
    });
    expect(await statusOf(uuid)).toBeUndefined();
  });

  const found = (answer: Answer) => {
    const resource = answered(answer, 200, "The query has been executed successfully.");
    expect(Object.keys(resource)).toEqual(expect.arrayContaining(["records", "total", "offset", "limit"]));
    expect(resource).toMatchObject({ offset: 0, limit: 10, total: expect.any(Number) });
    const records = resource.records as Record<string, unknown>[];
    for (const record of records) expect(Object.keys(record)).toEqual(FOUND_FIELDS);
    return records;
  };

  test.each([
    ["in the body, as -d without -G sends them", "GET", false],
    ["in the URL, as -G puts them", "GET", true],
    ["by PUT, as in the list of endpoints", "PUT", false],
  ])("Search, date parameters %s", async (_, method, url) => {
    const form = `${`api_key=${apiKey}&app_key=seed`}&date_type=date_created&date_from=31-12-2017 12:00:00`;
    const records = url
      ? found(await curl(method, `/v1/record/search?${form.replaceAll(" ", "%20")}`, [JSON_TYPE]))
      : found(await curl(method, "/v1/record/search", [JSON_TYPE], form));
    expect(records.length).toBeGreaterThan(0);
  });

  test("Search using Headers", async () => {
    const headers = [JSON_TYPE, `X-Apikey: ${apiKey}`, "X-App: seed", "X-Datarecord-status: 2"];
    const records = found(await curl("GET", "/v1/record/search", headers));
    expect(records[0]).toMatchObject({
      current_step: { type: "end", text: "end" },
      flow_status: "2",
      flow_status_name: "Finished",
      date_next_run: "",
    });
  });

  test("Search using URL parameters: a form as the body of a GET", async () => {
    const form = `api_key=${apiKey}&app_key=seed&datarecord_status=2`;
    for (const { flow_status } of found(await curl("GET", "/v1/record/search", [JSON_TYPE], form))) {
      expect(flow_status).toBe("2");
    }
  });

  test.each(["X-limit: 10", "X-offset: 0", "X-flow: flow name", "X-datarecord-status: 2"])(
    "Search with the header %s",
    async (header) => {
      expect(
        found(await curl("GET", "/v1/record/search", [JSON_TYPE, ...byKey(), header])).length,
      ).toBeGreaterThan(0);
    },
  );

  test("Search with the header X-uuid", async () => {
    const records = found(await curl("GET", "/v1/record/search", [JSON_TYPE, ...byKey(), `X-uuid: ${kept}`]));
    expect(records.map(({ uuid }) => uuid)).toEqual([kept]);
  });

  test.each([
    ["in a header", (uuid: string) => [`X-Queue-Uuids: ${uuid}`], () => undefined],
    ["in the payload", () => [], (uuid: string) => JSON.stringify([uuid])],
  ])("Execute queue actions, the uuid %s", async (_, more, body) => {
    const uuid = fresh();
    const later = ["X-Flow: flow name", `X-Uuid: ${uuid}`, "X-Executiontime: 2090-11-04T19:55:41Z"];
    await curl("POST", "/v1/record", [JSON_TYPE, ...byKey(), ...later], PAYLOAD);
    const headers = [
      JSON_TYPE,
      `X-Apikey: ${apiKey}`,
      "X-App: seed",
      "X-Queue-Status: pause-queue",
      ...more(uuid),
    ];
    const answer = await curl("PUT", "/v1/record/changestatus", headers, body(uuid));
    expect(answered(answer, 200, answer.json.message)).toMatchObject({
      records: [{ uuid, queue_status: expect.any(String), queue_status_key: expect.any(String) }],
      total: 1,
    });
    expect(answer.json.message).toMatch(/^1 datarecords? /);
  });

  test("Move to flow", async () => {
    const both = [await finished(), await finished()];
    const headers = [JSON_TYPE, `X-Apikey: ${apiKey}`, "X-App: seed", "X-MoveToFlow-Flow: target"];
    const answer = await curl(
      "PUT",
      "/v1/record/movetoflow",
      headers,
      `[\n    "${both[0]}",\n    "${both[1]}"\n]`,
    );
    expect(answered(answer, 200, "2 flows moved to the new one")).toMatchObject({
      records: both.map((uuid) => ({
        uuid,
        message: "Data Record is moved to a new flow successfully and it is included in the queue.",
        movetoflow: "target",
      })),
    });
  });
});

describe("Webhooks", () => {
  test("Using the webhook", async () => {
    const answer = await curl("POST", "/v1/webhook/webhook-uri", [JSON_TYPE, NO_CACHE], PAYLOAD);
    expect(answered(answer, 201, "Data stored successfully")).toMatchObject({
      _id: { $id: expect.any(String) },
      customer_id: "1",
      plugin_id: expect.any(String),
      application_id: expect.any(String),
      date_created: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$/),
      data: { flow_id: expect.any(String) },
    });
  });
});

describe("Flows", () => {
  test.each<[string, () => string, () => string[]]>([
    [
      "oAuth2",
      () => "/v1/flowdiagram",
      () => [JSON_TYPE, bearer(), "X-Scopes: flowdiagram.read", "X-Flow: flow name", NO_CACHE],
    ],
    [
      "Headers no oAuth2",
      () => "/v1/flowdiagram",
      () => [JSON_TYPE, ...byKey().reverse(), "X-Scopes: flowdiagram.read", "X-Flow: flow name", NO_CACHE],
    ],
    [
      "URL",
      () => `/v1/flowdiagram?scopes=flowdiagram.read&${inUrl("&flow_name=flow%20name")}`,
      () => [JSON_TYPE, NO_CACHE],
    ],
  ])("Get Flow Diagram, %s: its id is the HTTP code", async (_, path, headers) => {
    const answer = await curl("GET", path(), headers());
    const resource = answered(answer, 200, "Flow diagram is retrieving successfully", 200);
    expect(resource).toMatchObject({
      customer: "default",
      flow_name: "flow name",
      description: expect.any(String),
    });
    expect(Object.keys(resource)).toEqual(expect.arrayContaining(["current_flow", "versions"]));
  });

  test.each<[string, () => string, () => string[], string | undefined]>([
    [
      "oAuth2",
      () => "/v1/changeflowstatus",
      () => [
        JSON_TYPE,
        bearer(),
        "X-Scopes: flowdiagram",
        `X-Flow-Id: ${flowId}`,
        "X-Status: paused",
        NO_CACHE,
      ],
      undefined,
    ],
    [
      "Headers no oAuth2, with the example's payload",
      () => "/v1/changeflowstatus",
      () => [
        JSON_TYPE,
        ...byKey(),
        "X-Scopes: flowdiagram",
        `X-Flow-Id: ${flowId}`,
        "X-Status: paused",
        NO_CACHE,
      ],
      "{\n    {{payload}}}\n}",
    ],
    [
      "Url",
      () => `/v1/changeflowstatus?${inUrl(`&scopes=flowdiagram&flow_id=${flowId}&status=paused`)}`,
      () => [JSON_TYPE, NO_CACHE],
      undefined,
    ],
  ])("Change flow status, %s", async (_, path, headers, body) => {
    const answer = await curl("PUT", path(), headers(), body);
    expect(answered(answer, 200, "Flow diagram has been stopped successfully")).toBe("");
  });
});
