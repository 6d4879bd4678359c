import { describe, expect, test } from "vitest";
import { SluiceError } from "../../../src/domain/errors";
import type { Json } from "../../../src/domain/json";
import { bare, created, defineV1Route, ok, plain, type V1Route } from "../../../src/surfaces/v1/route";
import { frame } from "../../support/v1-frame";

/** Reading and writing, conditional requests and failures: whatever the frame does for every route. */

const CHANGED = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const PAGE = { records: [{ id: 1, name: "a", info: { x: 1, y: 2 } }], total: 1 };

function open(
  route: Omit<V1Route, "summary" | "tag" | "authority" | "handle">,
  handle: V1Route["handle"],
): V1Route {
  return defineV1Route({ summary: "", tag: "test", authority: "none", ...route, handle });
}

const ask = frame([
  open({ method: "GET", path: "/v1/thing/{id?}", body: "none" }, async ({ path }) =>
    ok({ id: path.id ?? null, name: "n", "odd key": [1, [2, 3]], none: null, list: [] }, "Here it is", {
      lastModified: CHANGED,
    }),
  ),
  open({ method: "GET", path: "/v1/page", body: "none", listIn: "records" }, async () => ok(PAGE, "page")),
  open({ method: "GET", path: "/v1/rows", body: "none", listIn: "data" }, async () =>
    bare({ data: [{ a: 1, b: 2 }], total: 1 }),
  ),
  open({ method: "GET", path: "/v1/value/{key}", body: "none", textOut: true }, async ({ path, format }) =>
    format === "text" ? plain(`text of ${path.key}`) : bare({ key: path.key ?? "" }),
  ),
  open({ method: "POST", path: "/v1/thing", body: "data", bodyRequired: true }, async ({ body }) =>
    created((body.value ?? null) as Json, `Got ${body.kind}`),
  ),
  open({ method: "PUT", path: "/v1/thing/fixed", body: "data", accepts: ["json"] }, async () =>
    ok(null, "fixed"),
  ),
  open({ method: "PUT", path: "/v1/bytes", body: "bytes" }, async ({ body }) =>
    ok(body.bytes.length, "bytes"),
  ),
  open({ method: "DELETE", path: "/v1/thing/{id}", body: "none" }, async () => {
    throw new SluiceError("forbidden", "Data record cannot be deleted: it is being used");
  }),
  open({ method: "GET", path: "/v1/broken", body: "none" }, async () => {
    throw new Error("the secret reason");
  }),
]);

const text = async (response: Response | Promise<Response>): Promise<string> => (await response).text();
async function post(
  body: BodyInit,
  type: string | undefined,
  path = "/thing",
  method = "POST",
): Promise<Response> {
  const request = { method, body, headers: type === undefined ? {} : { "content-type": type } };
  return ask(path, request);
}

describe("the answer", () => {
  test("is the envelope, in JSON unless something else is asked for", async () => {
    const response = await ask("/thing/7/");
    expect(await response.json()).toEqual({
      id: "ok",
      code: 200,
      "request-ip": "127.0.0.1",
      resource: { id: "7", name: "n", "odd key": [1, [2, 3]], none: null, list: [] },
      message: "Here it is",
      error: null,
    });
    expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
  });

  test("is XML as the Content-Type says, unless Accept says otherwise", async () => {
    const xml =
      '<?xml version="1.0" encoding="UTF-8"?><response><id>ok</id><code>200</code><request-ip>127.0.0.1</request-ip>' +
      "<resource><id/><name>n</name><none/><list/>" +
      '<item name="odd key"><item>1</item><item><item>2</item><item>3</item></item></item></resource>' +
      "<message>Here it is</message><error/></response>";
    expect(await text(ask("/thing", { headers: { "content-type": "application/xml" } }))).toBe(xml);
    expect(await text(ask("/thing", { headers: { accept: "text/xml" } }))).toBe(xml);
    const kinds: [Record<string, string>, string][] = [
      [{ "content-type": "application/xml", accept: "application/json" }, "application/json"],
      [{ "content-type": "application/xml", accept: "*/*" }, "application/xml"],
      [{ accept: "application/json;q=0.2, application/xml;q=0.9" }, "application/xml"],
      [{ accept: "application/xml;q=0, */*" }, "application/json"],
      [{ accept: "image/png" }, "application/json"],
      [{ "content-type": "text/plain" }, "application/json"],
    ];
    for (const [headers, type] of kinds) {
      const response = await ask("/thing", { headers });
      expect(response.headers.get("content-type")).toBe(`${type}; charset=utf-8`);
      expect(response.headers.get("vary")).toBe("Accept, Content-Type");
    }
  });

  test("is bare or text where a route says so", async () => {
    expect(await (await ask("/rows")).json()).toEqual({ data: [{ a: 1, b: 2 }], total: 1 });
    const plainly = await ask("/value/a%20b", { headers: { "content-type": "text/plain" } });
    expect([plainly.headers.get("content-type"), await plainly.text()]).toEqual([
      "text/plain; charset=utf-8",
      "text of a b",
    ]);
    expect(await (await ask("/value/k")).json()).toEqual({ key: "k" });
  });

  test("has the fields that were selected", async () => {
    const resource = async (path: string) =>
      ((await (await ask(path)).json()) as { resource: unknown }).resource;
    expect(await resource("/thing?fields=name,absent")).toEqual({ name: "n" });
    expect(await resource("/page?fields=id,info.y")).toEqual({
      records: [{ id: 1, info: { y: 2 } }],
      total: 1,
    });
    expect(await resource("/page?fields=__proto__,constructor.name")).toEqual({ records: [{}], total: 1 });
    expect(await (await ask("/rows?fields=b")).json()).toEqual({ data: [{ b: 2 }], total: 1 });
    expect(await resource("/thing?fields=")).toHaveProperty("name");
    const many = Array.from({ length: 101 }, (_, index) => `f${index}`);
    expect((await ask(`/thing?fields=${many.slice(1)}`)).status).toBe(200);
    expect((await ask(`/thing?fields=${many}`)).status).toBe(400);
  });
});

describe("conditional requests", () => {
  test("a known ETag is 304 with no body; another form of the answer has another", async () => {
    const first = await ask("/thing");
    const tag = first.headers.get("etag") as string;
    expect(tag).toMatch(/^"[0-9a-f]{32}"$/);
    for (const known of [tag, `W/${tag}`, `"other", ${tag}`, "*"]) {
      const again = await ask("/thing", { headers: { "if-none-match": known } });
      expect([again.status, await again.text(), again.headers.get("etag")]).toEqual([304, "", tag]);
      expect(again.headers.get("x-ratelimit-limit")).toBe("1000");
    }
    const xml = await ask("/thing", { headers: { accept: "application/xml", "if-none-match": tag } });
    expect(xml.status).toBe(200);
  });

  test("If-Modified-Since counts to the second, and only without If-None-Match", async () => {
    const status = async (headers: Record<string, string>, path = "/thing") =>
      (await ask(path, { headers })).status;
    const at = (ms: number) => ({ "if-modified-since": new Date(ms).toUTCString() });
    expect((await ask("/thing")).headers.get("last-modified")).toBe("Fri, 02 Jan 2026 03:04:05 GMT");
    expect(await status(at(CHANGED))).toBe(304);
    expect(await status(at(CHANGED + 1_000))).toBe(304);
    expect(await status(at(CHANGED - 1_000))).toBe(200);
    expect(await status({ ...at(CHANGED), "if-none-match": '"x"' })).toBe(200);
    expect(await status({ "if-modified-since": "yesterday" })).toBe(200);
    // When it changed is not known here, so no date proves anything.
    expect((await ask("/page")).headers.get("last-modified")).not.toBeNull();
    expect(await status(at(Date.now() + 60_000), "/page")).toBe(200);
  });

  test("HEAD is GET without its body", async () => {
    const [get, head] = [await ask("/thing"), await ask("/thing", { method: "HEAD" })];
    expect([head.status, await head.text()]).toEqual([200, ""]);
    for (const name of ["etag", "content-type", "last-modified"])
      expect(head.headers.get(name)).toBe(get.headers.get(name));
    expect((await ask("/nothing", { method: "HEAD" })).status).toBe(404);
  });
});

describe("the body", () => {
  test("is JSON, XML or a form, by its content type", async () => {
    const got = async (body: string, type?: string) => {
      const { resource, message } = (await (
        await ask("/thing", {
          method: "POST",
          body,
          headers: { accept: "application/json", ...(type === undefined ? {} : { "content-type": type }) },
        })
      ).json()) as { resource: Json; message: string };
      return [message, resource];
    };
    expect(await got('{"a":[1]}', "application/json")).toEqual(["Got json", { a: [1] }]);
    expect(await got('[{"a":1}]', "application/vnd.x+json; charset=utf-8")).toEqual(["Got json", [{ a: 1 }]]);
    expect(await got("<r xmlns='urn:x'><a>1</a><b><item>2</item></b></r>", "application/xml")).toEqual([
      "Got xml",
      { a: "1", b: ["2"] },
    ]);
    expect(await got("<list><item><a>1</a></item><item><a>2</a></item></list>", "text/xml")).toEqual([
      "Got xml",
      [{ a: "1" }, { a: "2" }],
    ]);
    expect(await got('<r><item name="odd key">v</item><x>1</x></r>', "application/xml")).toEqual([
      "Got xml",
      { "odd key": "v", x: "1" },
    ]);
    expect(await got("a=1&b=2", "application/x-www-form-urlencoded")).toEqual([
      "Got form",
      { a: "1", b: "2" },
    ]);
    // `curl -d` calls everything a form.
    expect(await got('{"a":1}', "application/x-www-form-urlencoded")).toEqual(["Got json", { a: 1 }]);
    expect(await got('{"__proto__":{"x":1}}', "application/json")).toEqual([
      "Got json",
      JSON.parse('{"__proto__":{"x":1}}'),
    ]);
  });

  test.each([
    ["truncated JSON", '{"a":', "application/json", 400],
    ["JSON with a comment", "{/**/}", "application/json", 400],
    ["invalid UTF-8", new Uint8Array([0x22, 0xff, 0x22]), "application/json", 400],
    ["JSON of 20,000 levels", "[".repeat(20_000), "application/json", 400],
    ["a number that cannot be kept", '{"a":1e400}', "application/json", 400],
    ["JSON sent as XML", '{"a":1}', "application/xml", 400],
    ["XML sent as JSON", "<a/>", "application/json", 400],
    ["XML that is not well-formed", "<a><b></a>", "application/xml", 400],
    ["a document type", '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "application/xml", 400],
    ["an external entity", '<!DOCTYPE a SYSTEM "http://attacker.test/x"><a/>', "application/xml", 400],
    ["XML of 20,000 levels", "<a>".repeat(20_000), "application/xml", 400],
    ["nothing", "", "application/json", 400],
    ["text", "hello", "text/plain", 415],
    ["no type", "hello", undefined, 415],
    ["a broken type", "{}", "nonsense", 415],
    ["an unknown charset", "{}", "application/json; charset=utf-7", 415],
    ["a multipart body without its end", "--x\r\n", "multipart/form-data; boundary=x", 400],
  ])("%s is refused in the envelope", async (_, body, type, status) => {
    const response = await post(body as BodyInit, type as string | undefined);
    const answer = await response.text();
    expect([response.status, answer]).toEqual([status, expect.stringContaining("error")]);
    expect(answer).not.toMatch(/\.(?:ts|js):\d+|node_modules/);
    expect(response.headers.get("x-ratelimit-remaining")).not.toBeNull();
  });

  test("over the limit is 413 that names it; compressed ones are not taken", async () => {
    const large = await post(`"${"x".repeat(10 * 1024 * 1024)}"`, "application/json");
    expect(large.status).toBe(413);
    expect(await large.json()).toMatchObject({ id: "error", error: { code: 413, limit: "MAX_BODY_BYTES" } });
    const headers = { "content-type": "application/json", "content-encoding": "gzip" };
    expect((await ask("/thing", { method: "POST", body: "{}", headers })).status).toBe(415);
  });

  test("of a kind that the route does not take is 415; bytes are taken as they are", async () => {
    expect((await post("<a/>", "application/xml", "/thing/fixed", "PUT")).status).toBe(415);
    const kept = await post(new Uint8Array([0xff, 0, 0xfe]), "application/json", "/bytes", "PUT");
    expect(await kept.json()).toMatchObject({ resource: 3 });
  });
});

describe("failures", () => {
  test("have id, code, an empty resource and the error, in XML too", async () => {
    const response = await ask("/thing/1", { method: "DELETE" });
    expect(response.status).toBe(403);
    expect(await response.json()).toEqual({
      id: "error",
      code: 403,
      "request-ip": "127.0.0.1",
      resource: [],
      message: "Data record cannot be deleted: it is being used",
      error: { code: 403, message: "Data record cannot be deleted: it is being used" },
    });
    const xml = await text(ask("/thing/1", { method: "DELETE", headers: { accept: "application/xml" } }));
    expect(xml).toContain("<resource/>");
    expect(xml).toContain("<error><code>403</code>");
  });

  test("a bug shows an id to quote and nothing else", async () => {
    const response = await ask("/broken", { headers: { "x-request-id": "quote-me" } });
    const answer = await response.text();
    expect(response.status).toBe(500);
    expect(answer).toContain("quote-me");
    expect(answer).not.toContain("secret reason");
  });

  test("paths: trailing slashes count as none, broken encoding is 400, the more fixed path goes first", async () => {
    expect((await ask("/thing///")).status).toBe(200);
    expect((await ask("/value/%zz")).status).toBe(400);
    expect(await (await ask("/value/a%2Fb")).json()).toEqual({ key: "a/b" });
    expect((await ask("/value/")).status).toBe(404);
    expect((await ask("/value/a/b")).status).toBe(404);
    expect((await post("{}", "application/json", "/thing/fixed", "PUT")).status).toBe(200);
    const wrong = await ask("/thing/fixed", { method: "POST" });
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "PUT, GET, DELETE, HEAD, OPTIONS"]);
    expect((await ask(`/thing?x=${"y".repeat(20_000)}`)).status).toBe(400);
  });
});
