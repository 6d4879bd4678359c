import { describe, expect, it } from "vitest";
import { z } from "zod";
import { after } from "../../src/engine/maybe-promise";
import { defineNode } from "../../src/nodes/define-node";
import { FakeHost } from "../support/fake-host";
import { Crash, FakeStepStore } from "../support/fake-step-store";
import { flowOf, runLater } from "../support/trial";

/*
 *   split ──▶ call (one effect an item) ──▶ out
 */
function flowWithEffects(effect: (key: string) => number) {
  const call = defineNode({
    type: "call",
    summary: "Calls.",
    example: { type: "call", next: "end" },
    config: z.strictObject({}),
    effects: "item",
    results: () => [{ name: "ok", description: "Done." }],
    prepare: () => ({}),
    run: (node) =>
      after(
        node.each(node.items, (item, index) =>
          after(
            node.once(String(index), async (key) => effect(key)),
            (answer) => node.emit("ok", [node.derive(item, answer)]),
          ),
        ),
        () => undefined,
      ),
  });
  const flow = flowOf(
    {
      split: { type: "split", over: "=[1, 2, 3]", next: "call" },
      call: { type: "call", next: "out" },
      out: { type: "output", to: "out" },
    },
    { outputs: { out: "any" } },
  );
  return { flow, types: [call] as never };
}

describe("an effect", () => {
  it("is done for each item, with a key that tells them apart", async () => {
    const keys: string[] = [];
    const { flow, types } = flowWithEffects((key) => keys.push(key));
    expect((await runLater(flow, { types })).outputs.out).toEqual([1, 2, 3]);
    expect(keys).toEqual(["run-1/call/0", "run-1/call/1", "run-1/call/2"]);
  });

  it("that was stored is not done again when the run is taken up, and gives the same answer", async () => {
    const steps = new FakeStepStore();
    const keys: string[] = [];
    let dies = true;
    const { flow, types } = flowWithEffects((key) => {
      if (dies && keys.length === 2) throw new Crash();
      return keys.push(key) * 10;
    });
    const host = new FakeHost();
    host.steps = steps;
    // The third effect fails; its record fails with it, and nothing of the step is kept.
    steps.crashAfter = 1;
    await expect(runLater(flow, { types, host })).rejects.toThrow();
    dies = false;
    steps.crashAfter = Number.POSITIVE_INFINITY;
    const again = new FakeHost();
    again.steps = steps;
    expect((await runLater(flow, { types, host: again })).outputs.out).toEqual([10, 20, 30]);
    expect(keys).toEqual(["run-1/call/0", "run-1/call/1", "run-1/call/2"]);
  });
});
