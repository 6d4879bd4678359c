import { describe, expect, test } from "vitest";
import { z } from "zod";
import { FlowDefinition, readFlow } from "../../src/domain/flow";

const right = { flow: "a", start: "n", nodes: { n: { type: "debug" } } };
const read = (source: unknown) => {
  const flow = readFlow(source);
  if (flow instanceof z.ZodError) throw new Error("nothing could be read");
  return flow;
};

describe("reading a flow", () => {
  test("that is right gives all of it, and the defaults of its endpoint", () => {
    const flow = read({ ...right, endpoint: {} });
    expect(flow.issues).toBeUndefined();
    expect(flow.definition).toEqual(FlowDefinition.parse({ ...right, endpoint: {} }));
    expect(flow.definition.endpoint).toMatchObject({ mode: "sync", anonymous: false, history: "buffered" });
  });

  test("that is wrong in places gives what is right", () => {
    const { definition, issues } = read({
      flow: "a",
      icn: 1,
      start: "n",
      endpoint: { alias: "x", timeout: "soon", anonymous: true, nope: 1 },
      input: { body: { a: "nope" }, query: { a: "string" } },
      outputs: { o: "any", p: "nope" },
      nodes: {
        n: { type: "debug", description: 5, next: ["a", 5], results: { ok: "m", error: 5 }, message: "x" },
        m: 5,
      },
    });
    expect(issues).toBeInstanceOf(z.ZodError);
    expect(definition).toMatchObject({
      flow: "a",
      start: "n",
      endpoint: { alias: "x", anonymous: true, mode: "sync" },
      input: { query: { a: "string" } },
      outputs: { o: "any", p: "any" },
      nodes: { n: { type: "debug", message: "x", results: { ok: "m" } }, m: { type: "" } },
    });
    expect(definition.endpoint?.timeout).toBeUndefined();
    expect(definition.input?.body).toBeUndefined();
    expect(definition.nodes.n?.next).toBeUndefined();
  });

  test.each([null, 5, [], {}, { ...right, nodes: [] }, { ...right, nodes: "x" }])(
    "%j has no graph to be read",
    (source) => {
      expect(readFlow(source)).toBeInstanceOf(z.ZodError);
    },
  );
});
