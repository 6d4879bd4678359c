import { describe, expect, test } from "vitest";
import { MAX_DELAY_MS } from "../../src/domain/limits";
import { FakeHost } from "../support/fake-host";
import { flowOf, problemsOf, run, start, through, throughFlow } from "../support/trial";

describe("parse and format", () => {
  test.each([
    ["json", '{"a":1}', { a: 1 }],
    ["xml", "<a><b>1</b></a>", { a: { b: "1" } }],
    ["csv", "a,b\n1,2\n", [{ a: "1", b: "2" }]],
    ["form", "a=1&b=2", { a: "1", b: "2" }],
  ])("reads %s", (format, text, value) => {
    expect(through({ read: { type: "parse", format, next: "out" } }, { item: text }).outputs.out).toEqual([
      value,
    ]);
  });

  test("`from` says where the text is and `into` where the value goes", () => {
    const read = { type: "parse", format: "json", from: "=item.text", into: "value", next: "out" };
    expect(through({ read }, { item: { text: "[1]" } }).outputs.out).toEqual([{ text: "[1]", value: [1] }]);
  });

  test("a text that cannot be read leaves by `error` with the place of the mistake", () => {
    const read = { type: "parse", format: "json", results: { ok: "out", error: "bad" } };
    const { outputs } = through({ read }, { item: '{"a":}' });
    expect(outputs.bad).toMatchObject([{ code: "format_error", failed: expect.stringContaining("column") }]);
  });

  test.each([[null], [5], [{ a: 1 }]])("%j is no text to read", (item) => {
    expect(through({ read: { type: "parse", format: "json", next: "out" } }, { item })).toMatchObject({
      failures: [{ code: "not_text" }],
    });
  });

  test("writes what it reads", () => {
    // write → read → out
    const nodes = {
      write: { type: "format", format: "csv", options: { delimiter: ";" }, next: "read" },
      read: { type: "parse", format: "csv", options: { delimiter: ";" }, next: "out" },
    };
    expect(through(nodes, { item: [{ a: "x;y", b: '"' }] }).outputs.out).toEqual([[{ a: "x;y", b: '"' }]]);
  });

  test("a value that the notation cannot hold fails the item", () => {
    const write = { type: "format", format: "form", next: "out" };
    expect(through({ write }, { item: { a: { b: { c: 1 } } } }).status).toBe("Fail");
  });

  test("an unknown option comes with the nearest; an unknown format is told", () => {
    const wrong = (settings: Record<string, unknown>) =>
      problemsOf(throughFlow({ read: { type: "parse", ...settings, next: "out" } }));
    expect(wrong({ format: "csv", options: { delimeter: ";" } })[0]).toContain(
      '/nodes/read/options/delimeter: there is no setting "delimeter" here',
    );
    expect(wrong({ format: "yaml" })).toHaveLength(1);
  });
});

describe("debug", () => {
  test("adds a message with node, record and details, and passes the item on", () => {
    const flow = throughFlow({
      say: { type: "debug", message: "order ${item.id}", details: "=item", level: "info", next: "out" },
    });
    const ended = run(flow, { records: [{ id: 1 }, { id: 2 }] });
    expect(ended.outputs.out).toEqual([{ id: 1 }, { id: 2 }]);
    expect(ended.messages).toMatchObject([
      { level: "info", node: "say", record: 0, text: "order 1", details: '{"id":1}' },
      { level: "info", node: "say", record: 1, text: "order 2" },
    ]);
  });

  test("may end a way", () => {
    expect(problemsOf(flowOf({ say: { type: "debug" } }))).toEqual([]);
  });

  test("a message that fails fails its item", () => {
    expect(run(flowOf({ say: { type: "debug", message: "${1 + item}" } }), { item: "x" }).status).toBe(
      "Fail",
    );
  });
});

describe("error", () => {
  const stop = (settings: Record<string, unknown>) => flowOf({ stop: { type: "error", ...settings } });

  test("fails the record with its message and code", () => {
    expect(run(stop({ message: "no ${item.id}", code: "no_lines" }), { item: { id: 7 } })).toMatchObject({
      status: "Fail",
      message: "no 7",
      failures: [{ record: 0, code: "no_lines", message: "no 7", node: "stop" }],
    });
  });

  test("fails its record alone", () => {
    // which ─┬ bad ▶ stop
    //        └ default ▶ out
    const flow = flowOf(
      {
        which: { type: "branch", cases: { bad: "=item = 2" }, results: { bad: "stop", default: "out" } },
        stop: { type: "error", message: "two" },
        out: { type: "output", to: "out" },
      },
      { outputs: { out: "any" } },
    );
    expect(run(flow, { records: [1, 2, 3] })).toMatchObject({
      status: "Success",
      outputs: { out: [1, 3] },
      failures: [{ record: 1, message: "two" }],
    });
  });

  test("fails nothing when nothing comes to it", () => {
    const flow = flowOf({
      split: { type: "split", over: "=item", results: { each: "stop" } },
      stop: { type: "error", message: "x" },
    });
    expect(run(flow, { item: [] }).status).toBe("Success");
  });

  test("a message that fails itself fails the record all the same", () => {
    expect(run(stop({ message: "${1 + item}" }), { item: "x" })).toMatchObject({ status: "Fail" });
  });

  test("cannot be caught, and leads nowhere", () => {
    const caught = flowOf({ stop: { type: "error", message: "x", results: { error: "end" } } });
    expect(problemsOf(caught)).toEqual(['/nodes/stop/results/error: a node of type "error" has no results']);
  });
});

describe("delay", () => {
  const wait = (settings: Record<string, unknown>) =>
    throughFlow({
      split: { type: "split", over: "=item", results: { each: "wait" } },
      wait: { type: "delay", ...settings, results: { ok: "out", error: "bad" } },
    });

  test("holds its items and passes them on", async () => {
    const host = new FakeHost();
    const { outcome } = start(wait({ for: "500ms" }), { item: [1, 2], host });
    await host.advance(499);
    expect(host.sleeping).toBe(1);
    await host.advance(1);
    expect((await outcome).outputs.out).toEqual([1, 2]);
  });

  test("the longest of the items counts", async () => {
    const host = new FakeHost();
    const { outcome } = start(wait({ for: "=item" }), { item: [10, "2s", 30], host });
    await host.advance(2_000);
    expect(host.slept).toEqual([2_000]);
    expect((await outcome).outputs.out).toHaveLength(3);
  });

  test("nothing to wait for, nothing waits", () => {
    expect(run(wait({ for: "=0" }), { item: [1] }).outputs.out).toEqual([1]);
    expect(run(wait({ for: "5s" }), { item: [] }).outputs.out).toEqual([]);
  });

  test.each([
    ["soon", "not_a_duration"],
    [-1, "not_a_duration"],
    [MAX_DELAY_MS + 1, "delay_too_long"],
  ])("%j is no delay: the item leaves by `error`", (item, code) => {
    expect(run(wait({ for: "=item" }), { item: [item] }).outputs.bad).toMatchObject([{ code }]);
  });

  describe("until", () => {
    const now = new FakeHost().time;
    const iso = (ms: number) => new Date(ms).toISOString();

    test.each([
      [now + 500, 500],
      [iso(now + 2_000), 2_000],
      [iso(now + 3_000).replace("Z", "+00:00"), 3_000],
    ])("%j is waited for", async (moment, ms) => {
      const host = new FakeHost();
      const { outcome } = start(wait({ until: "=item" }), { item: [moment], host });
      await host.advance(ms);
      expect(host.slept).toEqual([ms]);
      expect((await outcome).outputs.out).toEqual([moment]);
    });

    test("the latest of the items counts, and one that has passed holds nothing", async () => {
      const host = new FakeHost();
      const { outcome } = start(wait({ until: "=item" }), { item: [now + 10, now + 30, now - 5], host });
      await host.advance(30);
      expect(host.slept).toEqual([30]);
      expect((await outcome).outputs.out).toHaveLength(3);
      expect(run(wait({ until: "=item" }), { item: [now, "1970-01-01"] }).outputs.out).toHaveLength(2);
      expect(run(wait({ until: "1970-01-01" }), { item: [1] }).outputs.out).toEqual([1]);
    });

    test.each([
      ["soon", "not_a_moment"],
      ["2026-12-24T18:00:00", "not_a_moment"],
      ["2026-02-30", "not_a_moment"],
      [null, "not_a_moment"],
      [9e15, "not_a_moment"],
      [now + MAX_DELAY_MS + 1, "delay_too_long"],
    ])("%j is no moment to wait for", (item, code) => {
      expect(run(wait({ until: "=item" }), { item: [item] }).outputs.bad).toMatchObject([{ code }]);
    });

    test("what is wrong is told when the flow is applied", () => {
      expect(problemsOf(wait({ until: "tomorrow" }))[0]).toContain("with its offset");
      expect(problemsOf(wait({ until: "2026-12-24" }))).toEqual([]);
      expect(problemsOf(wait({}))[0]).toContain("either `for` or `until`");
      expect(problemsOf(wait({ for: "1s", until: 5 }))[0]).toContain("either `for` or `until`");
    });
  });

  test("a delay longer than allowed, or none, is told when the flow is applied", () => {
    expect(problemsOf(wait({ for: "32d" }))).toHaveLength(1);
    expect(problemsOf(wait({ for: "31d" }))).toEqual([]);
    expect(problemsOf(wait({ for: "soon" }))).toHaveLength(1);
  });
});
