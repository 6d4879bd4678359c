import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Json } from "../../src/domain/json";
import { FakeHost } from "../support/fake-host";
import { FakeStepStore } from "../support/fake-step-store";
import { flowOf, start } from "../support/trial";

/*
 * Random flows of pure nodes. Each node is one of a few kinds, leads to one to three later nodes by each result, and the
 * last is an output, so that every graph is acyclic and every node reached.
 */

const KINDS = ["change", "filter", "split", "sort", "sum", "branch"] as const;

interface Choice {
  kind: (typeof KINDS)[number];
  /** How far ahead its results lead. */
  jumps: number[];
}

const choices = fc.array(
  fc.record<Choice>({
    kind: fc.constantFrom(...KINDS),
    jumps: fc.array(fc.nat(4), { minLength: 1, maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 12 },
);
const items = fc.array(fc.record({ n: fc.integer({ min: -5, max: 5 }) }), { maxLength: 6 });

function node({ kind }: Choice, to: string[]): Record<string, unknown> {
  const [first] = to;
  switch (kind) {
    case "change":
      return { type: "calculate", set: { n: "=item.n + 1", "seen.x": "=item.n" }, drop: ["gone"], next: to };
    case "filter":
      return { type: "filter", when: "=item.n > 0", results: { kept: to, dropped: first } };
    case "split":
      return { type: "split", over: "=[item, item]", results: { each: to } };
    case "sort":
      return { type: "sort", by: "=item.n", next: to };
    case "sum":
      return { type: "aggregate", set: { n: { sum: "=item.n" } }, next: to };
    default:
      return {
        type: "branch",
        match: "all",
        cases: { even: "=item.n % 2 = 0", low: "=item.n < 0" },
        results: { even: first, low: to, default: first },
      };
  }
}

/** n0 → n1, and whatever else the choices say; each node leads to the one after it, so that all are reached. */
function randomFlow(chosen: Choice[]) {
  const nodes: Record<string, Record<string, unknown>> = {};
  for (const [index, choice] of chosen.entries()) {
    const name = (at: number) => (at >= chosen.length ? "out" : `n${at}`);
    const to = new Set([name(index + 1), ...choice.jumps.map((jump) => name(index + 1 + jump))]);
    nodes[`n${index}`] = node(choice, [...to]);
  }
  nodes.out = { type: "output", to: "out" };
  return flowOf(nodes, { outputs: { out: "any" }, endpoint: { records: "$" } });
}

function frozen<T extends Json>(value: T): T {
  if (typeof value === "object" && value !== null) {
    Object.freeze(value);
    for (const inner of Object.values(value)) frozen(inner as Json);
  }
  return value;
}

describe("any flow of pure nodes", () => {
  test("runs every node at most once, after all that lead to it, and changes no item", () => {
    fc.assert(
      fc.property(choices, items, (chosen, records) => {
        const flow = randomFlow(chosen);
        const host = new FakeHost();
        const store = new FakeStepStore();
        host.steps = store;
        const { outcome } = start(flow, { records: frozen(records as Json[]) as Json[], host });
        expect(outcome).toMatchObject({ status: expect.stringMatching(/^(Success|Fail)$/) });
        expect(new Set(store.written).size).toBe(store.written.length);
        for (const index of records.keys()) {
          const steps = store.written.filter((path) => path.startsWith(`[${index}]/`));
          const place = (name: string) => steps.indexOf(`[${index}]/${name}`);
          for (const at of chosen.keys()) {
            const after = at + 1 === chosen.length ? "out" : `n${at + 1}`;
            if (place(after) >= 0 && place(`n${at}`) >= 0) expect(place(`n${at}`)).toBeLessThan(place(after));
          }
        }
        expect(host.reported).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  test("gives the same outcome each time, with or without stored steps, and without a promise", () => {
    fc.assert(
      fc.property(choices, items, (chosen, records) => {
        const flow = randomFlow(chosen);
        const host = new FakeHost();
        host.steps = new FakeStepStore();
        const { outcome } = start(flow, { records });
        expect(outcome).not.toBeInstanceOf(Promise);
        expect(start(flow, { records }).outcome).toEqual(outcome);
        expect(start(flow, { records, host }).outcome).toEqual(outcome);
      }),
      { numRuns: 100 },
    );
  });

  test("keeps the order of records: together they return what each returns alone, one after the other", () => {
    fc.assert(
      fc.property(choices, items, (chosen, records) => {
        const flow = randomFlow(chosen);
        const returned = (given: Json[]): Json[] => {
          const { outcome } = start(flow, { records: given });
          return (outcome as { outputs: Record<string, Json[]> }).outputs.out ?? [];
        };
        expect(returned(records)).toEqual(records.flatMap((record) => returned([record])));
      }),
      { numRuns: 100 },
    );
  });
});
