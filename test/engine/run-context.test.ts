import { describe, expect, test } from "vitest";
import {
  MAX_ITEMS,
  MAX_MESSAGE_CHARS,
  MAX_MESSAGE_DETAIL_CHARS,
  MAX_RUN_FUEL,
  MAX_RUN_MESSAGES,
} from "../../src/domain/limits";
import { RunStopped } from "../../src/engine/errors";
import { newMessage } from "../../src/engine/run-context";
import { FakeHost } from "../support/fake-host";
import { flowOf, run, start, through, throughFlow } from "../support/trial";

const many = (count: number) => ({ type: "split", over: `=[1..${count}]`, results: { each: "next" } });

describe("what a run may spend", () => {
  test("steps: an expression without end stops the run, routed or not", () => {
    const nodes = {
      a: {
        type: "calculate",
        value: "=($f := function($x){$f($x)}; $f(1))",
        results: { ok: "out", error: "out" },
      },
    };
    const ended = through(nodes);
    expect(ended).toMatchObject({ status: "Fail", failures: [{ record: -1, code: "fuel_exhausted" }] });
  });

  test("steps: loops of nodes that compute nothing end, too", () => {
    const inside = (depth: number): Record<string, unknown> => ({
      type: "for-each",
      over: "=input.json",
      do: {
        start: `n${depth}`,
        nodes: {
          [`n${depth}`]:
            depth === 4
              ? { type: "calculate", value: 1, next: "return" }
              : { ...inside(depth + 1), next: "return" },
        },
      },
    });
    const flow = throughFlow({ top: { ...inside(1), next: "out" } });
    const ended = run(flow, { input: { json: Array.from({ length: 100 }, () => 0) } });
    expect(ended.status).toBe("Fail");
    expect(ended.message).toContain("MAX_RUN_FUEL");
  });

  test("items: a node emits as many as allowed, and not one more", () => {
    expect(
      through({
        s: { ...many(MAX_ITEMS), results: { each: "count" } },
        count: { type: "aggregate", set: { n: { count: true } }, next: "out" },
      }).outputs.out,
    ).toEqual([{ n: MAX_ITEMS }]);
    const ended = through({ s: { ...many(MAX_ITEMS + 1), results: { each: "out" } } });
    expect(ended).toMatchObject({ status: "Fail", failures: [{ record: -1, code: "too_many_items" }] });
    expect(ended.message).toContain("MAX_ITEMS");
  });

  test("items: a merge that multiplies is stopped before it has made them", () => {
    // a ─┬▶ m.left
    //    └▶ m.right   every item with every other
    const nodes = {
      a: { type: "split", over: "=[1..400]", results: { each: ["m.left", "m.right"] } },
      m: { type: "merge", on: { left: "=1", right: "=1" }, results: { matched: "out" } },
    };
    expect(through(nodes)).toMatchObject({ status: "Fail", failures: [{ code: "too_many_items" }] });
  });

  test("items: a loop that collects too many is stopped", () => {
    const nodes = {
      each: {
        type: "for-each",
        over: "=[1..3]",
        do: {
          start: "s",
          nodes: { s: { type: "split", over: `=[1..${MAX_ITEMS / 2}]`, results: { each: "return" } } },
        },
        next: "out",
      },
    };
    expect(through(nodes)).toMatchObject({ status: "Fail", failures: [{ code: "too_many_items" }] });
  });

  test("a run that is stopped takes what runs beside it along", async () => {
    const host = new FakeHost();
    const nodes = {
      wait: { type: "delay", for: "=item", next: "burn" },
      burn: {
        type: "calculate",
        value: "=item = 10 ? ($f := function($x){$f($x)}; $f(1)) : item",
        next: "out",
      },
    };
    const { outcome } = start(throughFlow(nodes), { host, records: [10, 50_000], concurrency: 2 });
    await host.advance(10);
    expect(await outcome).toMatchObject({ status: "Fail", failures: [{ code: "fuel_exhausted" }] });
    expect(host.sleeping).toBe(0);
  });
});

describe("cancelling", () => {
  test("a waiting run ends at once as cancelled", async () => {
    const host = new FakeHost();
    const { run: context, outcome } = start(throughFlow({ w: { type: "delay", for: "1m", next: "out" } }), {
      host,
    });
    context.stop(new RunStopped("cancelled", "cancelled", "an operator stopped it"));
    expect(await outcome).toMatchObject({ status: "Cancelled", message: "an operator stopped it" });
    expect(host.sleeping).toBe(0);
    expect(context.signal.aborted).toBe(true);
  });

  test("the first reason stays", () => {
    const { run: context } = start(flowOf({ a: { type: "debug" } }));
    context.stop(new RunStopped("cancelled", "cancelled", "first"));
    context.stop(new RunStopped("timeout", "timeout", "second"));
    expect(() => context.check()).toThrow("first");
  });
});

describe("messages", () => {
  test("a run keeps so many and says how many were left out", () => {
    const count = MAX_RUN_MESSAGES + 3;
    const { messages } = through({ s: many(count), next: { type: "debug", next: "out" } });
    expect(messages).toHaveLength(MAX_RUN_MESSAGES + 1);
    expect(messages.at(-1)).toMatchObject({
      level: "warning",
      text: `3 more messages were left out: a run keeps ${MAX_RUN_MESSAGES} (MAX_RUN_MESSAGES)`,
    });
    expect(
      through({ s: many(MAX_RUN_MESSAGES), next: { type: "debug", next: "out" } }).messages,
    ).toHaveLength(MAX_RUN_MESSAGES);
  });

  test("are cut with their full length told", () => {
    const cut = newMessage(1, "info", "x".repeat(MAX_MESSAGE_CHARS + 1), {
      details: "y".repeat(MAX_MESSAGE_DETAIL_CHARS + 5),
    });
    expect(cut.text).toHaveLength(MAX_MESSAGE_CHARS);
    expect(cut).toMatchObject({
      textLength: MAX_MESSAGE_CHARS + 1,
      detailsLength: MAX_MESSAGE_DETAIL_CHARS + 5,
    });
    const whole = newMessage(1, "info", "x".repeat(MAX_MESSAGE_CHARS), { details: { a: 1 } });
    expect(whole).toEqual({ at: 1, level: "info", text: "x".repeat(MAX_MESSAGE_CHARS), details: '{"a":1}' });
  });

  test("$debug() adds one and yields its value", () => {
    const { messages, outputs } = through(
      {
        a: {
          type: "calculate",
          value: "=$debug(item.x) + $debug('text', 1)",
          results: { ok: "out", error: "bad" },
        },
      },
      { item: { x: 2 } },
    );
    expect(messages).toMatchObject([
      { level: "debug", text: "debug", details: "2", node: "a", record: 0 },
      { level: "debug", text: "text", node: "a" },
    ]);
    expect(outputs.bad).toHaveLength(1);
  });

  test("$error() fails the item with its words, and can be caught", () => {
    const stop = { type: "calculate", value: "=$error('no lines in ' & item)" };
    expect(through({ a: { ...stop, next: "out" } }, { item: "7" })).toMatchObject({
      status: "Fail",
      message: "no lines in 7",
      failures: [{ code: "flow_error" }],
    });
    expect(
      through({ a: { ...stop, results: { ok: "out", error: "bad" } } }, { item: "7" }).outputs.bad,
    ).toMatchObject([{ failed: "no lines in 7" }]);
  });
});

test("fuel is one meter for the whole run", () => {
  const { run: context } = start(throughFlow({ a: { type: "calculate", value: "=item", next: "out" } }), {
    item: 1,
  });
  const used = MAX_RUN_FUEL - context.evaluation.meter.fuel;
  expect(used).toBeGreaterThan(0);
  expect(used).toBeLessThan(200);
});

test("the deadline is kept inside an expression that would go on for long", () => {
  const host = new FakeHost();
  host.tick = 10;
  const endless = throughFlow({
    a: {
      type: "calculate",
      value: "=($f := function($x){$f($x)}; $f(1))",
      results: { ok: "out", error: "out" },
    },
  });
  const ended = run(endless, { item: 1, host, timeout: 100 });
  expect(ended).toMatchObject({ status: "Timeout", failures: [{ record: -1, code: "timeout" }] });
});
