import { describe, expect, test } from "vitest";
import type { FlowSource } from "../../src/domain/flow";
import type { RunOutcome } from "../../src/domain/run";
import { StepStoreFailed } from "../../src/engine/errors";
import { FakeHost, settled } from "../support/fake-host";
import { Crash, FakeStepStore } from "../support/fake-step-store";
import { flowOf, start, type Trial, throughFlow } from "../support/trial";

/*
 * A durable run is killed after any of its steps and taken up again by a new process, which has nothing but the stored
 * steps. Whatever the step, no finished node runs again, and the run ends as if nothing had happened.
 */

/** Runs to the end, moving the clock on while anything waits. */
async function toTheEnd(source: FlowSource, trial: Trial, host: FakeHost): Promise<RunOutcome> {
  const { outcome } = start(source, { ...trial, host });
  if (outcome instanceof Promise) {
    let ended = false;
    const watched = outcome.finally(() => {
      ended = true;
    });
    for (let turn = 0; turn < 200 && !ended; turn += 1) {
      await host.advance(10);
      await settled();
    }
    return watched;
  }
  return outcome;
}

function hostWith(store: FakeStepStore): FakeHost {
  const host = new FakeHost();
  host.steps = store;
  return host;
}

/** Runs once whole, and then with a crash after each of its steps. */
async function survives(source: FlowSource, trial: Trial, slow: boolean): Promise<FakeStepStore> {
  const whole = new FakeStepStore({ slow });
  const expected = await toTheEnd(source, trial, hostWith(whole));
  expect(expected).toEqual(await toTheEnd(source, trial, new FakeHost()));
  for (let crashAfter = 0; crashAfter < whole.written.length; crashAfter += 1) {
    const store = new FakeStepStore({ slow });
    store.crashAfter = crashAfter;
    const host = hostWith(store);
    const lost = await toTheEnd(source, trial, host).catch((error: unknown) => error);
    expect(lost).toBeInstanceOf(StepStoreFailed);
    expect((lost as Error).cause).toBeInstanceOf(Crash);
    expect(host.reported).toEqual([]);
    const before = new Set(store.written);
    expect(before.size).toBe(crashAfter);

    // The store refuses a step that was finished before, so a repeat of one would fail the run.
    store.crashAfter = Number.POSITIVE_INFINITY;
    const again = await toTheEnd(source, trial, hostWith(store));
    expect(again).toEqual(expected);
    expect(new Set(store.written)).toEqual(new Set(whole.written));
  }
  return whole;
}

// split ─▶ judge ─┬ kept ▶ work ─┬ ok ▶ sum ▶ out
//                 └ dropped ▶ end └ error ▶ bad
const plain = throughFlow({
  split: { type: "split", over: "=item", results: { each: "judge" } },
  judge: { type: "filter", when: "=item != 0", results: { kept: "work", dropped: "end" } },
  work: {
    type: "calculate",
    value: "=item = 3 ? $error('three') : item * 2",
    results: { ok: "named", error: "bad" },
  },
  named: { type: "calculate", value: "=work + split", next: "sum" },
  sum: { type: "aggregate", set: { total: { sum: "=item" }, all: { collect: "=item" } }, next: "out" },
});

// outer [ wait → inner [ twice ↺ ] ↺ ] → out
const loops = throughFlow({
  outer: {
    type: "for-each",
    over: "=item",
    into: "lists",
    onError: "skip",
    do: {
      start: "wait",
      nodes: {
        wait: { type: "delay", for: 5, next: "inner" },
        inner: {
          type: "for-each",
          over: "=item",
          do: {
            start: "twice",
            nodes: {
              twice: { type: "calculate", value: "=item * 2 + outer.index + inner.index", next: "return" },
            },
          },
          next: "return",
        },
      },
    },
    next: "name",
  },
  name: { type: "calculate", value: "=item.lists", next: "out" },
});

const called = flowOf(
  {
    check: { type: "branch", cases: { bad: "=item < 0" }, results: { bad: "no", default: "out" } },
    no: { type: "error", message: "minus" },
    out: { type: "output", to: "out", set: { n: "=item" } },
  },
  { flow: "called", outputs: { out: { n: "number" } } },
);

// split → call ─┬ out ▶ again (the same flow once more) ▶ out
//               └ error ▶ bad
const calls = throughFlow({
  split: { type: "split", over: "=item", results: { each: "call" } },
  call: { type: "flow", flow: "called", results: { out: "again", error: "bad" } },
  again: { type: "flow", flow: "called", with: "=item.n + 1", results: { out: "out", error: "bad" } },
});

describe.each([
  ["at once", false],
  ["later", true],
])("a run whose store answers %s survives a crash after every step", (_, slow) => {
  test("with branches, failures and names of earlier nodes", async () => {
    const store = await survives(plain, { item: [1, 0, 2, 3] }, slow);
    expect(store.written).toEqual(
      ["split", "judge", "work", "bad", "named", "sum", "out"].toSorted(byOrder(store.written)),
    );
  });

  test("with loops in loops", async () => {
    const store = await survives(loops, { item: [[1, 2], [], [3]] }, slow);
    expect(store.written).toContain("outer[0.0.0]/inner[0.0.1]/twice");
  });

  test("with called flows", async () => {
    const store = await survives(calls, { flows: [called], item: [1, -1, 2] }, slow);
    expect(store.written).toContain("call>check");
    expect(store.written).toContain("again>check");
  });

  test("with several records, one of which fails", async () => {
    const flow = throughFlow({
      check: { type: "calculate", value: "=item = 2 ? $error('two') : item", next: "wait" },
      wait: { type: "delay", for: 5, next: "out" },
    });
    const store = await survives(flow, { records: [1, 2, 3] }, slow);
    expect(store.written).toEqual([
      "[0]/check",
      "[0]/wait",
      "[0]/out",
      "[1]/check",
      "[1]/wait",
      "[1]/out",
      "[2]/check",
      "[2]/wait",
      "[2]/out",
    ]);
  });

  test("with an answer of its own", async () => {
    const flow = flowOf({
      a: { type: "calculate", value: "=item", next: "say" },
      say: { type: "respond", body: "=a", statusCode: 202 },
    });
    await survives(flow, { item: { x: 1 } }, slow);
  });
});

test("where a run keeps steps or not, its nodes have the same names in messages and failures", async () => {
  const flow = throughFlow({
    check: { type: "calculate", value: "=item = 2 ? $error('two') : item", next: "out" },
  });
  const trial = { records: [1, 2] };
  const light = start(flow, trial);
  const durable = start(flow, { ...trial, host: hostWith(new FakeStepStore()) });
  expect(await durable.outcome).toEqual(await light.outcome);
  expect(durable.run.messages).toEqual(light.run.messages);
});

/** As another list orders them. */
function byOrder(order: readonly string[]) {
  return (a: string, b: string) => order.indexOf(a) - order.indexOf(b);
}
