import { beforeAll, describe, expect, test } from "vitest";
import { accessToken, type V1Credentials, v1, v1Credentials } from "../support/v1";
import { admin } from "../support/worker";

/** The seed's chapter *Keystore* over HTTP: every request form that it prints, and what a client may send instead. */

let credentials: V1Credentials;
let token: string;

beforeAll(async () => {
  credentials = await v1Credentials();
  token = (await accessToken(credentials)).access;
  const applied = await admin("PUT", "/projects/keystores", {
    keystores: [
      { keystore: "weather", empty: { temp: null } },
      { keystore: "notes", type: "raw", empty: "nothing yet" },
      { keystore: "sessions", expires: "1h" },
      { keystore: "list", empty: [] },
      { keystore: "cities" },
    ],
  });
  if (!applied.ok) throw new Error(await applied.text());
});

let keys = 0;
/** A key of its own for each test. */
const fresh = (name = "key") => `${name}-${++keys}`;

interface Answer {
  status: number;
  text: string;
  type: string | null;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: compared as a whole
  json: any;
}

async function answered(response: Response): Promise<Answer> {
  const text = await response.text();
  const type = response.headers.get("content-type");
  return {
    status: response.status,
    text,
    type,
    headers: response.headers,
    json: type?.startsWith("application/json") ? JSON.parse(text) : undefined,
  };
}

/** A call with the API key in a header. */
async function ask(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return answered(
    await v1(method, `/keystore/${path}`, { "x-apikey": credentials.apiKey, ...headers }, body),
  );
}

const TEXT = { "content-type": "text/plain" };

/** The three forms of credentials that the seed prints for each call. */
const FORMS: [string, () => { headers: Record<string, string>; query: string }][] = [
  ["OAuth 2", () => ({ headers: { authorization: `Bearer ${token}` }, query: "" })],
  ["headers", () => ({ headers: { "x-apikey": credentials.apiKey }, query: "" })],
  ["the URL", () => ({ headers: {}, query: `?api_key=${credentials.apiKey}` })],
];

describe.each(FORMS)("the seed's requests, with credentials by %s", (_form, made) => {
  const send = async (method: string, path: string, body?: unknown, more: Record<string, string> = {}) => {
    const { headers, query } = made();
    return answered(await v1(method, `/keystore/${path}${query}`, { ...headers, ...more }, body));
  };

  test("get: a key that is not there is created with the empty structure", async () => {
    const key = fresh();
    const answer = await send("GET", `weather/${key}`);
    expect([answer.status, answer.text]).toEqual([200, '{"temp":null}']);
    expect((await send("POST", `weather/${key}`, { temp: 1 })).status).toBe(409);
    expect((await send("GET", `notes/${fresh()}`, undefined, TEXT)).text).toBe("nothing yet");
  });

  test("insert: 200 with the data, then 409", async () => {
    const key = fresh();
    const data = '{"temp": {"max": 24}, "city": "Madrid"}';
    const inserted = await send("POST", `weather/${key}`, data);
    expect([inserted.status, inserted.text]).toEqual([200, data]);
    const again = await send("POST", `weather/${key}`, { temp: 1 });
    expect(again.status).toBe(409);
    expect(again.json).toMatchObject({ id: "error", code: 409, resource: [], error: { code: 409 } });
    expect((await send("GET", `weather/${key}`)).text).toBe(data);
  });

  test("insert or update", async () => {
    const key = fresh();
    expect((await send("PUT", `weather/${key}`, { temp: 1 })).json).toEqual({ temp: 1 });
    expect((await send("PUT", `weather/${key}`, { temp: 2 })).json).toEqual({ temp: 2 });
    expect((await send("GET", `weather/${key}`)).json).toEqual({ temp: 2 });
  });

  test("delete", async () => {
    const key = fresh();
    await send("PUT", `weather/${key}`, { temp: 1 });
    const deleted = await send("DELETE", `weather/${key}`);
    expect(deleted.status).toBe(200);
    expect(deleted.json).toEqual({
      id: "ok",
      code: 200,
      "request-ip": "127.0.0.1",
      resource: null,
      message: `Successfully deleted key ${key} in keystore weather`,
      error: null,
    });
    expect((await send("DELETE", `weather/${key}`)).status).toBe(404);
    expect((await send("POST", `weather/${key}`, { temp: 3 })).status).toBe(200);
  });

  test("search", async () => {
    const city = fresh("Lund");
    await send("PUT", `cities/${city}`, { city, temp: { max: 24, average: 20 } });
    const found = await send("POST", "cities", {
      select: [
        { field: "keystore.key", alias: "MyKey" },
        { field: "temp.max", alias: "temperature" },
        { field: "*", alias: "all_info" },
      ],
      where: { condition: "OR", rules: [{ field: "city", operator: "LIKE", value: city.toLowerCase() }] },
    });
    expect([found.status, found.json]).toEqual([
      200,
      [{ MyKey: city, temperature: "24", all_info: `{"city":"${city}","temp":{"max":24,"average":20}}` }],
    ]);
  });
});

describe("credentials", () => {
  test("none, a wrong one, or a token without the scope: nothing is read", async () => {
    expect((await v1("GET", "/keystore/weather/london")).status).toBe(401);
    expect((await ask("GET", "weather/london", undefined, { "x-apikey": "wrong" })).status).toBe(401);
    const bearer = await v1("GET", "/keystore/weather/london", { authorization: "Bearer 00ff" });
    expect(bearer.status).toBe(403);
    expect(await bearer.json()).toMatchObject({ error: { code: 436 } });
  });

  test("of another organization: the same answer as for a keystore that is not there", async () => {
    const missing = await ask("GET", "nowhere/london");
    expect([missing.status, missing.json.message]).toEqual([404, "There is no keystore of this name."]);
  });
});
