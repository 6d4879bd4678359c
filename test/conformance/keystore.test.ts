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
    json: text !== "" && type?.startsWith("application/json") ? JSON.parse(text) : undefined,
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

const XML = { "content-type": "application/xml" };
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

  test("a keystore that is not there is not found", async () => {
    const missing = await ask("GET", "nowhere/london");
    expect([missing.status, missing.json.message]).toEqual([404, "There is no keystore of this name."]);
  });
});

describe("formats", () => {
  test("XML comes in as the JSON that it stands for, and goes out again", async () => {
    const key = fresh();
    const put = await ask("PUT", `weather/${key}`, "<weather><temp><max>24</max></temp></weather>", XML);
    expect([put.status, put.type]).toEqual([200, "application/xml; charset=utf-8"]);
    expect(put.text).toBe(
      '<?xml version="1.0" encoding="UTF-8"?><response><temp><max>24</max></temp></response>',
    );
    expect((await ask("GET", `weather/${key}`)).json).toEqual({ temp: { max: "24" } });
    expect((await ask("GET", `weather/${key}`, undefined, { accept: "application/xml" })).text).toBe(
      put.text,
    );
  });

  test("a raw keystore keeps texts to the letter, and says them in JSON and XML too", async () => {
    const key = fresh();
    const note = "  Line 1\r\nLine 2 — “ünï” 𝄞 <&> \u2028 ";
    const put = await ask("POST", `notes/${key}`, note, TEXT);
    expect([put.status, put.type, put.text]).toEqual([200, "text/plain; charset=utf-8", note]);
    expect((await ask("GET", `notes/${key}`, undefined, TEXT)).text).toBe(note);
    expect((await ask("GET", `notes/${key}`)).json).toBe(note);
    expect((await ask("GET", `notes/${key}`, undefined, XML)).text).toContain("&lt;&amp;&gt;");
    const empty = await ask("PUT", `notes/${key}`, "", TEXT);
    expect([empty.status, empty.text]).toEqual([200, ""]);
    expect((await ask("GET", `notes/${key}`, undefined, TEXT)).text).toBe("");
  });

  test.each([
    ["null", "null"],
    ["an empty text", '""'],
    ["a number", "1.50"],
    ["a list", '[1, "two" , null]'],
    ["Unicode", '"ünï 𝄞 \\u0000 \\ud834\\udd1e"'],
    ["prototypes", '{"__proto__": {"a": 1}, "constructor": null}'],
    ["200 levels", `${"[".repeat(200)}${"]".repeat(200)}`],
    ["1 MB", JSON.stringify("x".repeat(1024 * 1024))],
  ])("JSON round-trips to the letter: %s", async (_what, text) => {
    const key = fresh();
    expect((await ask("POST", `weather/${key}`, text)).text).toBe(text);
    expect((await ask("GET", `weather/${key}`)).text).toBe(text);
    expect((await ask("GET", `weather/${key}`, undefined, { "cache-control": "no-cache" })).text).toBe(text);
    const raw = await ask("PUT", `notes/${key}`, text, TEXT);
    expect(raw.text).toBe(text);
  });

  test("the empty structure of a keystore may be anything", async () => {
    expect((await ask("GET", `list/${fresh()}`)).json).toEqual([]);
    expect((await ask("GET", `cities/${fresh()}`)).json).toEqual({});
  });

  test("conditional requests, HEAD, selected fields", async () => {
    const key = fresh();
    await ask("PUT", `weather/${key}`, { a: 1, b: 2 });
    const got = await ask("GET", `weather/${key}`);
    const again = await ask("GET", `weather/${key}`, undefined, {
      "if-none-match": got.headers.get("etag") as string,
    });
    expect([again.status, again.text]).toEqual([304, ""]);
    const since = { "if-modified-since": got.headers.get("last-modified") as string };
    expect((await ask("GET", `weather/${key}`, undefined, since)).status).toBe(304);
    const head = await ask("HEAD", `weather/${key}`);
    expect([head.status, head.text, head.headers.get("content-length")]).toEqual([200, "", "13"]);
    expect((await ask("GET", `weather/${key}?fields=b`)).json).toEqual({ b: 2 });
  });
});

describe("keys", () => {
  test.each([
    "with space",
    "a/b/c",
    "ünï 𝄞",
    "%",
    "a?b#c",
    "+",
    "__proto__",
    "x".repeat(1_000),
    "ä".repeat(600),
    "' OR 1=1 --",
  ])("%#", async (key) => {
    const path = `weather/${encodeURIComponent(key)}`;
    const data = { key };
    expect((await ask("POST", path, data)).status).toBe(200);
    expect((await ask("GET", path)).json).toEqual(data);
    expect((await ask("POST", path, data)).status).toBe(409);
    const deleted = await ask("DELETE", path);
    expect([deleted.status, deleted.json.message]).toEqual([
      200,
      `Successfully deleted key ${key} in keystore weather`,
    ]);
    expect((await ask("GET", path)).json).toEqual({ temp: null });
  });

  test("one that is none is refused with what a key may be", async () => {
    const nul = await ask("PUT", "weather/a%00b", {});
    expect([nul.status, nul.json.message]).toEqual([400, "The key has a NUL character; leave it out."]);
    const long = await ask("PUT", `weather/${"x".repeat(1_001)}`, {});
    expect([long.status, long.json.error.limit]).toEqual([400, "MAX_KEYSTORE_KEY_CHARS"]);
    expect((await ask("GET", "weather/%zz")).status).toBe(400);
    expect((await ask("GET", "weather/%ff")).status).toBe(400);
  });
});

describe("bad input changes nothing, and says what to change", () => {
  test.each<[string, string, unknown, Record<string, string>, number, RegExp]>([
    ["PUT", "weather", "{broken", {}, 400, /The body of a JSON keystore/],
    ["PUT", "weather", "", {}, 400, /The body/],
    ["PUT", "weather", "plain words", TEXT, 400, /The body of a JSON keystore/],
    ["PUT", "weather", "12345678901234567890", {}, 400, /would not be kept exactly/],
    ["PUT", "weather", "1e400", {}, 400, /would not be kept exactly/],
    ["PUT", "weather", `${"[".repeat(201)}${"]".repeat(201)}`, {}, 400, /nested too deeply/],
    ["PUT", "weather", new Uint8Array([0x22, 0xff, 0x22]), {}, 400, /not valid UTF-8/],
    ["PUT", "notes", new Uint8Array([0xff]), TEXT, 400, /not valid UTF-8/],
    ["PUT", "notes", "{broken", {}, 400, /The body/],
    ["PUT", "notes", "<a><b></a>", XML, 400, /The body/],
    ["PUT", "weather", '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', XML, 400, /document types/],
    ["PUT", "notes", "x".repeat(5 * 1024 * 1024 + 1), TEXT, 413, /MAX_KEYSTORE_VALUE_BYTES/],
    ["PUT", "weather", "{}", { "x-expires-in": "soon" }, 400, /expires_in/],
    ["PUT", "weather", "{}", { "x-expires-in": "0" }, 400, /expires_in/],
    ["POST", "weather", "{}", { "content-type": "application/json; charset=utf-7" }, 415, /charset/],
  ])("%#: %s %s", async (method, store, body, headers, status, message) => {
    const key = fresh("bad");
    const answer = await ask(method, `${store}/${key}`, body, headers);
    const shown = await ask("GET", `${store}/${key}`, undefined, { "content-type": "application/json" });
    expect(shown.json).toEqual(store === "weather" ? { temp: null } : "nothing yet");
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(message);
  });

  test("a keystore that there is not is 404 for every request, and other methods 405", async () => {
    for (const [method, path, body] of [
      ["GET", "nowhere/a", undefined],
      ["POST", "nowhere/a", {}],
      ["PUT", "nowhere/a", {}],
      ["DELETE", "nowhere/a", undefined],
      ["POST", "nowhere", {}],
    ] as const) {
      expect((await ask(method, path, body)).status, `${method} ${path}`).toBe(404);
    }
    expect((await ask("PATCH", "weather/a", {})).status).toBe(405);
    expect((await ask("GET", "weather")).status).toBe(405);
  });

  test("of 200 concurrent inserts one is 200, and 199 are 409; the answer of the 200 is what is stored", async () => {
    const key = fresh();
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) => ask("POST", `weather/${key}`, { n })),
    );
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(199);
    const [won] = answers.filter(({ status }) => status === 200);
    expect((await ask("GET", `weather/${key}`)).json).toEqual(won?.json);
  });
});

describe("search", () => {
  beforeAll(async () => {
    await ask("PUT", "cities/Madrid", { city: "Madrid", temp: { max: 24, average: 26 }, wind: "5 km/h N" });
    await ask(
      "PUT",
      "cities/London",
      '{"city":"London", "temp":{"max":15,"average":12}, "wind":"2 km\\/h S"}',
    );
    await ask("PUT", "cities/Oslo", { city: "Oslo", temp: { max: 3, average: 1 } });
  });

  const where = {
    condition: "OR",
    rules: [
      { field: "temp.average", operator: ">", value: "25" },
      { field: "city", operator: "LIKE", value: "lond%" },
    ],
  };

  test("the seed's own search; values are as they were saved", async () => {
    const found = await ask("POST", "cities", {
      select: [
        { field: "keystore.key", alias: "MyKey" },
        { field: "temp.max", alias: "temperature" },
        { field: "*", alias: "all_info" },
      ],
      where,
    });
    expect(found.json).toEqual([
      {
        MyKey: "Madrid",
        temperature: "24",
        all_info: '{"city":"Madrid","temp":{"max":24,"average":26},"wind":"5 km/h N"}',
      },
      {
        MyKey: "London",
        temperature: "15",
        all_info: '{"city":"London", "temp":{"max":15,"average":12}, "wind":"2 km\\/h S"}',
      },
    ]);
  });

  test("names without an alias; a trailing slash; in XML", async () => {
    const search = { select: [{ field: "key" }, { field: "temp.max" }], where };
    expect((await ask("POST", "cities/", search)).json).toEqual([
      { key: "Madrid", "temp.max": "24" },
      { key: "London", "temp.max": "15" },
    ]);
    const xml = await ask("POST", "cities", search, { accept: "application/xml" });
    expect(xml.text).toBe(
      '<?xml version="1.0" encoding="UTF-8"?><response><item><key>Madrid</key><temp.max>24</temp.max></item><item><key>London</key><temp.max>15</temp.max></item></response>',
    );
    const asked = await ask(
      "POST",
      "cities",
      "<search><select><item><field>key</field></item></select><where><rules><item><field>city</field><operator>=</operator><value>Madrid</value></item></rules></where></search>",
      { ...XML, accept: "application/json" },
    );
    expect(asked.json).toEqual([{ key: "Madrid" }]);
  });

  test("hostile fields, aliases, operators and values are data or 400, and change nothing", async () => {
    const hostile = [
      "'; DROP TABLE entries; --",
      '"',
      "') OR 1=1 --",
      "$..*",
      "entries.text",
      "sqlite_master",
      "__proto__",
    ];
    for (const text of hostile) {
      for (const search of [
        { select: [{ field: text }] },
        { select: [{ field: "key", alias: text }], limit: 1 },
        { where: { rules: [{ field: text, operator: "=", value: "a" }] } },
        { where: { rules: [{ field: "city", operator: text, value: "a" }] } },
        { where: { rules: [{ field: "city", operator: "=", value: text }] } },
        { where: { rules: [{ field: "city", operator: "LIKE", value: `%${text}%` }] } },
        { where: { condition: text, rules: [] } },
        { order: text },
      ]) {
        expect([200, 400]).toContain((await ask("POST", "cities", search)).status);
      }
    }
    expect((await ask("GET", "cities/Madrid")).json).toMatchObject({ city: "Madrid" });
  });

  test.each<[unknown, number]>([
    ["", 400],
    ["[]", 400],
    ["null", 400],
    ["{", 400],
    [{ where: { rules: "x" } }, 400],
    [{ where: { rules: [{ field: "a" }] } }, 400],
    [{ select: "key" }, 400],
    [{ limit: -1 }, 400],
    [{ where: { rules: Array(5_000).fill({ field: "a", operator: "=", value: 1 }) } }, 400],
  ])("malformed: %#", async (search, status) => {
    expect((await ask("POST", "cities", search)).status).toBe(status);
  });
});

describe("expiry", () => {
  test("of a put, in a header or the URL, over that of the keystore", async () => {
    const expiresIn = async (key: string) => {
      const page = await (await admin("GET", `/keystores/sessions/keys?prefix=${key}`)).json();
      const [entry] = (page as { entries: { updatedAt: string; expiresAt: string }[] }).entries;
      return Date.parse(entry?.expiresAt ?? "") - Date.parse(entry?.updatedAt ?? "");
    };
    const [byDefault, byHeader, byUrl] = [fresh(), fresh(), fresh()];
    await ask("PUT", `sessions/${byDefault}`, {});
    await ask("PUT", `sessions/${byHeader}`, {}, { "x-expires-in": "90" });
    await v1("PUT", `/keystore/sessions/${byUrl}?api_key=${credentials.apiKey}&expires_in=2h`, {}, "{}");
    // Written a moment after it was asked for.
    const nearly = (ms: number) => expect.toSatisfy((found: number) => found <= ms && found > ms - 5_000);
    expect(await expiresIn(byDefault)).toEqual(nearly(3_600_000));
    expect(await expiresIn(byHeader)).toEqual(nearly(90_000));
    expect(await expiresIn(byUrl)).toEqual(nearly(7_200_000));
  });
});

describe("administrators", () => {
  test("list, browse, read, write and delete", async () => {
    const listed = (await (await admin("GET", "/keystores")).json()) as { keystores: { name: string }[] };
    expect(listed.keystores.map(({ name }) => name)).toEqual([
      "cities",
      "list",
      "notes",
      "sessions",
      "weather",
    ]);
    for (const key of ["one/1", "one/2", "one/3"]) {
      const put = await admin("PUT", `/keystores/list/keys/${encodeURIComponent(key)}`, [key]);
      expect(put.status).toBe(200);
    }
    const first = await (await admin("GET", "/keystores/list/keys?prefix=one/&limit=2")).json();
    expect(first).toMatchObject({ entries: [{ key: "one/1", bytes: 9 }, { key: "one/2" }], next: "one/2" });
    const rest = await (await admin("GET", "/keystores/list/keys?prefix=one/&limit=2&cursor=one/2")).json();
    expect(rest).toMatchObject({ entries: [{ key: "one/3" }], next: null });
    const read = await admin("GET", "/keystores/list/keys/one%2F2");
    expect([read.status, read.headers.get("content-type"), await read.text()]).toEqual([
      200,
      "application/json",
      '["one/2"]',
    ]);
    expect((await admin("DELETE", "/keystores/list/keys/one%2F2")).status).toBe(204);
    expect((await admin("GET", "/keystores/list/keys/one%2F2")).status).toBe(404);
    expect((await admin("DELETE", "/keystores/list/keys/one%2F2")).status).toBe(404);
    expect(await (await admin("GET", "/keystores/list")).json()).toMatchObject({
      name: "list",
      type: "json",
      keys: 3,
    });
    expect((await admin("GET", "/keystores/nowhere")).status).toBe(404);
  });
});

describe("dropping", () => {
  const apply = (keystores: object[], query = "") =>
    admin("PUT", `/projects/dropping${query}`, { keystores });

  test("only when it is named; then its data is gone, and one of the same name is a new one", async () => {
    expect((await apply([{ keystore: "doomed" }, { keystore: "kept" }])).status).toBe(201);
    await ask("PUT", "doomed/a", { n: 1 });
    await ask("PUT", "kept/a", { n: 1 });
    expect((await apply([{ keystore: "kept" }])).status).toBe(422);
    expect((await ask("GET", "doomed/a")).json).toEqual({ n: 1 });
    expect((await apply([{ keystore: "kept" }], "?drop=keystore:doomed")).status).toBe(200);
    expect((await ask("GET", "doomed/a")).status).toBe(404);
    expect((await apply([{ keystore: "kept" }, { keystore: "doomed" }])).status).toBe(200);
    expect((await ask("GET", "doomed/a")).json).toEqual({});
    expect((await ask("GET", "kept/a")).json).toEqual({ n: 1 });
  });

  test("a keystore keeps its type, and a wrong declaration is told", async () => {
    const changed = await apply([{ keystore: "kept", type: "raw" }, { keystore: "doomed" }]);
    expect([changed.status, await changed.text()]).toEqual([
      422,
      expect.stringContaining("cannot become raw"),
    ]);
    for (const [more, message] of [
      [{ type: "xml" }, "`type` is json or raw"],
      [{ type: "raw", empty: {} }, "its `empty` is a text"],
      [{ expires: "soon" }, "write a duration"],
      [{ emty: {} }, "there is no setting"],
    ] as const) {
      const wrong = await admin("PUT", "/projects/wrong", { keystores: [{ keystore: "wrong", ...more }] });
      expect([wrong.status, await wrong.text()]).toEqual([422, expect.stringContaining(message)]);
    }
  });
});
