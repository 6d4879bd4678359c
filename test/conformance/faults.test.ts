import { beforeAll, describe, expect, test } from "vitest";
import { admin, apply, call, post, returning, trigger } from "../support/worker";

/**
 * Bad input and attacks, each by itself: a 4xx that says what to change, no stack, and the next call is answered. What
 * HTTP libraries will not send (methods, broken-off bodies, raw paths) is tried in `test/bundle/http.test.ts`.
 */

const EXPRESSIONS: Record<string, string> = {
  "49 prototype walk": "=input.json.constructor.constructor('return 1')()",
  "49 __proto__": "=input.json.__proto__",
  "49 lookup": "=input.json.__lookupSetter__",
  "50 endless recursion": "=($f := function($x) { $f($x + 1) }; $f(1))",
  "50 recursion that grows": "=($f := function($x) { 1 + $f($x + 1) }; $f(1))",
  "51 huge range": "=[1..10000000]",
  "51 range of ranges": "=$map([1..10000], function($a) { [1..10000] })",
  "52 doubling": '=($d := function($s, $n) { $n = 0 ? $s : $d($s & $s, $n - 1) }; $d("xxxxxxxxxx", 40))',
  "52 pad": '=$pad("x", 20000000)',
  "52 join": '=$join($map([1..100000], function() { $pad("x", 10000) }))',
  "53 regex bomb": '=$match($pad("a", 30, "a") & "!", /^(a+)+$/)',
  "54 toMillis": '=$toMillis($pad("1", 30000, "1"), "[Y]-[M]-[D]")',
};

beforeAll(async () => {
  await apply("faults", [
    returning("echo", { json: "=input.json", xml: "=input.xml", form: "=input.form" }),
    returning("typed", "=input.json", {
      input: {
        body: {
          text: "string",
          count: "integer",
          yes: "boolean",
          day: "date",
          list: ["number"],
          "more?": { a: "string" },
        },
      },
    }),
    ...Object.entries(EXPRESSIONS).map(([name, value]) => returning(name, value)),
    {
      flow: "calls itself",
      endpoint: { anonymous: true },
      outputs: { out: "any" },
      start: "again",
      nodes: {
        again: { type: "flow", flow: "calls itself", results: { out: "out" } },
        out: { type: "output", to: "out" },
      },
    },
  ]);
});

async function alive(): Promise<void> {
  const response = await post("faults/echo/trigger", { a: 1 });
  expect(await response.json()).toMatchObject({ data: { out: [{ json: { a: 1 } }] } });
}

async function expectRefusal(response: Response, ...statuses: number[]): Promise<string> {
  const text = await response.text();
  expect(statuses, text.slice(0, 300)).toContain(response.status);
  const body = JSON.parse(text) as { message?: string; detail?: string };
  expect((body.message ?? body.detail ?? "").length).toBeGreaterThan(10);
  expect(text).not.toMatch(/\bat .*\.(ts|js):\d+|call stack|\[object|node_modules/i);
  expect(text.length).toBeLessThan(10_000);
  await alive();
  return text;
}

function send(body: BodyInit, type: string, headers: Record<string, string> = {}): Promise<Response> {
  return trigger("faults/echo/trigger", {
    method: "POST",
    headers: { "content-type": type, ...headers },
    body,
  });
}

const bytes = (...values: number[]) => new Uint8Array(values);
const JSON_TYPE = "application/json";

describe("JSON", () => {
  test.each<[string, BodyInit]>([
    ["11 truncated", '{"a": [1, 2'],
    ["11 empty", ""],
    ["11 a byte order mark", bytes(0xef, 0xbb, 0xbf, 0x7b, 0x7d)],
    ["11 invalid UTF-8", bytes(0x22, 0xc3, 0x28, 0x22)],
    ["11 UTF-16", bytes(0x7b, 0, 0x7d, 0)],
    ["11 comments", "{} // x"],
    ["11 two documents", "{}{}"],
    ["12 arrays 20,000 deep", `${"[".repeat(20_000)}${"]".repeat(20_000)}`],
    ["12 objects 20,000 deep", `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`],
    ["15 1e400", '{"a": 1e400}'],
    ["15 20 digits", '{"a": 12345678901234567890}'],
    ["16 a raw NUL", '{"a": "\u0000"}'],
  ])("%s is refused", async (_what, body) => {
    await expectRefusal(await send(body, JSON_TYPE), 400, 413);
  });

  test.each<[string, string, unknown]>([
    ["13 duplicate keys: the last one wins", '{"a":1,"a":2}', { a: 2 }],
    [
      "14 own fields with odd names are data",
      '{"hasOwnProperty":1,"constructor":{"prototype":2},"toString":null}',
      { hasOwnProperty: 1, constructor: { prototype: 2 }, toString: null },
    ],
    ["15 an integer at the edge is exact", '{"a":9007199254740991}', { a: 9007199254740991 }],
    [
      "16 escaped NUL and a pair of surrogates are kept",
      '{"a":"\\u0000\\ud83d\\ude00"}',
      { a: "\u0000\u{1f600}" },
    ],
    ["18 a scalar is JSON", "3", 3],
  ])("%s", async (_what, body, expected) => {
    const response = await send(body, JSON_TYPE);
    expect(response.status).toBe(200);
    expect(((await response.json()) as { data: { out: { json: unknown }[] } }).data.out[0]?.json).toEqual(
      expected,
    );
  });

  test("14 __proto__ stays data and changes nothing", async () => {
    const response = await send('{"__proto__":{"polluted":true},"a":1}', JSON_TYPE);
    expect(await response.text()).toContain('"__proto__":{"polluted":true}');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    await alive();
  });

  test("16 a lone surrogate is kept or refused", async () => {
    expect([200, 400]).toContain((await send('{"a":"\\ud800"}', JSON_TYPE)).status);
    await alive();
  });

  test("17 10,000 keys and a text of 2 MB are taken or refused", async () => {
    const keys = JSON.stringify(
      Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`k${index}`, index])),
    );
    for (const body of [keys, JSON.stringify({ a: "x".repeat(2_000_000) })])
      expect([200, 413]).toContain((await send(body, JSON_TYPE)).status);
    await alive();
  });

  test.each(["null", "3", "[]", '"x"', "true"])("18 %s for an object is refused", async (body) => {
    await expectRefusal(await post("faults/typed/trigger", body), 400);
  });

  const right = { text: "a", count: 1, yes: true, day: "2024-02-29", list: [1] };
  test.each(
    Object.entries({ text: 1, count: 1.5, yes: "yes", day: "2023-02-29", list: [null], more: { a: 1 } }),
  )("19 a wrong type in %s is refused, naming it", async (field, value) => {
    expect(
      await expectRefusal(await post("faults/typed/trigger", { ...right, [field]: value }), 400),
    ).toContain(field);
  });
});

describe("content", () => {
  const multipart = "multipart/form-data; boundary=X";
  const part = (name: string) => `--X\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n1\r\n`;
  test.each<[string, BodyInit, string, Record<string, string>]>([
    ["20 JSON sent as XML", '{"a":1}', "application/xml", {}],
    ["20 XML sent as JSON", "<a/>", JSON_TYPE, {}],
    ["21 a type that is none", "x", "nonsense", {}],
    ["21 two types", "{}", "application/json, text/plain", {}],
    ["21 UTF-7", "{}", "application/json; charset=utf-7", {}],
    ["21 two charsets", "{}", "application/json; charset=utf-8; charset=utf-16le", {}],
    ["22 multipart without its end", `${part("a")}--X`, multipart, {}],
    ["22 multipart without a boundary", part("a"), "multipart/form-data", {}],
    ["22 2,000 parts", `${part("a").repeat(2_000)}--X--\r\n`, multipart, {}],
    ["23 gzip", bytes(0x1f, 0x8b, 8, 0), JSON_TYPE, { "content-encoding": "gzip" }],
    ["23 brotli", "x", JSON_TYPE, { "content-encoding": "br" }],
    ["24 10,000 form fields", "a=1&".repeat(10_000), "application/x-www-form-urlencoded", {}],
    ["24 a broken escape in a form", "a=%zz", "application/x-www-form-urlencoded", {}],
  ])("%s is refused", async (_what, body, type, headers) => {
    await expectRefusal(await send(body, type, headers), 400, 413, 415);
  });

  test("22 a name that looks like a path is a name", async () => {
    const response = await send(`${part("../../etc/passwd")}--X--\r\n`, multipart);
    expect(await response.json()).toMatchObject({ data: { out: [{ form: { "../../etc/passwd": "1" } }] } });
  });

  test("a body over the limit is refused by its name, declared or not", async () => {
    const large = new Uint8Array(11 * 1024 * 1024).fill(0x20);
    expect(await expectRefusal(await send(large, "text/plain"), 413)).toContain("MAX_BODY_BYTES");
    const stream = new ReadableStream({
      start(controller) {
        for (let index = 0; index < 11; index += 1) controller.enqueue(new Uint8Array(1024 * 1024));
        controller.close();
      },
    });
    expect(await expectRefusal(await send(stream, "text/plain"), 413)).toContain("MAX_BODY_BYTES");
  });
});

describe("XML", () => {
  const entity = (declaration: string, use = "&x;") =>
    `<?xml version="1.0"?><!DOCTYPE a [${declaration}]><a>${use}</a>`;
  test.each<[string, BodyInit]>([
    ["25 an external entity", entity('<!ENTITY x SYSTEM "file:///etc/passwd">')],
    ["25 an external entity over HTTP", entity('<!ENTITY x SYSTEM "http://169.254.169.254/">')],
    ["26 an external DTD", '<!DOCTYPE a SYSTEM "http://example.test/a.dtd"><a/>'],
    ["26 a parameter entity", entity('<!ENTITY % x SYSTEM "http://example.test/"> %x;', "")],
    [
      "27 billion laughs",
      entity('<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY x "&b;&b;&b;&b;&b;&b;&b;&b;">'),
    ],
    ["28 quadratic blow-up", entity(`<!ENTITY x "${"a".repeat(50_000)}">`, "&x;".repeat(10_000))],
    ["29 20,000 deep", `${"<a>".repeat(20_000)}${"</a>".repeat(20_000)}`],
    ["30 5,000 attributes", `<a ${Array.from({ length: 5_000 }, (_, index) => `b${index}="1"`).join(" ")}/>`],
    ["32 a false encoding", '<?xml version="1.0" encoding="utf-16"?><a>é</a>'],
    ["an entity that nobody declared", "<a>&x;</a>"],
    ["unclosed", "<a><b></a>"],
    ["two roots", "<a/><b/>"],
    ["empty", ""],
  ])("%s is refused", async (_what, body) => {
    await expectRefusal(await send(body, "application/xml"), 400, 413);
  });

  test("31 XInclude is data", async () => {
    const response = await send(
      '<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd"/></a>',
      "text/xml",
    );
    expect([200, 400]).toContain(response.status);
    expect(await response.text()).not.toContain("root:");
    await alive();
  });
});

describe("expressions", () => {
  test.each(Object.keys(EXPRESSIONS))("%s fails its run or finds nothing", async (flow) => {
    const response = await post(`faults/${encodeURIComponent(flow)}/trigger?timeout=5000`, { a: 1 });
    expect([200, 400]).toContain(response.status);
    const text = await response.text();
    expect(text.length).toBeLessThan(10_000);
    expect(text).not.toMatch(/call stack|\bat .*\.js:|native code/);
    if (/^5[0-24]/.test(flow)) expect(JSON.parse(text)).toMatchObject({ status: "Fail" });
    await alive();
  });

  test("10 a flow that calls itself meets the bound", async () => {
    const response = await trigger("faults/calls%20itself/trigger");
    expect([response.status, await response.text()]).toEqual([
      400,
      expect.stringContaining("MAX_FLOW_DEPTH"),
    ]);
    await alive();
  });
});

describe("anything", () => {
  /** A generator of its own, so that a failure can be found again by its seed. */
  function randomOf(seed: number): (below: number) => number {
    let state = seed;
    return (below) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
  }
  const PIECES = [
    "faults",
    "echo",
    "trigger",
    "poll",
    "admin",
    "v1",
    "projects",
    "flows",
    "runs",
    "versions",
    "current",
    "status",
    "openapi.json",
    "%00",
    "%zz",
    "%2F",
    "..",
    "%2e%2e",
    "",
    " ",
    "'",
    '"',
    "ü",
    "__proto__",
    "constructor",
    "-1",
    "1e309",
    "{}",
    "💥",
    "a".repeat(300),
    ";",
    "\\",
  ];
  const BODIES = [
    "",
    "{",
    "null",
    "[]",
    "3",
    '{"flows":[{"flow":"x"}]}',
    '{"flows":[{"flow":"x","start":"a","nodes":{"a":{"type":"calculate","set":{"b":"=1+"}}}}]}',
    '{"version":1}',
    '{"status":"paused"}',
    "flows: [*a]",
    "a: &a [*a]",
    "<a>",
    "a=1&b",
    "\u0000",
    "[".repeat(500),
    '{"__proto__":1}',
  ];
  const TYPES = [
    "",
    "application/json",
    "application/yaml",
    "text/xml",
    "multipart/form-data; boundary=",
    "application/x-www-form-urlencoded",
    "x/y; charset=utf-7",
    ";;;",
    'application/json; charset="',
    "text/plain;charset=utf-16be",
  ];
  const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"];

  test.each([1, 2, 3, 4, 5])(
    "100 random requests are never a 5xx (seed %i)",
    async (seed) => {
      const random = randomOf(seed);
      const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
      for (let index = 0; index < 100; index += 1) {
        const base = pick([
          "/phixflow/api/1/action/",
          "/admin/v1/",
          "/",
          "/phixflow/api/1/action/faults/echo/trigger",
          "/admin/v1/projects/",
        ]);
        const path =
          base + Array.from({ length: random(5) }, () => pick(PIECES)).join(pick(["/", "/", "?", "&", "="]));
        const method = pick(METHODS);
        const headers: Record<string, string> = {};
        if (random(2) === 0) headers["content-type"] = pick(TYPES);
        if (random(4) === 0) headers["if-match"] = pick(['"1"', "*", "x", ""]);
        if (random(4) === 0) headers["content-encoding"] = pick(["gzip", "identity", ""]);
        const init = {
          method,
          headers,
          ...(method === "GET" || method === "HEAD" ? {} : { body: pick(BODIES) }),
        };
        const send = () =>
          path.startsWith("/admin/v1")
            ? admin(method, path.slice("/admin/v1".length), init.body, headers)
            : call(path, init);
        const response = await send();
        expect(response.status, `${seed}/${index}: ${method} ${path} ${JSON.stringify(init)}`).toBeLessThan(
          500,
        );
        await response.text();
      }
      await alive();
    },
    30_000,
  );
});
