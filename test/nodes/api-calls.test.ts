import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { FakeHost } from "../support/fake-host";
import { answered, type SentRequest } from "../support/fake-outgoing";
import { calling, uses } from "../support/integration-flow";
import { runLater, start } from "../support/trial";

/** Calls with each of these answers in turn, the last one for good. */
async function called(
  answers: ReturnType<typeof answered>[],
  node: object = {},
  more: object = {},
  prepare: (host: FakeHost) => void = () => undefined,
) {
  const host = new FakeHost();
  prepare(host);
  let turn = 0;
  host.outgoing.handler = () => answers[Math.min(turn++, answers.length - 1)] as never;
  const ended = await runLater(calling(node), { host, item: { n: 1 }, ...uses(more) });
  return { host, ended, out: ended.outputs.out?.[0] as never, bad: ended.outputs.bad?.[0] as never };
}

const headersOf = (request: SentRequest | undefined) => Object.fromEntries(request?.headers ?? []);

describe("redirects", () => {
  const to = (location: string, status = 302) => answered(status, undefined, { location });

  test("are followed within the integration's host, credentials and all", async () => {
    const { host, out } = await called(
      [to("/v3/list?x=1"), answered(200, [1])],
      {},
      { auth: { type: "bearer", token: "t0ken" } },
    );
    expect(out).toMatchObject({ status: 200, body: [1] });
    expect(host.outgoing.sent.map(({ url }) => url)).toEqual([
      "https://api.example.com/v2/list",
      "https://api.example.com/v3/list?x=1",
    ]);
    expect(headersOf(host.outgoing.sent[1])).toMatchObject({ Authorization: "Bearer t0ken" });
  });

  test("lead to another host only when it is named, and credentials stay behind", async () => {
    const away = to("https://files.example.net/list");
    expect((await called([away])).bad).toMatchObject({ code: "redirect_refused" });
    const { host, out } = await called(
      [away, answered(200, [1])],
      { headers: { Cookie: "a=b", Accept: "text/csv" } },
      {
        auth: { type: "bearer", token: "t0ken" },
        hosts: ["files.example.net"],
      },
    );
    expect(out).toMatchObject({ status: 200 });
    expect(headersOf(host.outgoing.sent[1])).toEqual({ Accept: "text/csv", "User-Agent": "Sluice" });
  });

  test.each([
    [["FILES.example.net"], "https://files.example.net/", true],
    [["files.example.net:443"], "https://files.example.net/", true],
    [["files.example.net:8443"], "https://files.example.net:8443/", true],
    [["files.example.net:8443"], "https://files.example.net/", false],
    [["files.example.net"], "https://files.example.net:8443/", false],
    [["files.example.net"], "https://files.example.net.evil.org/", false],
    [["0x08.8.8.8"], "https://8.8.8.8/", true],
  ])("with the hosts %j lead to %s: %s", async (hosts, location, led) => {
    const { host, bad } = await called([to(location), answered(200)], {}, { hosts });
    expect(host.outgoing.sent).toHaveLength(led ? 2 : 1);
    if (!led) expect(bad).toMatchObject({ code: "redirect_refused" });
  });

  test.each([
    ["file:///etc/passwd"],
    ["gopher://api.example.com/"],
    ["http://api.example.com/list"],
    ["https://u:p@api.example.com/list"],
    ["https://api.example.com:8443/list"],
    ["https://["],
  ])("to %s are refused", async (location) => {
    const { bad, host } = await called([to(location)]);
    expect(bad).toMatchObject({ code: "redirect_refused" });
    expect(host.outgoing.sent).toHaveLength(1);
  });

  test("end after five, or at once where they are switched off", async () => {
    const { bad, host } = await called([to("/again")]);
    expect(bad).toMatchObject({ code: "too_many_redirects" });
    expect(host.outgoing.sent).toHaveLength(6);
    const off = await called([to("/again")], {}, { redirects: 0 });
    expect(off.host.outgoing.sent).toHaveLength(1);
    expect(off.bad).toMatchObject({ failed: "fx.list answered 302 Found" });
  });

  test("make a GET of a POST where HTTP says so, and keep method and body where it does not", async () => {
    const node = { call: "fx.order", body: { json: 1 } };
    const see = (await called([to("/seen", 303), answered(200)], node)).host.outgoing.sent[1];
    expect([see?.method, see?.body, headersOf(see)["Content-Type"]]).toEqual(["GET", undefined, undefined]);
    const same = (await called([to("/same", 307), answered(200)], node)).host.outgoing.sent[1];
    expect([same?.method, same?.body]).toEqual(["POST", "1"]);
  });
});

describe("retries", () => {
  /** Runs with the fake clock, moving on until the run has ended. */
  async function retried(answers: ReturnType<typeof answered>[], retry: object, timeout = 60_000) {
    const host = new FakeHost();
    let turn = 0;
    host.outgoing.handler = () => answers[Math.min(turn++, answers.length - 1)] as never;
    const { outcome } = start(calling({ retry }), { host, item: null, timeout, ...uses() });
    let ended = false;
    const done = Promise.resolve(outcome).finally(() => {
      ended = true;
    });
    const waits: number[] = [];
    while (!ended) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      if (host.outgoing.underWay === 0 && host.sleeping > 0) {
        waits.push(host.slept.at(-1) as number);
        await host.advance(host.slept.at(-1) as number);
      }
    }
    return { host, waits, outputs: (await done).outputs, tries: host.outgoing.sent.length };
  }

  test("happen on what is named, with waits that double, and end", async () => {
    const { tries, waits, outputs } = await retried([answered(503)], {
      on: ["503"],
      max: 3,
      backoff: "200ms",
    });
    expect(tries).toBe(4);
    // Chance is 0.5 in tests, so a quarter of each wait is left away.
    expect(waits).toEqual([150, 300, 600]);
    expect(outputs.bad).toMatchObject([{ failed: "fx.list answered 503 Service Unavailable" }]);
    expect((await retried([answered(503)], { on: ["500"], max: 3 })).tries).toBe(1);
    expect((await retried([answered(503), answered(200)], { on: ["5xx"], max: 3 })).outputs.out).toHaveLength(
      1,
    );
    const broken = { kind: "failed", reason: "lost" } as const;
    expect((await retried([broken, answered(200)], { on: ["error"] })).outputs.out).toHaveLength(1);
  });

  test.each([
    [{ "retry-after": "7" }, [7_000]],
    [{ "retry-after": new Date(1_000_000 + 9_000).toUTCString() }, [9_000]],
    [{ "retry-after": "soon" }, [150]],
    [{ "retry-after": "61" }, []],
  ])("honour %j", async (headers, expected) => {
    const { waits } = await retried([answered(503, undefined, headers), answered(200)], { on: ["503"] });
    expect(waits).toEqual(expected);
  });

  test("do not begin when the run has no time for them", async () => {
    const { tries } = await retried(
      [answered(503, undefined, { "retry-after": "5" })],
      { on: ["503"] },
      5_000,
    );
    expect(tries).toBe(1);
  });
});

describe("pages", () => {
  const page = (items: unknown[], more: object = {}, headers: Record<string, string> = {}) =>
    answered(200, { data: { rows: items }, total: 5, ...more }, headers);
  const urls = (host: FakeHost) =>
    host.outgoing.sent.map(({ url }) => url.slice("https://api.example.com/v2".length));

  test("are followed by their links and joined", async () => {
    const next = (n: number) => ({ link: `</v2/list?page=${n}>; rel="next", </v2/list?page=9>; rel="last"` });
    const { host, out } = await called([page([1, 2], {}, next(2)), page([3], {}, next(3)), page([4])], {
      paging: { by: "link", items: "data.rows" },
    });
    expect(urls(host)).toEqual(["/list", "/list?page=2", "/list?page=3"]);
    expect(out).toMatchObject({ pages: 3, complete: true, body: { data: { rows: [1, 2, 3, 4] }, total: 5 } });
  });

  test("are not followed to another host", async () => {
    const { host, bad } = await called(
      [page([1], {}, { link: '<https://elsewhere.example.org/>; rel="next"' })],
      {
        paging: { by: "link", items: "data.rows" },
      },
    );
    expect(bad).toMatchObject({ code: "paging" });
    expect(host.outgoing.sent).toHaveLength(1);
  });

  test("by cursor, until there is none", async () => {
    const { host, out } = await called(
      [page([1], { next: "a/b" }), page([2], { next: "c" }), page([3], { next: null })],
      { query: { q: "x" }, paging: { by: "cursor", cursor: "next", parameter: "after", items: "data.rows" } },
    );
    expect(urls(host)).toEqual(["/list?q=x", "/list?q=x&after=a%2Fb", "/list?q=x&after=c"]);
    expect(out).toMatchObject({ pages: 3, complete: true });
  });

  test("by offset and by number, until one is not full", async () => {
    const offset = await called([answered(200, [1, 2]), answered(200, [3, 4]), answered(200, [5])], {
      paging: { by: "offset", parameter: "skip", size: 2, sizeParameter: "take" },
    });
    expect(urls(offset.host)).toEqual(["/list?skip=0&take=2", "/list?take=2&skip=2", "/list?take=2&skip=4"]);
    expect(offset.out).toMatchObject({ body: [1, 2, 3, 4, 5] });
    const numbered = await called([answered(200, [1, 2]), answered(200, [])], {
      paging: { by: "page", parameter: "p", size: 2 },
    });
    expect(urls(numbered.host)).toEqual(["/list?p=1", "/list?p=2"]);
  });

  test("are no more than asked for, and the answer says that there are others", async () => {
    const { host, out } = await called([answered(200, [1])], {
      paging: { by: "page", parameter: "p", size: 1, max: 3 },
    });
    expect(host.outgoing.sent).toHaveLength(3);
    expect(out).toMatchObject({ pages: 3, complete: false, body: [1, 1, 1] });
  });

  test("fail as a whole when one fails, or has no list", async () => {
    const paging = { by: "page", parameter: "p", size: 1 };
    expect((await called([answered(200, [1]), answered(500)], { paging })).bad).toMatchObject({
      failed: "fx.list answered 500 Internal Server Error",
    });
    expect((await called([answered(200, { a: 1 })], { paging })).bad).toMatchObject({ code: "paging" });
  });
});

describe("credentials", () => {
  const secrets = (host: FakeHost) => {
    host.secrets.set("Key", "s3cret-value");
  };

  test.each([
    [{ type: "bearer", token: "${_datasource.Key}" }, { Authorization: "Bearer s3cret-value" }],
    [
      { type: "basic", username: "me", password: "=_datasource.Key" },
      { Authorization: `Basic ${btoa("me:s3cret-value")}` },
    ],
    [
      { type: "apiKey", in: "header", name: "X-Key", value: "${_datasource.Key}" },
      { "X-Key": "s3cret-value" },
    ],
  ])("%j", async (auth, expected) => {
    const { host, ended } = await called(
      [answered(200, {}, { "x-echo": "s3cret-value" })],
      {},
      { auth },
      secrets,
    );
    expect(headersOf(host.outgoing.sent[0])).toMatchObject(expected);
    // 55: not in the messages, not in the outcome, in none of its forms.
    const told = JSON.stringify(ended);
    expect(told).not.toContain("s3cret-value");
    expect(told).not.toContain(btoa("me:s3cret-value"));
    expect(told).toContain("[masked]");
  });

  test("an API key in the query", async () => {
    const { host, ended } = await called(
      [answered(200)],
      { query: { q: 1 } },
      { auth: { type: "apiKey", in: "query", name: "key", value: "${_datasource.Key}" } },
      (fresh) => fresh.secrets.set("Key", "s3 cret&"),
    );
    expect(host.outgoing.sent[0]?.url).toBe("https://api.example.com/v2/list?q=1&key=s3%20cret%26");
    expect(JSON.stringify(ended)).not.toContain("s3%20cret");
  });

  test("a signature over what is sent", async () => {
    const { host } = await called(
      [answered(200)],
      { call: "fx.order", body: { json: { a: 1 } } },
      {
        auth: {
          type: "hmac",
          secret: "${_datasource.Key}",
          sign: ["method", "path", "timestamp", "body"],
          separator: ".",
          prefix: "v1=",
          timestampHeader: "X-Time",
        },
      },
      secrets,
    );
    const [sent] = host.outgoing.sent;
    const signature = createHmac("sha256", "s3cret-value")
      .update('POST./v2/orders.1000.{"a":1}')
      .digest("hex");
    expect(headersOf(sent)).toMatchObject({ "X-Signature": `v1=${signature}`, "X-Time": "1000" });
  });

  describe("an access token", () => {
    const auth = {
      type: "oauth2",
      tokenUrl: "https://login.example.com/token",
      clientId: "me",
      clientSecret: "${_datasource.Key}",
      scope: "read write",
    };
    const token = (value: string) =>
      answered(200, { access_token: value, token_type: "Bearer", expires_in: 3600 });

    test("is fetched once, kept, and never shown", async () => {
      const { host, ended } = await called(
        [token("t0ken-value"), answered(200, { echo: "t0ken-value" })],
        {},
        { auth },
        secrets,
      );
      expect(host.outgoing.sent[0]).toMatchObject({
        method: "POST",
        url: "https://login.example.com/token",
        body: "grant_type=client_credentials&scope=read%20write",
      });
      expect(headersOf(host.outgoing.sent[0]).Authorization).toBe(`Basic ${btoa("me:s3cret-value")}`);
      expect(headersOf(host.outgoing.sent[1]).Authorization).toBe("Bearer t0ken-value");
      expect(JSON.stringify(ended)).not.toContain("t0ken-value");
      host.outgoing.handler = () => answered(200);
      await runLater(calling(), { host, item: null, ...uses({ auth }) });
      expect(host.outgoing.sent).toHaveLength(3);
    });

    test("that is not accepted any more is fetched anew, once", async () => {
      const { host, out } = await called(
        [token("a"), answered(401), token("b"), answered(200)],
        {},
        { auth },
        secrets,
      );
      expect(out).toMatchObject({ status: 200 });
      expect(headersOf(host.outgoing.sent[3]).Authorization).toBe("Bearer b");
      const twice = await called(
        [token("a"), answered(401), token("b"), answered(401)],
        {},
        { auth },
        secrets,
      );
      expect(twice.host.outgoing.sent).toHaveLength(4);
      expect(twice.bad).toMatchObject({ failed: "fx.list answered 401 Unauthorized" });
    });

    test.each([
      [answered(400, { error: "invalid_client" }), "the token endpoint answered 400 invalid_client"],
      [answered(200, "<html>"), "the token endpoint answered without an `access_token`"],
      [
        answered(200, { access_token: "x", token_type: "mac" }),
        'the token endpoint gave a token of type "mac", and only bearer tokens can be used',
      ],
      [{ kind: "refused", reason: "private" } as const, "the token endpoint could not be asked: private"],
    ])("that is not given is an error", async (answer, message) => {
      expect((await called([answer], {}, { auth }, secrets)).bad).toMatchObject({
        failed: message,
        code: "no_access_token",
      });
    });
  });

  test("a secret that is not there is an error that names it", async () => {
    const { bad, host } = await called([answered(200)], { query: { a: "${_datasource.Nope}" } });
    expect(bad).toMatchObject({ code: "no_secret", failed: 'there is no secret "Nope" in this environment' });
    expect(host.outgoing.sent).toEqual([]);
  });

  test("55 an error that a flow makes of a secret does not tell it", async () => {
    for (const source of [
      "=$error('x ' & _datasource.Key)",
      "=$debug(_datasource.Key) & $error('no')",
      "=$number(_datasource.Key)",
    ]) {
      const { ended } = await called([answered(200)], { query: { a: source } }, {}, secrets);
      expect(ended.outputs.bad).toHaveLength(1);
      expect(JSON.stringify(ended)).not.toContain("s3cret");
    }
  });
});

describe("answers", () => {
  const bytes = (type: string | undefined, body: Uint8Array, status = 200) =>
    ({
      kind: "answered",
      status,
      headers: type === undefined ? [] : [["content-type", type]],
      body,
    }) as never;
  const text = (type: string | undefined, body: string, status = 200) =>
    bytes(type, new TextEncoder().encode(body), status);

  test.each([
    ["application/problem+json; charset=utf-8", '{"a":1}', { a: 1 }],
    ["application/xml", "<a><b>1</b></a>", { a: { b: "1" } }],
    ["application/x-www-form-urlencoded", "a=1&a=2", { a: ["1", "2"] }],
    ["text/csv", "a,b", "a,b"],
    ["TEXT/PLAIN", "hi", "hi"],
    [undefined, "hi", "hi"],
    ["image/png", "hi", { base64: "aGk=", contentType: "image/png" }],
    ["application/json", "", null],
  ])("of type %s are read", async (type, body, expected) => {
    expect((await called([text(type, body)])).out).toMatchObject({ body: expected });
  });

  test("that are not what they promise are an error of a success, and text of a failure", async () => {
    expect((await called([text("application/json", "<html>")])).bad).toMatchObject({ code: "format_error" });
    expect((await called([text("application/json", "<html>", 502)])).bad).toMatchObject({
      failed: "fx.list answered 502 Bad Gateway",
    });
    expect((await called([bytes("text/plain", new Uint8Array([0xff, 0xfe]))])).bad).toMatchObject({
      code: "format_error",
    });
    expect(
      (await called([text("application/xml", '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>')])).bad,
    ).toMatchObject({ code: "format_error" });
  });

  test("are read as the node says", async () => {
    expect((await called([text("text/plain", "[1]")], { read: "json" })).out).toMatchObject({ body: [1] });
    expect((await called([text("application/json", "[1]")], { read: "text" })).out).toMatchObject({
      body: "[1]",
    });
  });

  test("go into a field of the item where the node says so", async () => {
    expect((await called([answered(200, 5)], { into: "answer" })).out).toMatchObject({
      n: 1,
      answer: { status: 200, body: 5 },
    });
  });

  test("55, 8 are shown in the messages, credentials masked, or not", async () => {
    const answer = answered(200, { hello: 1 }, { "set-cookie": "sid=1" });
    const full = (await called([answer], { headers: { Cookie: "a=b" } })).ended.messages;
    expect(full[0]).toMatchObject({
      level: "info",
      node: "call",
      record: 0,
      text: expect.stringMatching(/^fx\.list: GET https:\S+ → 200 OK \(0 ms\)$/),
    });
    expect(JSON.parse(full[0]?.details ?? "")).toMatchObject({
      request: { method: "GET", headers: { Cookie: "[masked]" } },
      response: { status: 200, headers: { "set-cookie": "[masked]" }, body: '{"hello":1}' },
    });
    expect((await called([answer], { log: "line" })).ended.messages[0]?.details).toBeUndefined();
    expect((await called([answer], { log: "none" })).ended.messages).toEqual([]);
  });
});
