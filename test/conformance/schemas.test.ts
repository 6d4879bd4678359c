import { beforeAll, describe, expect, it, vi } from "vitest";
import { applyFlows, caller, envelope } from "../support/records";
import { accessToken, keyHeaders, type V1Credentials, v1, v1Credentials } from "../support/v1";
import { call } from "../support/worker";

const SCHEMA = {
  $schema: "http://json-schema.org/draft-04/schema#",
  type: "object",
  required: ["client"],
  properties: {
    client: {
      type: "array",
      items: {
        type: "object",
        required: ["name"],
        properties: { name: { type: "string" }, age: { type: "integer" }, country: { type: "boolean" } },
      },
    },
  },
};
const RECORD = { client: [{ name: "Zoë", age: 3 }] };
const DATE = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;

let credentials: V1Credentials;
let headers: Record<string, string>;
let client: ReturnType<typeof caller>;

beforeAll(async () => {
  credentials = await v1Credentials("schemas");
  headers = keyHeaders(credentials);
  client = caller(credentials);
  await applyFlows();
});

function base64(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function body(schema: unknown = SCHEMA, record: unknown = RECORD): Record<string, unknown> {
  return { schema: base64(schema), data_record: base64(record), url: "www.example.nl" };
}

async function clear(): Promise<void> {
  await v1("DELETE", "/schema", { client_id: credentials.clientId, client_secret: credentials.clientSecret });
}

/** The three ways in which the seed sends credentials. */
async function forms(scopes: string): Promise<[string, Record<string, string>, string][]> {
  const { access } = await accessToken(credentials);
  return [
    ["OAuth", { authorization: `Bearer ${access}`, "x-scopes": scopes }, ""],
    ["OAuth as PHP sends it", { authentication: `Bearer ${access}`, "x-scopes": scopes }, ""],
    ["headers", { "x-apikey": credentials.apiKey, "x-app": credentials.appKey, "x-scopes": scopes }, ""],
    ["URL", {}, `?api_key=${credentials.apiKey}&app_key=${credentials.appKey}&scopes=${scopes}`],
  ];
}

describe("the data schema", () => {
  it("is inserted, read, updated and deleted in every form of credentials", async () => {
    for (const [form, given, query] of await forms("schema")) {
      await clear();
      const inserted = await envelope(v1("POST", `/schema${query}`, given, body()), 201);
      expect(inserted, form).toMatchObject({
        id: "created",
        code: 201,
        message: "Schema structure is created successfully",
        error: null,
      });
      expect(Object.keys(inserted.resource)).toEqual(["creation_date", "modified_date"]);
      expect(inserted.resource.creation_date).toMatch(DATE);
      const read = await envelope<Record<string, string>>(v1("GET", `/schema${query}`, given), 200);
      expect(read).toMatchObject({ id: "ok", message: "Schema structure is retrieving successfully" });
      expect(read.resource).toMatchObject({ url: "www.example.nl", customer: "default" });
      expect(JSON.parse(atob(read.resource.schema as string))).toEqual(SCHEMA);
      const updated = await envelope(v1("PUT", `/schema${query}`, given, body({ type: "object" })), 201);
      expect(updated).toMatchObject({ id: "created", message: "Schema structure is updated successfully" });
      const again = await envelope<Record<string, string>>(v1("GET", `/schema${query}`, given), 200);
      expect(JSON.parse(atob(again.resource.schema as string))).toEqual({ type: "object" });
    }
  });

  it("is read with schema.read, and changed only with schema", async () => {
    await clear();
    await envelope(v1("POST", "/schema", headers, body()), 201);
    for (const [form, given, query] of await forms("schema.read")) {
      expect((await v1("GET", `/schema${query}`, given)).status, form).toBe(200);
    }
  });

  it("is deleted with client id and secret, as in the seed", async () => {
    await clear();
    await envelope(v1("POST", "/schema", headers, body()), 201);
    const removed = await v1("DELETE", "/schema", {
      client_id: credentials.clientId,
      client_secret: credentials.clientSecret,
    });
    expect(await envelope(removed, 201)).toMatchObject({
      resource: {},
      message: "Schema has been removed successfully",
    });
    expect((await v1("GET", "/schema", headers)).status).toBe(404);
    expect((await v1("PUT", "/schema", headers, body())).status).toBe(404);
    expect((await v1("DELETE", "/schema", headers)).status).toBe(404);
  });

  it("is there once: a second POST is a conflict, also at the same moment", async () => {
    await clear();
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => v1("POST", "/schema", headers, body())),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409, 409, 409]);
    expect((await v1("POST", "/schema", headers, body())).status).toBe(409);
  });

  it("is taken as JSON, too, and as XML", async () => {
    await clear();
    expect(
      (await v1("POST", "/schema", headers, { ...body(), schema: SCHEMA, data_record: RECORD })).status,
    ).toBe(201);
    const xml = `<request><schema>${base64(SCHEMA)}</schema><data_record>${base64(RECORD)}</data_record><url>a</url></request>`;
    const answer = await v1("PUT", "/schema", { ...headers, "content-type": "application/xml" }, xml);
    expect(answer.status).toBe(201);
    expect(answer.headers.get("content-type")).toContain("xml");
    expect(await answer.text()).toContain("<message>Schema structure is updated successfully</message>");
  });

  it("answers HEAD and conditional requests", async () => {
    await clear();
    await envelope(v1("POST", "/schema", headers, body()), 201);
    const got = await v1("GET", "/schema", headers);
    await got.text();
    const tag = got.headers.get("etag") as string;
    expect((await v1("GET", "/schema", { ...headers, "if-none-match": tag })).status).toBe(304);
    const since = got.headers.get("last-modified") as string;
    expect((await v1("GET", "/schema", { ...headers, "if-modified-since": since })).status).toBe(304);
    const head = await v1("HEAD", "/schema", headers);
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  it.each<[string, unknown, string]>([
    ["no object", [], "object"],
    ["nothing", {}, "schema"],
    ["Base64 junk", { ...body(), schema: "%%%" }, "is not Base64 of JSON"],
    ["Base64 of no JSON", { ...body(), data_record: base64("{a") }, "data_record"],
    ["Base64 of bytes that are no text", { ...body(), schema: "/////w==" }, "is not Base64 of JSON"],
    ["a schema that is a list", body([]), "a JSON Schema is an object"],
    ["a schema that is a number", body(3), "a JSON Schema is an object"],
    ["an unknown type", body({ type: "text" }), "`type` is one of"],
    ["a bad pattern", body({ pattern: "(" }), "no regular expression"],
    ["a reference to itself", body({ $ref: "#" }), "without end"],
    [
      "a loop",
      body({ allOf: [{ $ref: "#/definitions/a" }], definitions: { a: { $ref: "#" } } }),
      "without end",
    ],
    ["an example that does not satisfy it", body(SCHEMA, { client: [{}] }), "data_record/client/0/name"],
    ["no url", { ...body(), url: undefined }, "url"],
  ])("is refused: %s", async (_what, given, reason) => {
    await clear();
    const answer = await envelope(v1("POST", "/schema", headers, given), 400);
    expect(`${answer.error?.message} ${JSON.stringify(answer.error?.errors)}`).toContain(reason);
    expect((await v1("GET", "/schema", headers)).status).toBe(404);
  });

  it("refuses a remote reference, and asks nobody for it", async () => {
    await clear();
    const asked = vi.spyOn(globalThis, "fetch");
    const answer = await envelope(
      v1("POST", "/schema", headers, body({ properties: { a: { $ref: "http://example.com/s.json#" } } })),
      400,
    );
    expect(answer.error?.message).toContain("nothing is fetched");
    expect(asked).not.toHaveBeenCalled();
    asked.mockRestore();
  });

  it("takes a pattern that would backtrack without end, and answers soon all the same", async () => {
    await clear();
    const schema = { patternProperties: { "^(a+)+$": { type: "string" } }, additionalProperties: true };
    await envelope(v1("POST", "/schema", headers, body(schema, { a: "b" })), 201);
    expect(
      (await client.call("POST", "/record", { "x-flow": "cheap" }, { [`${"a".repeat(900)}!`]: 1 })).status,
    ).toBe(201);
    expect(
      (await client.call("POST", "/record", { "x-flow": "cheap" }, { ["a".repeat(900)]: 1 })).status,
    ).toBe(400);
  });
});

describe("records under a schema", () => {
  it("are refused with path and reason, one or many, and nothing is stored", async () => {
    await clear();
    await envelope(v1("POST", "/schema", headers, body()), 201);
    const one = await envelope(
      client.call("POST", "/record", { "x-flow": "cheap", "x-uuid": "misfit" }, { client: [{ age: "x" }] }),
      400,
    );
    expect(one.error?.errors).toEqual([
      { path: "/client/0/name", reason: "is required and missing" },
      { path: "/client/0/age", reason: "expected integer, found string" },
    ]);
    expect((await client.call("GET", "/record/misfit")).status).toBe(404);
    const before = (await client.search({})).total;
    const many = await envelope(
      client.call("POST", "/record", { "x-flow": "cheap" }, [RECORD, {}, RECORD]),
      400,
    );
    expect(many.error?.errors).toEqual([{ path: "/1/client", reason: "is required and missing" }]);
    expect((await client.search({})).total).toBe(before);
  });

  it("come as XML, read as the schema means them", async () => {
    const xml = "<record><client><name>Zoë</name><age>41</age><country>true</country></client></record>";
    const answer = await call("/v1/record", {
      method: "POST",
      headers: { ...headers, "content-type": "application/xml", "x-flow": "cheap", "x-uuid": "from-xml" },
      body: xml,
    });
    expect(answer.status).toBe(201);
    expect(await answer.text()).toContain("<data_record_id>from-xml</data_record_id>");
    expect((await client.read("from-xml")).data_record).toEqual({
      client: [{ name: "Zoë", age: 41, country: true }],
    });
    const list = `<records><record>${"<client><name>a</name></client>"}</record><record><client><name>b</name></client></record></records>`;
    const several = await call("/v1/record", {
      method: "POST",
      headers: {
        ...headers,
        "content-type": "application/xml",
        accept: "application/json",
        "x-flow": "cheap",
      },
      body: list,
    });
    const { resource } = await envelope<{ data_record: unknown }[]>(several, 201);
    expect(resource.map(({ data_record }) => data_record)).toEqual([
      { client: [{ name: "a" }] },
      { client: [{ name: "b" }] },
    ]);
  });

  it("are checked again when they are updated", async () => {
    const uuid = await client.insert("cheap", RECORD);
    await client.until(uuid, "2");
    expect((await client.call("PUT", "/record", { "x-uuid": uuid }, { client: 3 })).status).toBe(400);
    expect((await client.call("PUT", "/record", { "x-uuid": uuid }, { client: [] })).status).toBe(200);
    await clear();
    expect((await client.call("PUT", "/record", { "x-uuid": uuid }, { client: 3 })).status).toBe(200);
  });
});
