import { beforeAll, describe, expect, test } from "vitest";
import { admin, apply, call, ORIGIN, post, responding, returning, trigger } from "../support/worker";

/** The contract's section 1, as far as a synchronous anonymous endpoint shows it. */

const VIEW = {
  method: "=input.method",
  query: "=input.query",
  header: "=input.header",
  json: "=input.json",
  xml: "=input.xml",
  form: "=input.form",
};
const RAW = {
  body: "=input.body",
  headers: "=input.headers",
  contentType: "=input.contentType",
  url: "=input.url",
};

beforeAll(async () => {
  await apply("Shop App", [
    returning("My API", RAW),
    returning("view", VIEW),
    returning("Größe 5€", "=run.user"),
    returning("aliased", "=run.user", { endpoint: { alias: "shop orders" } }),
    returning("closed", 1, { endpoint: { anonymous: false } }),
    returning("closed aliased", 1, { endpoint: { anonymous: false, alias: "hidden door" } }),
    returning("twin", "shop"),
    returning("only here", "=run.user"),
    {
      flow: "no endpoint",
      outputs: { out: "any" },
      start: "out",
      nodes: { out: { type: "output", to: "out" } },
    },
    {
      flow: "no output",
      endpoint: { anonymous: true },
      start: "work",
      nodes: { work: { type: "calculate", set: { a: 1 }, next: "end" } },
    },
    {
      flow: "no record",
      endpoint: { anonymous: true },
      outputs: { out: "any" },
      start: "none",
      nodes: {
        none: { type: "filter", when: "=false", results: { kept: "out", dropped: "end" } },
        out: { type: "output", to: "out" },
      },
    },
    returning("raises", '=$error("not today")'),
    {
      flow: "fails",
      endpoint: { anonymous: true },
      start: "stop",
      nodes: { stop: { type: "error", message: "closed on sundays" } },
    },
    responding("only body", { body: "plain words" }),
    responding("json body", { body: { a: ["=1 + 1"] } }),
    responding("only status", { statusCode: 418 }),
    responding("only type", { contentType: "application/vnd.acme+json" }),
    responding("only headers", {
      headers: { "X-One": "1", "Set-Cookie": ["a=1", "b=2"], "Content-Length": "3" },
    }),
    responding("whole page", {
      statusCode: 201,
      contentType: "text/html; charset=utf-8",
      headers: {
        "X-One": "1",
        "content-type": "text/plain",
        "Cache-Control": "max-age=5",
        "X-Process-Id": "mine",
      },
      body: "<p>Grüße</p>",
    }),
    responding("nothing", { statusCode: 204, body: "ignored" }),
    responding("bad header", { headers: { "X-Bad": "=input.json.value" } }),
    responding("bad status", { statusCode: "=input.json.value" }),
    {
      flow: "orders",
      endpoint: { anonymous: true, records: "$" },
      input: { body: { id: "integer", lines: ["number"] } },
      outputs: { orders: { id: "integer", total: "number" } },
      start: "check",
      nodes: {
        check: {
          type: "filter",
          when: "=$count(item.lines) > 0",
          results: { kept: "orders", dropped: "none" },
        },
        none: { type: "error", message: "order ${item.id} has no lines" },
        orders: { type: "output", to: "orders", set: { total: "=$sum(item.lines)" } },
      },
    },
    ...[false, true].map((prioritiseThroughput) => ({
      flow: prioritiseThroughput ? "fast" : "ordered",
      endpoint: { anonymous: true, records: "$.list", prioritiseThroughput },
      outputs: { out: "integer" },
      start: "wait",
      nodes: { wait: { type: "delay", for: "=item", next: "out" }, out: { type: "output", to: "out" } },
    })),
    {
      flow: "slow",
      endpoint: { anonymous: true, timeout: "300ms", history: "strict" },
      outputs: { out: "any" },
      start: "wait",
      nodes: {
        wait: { type: "delay", for: "=$number(input.query.ms)", next: "after" },
        after: { type: "debug", message: "went on", next: "out" },
        out: { type: "output", to: "out", value: "=run.remaining" },
      },
    },
    returning("patient", "=run.remaining"),
    returning("typed", "=input.query", {
      input: { query: { size: "integer", "tag?": ["string"] }, body: { name: "string", "age?": "integer" } },
    }),
    returning("logged", "=$debug('looked', input.json)", {
      endpoint: { logRequests: true, logResponse: true, history: "strict" },
    }),
    returning("unlogged", "=$debug(input.json)", { endpoint: { history: "strict" } }),
    returning("buffered", 1),
  ]);
  await apply("Other App", [returning("twin", "other"), returning("my api", "lower case")]);
});

async function data(response: Response): Promise<unknown> {
  const body = (await response.json()) as { data: { out?: unknown[] }; message?: string };
  expect(response.status, body.message).toBe(200);
  return body.data.out?.[0];
}

async function refusal(response: Response, status: number, code: string): Promise<Record<string, unknown>> {
  const text = await response.text();
  expect([response.status, text]).toEqual([status, expect.any(String)]);
  const body = JSON.parse(text) as Record<string, unknown>;
  expect(body).toMatchObject({ status: "Fail", code, message: expect.any(String) });
  expect(body).not.toHaveProperty("processId");
  expect(text).not.toMatch(/\bat .*\.(ts|js):\d+/);
  expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(response.headers.get("x-request-id")).toMatch(/^[\w-]{36}$/);
  return body;
}

describe("URLs", () => {
  test("an endpoint answers at its project and flow name, percent-encoded, to GET and POST", async () => {
    expect(await data(await trigger("Shop%20App/view/trigger"))).toMatchObject({ method: "GET" });
    expect(await data(await post("Shop%20App/view/trigger", {}))).toMatchObject({ method: "POST" });
    expect(await data(await trigger(`Shop%20App/${encodeURIComponent("Größe 5€")}/trigger`))).toBe("system");
    expect(await data(await trigger("Shop%20App/v%69ew/trigger"))).toMatchObject({ method: "GET" });
  });

  test("names are matched exactly", async () => {
    expect(await data(await trigger("Other%20App/my%20api/trigger"))).toBe("lower case");
    for (const path of [
      "shop%20app/view",
      "Shop%20App/View",
      "Shop%20App/view%20",
      "Shop+App/view",
      "Shop%2520App/view",
    ])
      await refusal(await trigger(`${path}/trigger`), 404, "not_found");
  });

  test("an endpoint with an alias answers there instead of at its name", async () => {
    expect(await data(await trigger("shop%20orders/trigger"))).toBe("system");
    const { message } = await refusal(await trigger("Shop%20App/aliased/trigger"), 404, "not_found");
    expect(message).toContain('"shop orders"');
    await refusal(await trigger("aliased/trigger"), 404, "not_found");
  });

  test("an alias of an endpoint that wants a key is told to no one", async () => {
    const { message } = await refusal(await trigger("Shop%20App/closed%20aliased/trigger"), 404, "not_found");
    const { message: unknown } = await refusal(
      await trigger("Shop%20App/no%20such/trigger"),
      404,
      "not_found",
    );
    expect(String(message).replace("closed aliased", "no such")).toBe(unknown);
  });

  test("version 10's form works for a unique name, and says that it is deprecated and what to use", async () => {
    const response = await trigger("only%20here/trigger?a=1");
    expect(response.headers.get("deprecation")).toMatch(/^@\d+$/);
    expect(response.headers.get("link")).toBe(
      '</phixflow/api/1/action/Shop%20App/only%20here/trigger>; rel="successor-version"',
    );
    expect(await data(response)).toBe("system");
    const refused = await trigger("only%20here/trigger?timeout=0");
    expect(refused.headers.get("deprecation")).toMatch(/^@\d+$/);
    await refusal(refused, 400, "invalid_request");
    expect((await trigger("Shop%20App/view/trigger")).headers.get("deprecation")).toBeNull();
  });

  test("version 10's form names the candidates when the name is in several projects", async () => {
    const body = await refusal(await trigger("twin/trigger"), 409, "ambiguous_name");
    expect(body.candidates).toEqual(["Other App/twin", "Shop App/twin"]);
  });

  test.each([
    ["broken percent-encoding", "Shop%20App/%zz/trigger", 400],
    ["bytes that are no UTF-8", "Shop%20App/%ff/trigger", 400],
    ["an encoded slash", "Shop%20App%2Fview/trigger", 404],
    ["an encoded slash in a name", "Shop%20App/a%2Fview/trigger", 404],
    ["a NUL", "Shop%20App/view%00/trigger", 404],
    ["dot segments", "Shop%20App/%2e%2e/trigger", 404],
    ["dot segments that leave the API", "%2e%2e/%2e%2e/x/trigger", 404],
    ["an empty name", "Shop%20App//trigger", 404],
    ["a flow without an endpoint", "Shop%20App/no%20endpoint/trigger", 404],
    ["a name beyond the limit", `Shop%20App/${"x".repeat(101)}/trigger`, 404],
    ["__proto__", "__proto__/constructor/trigger", 404],
    ["another verb", "Shop%20App/view/start", 404],
    ["a trailing slash", "Shop%20App/view/trigger/", 404],
    ["no name at all", "trigger", 404],
    ["a URL beyond the limit", `Shop%20App/view/trigger?a=${"x".repeat(16_000)}`, 400],
  ])("%s is refused", async (_what, path, status) => {
    const response = await trigger(path);
    if (response.headers.get("content-type") === "application/problem+json")
      expect(response.status).toBe(404);
    else await refusal(response, status, status === 404 ? "not_found" : "invalid_request");
    expect(await data(await trigger("Shop%20App/view/trigger"))).toBeDefined();
  });

  test("another instance is not served", async () => {
    await refusal(await call("/acme/api/1/action/Shop%20App/view/trigger"), 404, "not_found");
  });

  test.each(["PUT", "PATCH", "DELETE", "HEAD"])("%s is not allowed", async (method) => {
    const response = await trigger("Shop%20App/view/trigger", { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, POST, OPTIONS");
  });

  test("OPTIONS names the methods and runs nothing", async () => {
    const response = await trigger("Shop%20App/view/trigger", { method: "OPTIONS" });
    expect([response.status, response.headers.get("allow")]).toEqual([204, "GET, POST, OPTIONS"]);
    expect(response.headers.get("x-process-id")).toBeNull();
  });
});

describe("input", () => {
  test("the four attributes are strings as received, without credentials", async () => {
    const echoed = (await data(
      await trigger("Shop%20App/My%20API/trigger?a=1&a=%32&x=%20+", {
        method: "POST",
        headers: {
          "Content-Type": "text/Plain; Charset=UTF-8",
          "X-Odd": "Yes",
          Authorization: "Bearer secret-1",
          Cookie: "s=secret-2",
          "X-Api-Key": "secret-3",
        },
        body: " raw\r\n{text ",
      }),
    )) as Record<string, string>;
    expect(echoed).toMatchObject({
      body: " raw\r\n{text ",
      contentType: "text/Plain; Charset=UTF-8",
      url: `${ORIGIN}/phixflow/api/1/action/Shop%20App/My%20API/trigger?a=1&a=%32&x=%20+`,
    });
    expect(typeof echoed.headers).toBe("string");
    expect(JSON.parse(echoed.headers as string)).toMatchObject({ "x-odd": "Yes" });
    expect(JSON.stringify(echoed)).not.toContain("secret-");
  });

  test("without a body and a content type they are empty", async () => {
    expect(await data(await trigger("Shop%20App/My%20API/trigger"))).toMatchObject({
      body: "",
      contentType: "",
    });
  });

  test("expressions see the query and the headers by name", async () => {
    const view = await data(
      await trigger("Shop%20App/view/trigger?a=1&b=2&b=3&__proto__=x", { headers: { "X-Odd": "Yes" } }),
    );
    expect(view).toMatchObject({ query: { a: "1", b: ["2", "3"] }, header: { "x-odd": "Yes" } });
  });

  test.each([
    ["JSON", "application/json", '{"a":[1,{"b":null}]}', { json: { a: [1, { b: null }] } }],
    ["JSON of a vendor", "application/vnd.acme+json; v=1", "[1]", { json: [1] }],
    ["JSON without its content type", "text/plain", '{"a":1}', { json: { a: 1 } }],
    ["JSON that curl calls a form", "application/x-www-form-urlencoded", '{"a":1}', { json: { a: 1 } }],
    ["XML", "application/xml", "<a><b>1</b><b>2</b></a>", { xml: { a: { b: ["1", "2"] } } }],
    [
      "a form",
      "application/x-www-form-urlencoded",
      "a=1&b=x+y&b=%C3%BC",
      { form: { a: "1", b: ["x y", "ü"] } },
    ],
    [
      "a multipart form",
      "multipart/form-data; boundary=X",
      '--X\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--X\r\ncontent-disposition: form-data; name="f"; filename="../n.txt"\r\ncontent-type: text/plain\r\n\r\nhi\r\n--X--\r\n',
      { form: { a: "1", f: { name: "../n.txt", type: "text/plain", size: 2, text: "hi" } } },
    ],
  ])("%s is parsed", async (_what, type, body, expected) => {
    const response = await trigger("Shop%20App/view/trigger", {
      method: "POST",
      headers: { "content-type": type },
      body,
    });
    expect(await data(response)).toMatchObject(expected);
  });

  test("bytes that are no text come as base64, in a body and in a form's file", async () => {
    const bytes = new Uint8Array([0xff, 0xfe, 0x00]);
    const raw = await trigger("Shop%20App/My%20API/trigger", {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: bytes,
    });
    expect(await data(raw)).toMatchObject({ body: "//4A" });
    const form = new FormData();
    form.append("file", new Blob([bytes]), "a.bin");
    const response = await trigger("Shop%20App/view/trigger", { method: "POST", body: form });
    expect(await data(response)).toMatchObject({
      form: { file: { name: "a.bin", size: 3, base64: "//4A" } },
    });
  });

  test("declared inputs are checked, all of them at once, before anything runs", async () => {
    const ok = await post("Shop%20App/typed/trigger?size=3&other=1&timeout=5000", { name: "a" });
    expect(await data(ok)).toMatchObject({ size: 3 });
    const { errors } = await refusal(
      await post("Shop%20App/typed/trigger?size=x", { age: "old" }),
      400,
      "invalid_request",
    );
    expect((errors as { path: string }[]).map(({ path }) => path)).toEqual([
      "query.size",
      "body.name",
      "body.age",
    ]);
    for (const body of ["null", "3", "[]", '"x"'])
      await refusal(await post("Shop%20App/typed/trigger?size=1", body), 400, "invalid_request");
    const untyped = await trigger("Shop%20App/typed/trigger?size=1", { method: "POST", body: "name=a" });
    expect((await refusal(untyped, 400, "invalid_request")).message).toContain("application/json");
  });
});

describe("answers", () => {
  test("the usual one has $.processId and $.data.<Output Name>", async () => {
    const response = await trigger("Shop%20App/patient/trigger");
    expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-store");
    const body = (await response.json()) as { processId: string };
    expect(body).toEqual({
      processId: expect.stringMatching(/^\w{30,}$/),
      status: "Success",
      data: { out: [expect.any(Number)] },
    });
    expect(response.headers.get("x-process-id")).toBe(body.processId);
  });

  test.each([
    ["no output", 200, { status: "Success", data: {} }],
    ["no record", 400, { status: "Fail", message: expect.stringContaining('"out"') }],
    ["raises", 400, { status: "Fail", message: "not today", data: {} }],
    ["fails", 400, { status: "Fail", message: "closed on sundays" }],
  ])("%s: %i", async (flow, status, expected) => {
    const response = await trigger(`Shop%20App/${encodeURIComponent(flow)}/trigger`);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ processId: expect.any(String), ...expected });
  });

  test("body alone: text as it is, anything else as JSON", async () => {
    const text = await trigger("Shop%20App/only%20body/trigger");
    expect([text.status, text.headers.get("content-type"), await text.text()]).toEqual([
      200,
      "text/plain; charset=utf-8",
      "plain words",
    ]);
    const json = await trigger("Shop%20App/json%20body/trigger");
    expect([json.headers.get("content-type"), await json.json()]).toEqual([
      "application/json; charset=utf-8",
      { a: [2] },
    ]);
  });

  test("status, content type and headers alone leave the rest as usual", async () => {
    const status = await trigger("Shop%20App/only%20status/trigger");
    expect([status.status, ((await status.json()) as { status: string }).status]).toEqual([418, "Success"]);
    const type = await trigger("Shop%20App/only%20type/trigger");
    expect(type.headers.get("content-type")).toBe("application/vnd.acme+json");
    const headers = await trigger("Shop%20App/only%20headers/trigger");
    expect(headers.headers.get("x-one")).toBe("1");
    expect(headers.headers.getAll("set-cookie")).toEqual(["a=1", "b=2"]);
    expect(await headers.json()).toMatchObject({ status: "Success" });
  });

  test("all four together: exactly that is sent", async () => {
    const page = await trigger("Shop%20App/whole%20page/trigger");
    expect(page.status).toBe(201);
    expect(Object.fromEntries(page.headers)).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "x-one": "1",
      "cache-control": "max-age=5",
      "x-process-id": "mine",
    });
    expect(await page.text()).toBe("<p>Grüße</p>");
  });

  test("204 has no body", async () => {
    const response = await trigger("Shop%20App/nothing/trigger");
    expect([response.status, await response.text(), response.headers.get("content-type")]).toEqual([
      204,
      "",
      null,
    ]);
  });

  test.each(["a\r\nX-Injected: 1", "a\u0000", "snow \u2603"])(
    "a header value that HTTP does not have fails the run: %j",
    async (value) => {
      const response = await post("Shop%20App/bad%20header/trigger", { value });
      expect(response.headers.get("x-injected")).toBeNull();
      expect([response.status, ((await response.json()) as { status: string }).status]).toEqual([
        400,
        "Fail",
      ]);
    },
  );

  test.each([99, 101, 600, 200.5, "abc", null])(
    "a status that HTTP does not have fails the run: %j",
    async (value) => {
      const response = await post("Shop%20App/bad%20status/trigger", { value });
      expect(response.status).toBe(value === null ? 200 : 400);
    },
  );
});

describe("records one by one", () => {
  test("a failure touches its record alone, and is listed with its index and message", async () => {
    const response = await post("Shop%20App/orders/trigger", [
      { id: 1, lines: [1, 2] },
      { id: 2, lines: [] },
      { id: "x", lines: [1] },
      { id: 4, lines: [4] },
    ]);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      status: "Success",
      data: {
        orders: [
          { id: 1, total: 3 },
          { id: 4, total: 4 },
        ],
      },
      errors: [
        { index: 1, message: "order 2 has no lines" },
        { index: 2, message: expect.stringContaining("id") },
      ],
    });
  });

  test("when every record fails, the call fails", async () => {
    const response = await post("Shop%20App/orders/trigger", [
      { id: 1, lines: [] },
      { id: 2, lines: [] },
    ]);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      status: "Fail",
      data: {},
      errors: [{ index: 0 }, { index: 1 }],
    });
  });

  test("no records: the connected output gets none", async () => {
    expect((await post("Shop%20App/orders/trigger", [])).status).toBe(400);
  });

  test.each(["{}", "3", "null"])("a body that is no array is refused: %s", async (body) => {
    await refusal(await post("Shop%20App/orders/trigger", body), 400, "invalid_request");
    await refusal(await post("Shop%20App/ordered/trigger", body), 400, "invalid_request");
  });

  test("more records than the limit are refused by its name", async () => {
    const body = await refusal(
      await post("Shop%20App/ordered/trigger", { list: new Array(10_001).fill(0) }),
      413,
      "payload_too_large",
    );
    expect(body.limit).toBe("MAX_RECORDS");
  });

  test("order is kept, unless throughput goes first", async () => {
    const list = [150, 0, 60];
    const ordered = await post("Shop%20App/ordered/trigger", { list });
    expect(((await ordered.json()) as { data: { out: number[] } }).data.out).toEqual([150, 0, 60]);
    const fast = await post("Shop%20App/fast/trigger", { list });
    expect(((await fast.json()) as { data: { out: number[] } }).data.out).toEqual([0, 60, 150]);
  });
});

describe("timeouts", () => {
  test("on timeout the run is aborted and the answer is 504", async () => {
    const response = await trigger("Shop%20App/slow/trigger?ms=60000");
    expect(response.status).toBe(504);
    const body = (await response.json()) as { processId: string };
    expect(body).toMatchObject({ status: "Timeout", data: {}, message: expect.stringContaining("300 ms") });
    const run = (await (await admin("GET", `/runs/${body.processId}`)).json()) as {
      status: string;
      messages: { text: string }[];
    };
    expect(run.status).toBe("Timeout");
    expect(run.messages.map(({ text }) => text)).not.toContain("went on");
  });

  test("the URL goes over the endpoint, and the endpoint over the default", async () => {
    expect((await trigger("Shop%20App/slow/trigger?ms=400")).status).toBe(504);
    expect((await trigger("Shop%20App/slow/trigger?ms=400&timeout=60000")).status).toBe(200);
    expect((await trigger("Shop%20App/slow/trigger?ms=100&timeout=20")).status).toBe(504);
    const remaining = (await data(await trigger("Shop%20App/patient/trigger"))) as number;
    expect(remaining).toBeGreaterThan(50_000);
    expect(remaining).toBeLessThanOrEqual(60_000);
  });

  test.each(["0", "-1", "abc", "1e309", "1.5", "", "%201", "+5", "300001", "99999999999999999999"])(
    "timeout=%s is refused",
    async (value) => {
      const body = await refusal(
        await trigger(`Shop%20App/patient/trigger?timeout=${value}`),
        400,
        "invalid_request",
      );
      expect(body.message).toContain("timeout");
    },
  );

  test("a repeated timeout is refused", async () => {
    await refusal(await trigger("Shop%20App/patient/trigger?timeout=5&timeout=6"), 400, "invalid_request");
  });
});

describe("refusals", () => {
  test("an endpoint that is not anonymous wants a key", async () => {
    for (const path of ["Shop%20App/closed/trigger", "hidden%20door/trigger", "Shop%20App/closed/poll/x"]) {
      const response = await trigger(path, { headers: { authorization: "Bearer x.y.z" } });
      expect(response.headers.get("www-authenticate")).toContain("Bearer");
      await refusal(response, 401, "unauthenticated");
    }
  });

  test.each(["x", "..%2f", "'%20or%201=1", "%22", "l00000000000000000000000000000000"])(
    "a poll of an unknown run is a 404: %s",
    async (id) => {
      const response = await trigger(`Shop%20App/view/poll/${id}`);
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ code: "not_found" });
    },
  );

  test("a run that has ended in its call cannot be polled, nor can one of another endpoint", async () => {
    const { processId } = (await (await trigger("Shop%20App/patient/trigger")).json()) as {
      processId: string;
    };
    await refusal(await trigger(`Shop%20App/patient/poll/${processId}`), 404, "not_found");
    await refusal(await trigger(`Shop%20App/view/poll/${processId}`), 404, "not_found");
    await refusal(await trigger(`only%20here/poll/${processId}`), 404, "not_found");
    await refusal(await trigger(`shop%20orders/poll/${processId}`), 404, "not_found");
  });

  test("a paused or inactive flow answers 409 and says when to come again", async () => {
    for (const status of ["paused", "inactive"]) {
      expect((await admin("PUT", "/projects/Shop%20App/flows/buffered/status", { status })).status).toBe(200);
      const response = await trigger("Shop%20App/buffered/trigger");
      expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
      expect((await refusal(response, 409, "flow_unavailable")).message).toContain(status);
    }
    await admin("PUT", "/projects/Shop%20App/flows/buffered/status", { status: "running" });
    expect((await trigger("Shop%20App/buffered/trigger")).status).toBe(200);
  });

  test("the caller's own request id comes back", async () => {
    const response = await trigger("nowhere/trigger", { headers: { "x-request-id": "my-id.1" } });
    expect(response.headers.get("x-request-id")).toBe("my-id.1");
    const odd = await trigger("nowhere/trigger", { headers: { "x-request-id": "<script>" } });
    expect(odd.headers.get("x-request-id")).not.toContain("<");
  });
});

describe("logging", () => {
  interface Run {
    user: string;
    trigger: string;
    flow: string;
    messages: {
      level: string;
      text: string;
      textLength?: number;
      details?: string;
      detailsLength?: number;
    }[];
  }
  const runOf = async (response: Response): Promise<Run> =>
    (await (await admin("GET", `/runs/${response.headers.get("x-process-id")}`)).json()) as Run;

  test("requests and responses are logged when the endpoint says so, credentials masked", async () => {
    const response = await post(
      "Shop%20App/logged/trigger?api_key=secret-1&b=2",
      { a: 1 },
      { authorization: "Bearer secret-2", cookie: "s=secret-3" },
    );
    const run = await runOf(response);
    expect(run).toMatchObject({ user: "system", trigger: "action", flow: "logged" });
    expect(JSON.stringify(run)).not.toContain("secret-");
    const [request, looked, answer] = run.messages;
    expect(request?.text).toMatch(/^Request POST http:\/\/sluice\.test\/phixflow.*b=2/);
    expect(JSON.parse(request?.details as string)).toMatchObject({
      method: "POST",
      url: expect.stringContaining("b=2"),
      client: expect.any(String),
      headers: { authorization: "[masked]", cookie: "[masked]", "content-type": "application/json" },
      body: '{"a":1}',
    });
    expect(looked).toMatchObject({ level: "debug" });
    expect(answer?.text).toBe("Response 200 OK");
    expect(JSON.parse(answer?.details as string)).toMatchObject({
      status: 200,
      statusText: "OK",
      headers: { "content-type": "application/json; charset=utf-8" },
      body: await response.text(),
    });
  });

  test("long bodies are cut, and their whole length is told", async () => {
    const body = JSON.stringify({ a: "x".repeat(50_000) });
    const run = await runOf(await post("Shop%20App/logged/trigger", body));
    const logged = JSON.parse(run.messages[0]?.details as string) as { body: string; bodyLength: number };
    expect(logged.body.length).toBeLessThanOrEqual(4_000);
    expect(logged.bodyLength).toBe(body.length);
    const debugged = run.messages.find(({ level }) => level === "debug");
    expect(debugged?.details?.length ?? 0).toBeLessThanOrEqual(8_000);
  });

  test("by default only debug() speaks", async () => {
    const run = await runOf(
      await post("Shop%20App/unlogged/trigger", "hello there", { "content-type": "text/plain" }),
    );
    expect(run.messages.filter(({ level }) => level === "info")).toEqual([]);
  });

  test("strict history is there with the answer, buffered history soon after", async () => {
    const strict = await trigger("Shop%20App/unlogged/trigger");
    expect((await admin("GET", `/runs/${strict.headers.get("x-process-id")}`)).status).toBe(200);
    const buffered = await trigger("Shop%20App/buffered/trigger");
    const id = buffered.headers.get("x-process-id");
    await expect
      .poll(async () => (await admin("GET", `/runs/${id}`)).status, { timeout: 15_000, interval: 250 })
      .toBe(200);
  }, 20_000);
});
