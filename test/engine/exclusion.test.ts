import { describe, expect, it } from "vitest";
import type { ExclusionSettings } from "../../src/domain/exclusion-group";
import { groupOf } from "../../src/engine/exclusion";
import { RunContext } from "../../src/engine/run-context";
import { FakeHost } from "../support/fake-host";
import { FakeInput } from "../support/fake-input";
import { flowOf, planOf, problemsOf } from "../support/trial";

function flow(exclusion: ExclusionSettings) {
  return flowOf(
    { log: { type: "debug", message: "x", next: "end" } },
    {
      endpoint: { anonymous: true, exclusion },
    },
  );
}

function group(exclusion: ExclusionSettings, input: Record<string, unknown> = {}): string | undefined {
  const plan = planOf(flow(exclusion));
  if (plan.exclusion === undefined) return undefined;
  const host = new FakeHost();
  const start = { id: "r", trigger: "action", user: "system", input: new FakeInput(input), host } as const;
  return groupOf(plan.exclusion, new RunContext({ ...start, startedAt: 0, deadline: 1 }));
}

describe("the group of a request", () => {
  it("is a name, an expression's value or a filled template, in lower case", () => {
    expect(group("Reports")).toBe("reports");
    expect(group("='Order-' & input.json.id", { json: { id: 7 } })).toBe("order-7");
    expect(group({ group: "Customer ${input.query.c}", onBusy: "queue" }, { query: { c: "Ann" } })).toBe(
      "customer ann",
    );
  });

  it("may be a number or a boolean, as text", () => {
    expect(group("=input.json.id", { json: { id: 7 } })).toBe("7");
    expect(group("=input.json.id", { json: { id: false } })).toBe("false");
  });

  it("is none where nothing is named", () => {
    expect(group("  ")).toBeUndefined();
    expect(group("=input.json.id", { json: {} })).toBeUndefined();
    expect(group("=input.json.id", { json: { id: null } })).toBeUndefined();
  });

  it("is never a list or an object", () => {
    expect(() => group("=input.json.id", { json: { id: [1, 2] } })).toThrow("not a list");
    expect(() => group("=input.json.id", { json: { id: { a: 1 } } })).toThrow("not an object");
  });
});

describe("when a flow is applied", () => {
  it("anything but fields of the input is reported at the setting", () => {
    for (const source of ["=log.x", "=item.x", "=last.x", "=run.id", "=input", "=$keys($$)"]) {
      expect(problemsOf(flow(source))).toEqual([
        expect.stringMatching(/^\/endpoint\/exclusion: the group is settled before the run begins/),
      ]);
    }
    expect(problemsOf(flow({ group: "${run.id}", onBusy: "reject" }))).toEqual([
      expect.stringMatching(/^\/endpoint\/exclusion\/group: /),
    ]);
  });

  it("expressions that cannot be compiled and misspelt fields are reported too", () => {
    expect(problemsOf(flow("=input.json.("))).toHaveLength(1);
    expect(problemsOf(flow("=input.jsn.id"))).toEqual([expect.stringContaining("jsn")]);
    expect(problemsOf(flow({ group: "order ${input.json.id", onBusy: "reject" }))).toHaveLength(1);
  });

  it("what the group reads of the request is prepared, although no node reads it", () => {
    const plan = planOf(flow("=input.query.customer"));
    expect(plan.names.input.has("query")).toBe(true);
  });
});
