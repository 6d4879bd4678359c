import { describe, expect, test } from "vitest";
import { FakeHost } from "../support/fake-host";
import { answered, never, type SentRequest } from "../support/fake-outgoing";
import { calling, RESULTS, uses } from "../support/integration-flow";
import { flowOf, runLater, start, throughFlow } from "../support/trial";

/** Promises of calls that stand between the parts: who sets a limit, what calls share, where results may lead. */

const each = (node: object = {}) =>
  throughFlow({
    each: { type: "split", over: "=item", next: "call" },
    call: { type: "api", call: "fx.list", query: { n: "=item" }, results: RESULTS, ...node },
  });

const headersOf = (request: SentRequest | undefined) => Object.fromEntries(request?.headers ?? []);

describe("the timeout of a call", () => {
  test.each([
    ["30s by default", {}, {}, {}, 60_000, 30_000],
    ["the integration's", { timeout: "9s" }, {}, {}, 60_000, 9_000],
    ["the endpoint's before the integration's", { timeout: "9s" }, { timeout: "7s" }, {}, 60_000, 7_000],
    ["the node's before both", { timeout: "9s" }, { timeout: "7s" }, { timeout: "20s" }, 60_000, 20_000],
    ["no more than the run has left, but for a margin", { timeout: "9s" }, {}, {}, 5_000, 4_750],
    ["of a short run a tenth less", {}, {}, {}, 1_000, 900],
  ])("is %s", async (_, integration, endpoint, node, timeout, expected) => {
    const host = new FakeHost();
    host.outgoing.handler = never;
    const endpoints = { list: { path: "/list", ...endpoint } };
    const { outcome } = start(calling(node), { host, timeout, ...uses({ ...integration, endpoints }) });
    await expect.poll(() => host.outgoing.underWay).toBe(1);
    expect(host.slept).toEqual([expected]);
    await host.advance(expected);
    expect((await outcome).outputs.bad).toMatchObject([{ code: "timeout" }]);
    expect(host.outgoing.aborted).toBe(1);
    expect(host.sleeping).toBe(0);
  });
});

describe("an access token", () => {
  const auth = {
    type: "oauth2",
    tokenUrl: "https://login.example.com/token",
    clientId: "me",
    clientSecret: "s3cret",
  };

  test("is fetched once for all calls that want it at the same moment", async () => {
    const host = new FakeHost();
    host.outgoing.handler = async (request) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return request.url.endsWith("/token") ? answered(200, { access_token: "t0ken" }) : answered(200);
    };
    const ended = await runLater(each(), { host, item: [1, 2, 3, 4, 5, 6, 7, 8], ...uses({ auth }) });
    expect(ended.outputs.out).toHaveLength(8);
    const fetched = host.outgoing.sent.filter(({ url }) => url.endsWith("/token"));
    expect(fetched).toHaveLength(1);
    const calls = host.outgoing.sent.filter((sent) => !fetched.includes(sent));
    expect(calls.map((sent) => headersOf(sent).Authorization)).toEqual(new Array(8).fill("Bearer t0ken"));
  });

  test("that cannot be fetched fails every call that waits for it, and the next one asks again", async () => {
    const host = new FakeHost();
    let asked = 0;
    host.outgoing.handler = async (request) => {
      if (!request.url.endsWith("/token")) return answered(200);
      asked += 1;
      await new Promise((resolve) => setTimeout(resolve, 5));
      return asked === 1 ? answered(503) : answered(200, { access_token: "t0ken" });
    };
    const trial = { host, item: [1, 2], ...uses({ auth }) };
    expect((await runLater(each(), trial)).outputs.bad).toMatchObject(
      new Array(2).fill({ code: "no_access_token" }),
    );
    expect((await runLater(each(), trial)).outputs.out).toHaveLength(2);
    expect(asked).toBe(2);
  });
});

describe("pages", () => {
  test("count together against the limit of the answer's size", async () => {
    const host = new FakeHost();
    const limits: number[] = [];
    const { send } = host.outgoing;
    host.outgoing.send = (request, signal) => {
      limits.push(request.responseLimit);
      return send.call(host.outgoing, request, signal);
    };
    host.outgoing.handler = () => answered(200, "[1,2]", { "content-type": "application/json" });
    await runLater(calling({ paging: { by: "page", parameter: "p", size: 2, max: 3 } }), {
      host,
      ...uses({ responseLimit: 100 }),
    });
    expect(limits).toEqual([100, 95, 90]);
  });

  test("that link to themselves, or are no link, end", async () => {
    for (const link of ["</v2/list>; rel=next", "not a link", "<https://[>; rel=next", '<>; rel="next"']) {
      const host = new FakeHost();
      host.outgoing.handler = () => answered(200, [1], { link });
      await runLater(calling({ paging: { by: "link" } }), { host, ...uses() });
      expect(host.outgoing.sent.length, link).toBe(1);
    }
  });

  test("each carry a key of their own, the same at every try", async () => {
    const host = new FakeHost();
    host.outgoing.handler = () => answered(200, [1]);
    await runLater(calling({ paging: { by: "page", parameter: "p", size: 1, max: 2 } }), { host, ...uses() });
    const [first, second] = host.outgoing.sent.map((sent) => headersOf(sent)["Idempotency-Key"]);
    expect(second).toBe(`${first}-1`);
  });
});

describe("a result", () => {
  // call ─┬ 200 ▶ flow:other ▶ (done) out
  //       └ … ▶ bad
  test("may lead to another flow, which gets the answer", async () => {
    const other = flowOf(
      { o: { type: "output", to: "out", value: { got: "=item.body" } } },
      { flow: "other", outputs: { out: "any" } },
    );
    const host = new FakeHost();
    host.outgoing.handler = () => answered(200, "hi");
    const results = { ...RESULTS, "200": "flow:other" };
    const bad = { type: "output", to: "bad" };
    const flow = flowOf(
      { call: { type: "api", call: "fx.list", results }, bad },
      { outputs: { out: "any", bad: "any" } },
    );
    const ended = await runLater(flow, { host, flows: [other], ...uses() });
    expect(ended.outputs).toEqual({ out: [{ got: "hi" }], bad: [] });
  });

  test("of a HEAD has no body, whatever its headers say", async () => {
    const host = new FakeHost();
    host.outgoing.handler = () =>
      answered(200, "", { "content-type": "application/json", "content-length": "99" });
    const ended = await runLater(calling({ call: "fx.head" }), { host, ...uses() });
    expect(ended.outputs.out).toMatchObject([{ status: 200, body: null }]);
  });
});

describe("a signature", () => {
  test("covers what it names, and every try has its own time and nonce", async () => {
    const host = new FakeHost();
    const auth = {
      type: "hmac",
      secret: "k3y-of-mine",
      algorithm: "sha512",
      encoding: "base64",
      sign: ["nonce", "host", "path", "query", "url", "bodyHash"],
      nonceHeader: "X-Nonce",
    };
    let turn = 0;
    host.outgoing.handler = () => answered(turn++ === 0 ? 503 : 200);
    const { outcome } = start(calling({ query: { a: "ä" }, retry: { on: ["503"], backoff: "10ms" } }), {
      host,
      ...uses({ auth }),
    });
    await expect.poll(() => host.outgoing.sent.length).toBe(1);
    await expect.poll(() => host.outgoing.underWay).toBe(0);
    await host.advance(1_000);
    expect((await outcome).outputs.out).toHaveLength(1);
    const { createHash, createHmac } = await import("node:crypto");
    const url = "https://api.example.com/v2/list?a=%C3%A4";
    const empty = createHash("sha512").update("").digest("hex");
    const nonces = host.outgoing.sent.map((sent) => {
      const { "X-Nonce": nonce = "", "X-Signature": signature } = headersOf(sent);
      const text = [nonce, "api.example.com", "/v2/list", "a=%C3%A4", url, empty].join("\n");
      expect(signature).toBe(createHmac("sha512", "k3y-of-mine").update(text).digest("base64"));
      return nonce;
    });
    expect(new Set(nonces).size).toBe(2);
  });
});
