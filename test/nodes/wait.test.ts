import { describe, expect, test } from "vitest";
import type { Json } from "../../src/domain/json";
import { MAX_DELAY_MS } from "../../src/domain/limits";
import type { CallbackNotice } from "../../src/engine/callback-port";
import { FakeHost } from "../support/fake-host";
import { flowOf, problemsOf, run, throughFlow } from "../support/trial";

/** Calls come as soon as they are waited for, or never. */
class CalledHost extends FakeHost {
  readonly waited: [string, number, CallbackNotice][] = [];
  readonly callbacks = {
    url: (step: string) => `https://sluice.test/callback/${step}`,
    wait: (step: string, ms: number, notice: CallbackNotice): Json | undefined => {
      this.waited.push([step, ms, notice]);
      return this.call;
    },
  };
  readonly call: Json | undefined;

  constructor(call?: Json) {
    super();
    this.call = call;
  }
}

// wait ─┬ ok ▶ out
//       ├ timeout ▶ late ▶ out
//       └ error ▶ bad
const waiting = (settings: Record<string, unknown> = {}, more: Record<string, unknown> = {}) =>
  throughFlow(
    {
      hold: { type: "wait", results: { ok: "out", timeout: "late", error: "bad" }, ...settings },
      late: { type: "calculate", set: { late: true }, next: "out" },
    },
    { endpoint: { mode: "async" }, ...more },
  );

describe("wait", () => {
  test("puts what the call brought into its items", () => {
    const ended = (settings: object, item: Json) =>
      run(waiting(settings as Record<string, unknown>), {
        item,
        host: new CalledHost({ json: { yes: true } }),
      }).outputs.out;
    expect(ended({}, { n: 1 })).toEqual([{ n: 1, callback: { json: { yes: true } } }]);
    expect(ended({ into: "answer" }, 5)).toEqual([{ item: 5, answer: { json: { yes: true } } }]);
  });

  test("leaves by `timeout` when nobody called, and says so", () => {
    const ended = run(waiting({ timeout: "2h" }), { item: { n: 1 }, host: new CalledHost() });
    expect(ended.outputs.out).toEqual([{ n: 1, late: true }]);
    expect(ended.messages).toMatchObject([
      { level: "warning", node: "hold", text: "Nobody called back within 7200000 ms" },
    ]);
  });

  test("one callback for all of its items; the longest time counts, the first item says what it is about", () => {
    const host = new CalledHost({ body: "x" });
    const flow = throughFlow(
      {
        split: { type: "split", over: "=item", results: { each: "hold" } },
        hold: {
          type: "wait",
          timeout: "=item",
          about: "Wait ${item}?",
          reveal: true,
          results: { ok: "out", timeout: "end", error: "bad" },
        },
      },
      { endpoint: { mode: "async" } },
    );
    expect(run(flow, { item: [10, "2s", "soon", MAX_DELAY_MS + 1], host }).outputs).toMatchObject({
      out: [{ item: 10 }, { item: "2s" }],
      bad: [{ code: "not_a_duration" }, { code: "not_a_duration" }],
    });
    expect(host.waited).toEqual([["hold", 2_000, { about: "Wait 10?", reveal: true }]]);
    expect(run(flow, { item: [], host }).outputs.out).toEqual([]);
    expect(host.waited).toHaveLength(1);
  });

  test("its URL is under `run.callbacks`, also for loops and called flows", () => {
    const inner = flowOf(
      {
        tell: { type: "calculate", set: { inner: "=run.callbacks.hold" }, next: "hold" },
        hold: { type: "wait", results: { ok: "out", timeout: "end" } },
        out: { type: "output", to: "out" },
      },
      { flow: "inner", outputs: { out: "any" } },
    );
    const flow = throughFlow(
      {
        each: {
          type: "for-each",
          over: "=[1]",
          into: "urls",
          do: {
            start: "one",
            nodes: { one: { type: "calculate", value: "=run.callbacks.approve", next: "return" } },
          },
          next: "call",
        },
        call: { type: "flow", flow: "inner", results: { out: "approve" } },
        approve: { type: "wait", results: { ok: "out", timeout: "end" } },
      },
      { endpoint: { mode: "async" } },
    );
    const host = new CalledHost({});
    expect(run(flow, { item: {}, flows: [inner], host }).outputs.out).toMatchObject([
      {
        urls: ["https://sluice.test/callback/approve"],
        inner: "https://sluice.test/callback/call>hold",
      },
    ]);
    expect(host.waited.map(([step]) => step)).toEqual(["call>hold", "approve"]);
  });

  test("a run in memory cannot wait: its items fail", () => {
    expect(run(waiting(), { item: 1, host: new FakeHost() }).outputs.bad).toMatchObject([
      { code: "not_durable" },
    ]);
  });

  test("what is wrong is told when the flow is applied", () => {
    expect(problemsOf(waiting())).toEqual([]);
    expect(problemsOf(waiting({}, { endpoint: { onTimeout: "handoff" } }))).toEqual([]);
    expect(problemsOf(waiting({}, { endpoint: undefined }))).toEqual([]);
    expect(problemsOf(waiting({}, { endpoint: {} }))[0]).toMatch(
      /^\/nodes\/hold: a run of this flow ends with its call/,
    );
    expect(problemsOf(waiting({ timeout: "32d" }))).toHaveLength(1);
    const reads = (name: string) =>
      problemsOf(
        throughFlow(
          {
            tell: { type: "calculate", set: { url: `=run.callbacks.${name}` }, next: "hold" },
            hold: { type: "wait", results: { ok: "out", timeout: "end" } },
          },
          { endpoint: { mode: "async" } },
        ),
      );
    expect(reads("hold")).toEqual([]);
    expect(reads("hodl")[0]).toContain("hodl");
    const loop = { start: "in", nodes: { in: { type: "wait", results: { ok: "return", timeout: "end" } } } };
    const inside = throughFlow({ each: { type: "for-each", over: "=item", do: loop, next: "out" } });
    expect(problemsOf(inside)[0]).toContain("cannot stand inside a loop");
  });
});
