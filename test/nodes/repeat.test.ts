import { describe, expect, test } from "vitest";
import { MAX_TURNS } from "../../src/domain/limits";
import { FakeHost } from "../support/fake-host";
import { FakeStepStore } from "../support/fake-step-store";
import { problemsOf, run, runLater, start, through, throughFlow } from "../support/trial";

type Nodes = Record<string, Record<string, unknown>>;

// again [ inside ↺ return ] ─┬ ok ▶ out
//                            ├ exhausted ▶ spent ▶ out
//                            └ error ▶ bad
const loop = (settings: Record<string, unknown>, nodes?: Nodes): Nodes => ({
  again: {
    type: "repeat",
    do: {
      start: "step",
      nodes: nodes ?? { step: { type: "calculate", set: { n: "=item.n + 1" }, next: "return" } },
    },
    results: { ok: "out", exhausted: "spent", error: "bad" },
    ...settings,
  },
  spent: { type: "calculate", set: { spent: true }, next: "out" },
});

describe("repeat", () => {
  test("takes turns until the condition holds; each takes what the one before returned", () => {
    expect(through(loop({ until: "=item.n >= 3" }), { item: { n: 0 } }).outputs.out).toEqual([{ n: 3 }]);
  });

  test("the condition is looked at after a turn, so there is one at the least", () => {
    expect(through(loop({ until: "=true" }), { item: { n: 7 } }).outputs.out).toEqual([{ n: 8 }]);
  });

  test("leaves by `exhausted` when the bound is reached, with what the last turn returned", () => {
    const ended = (max: number) =>
      through(loop({ until: "=item.n >= 3", max }), { item: { n: 0 } }).outputs.out;
    expect(ended(2)).toEqual([{ n: 2, spent: true }]);
    expect(ended(3)).toEqual([{ n: 3 }]);
  });

  test("inside, its name gives the turn and the item that came; names before it are visible", () => {
    const nodes = {
      before: { type: "calculate", set: { tag: "t" }, next: "again" },
      ...loop(
        { until: "=item.turn = 2 and before.tag = 't'" },
        {
          step: {
            type: "calculate",
            value: { turn: "=again.turn", came: "=again.item.n", tag: "=before.tag" },
            next: "return",
          },
        },
      ),
    };
    expect(through(nodes, { item: { n: 5 } }).outputs.out).toEqual([{ turn: 2, came: 5, tag: "t" }]);
  });

  test("a turn that returns nothing leaves the item as it is; one that returns several fails it", () => {
    const nothing = { step: { type: "filter", when: "=false", results: { kept: "return", dropped: "end" } } };
    expect(through(loop({ until: "=item.n = 1", max: 2 }, nothing), { item: { n: 1 } }).outputs.out).toEqual([
      { n: 1 },
    ]);
    const several = { step: { type: "split", over: "=[1,2]", results: { each: "return" } } };
    expect(through(loop({ until: "=true" }, several), { item: 1 }).outputs.bad).toMatchObject([
      { code: "several_returned", failed: expect.stringContaining("turn 1 returned 2 items") },
    ]);
  });

  test("a turn that fails fails the item, with its number; so does a failing condition", () => {
    const step = {
      step: { type: "calculate", value: "=again.turn = 2 ? $error('no') : item", next: "return" },
    };
    expect(through(loop({ until: "=false" }, step), { item: 1 }).outputs.bad).toMatchObject([
      { code: "flow_error", failed: "turn 2: no" },
    ]);
    expect(through(loop({ until: "=$error('why')" }), { item: { n: 1 } }).outputs.bad).toMatchObject([
      { failed: "why" },
    ]);
  });

  test("each item takes its own turns", () => {
    const flow = throughFlow({
      split: { type: "split", over: "=item", results: { each: "again" } },
      ...loop({ until: "=item.n >= 3", max: 2 }),
    });
    expect(run(flow, { item: [{ n: 0 }, { n: 1 }, { n: 2 }] }).outputs.out).toEqual(
      expect.arrayContaining([{ n: 2, spent: true }, { n: 3 }, { n: 3 }]),
    );
    expect(run(flow, { item: [] }).outputs.out).toEqual([]);
  });

  test("pauses grow by the factor, up to the longest, and there is none before the first turn or after the last", async () => {
    const host = new FakeHost();
    const backoff = { wait: "100ms", factor: 3, longest: "500ms" };
    const { outcome } = start(throughFlow(loop({ until: "=false", max: 5, backoff })), {
      item: { n: 0 },
      host,
    });
    await host.advance(1_400);
    expect(host.slept).toEqual([100, 300, 500, 500]);
    expect((await outcome).outputs.out).toEqual([{ n: 5, spent: true }]);
  });

  test("the run's deadline ends it in a pause", async () => {
    const host = new FakeHost();
    const { outcome } = start(throughFlow(loop({ until: "=false", max: 5, backoff: { wait: "10s" } })), {
      item: { n: 0 },
      host,
      timeout: 50,
    });
    host.time += 50;
    await new Promise((resolve) => setTimeout(resolve, 80));
    expect(await outcome).toMatchObject({ status: "Timeout" });
  });

  test("many turns take no stack, whether they wait or not", async () => {
    const settings = { until: "=item.n = 1000", max: MAX_TURNS };
    expect(through(loop(settings), { item: { n: 0 } }).outputs.out).toEqual([{ n: 1_000 }]);
    const host = new FakeHost();
    host.delay = () => Promise.resolve();
    const ended = await runLater(throughFlow(loop({ ...settings, backoff: { wait: 1 } })), {
      item: { n: 0 },
      host,
    });
    expect(ended.outputs.out).toEqual([{ n: 1_000 }]);
  });

  test("a turn's steps are its own, and those of finished turns are not done again", () => {
    const store = new FakeStepStore();
    const host = new FakeHost();
    host.steps = store;
    const flow = throughFlow(loop({ until: "=item.n >= 3" }));
    expect(run(flow, { item: { n: 0 }, host }).outputs.out).toEqual([{ n: 3 }]);
    const steps = ["again[0.0.0]/step", "again[0.0.1]/step", "again[0.0.2]/step", "again", "out"];
    expect(store.written).toEqual(steps);
    for (const step of steps.slice(1)) store.steps.delete(step);
    store.written.length = 0;
    expect(run(flow, { item: { n: 0 }, host }).outputs.out).toEqual([{ n: 3 }]);
    expect(store.written).toEqual(steps.slice(1));
  });

  test("what is wrong is told when the flow is applied", () => {
    const wrong = (settings: Record<string, unknown>) => problemsOf(throughFlow(loop(settings)));
    expect(wrong({ until: "=true", max: MAX_TURNS })).toEqual([]);
    expect(wrong({ until: "=true", max: MAX_TURNS + 1 })[0]).toContain(
      "/nodes/again/max: at most 1000 turns",
    );
    expect(wrong({ until: "=true", max: 0 })).toHaveLength(1);
    expect(wrong({ until: "item.n" })[0]).toContain('an expression starts with "="');
    expect(wrong({})[0]).toContain("/nodes/again/until");
    expect(wrong({ until: "=true", backoff: { wait: "1s", factor: 0.5 } })).toHaveLength(1);
    expect(wrong({ until: "=true", results: { ok: "out", error: "bad" } })[0]).toContain(
      'the result "exhausted" leads nowhere',
    );
  });
});
