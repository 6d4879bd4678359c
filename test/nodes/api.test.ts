import { describe, expect, test } from "vitest";
import type { FlowSource } from "../../src/domain/flow";
import { IntegrationDefinition } from "../../src/domain/integration";
import { FakeHost } from "../support/fake-host";
import { answered, never } from "../support/fake-outgoing";
import { FakeStepStore } from "../support/fake-step-store";
import { problemsOf, runLater, start, throughFlow } from "../support/trial";

// call ─┬ 200 ▶ out
//       ├ 404, 5xx ▶ bad (when the test routes them)
//       └ other, error, timeout, max-connection ▶ bad

const FX = {
  integration: "fx",
  baseUrl: "https://api.example.com/v2",
  endpoints: {
    rate: { path: "/rates/{base}", method: "GET" },
    order: { path: "/orders", method: "POST" },
    list: { path: "/list" },
  },
};

const RESULTS = { "200": "out", other: "bad", error: "bad", timeout: "bad", "max-connection": "bad" };

function integration(more: object = {}): IntegrationDefinition {
  return IntegrationDefinition.parse({ ...FX, ...more });
}

function uses(more: object = {}) {
  return { uses: { integration: { fx: integration(more) } } };
}

function calling(node: object, results: object = RESULTS): FlowSource {
  return throughFlow({ call: { type: "api", results, ...node } as Record<string, unknown> });
}

const list = { call: "fx.list" };
const each = (node: object, results: object = RESULTS) =>
  throughFlow({
    each: { type: "split", over: "=item", next: "call" },
    call: { type: "api", results, ...node } as Record<string, unknown>,
  });

/** Waits until so many calls are under way: making their keys takes the platform a moment. */
function underWay(host: FakeHost, calls: number) {
  return expect.poll(() => host.outgoing.underWay).toBe(calls);
}

describe("the request", () => {
  test("is made of integration, endpoint and node", async () => {
    const host = new FakeHost();
    const ended = await runLater(
      calling({
        call: "fx.rate",
        params: { base: "=item.currency" },
        headers: { "X-Trace": "t-${item.n}" },
        query: { tag: ["a b", "=item.n"], none: "=item.absent", lang: "de" },
      }),
      {
        host,
        item: { currency: "E/R", n: 7 },
        ...uses({ headers: { Accept: "application/json" }, query: { lang: "en" } }),
      },
    );
    expect(ended.status).toBe("Success");
    const [sent] = host.outgoing.sent;
    expect(sent?.url).toBe("https://api.example.com/v2/rates/E%2FR?lang=en&tag=a%20b&tag=7&lang=de");
    expect(Object.fromEntries(sent?.headers ?? [])).toMatchObject({
      Accept: "application/json",
      "X-Trace": "t-7",
      "Idempotency-Key": expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });

  test.each([
    ["json", { a: "=item" }, '{"a":"é&"}', "application/json"],
    ["form", { a: ["=item", 1] }, "a=%C3%A9%26&a=1", "application/x-www-form-urlencoded"],
    [
      "xml",
      { o: { a: "=item" } },
      '<?xml version="1.0" encoding="UTF-8"?><o><a>é&amp;</a></o>',
      "application/xml; charset=utf-8",
    ],
    ["text", "say ${item}", "say é&", "text/plain; charset=utf-8"],
  ])("has a body as %s", async (kind, value, body, type) => {
    const host = new FakeHost();
    await runLater(calling({ call: "fx.order", body: { [kind]: value } }), { host, item: "é&", ...uses() });
    expect(host.outgoing.sent[0]?.body).toBe(body);
    expect(Object.fromEntries(host.outgoing.sent[0]?.headers ?? [])["Content-Type"]).toBe(type);
  });

  test("has a semicolon between parameters where the API wants it", async () => {
    const host = new FakeHost();
    await runLater(calling({ ...list, query: { a: "1;2", b: 3 } }), {
      host,
      ...uses({ querySeparator: ";" }),
    });
    expect(host.outgoing.sent[0]?.url).toBe("https://api.example.com/v2/list?a=1%3B2;b=3");
  });

  test.each([
    [{ headers: { "X-A": "=item" } }, "a\r\nX-B: 1", "header_value"],
    [{ headers: { "X-A": "=item" } }, "a\0", "header_value"],
    [{ headers: { "X-A": "=item" } }, "日本", "header_value"],
    [{ call: "fx.rate", params: { base: "=item" } }, "..", "path_parameter"],
    [{ call: "fx.rate", params: { base: "=item" } }, "", "path_parameter"],
    [{ call: "fx.rate", params: { base: "=item" } }, { a: 1 }, "not_a_text"],
    [{ query: { a: "=item" } }, { a: 1 }, "not_a_text"],
    [{ query: { a: "=item" } }, "x".repeat(16_000), "url_too_long"],
    [{ call: "fx.order", body: { base64: "=item" } }, "%%%", "not_base64"],
    [{ call: "fx.order", body: { form: "=item" } }, { a: { b: 1 } }, "format_error"],
  ])("70 is not sent when %j cannot take %j", async (node, item, code) => {
    const host = new FakeHost();
    const ended = await runLater(calling({ ...list, ...node }), { host, item: item as never, ...uses() });
    expect(ended.outputs.bad).toMatchObject([{ code }]);
    expect(host.outgoing.sent).toEqual([]);
  });
});

describe("results", () => {
  const leave = async (status: number, results: object) => {
    const host = new FakeHost();
    host.outgoing.handler = () => answered(status, { n: status }, { "retry-after": "9" });
    const ended = await runLater(calling(list, { ...RESULTS, ...results }), { host, ...uses() });
    return ended.outputs;
  };

  test("200 leaves with status, headers and body", async () => {
    expect((await leave(200, {})).out).toEqual([
      {
        status: 200,
        message: "fx.list answered 200 OK",
        headers: { "content-type": "application/json", "retry-after": "9" },
        contentType: "application/json",
        body: { n: 200 },
      },
    ]);
  });

  test.each([
    [404, { "404": "out" }, "out"],
    [404, { "4xx": "out" }, "out"],
    [404, { "404": "bad", "4xx": "out" }, "bad"],
    [404, {}, "bad"],
    [204, { "2xx": "out" }, "out"],
    [204, {}, "bad"],
    [500, { "404": "out" }, "bad"],
  ])("%i with the results %j leaves to %s", async (status, results, way) => {
    const outputs = await leave(status, results);
    expect(outputs[way]).toHaveLength(1);
    expect([...(outputs.out ?? []), ...(outputs.bad ?? [])]).toHaveLength(1);
  });

  test("error, timeout and max-connection leave with the item unchanged, and say why", async () => {
    const host = new FakeHost();
    host.outgoing.handler = () => ({ kind: "failed", reason: "the connection was lost" });
    const ended = await runLater(calling(list), { host, item: 5, ...uses() });
    expect(ended.outputs.bad).toEqual([
      { failed: "fx.list gave no answer: the connection was lost", code: "no_answer", item: 5 },
    ]);

    const slow = new FakeHost();
    slow.outgoing.handler = never;
    const { outcome } = start(calling({ ...list, timeout: "2s" }), { host: slow, item: 5, ...uses() });
    await underWay(slow, 1);
    await slow.advance(2_000);
    expect((await outcome).outputs.bad).toEqual([
      { failed: "fx.list did not answer within 2000 ms, its timeout", code: "timeout", item: 5 },
    ]);
    expect(slow.outgoing.aborted).toBe(1);

    const full = new FakeHost();
    full.outgoing.connected = 3;
    expect(
      (await runLater(calling(list), { host: full, item: 5, ...uses({ maxConnections: 3 }) })).outputs.bad,
    ).toEqual([
      {
        failed: 'the integration "fx" has no free connection (maxConnections: 3)',
        code: "max_connection",
        item: 5,
      },
    ]);
  });

  test("the connection is given back, whatever the call came to", async () => {
    for (const kind of ["failed", "refused"] as const) {
      const host = new FakeHost();
      host.outgoing.handler = () => ({ kind, reason: "x" });
      await runLater(calling(list), { host, ...uses({ maxConnections: 1 }) });
      expect(host.outgoing.pools).toHaveLength(1);
      expect(host.outgoing.connected).toBe(0);
    }
  });
});

describe("what is refused when the flow is published", () => {
  const wrong = (node: object, results: object = RESULTS, more: object = {}) =>
    problemsOf(calling(node, results), uses(more));

  test("a missing default result, a misspelt one, an unknown call", () => {
    for (const name of Object.keys(RESULTS)) {
      const { [name]: _, ...rest } = RESULTS as Record<string, string>;
      expect(wrong(list, rest)).toContain(
        `/nodes/call/results: the result "${name}" leads nowhere; name a node, or \`end\` to drop its items`,
      );
    }
    expect(wrong(list, { ...RESULTS, Timeout: "bad" })[0]).toContain('written in lower case: "timeout"');
    expect(wrong(list, { ...RESULTS, "2XX": "bad" })[0]).toContain('written in lower case: "2xx"');
    expect(wrong(list, { ...RESULTS, "999": "bad" })[0]).toContain("no result of a call");
    expect(wrong(list, { ...RESULTS, "404": "out", "5xx": "bad" })).toEqual([]);
    expect(wrong({ call: "fx.lst" })[0]).toContain('has no endpoint "lst"');
    expect(wrong({ call: "gx.list" })[0]).toContain('there is no integration "gx"');
    expect(wrong({ call: "fx" })[0]).toContain("name the integration and its endpoint");
  });

  test("a header that is set on both sides with different values", () => {
    const headers = { Accept: "application/json" };
    expect(wrong({ ...list, headers: { accept: "application/xml" } }, RESULTS, { headers })).toEqual([
      '/nodes/call/headers/accept: the header "accept" is set by the integration too, with another value; give both the same value or keep one',
    ]);
    expect(wrong({ ...list, headers: { accept: "application/json" } }, RESULTS, { headers })).toEqual([]);
    expect(wrong({ ...list, headers: { "bad name": "x" } })[0]).toContain("a header name has only");
    expect(wrong({ ...list, headers: { Host: "x" } })[0]).toContain("belongs to the connection");
    expect(
      wrong({ ...list, headers: { Authorization: "x" } }, RESULTS, {
        auth: { type: "bearer", token: "t" },
      })[0],
    ).toContain("`auth` sets");
  });

  test("path parameters that are missing or too many, a body where none goes", () => {
    expect(wrong({ call: "fx.rate" })[0]).toContain('needs the parameter "base"');
    expect(wrong({ call: "fx.rate", params: { base: "a", bse: "b" } })[0]).toContain('no parameter "bse"');
    expect(wrong({ ...list, body: { json: 1 } })[0]).toContain("a GET has no body");
    expect(wrong({ call: "fx.order", body: { json: 1, text: "x" } })[0]).toContain("give one of");
  });

  describe("parameters that do not fit the endpoint's list", () => {
    const listed = {
      otherParameters: false,
      query: { lang: "en" },
      endpoints: {
        find: {
          path: "/find/{kind}",
          method: "POST",
          body: "json",
          parameters: [
            { in: "path", name: "kind", type: "string", enum: ["a", "b"] },
            { in: "query", name: "page", type: "integer" },
            { in: "query", name: "size", type: "integer", required: true },
            { in: "query", name: "open", type: "boolean" },
            { in: "query", name: "tag", type: "array" },
            { in: "header", name: "X-Ratio", type: "number" },
            { in: "body", name: "title", type: "string", required: true },
            { in: "body", name: "count", type: "integer" },
          ],
        },
      },
    };
    const node = (more: object) => ({
      call: "fx.find",
      params: { kind: "a" },
      query: { size: 5 },
      body: { json: { title: "x" } },
      ...more,
    });

    test.each([
      [{}],
      [{ query: { size: "5", page: "=item", open: true, tag: ["a", 1], lang: "de" } }],
      [{ query: { size: 5, open: "false", tag: "a,b" }, headers: { "x-ratio": "1.5" } }],
      [{ query: { size: "${item}" }, params: { kind: "=item" }, body: { json: "=item" } }],
      [{ body: { json: { title: "=item", count: 3, more: 1 } } }],
      [{ query: {}, paging: { by: "page", parameter: "page", size: 5, sizeParameter: "size" } }],
    ])("%j fits", (more) => {
      expect(wrong(node(more), RESULTS, listed)).toEqual([]);
    });

    test.each([
      [{ query: {} }, '/nodes/call: the endpoint needs the query parameter "size"'],
      [
        { query: { size: "five" } },
        '/nodes/call/query/size: the query parameter "size" is an integer, not "five"',
      ],
      [
        { query: { size: [1, 1.5] } },
        '/nodes/call/query/size: the query parameter "size" is an integer, not 1.5',
      ],
      [
        { query: { size: 1, open: "yes" } },
        '/nodes/call/query/open: the query parameter "open" is a boolean, not "yes"',
      ],
      [
        { headers: { "X-RATIO": "x" } },
        '/nodes/call/headers/X-RATIO: the header "X-Ratio" is a number, not "x"',
      ],
      [{ params: { kind: "c" } }, '/nodes/call/params/kind: the path parameter "kind" is "a", "b", not "c"'],
      [{ body: { json: {} } }, '/nodes/call/body: the endpoint needs the field of the body "title"'],
      [
        { body: { json: { title: 5 } } },
        '/nodes/call/body/json/title: the field of the body "title" is a string, not 5',
      ],
      [
        { body: { json: { title: "", count: "3x" } } },
        '/nodes/call/body/json/count: the field of the body "count" is an integer, not "3x"',
      ],
      [
        { query: { size: 5, pge: 1 } },
        '/nodes/call/query/pge: the endpoint has no query parameter "pge"; add it',
      ],
    ])("%j is told", (more, problem) => {
      const found = wrong(node(more), RESULTS, listed);
      expect(found).toHaveLength(1);
      expect(found[0]).toContain(problem);
    });

    test("others are allowed unless the list is said to be complete", () => {
      const others = { ...listed, otherParameters: true };
      expect(wrong(node({ query: { size: 5, pge: 1 } }), RESULTS, others)).toEqual([]);
    });
  });

  test("repeating what is not safe to repeat", () => {
    const retry = { on: ["503"], max: 1 };
    expect(wrong({ call: "fx.order", retry })).toEqual([]);
    expect(wrong({ call: "fx.order", retry }, RESULTS, { idempotencyKey: false })[0]).toContain(
      "a POST without an idempotency key is not safe to repeat on 503",
    );
    expect(wrong({ call: "fx.list", retry }, RESULTS, { idempotencyKey: false })).toEqual([]);
    expect(
      wrong({ call: "fx.order", retry: { on: ["429"], max: 1 } }, RESULTS, { idempotencyKey: false }),
    ).toEqual([]);
  });

  test("secrets outside of calls, and all at once", () => {
    const flow = throughFlow({ set: { type: "calculate", value: "=_datasource.Key", next: "out" } });
    expect(problemsOf(flow)[0]).toContain("a secret can be taken only in the settings of `api` nodes");
    expect(wrong({ ...list, query: { a: "=$string(_datasource)" } })[0]).toContain("name the secret");
    expect(wrong({ ...list, query: { a: "${_datasource.Key}" } })).toEqual([]);
  });
});

describe("items", () => {
  test("of one set are called six at a time, and leave in their order", async () => {
    const host = new FakeHost();
    host.outgoing.handler = async (request) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
      return answered(200, new URL(request.url).searchParams.get("n"));
    };
    const items = Array.from({ length: 50 }, (_, n) => n);
    const ended = await runLater(each({ ...list, query: { n: "=item" } }), { host, item: items, ...uses() });
    expect(host.outgoing.mostUnderWay).toBe(6);
    expect(ended.outputs.out?.map((answer) => Number((answer as { body: string }).body))).toEqual(items);
  });

  test("each have a key of their own, the same at every try", async () => {
    const host = new FakeHost();
    const keys = new Map<string, number>();
    host.outgoing.handler = (request) => {
      const key = Object.fromEntries(request.headers)["Idempotency-Key"] as string;
      const before = keys.get(key) ?? 0;
      keys.set(key, before + 1);
      return answered(before === 0 ? 503 : 200);
    };
    const { outcome } = start(each({ ...list, retry: {} }), { host, item: [1, 2, 3], ...uses() });
    await expect.poll(() => host.slept.filter((ms) => ms < 1_000).length).toBe(3);
    await host.advance(1_000);
    expect((await outcome).outputs.out).toHaveLength(3);
    expect([...keys.values()]).toEqual([2, 2, 2]);
  });

  test("are called once in a durable run, although it is taken up again", async () => {
    const steps = new FakeStepStore();
    const first = new FakeHost();
    first.steps = steps;
    steps.crashAfter = 1;
    first.outgoing.handler = (request) => answered(200, `first ${request.url.at(-1)}`);
    const flow = each({ ...list, query: { n: "=item" } });
    await expect(runLater(flow, { host: first, item: [1, 2, 3], ...uses() })).rejects.toThrow();
    expect(first.outgoing.sent).toHaveLength(3);
    steps.crashAfter = Number.POSITIVE_INFINITY;
    const again = new FakeHost();
    again.steps = steps;
    const ended = await runLater(flow, { host: again, item: [1, 2, 3], ...uses() });
    expect(again.outgoing.sent).toEqual([]);
    expect(ended.outputs.out).toMatchObject([{ body: "first 1" }, { body: "first 2" }, { body: "first 3" }]);
  });

  // call ─▶ the process dies while it is under way ─▶ taken up again
  test.each([
    ["fx.list", {}, { repeated: true, key: true }],
    ["fx.list", { idempotencyKey: false }, { repeated: true, key: false }],
    ["fx.put", { idempotencyKey: false }, { repeated: true, key: false }],
    ["fx.order", {}, { repeated: true, key: true }],
    ["fx.order", { idempotencyKey: "X-Key" }, { repeated: true, key: false }],
    ["fx.order", { idempotencyKey: false }, { repeated: false, key: false }],
    ["fx.patch", { idempotencyKey: false }, { repeated: false, key: false }],
  ])("that were under way when the process died: %s with %j", async (call, more, expected) => {
    const endpoints = {
      ...FX.endpoints,
      put: { method: "PUT", path: "/put" },
      patch: { method: "PATCH", path: "/patch" },
    };
    const steps = new FakeStepStore();
    const first = new FakeHost();
    first.steps = steps;
    first.outgoing.handler = (request) => (request.url.endsWith("n=2") ? never() : answered(200, "first"));
    const flow = each({ call, query: { n: "=item" } });
    const more_ = { item: [1, 2], ...uses({ ...more, endpoints }) };
    // Never ended: the process is gone.
    start(flow, { host: first, ...more_ });
    await expect.poll(() => steps.effects.size).toBeGreaterThanOrEqual(1);
    await underWay(first, 1);
    const again = new FakeHost();
    again.steps = steps;
    again.outgoing.handler = () => answered(200, "again");
    const ended = await runLater(flow, { host: again, ...more_ });
    const [lost] = first.outgoing.sent.filter(({ url }) => url.endsWith("n=2"));
    expect(again.outgoing.sent.map(({ url }) => url.slice(-3))).toEqual(expected.repeated ? ["n=2"] : []);
    expect(ended.outputs.out?.[0]).toMatchObject({ body: "first" });
    if (expected.repeated) {
      expect(ended.outputs.out?.[1]).toMatchObject({ body: "again" });
      expect(again.outgoing.sent[0]?.headers).toEqual(lost?.headers);
      expect(Object.fromEntries(lost?.headers ?? [])["Idempotency-Key"] !== undefined).toBe(expected.key);
    } else {
      const method = lost?.method;
      const message = `${call} was under way when the run was interrupted: whether it was received is not known, and a ${method} without an idempotency key is not repeated`;
      expect(ended.outputs.bad).toEqual([{ failed: message, code: "call_interrupted", item: 2 }]);
      expect(ended.messages).toContainEqual(expect.objectContaining({ level: "warning", text: message }));
      // Taken up once more, it says the same.
      const third = new FakeHost();
      third.steps = steps;
      steps.steps.clear();
      expect((await runLater(flow, { host: third, ...more_ })).outputs.bad).toEqual(ended.outputs.bad);
      expect(third.outgoing.sent).toEqual([]);
    }
  });

  test("that cannot be called fail alone", async () => {
    const host = new FakeHost();
    const ended = await runLater(each({ ...list, headers: { "X-A": "=item" } }), {
      host,
      item: ["a", "b\n", "c"],
      ...uses(),
    });
    expect(ended.outputs.out).toHaveLength(2);
    expect(ended.outputs.bad).toMatchObject([{ item: "b\n", code: "header_value" }]);
  });
});
