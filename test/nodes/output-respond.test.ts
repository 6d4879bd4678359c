import { describe, expect, test } from "vitest";
import { flowOf, problemsOf, run } from "../support/trial";

// split → out ▶ output `out`
const outputs = (shape: unknown, settings: Record<string, unknown> = {}) =>
  flowOf(
    {
      split: { type: "split", over: "=item", results: { each: "out" } },
      out: { type: "output", to: "out", ...settings },
    },
    { outputs: { out: shape } as never },
  );

// split → say ▶ the answer
const responds = (settings: Record<string, unknown>) =>
  flowOf({
    split: { type: "split", over: "=item", results: { each: "say" } },
    say: { type: "respond", ...settings },
  });

describe("output", () => {
  test("records take the declared shape; undeclared fields stay behind", () => {
    const ended = run(outputs({ id: "string", total: "number", tags: "string[]" }), {
      item: [{ id: 7, total: "1.5", tags: "a", secret: 1 }],
    });
    expect(ended.outputs.out).toEqual([{ id: "7", total: 1.5, tags: ["a"] }]);
  });

  test("`set` goes over the item's fields, `value` replaces the item", () => {
    expect(
      run(outputs("any", { set: { b: "=item.a + 1", a: "=item.none" } }), { item: [{ a: 1 }] }).outputs.out,
    ).toEqual([{ b: 2 }]);
    expect(run(outputs("any", { value: { x: "=item" } }), { item: [3] }).outputs.out).toEqual([{ x: 3 }]);
    expect(run(outputs("any", { set: { a: 1 } }), { item: [3] }).outputs.out).toEqual([{ a: 1 }]);
  });

  test("a record that cannot take the shape fails, with the place and the reason", () => {
    expect(run(outputs({ n: "number" }), { item: [{ n: "many" }] })).toMatchObject({
      status: "Fail",
      failures: [
        { code: "output_shape", message: 'output "out", n: expected a number, got the string "many"' },
      ],
    });
  });

  test("no record where an output is connected is a failure", () => {
    expect(run(outputs("any"), { item: [] })).toMatchObject({
      status: "Fail",
      message: 'No record was returned, and the output "out" is connected.',
    });
  });

  test("several nodes fill one output together, in record order", () => {
    // split ─▶ a ▶ out, ─▶ b ▶ out
    const flow = flowOf(
      {
        which: { type: "branch", cases: { a: "=item = 1" }, results: { a: "a", default: "b" } },
        a: { type: "output", to: "out", value: "a" },
        b: { type: "output", to: "out", value: "b" },
      },
      { outputs: { out: "string" } },
    );
    expect(run(flow, { records: [0, 1, 0] }).outputs.out).toEqual(["b", "a", "b"]);
  });

  test("an output that is not declared comes with the nearest, and `set` beside `value` is told", () => {
    const wrong = flowOf(
      { o: { type: "output", to: "quot", value: 1, set: { a: 1 } } },
      { outputs: { quote: "any" } },
    );
    expect(problemsOf(wrong)).toEqual([
      "/nodes/o/value: `value` is the whole record, so `set` has nothing to work on; keep one",
      '/nodes/o/to: this flow declares no output "quot"; add it under `outputs`',
      '/outputs/quote: nothing fills the output "quote"; lead items to a node `{ type: output, to: quote }`, or remove it',
    ]);
  });

  test("a declared output that nothing fills is told; one that some way fills is fine", () => {
    const ends = flowOf({ a: { type: "calculate", value: 1, next: "end" } }, { outputs: { out: "any" } });
    expect(problemsOf(ends)).toEqual([
      '/outputs/out: nothing fills the output "out"; lead items to a node `{ type: output, to: out }`, or remove it',
    ]);
    const some = flowOf(
      {
        a: { type: "filter", when: "=item", results: { kept: "o", dropped: "end" } },
        o: { type: "output", to: "out" },
      },
      { outputs: { out: "any" } },
    );
    expect(problemsOf(some)).toEqual([]);
  });
});

describe("respond", () => {
  test("sets status, headers, content type and body", () => {
    const ended = run(
      responds({
        statusCode: "=item.code",
        headers: { "X-One": "=item.one", "X-Two": ["a", "b"], "X-None": null },
        contentType: "text/html",
        body: "<p>${item.one}</p>",
      }),
      { item: [{ code: 201, one: 1 }] },
    );
    expect(ended.response).toEqual({
      statusCode: 201,
      headers: { "X-One": "1", "X-Two": ["a", "b"] },
      contentType: "text/html",
      body: "<p>1</p>",
    });
  });

  test("the first item decides; without one the answer stays the usual one", () => {
    expect(run(responds({ body: "=item" }), { item: [1, 2] }).response).toEqual({ body: 1 });
    expect(run(responds({ body: "=item" }), { item: [] }).response).toBeUndefined();
  });

  test("of several records the first decides, also when it ends last", () => {
    expect(run(responds({ body: "=item" }), { records: [[], [2], [3]] }).response).toEqual({ body: 2 });
  });

  test("a record that failed has no say", () => {
    const flow = flowOf({
      say: { type: "respond", body: "=item", results: { ok: "check" } },
      check: {
        type: "filter",
        when: "=item = 1 ? $error('one') : true",
        results: { kept: "end", dropped: "end" },
      },
    });
    expect(run(flow, { records: [1, 2] }).response).toEqual({ body: 2 });
  });

  test.each([
    [{ statusCode: "=199" }, "response_status"],
    [{ statusCode: "=600" }, "response_status"],
    [{ statusCode: "=200.5" }, "response_status"],
    [{ statusCode: "='abc'" }, "response_status"],
    [{ headers: { "X-A": "=item.crlf" } }, "response_header"],
    [{ headers: "=item.crlfName" }, "response_header"],
    [{ headers: { "X-A": "={'a': 1}" } }, "response_header"],
    [{ headers: { "X-A": "='\\u20ac'" } }, "response_header"],
    [{ headers: "=5" }, "response_header"],
    [{ headers: "='no colon'" }, "response_header"],
    [{ headers: "='{ not json'" }, "response_header"],
    [{ contentType: "=item.crlf" }, "response_header"],
  ])("%j fails the record instead of being sent", (settings, code) => {
    const item = [{ crlf: "a\r\nSet-Cookie: b=1", crlfName: { "X\r\nY": "1" } }];
    expect(run(responds(settings), { item })).toMatchObject({ status: "Fail", failures: [{ code }] });
  });

  test.each([[{ statusCode: "=200" }], [{ statusCode: "=599" }], [{ statusCode: "='404'" }]])(
    "%j is sent",
    (settings) => {
      expect(run(responds(settings), { item: [0] }).status).toBe("Success");
    },
  );

  test("headers may be lines of text or JSON; those of the connection are passed over", () => {
    const sent = (headers: string) =>
      run(responds({ headers: "=item" }), { item: [headers] }).response?.headers;
    expect(sent("X-A: 1\r\nX-B:2\n\n")).toEqual({ "X-A": "1", "X-B": "2" });
    expect(sent('{"X-A":"1","Content-Length":"5"}')).toEqual({ "X-A": "1" });
  });

  test("a header called __proto__ is a header", () => {
    const { response } = run(responds({ headers: "=item" }), { item: ['{"__proto__":["1"]}'] });
    expect(JSON.stringify(response?.headers)).toBe('{"__proto__":["1"]}');
    expect(Object.getPrototypeOf(response?.headers)).toBe(Object.prototype);
  });

  test("a failure goes by `error` and not also by `ok`", () => {
    // say ─┬ ok ▶ out
    //      └ error ▶ bad
    const flow = flowOf(
      {
        say: { type: "respond", statusCode: "=item", results: { ok: "out", error: "bad" } },
        out: { type: "output", to: "out" },
        bad: { type: "output", to: "bad" },
      },
      { outputs: { out: "any", bad: "any" } },
    );
    expect(run(flow, { item: 7 }).outputs).toEqual({ out: [], bad: [7] });
    expect(run(flow, { item: 200 }).outputs).toEqual({ out: [200], bad: [] });
  });

  test("what is wrong already in the definition is told when the flow is applied", () => {
    expect(problemsOf(responds({}))[0]).toContain(
      "give at least one of statusCode, headers, contentType, body",
    );
    expect(problemsOf(responds({ statusCode: 199 }))).toHaveLength(1);
    expect(problemsOf(responds({ statusCode: "20x" }))).toEqual([
      "/nodes/say/statusCode: the answer's statusCode must be a whole number from 200 to 599",
    ]);
    expect(problemsOf(responds({ headers: { "a b": "1" } }))).toEqual([
      '/nodes/say/headers: "a b" is not a header name',
    ]);
    expect(problemsOf(responds({ contentType: "a\nb" }))).toHaveLength(1);
  });
});
