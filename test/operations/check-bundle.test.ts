import { describe, expect, test } from "vitest";
import { MAX_BUNDLE_PROBLEMS, MAX_FLOW_BYTES } from "../../src/domain/limits";
import { registry } from "../../src/nodes/registry";
import { checkBundle } from "../../src/operations/check-bundle";

const services = { registry, callTargets: { refusal: () => undefined } };
const problems = (document: unknown, project = "shop") => checkBundle(document, project, services).problems;
const lines = (document: unknown, project?: string) =>
  problems(document, project).map(
    ({ path, reason, nearest }) => `${path}: ${reason}${nearest === undefined ? "" : ` [${nearest}]`}`,
  );

const pass = (next: string) => ({ type: "calculate", value: "=item", next });
const flow = (name: string, more: Record<string, unknown> = {}) => ({
  flow: name,
  start: "a",
  nodes: { a: pass("end") },
  ...more,
});

describe("a bundle that is right", () => {
  test("gives its flows in order of their names, with what they call", () => {
    const document = {
      project: "shop",
      flows: [
        flow("b", {
          endpoint: { alias: "my b" },
          nodes: { a: { type: "flow", flow: "a", results: { done: "end" } } },
        }),
        flow("a"),
      ],
    };
    const checked = checkBundle(document, "shop", services);
    expect(checked.problems).toEqual([]);
    expect(checked.flows).toMatchObject([
      { name: "a", alias: null, hasEndpoint: false, stored: { calls: {} } },
      {
        name: "b",
        alias: "my b",
        hasEndpoint: true,
        stored: { calls: { a: [] }, definition: document.flows[0] },
      },
    ]);
  });
});

describe("what is wrong with a bundle", () => {
  test("the document itself", () => {
    for (const document of [null, 5, "x", [], { flows: {} }, { flow: [] }]) {
      expect(lines(document).length).toBeGreaterThan(0);
    }
    expect(lines({ flosw: [] })).toEqual([
      expect.stringMatching(/^\/flosw: there is no setting "flosw" here.* \[flows\]$/),
    ]);
    expect(lines({ project: "other" })).toEqual([
      '/project: the document is of project "other", and the URL names "shop"',
    ]);
    expect(lines({ sluice: 2 })).toEqual(["/sluice: write `sluice: 1`, the version of the bundle grammar"]);
  });

  test("a misspelt setting of an endpoint hides nothing of the graph", () => {
    const wrong = flow("a", {
      endpoint: { anonimous: true, timeout: "soon" },
      outputs: { out: "numbr" },
      nodes: {
        a: { type: "calculate", value: "=itm.x", next: "b" },
        b: { type: "output", to: "out" },
        c: { type: "filtr", next: 5 },
      },
    });
    expect(lines({ flows: [wrong] })).toEqual([
      expect.stringMatching(/^\/flows\/0\/endpoint\/timeout: write a duration/),
      expect.stringMatching(/^\/flows\/0\/endpoint\/anonimous: .*\[anonymous\]$/),
      expect.stringMatching(/^\/flows\/0\/outputs\/out: "numbr" is not a type/),
      expect.stringMatching(/^\/flows\/0\/nodes\/c\/next: a result leads to/),
      expect.stringMatching(/^\/flows\/0\/nodes\/c\/type: .*\[filter\]$/),
      expect.stringMatching(/^\/flows\/0\/nodes\/c: node "c" is never reached/),
      expect.stringMatching(/^\/flows\/0\/nodes\/a\/value: "itm" is neither .*\[item\]$/),
    ]);
  });

  test("a node that is none, or has no type, is told once", () => {
    const wrong = flow("a", { nodes: { a: pass("b"), b: 5, c: { next: "b" } } });
    expect(lines({ flows: [wrong] })).toEqual([
      expect.stringMatching(/^\/flows\/0\/nodes\/b: /),
      "/flows/0/nodes/c/type: a node needs a `type`",
      expect.stringMatching(/^\/flows\/0\/nodes\/c: node "c" is never reached/),
    ]);
  });

  test("a flow without a readable graph is told, and the others are checked", () => {
    expect(lines({ flows: [{ flow: "a", start: "a" }, flow("b", { nodes: { a: pass("c") } })] })).toEqual([
      expect.stringMatching(/^\/flows\/0\/nodes: /),
      expect.stringMatching(/^\/flows\/1\/nodes\/a\/next: there is no node "c"/),
    ]);
  });

  test("names and aliases that stand twice, and both flows are checked", () => {
    const twins = [
      flow("a", { endpoint: { alias: "x" } }),
      flow("a", { endpoint: { alias: "x" }, nodes: { a: pass("gone") } }),
    ];
    expect(lines({ flows: twins })).toEqual([
      '/flows/1/flow: flow "a" is at /flows/0 already; names are unique in a project',
      expect.stringMatching(/^\/flows\/1\/nodes\/a\/next: /),
      '/flows/1/endpoint/alias: flow "a" has the alias "x" too',
    ]);
  });

  test("a flow that a node calls comes with the nearest, and a wrong one can be called", () => {
    const calls = (name: string) =>
      flow("b", { nodes: { a: { type: "flow", flow: name, results: { done: "end" } } } });
    expect(lines({ flows: [flow("price"), calls("prise")] })).toEqual([
      '/flows/1/nodes/a/flow: there is no flow "prise" in this project [price]',
    ]);
    expect(lines({ flows: [flow("price", { icn: "x" }), calls("price")] })).toEqual([
      expect.stringMatching(/^\/flows\/0\/icn: /),
    ]);
  });

  test("a flow may be as large as allowed, in bytes", () => {
    const sized = (bytes: number, fill: string) => {
      const base = flow("a", { nodes: { a: { type: "calculate", value: "", next: "end" } } });
      const room = Math.floor((bytes - JSON.stringify(base).length) / new TextEncoder().encode(fill).length);
      return lines({
        flows: [flow("a", { nodes: { a: { type: "calculate", value: fill.repeat(room), next: "end" } } })],
      });
    };
    expect(sized(MAX_FLOW_BYTES, "x")).toEqual([]);
    expect(sized(MAX_FLOW_BYTES + 1, "x")).toEqual([expect.stringContaining("MAX_FLOW_BYTES")]);
    expect(sized(MAX_FLOW_BYTES + 8, "€")).toEqual([expect.stringContaining("MAX_FLOW_BYTES")]);
  });

  test("as many problems as anyone reads, quickly", () => {
    const flows = Array.from({ length: 2_000 }, (_, index) =>
      flow(`f${index}`, { nodes: { a: { type: "nope", next: "gone" } } }),
    );
    const before = performance.now();
    const found = lines({ flows });
    expect(found).toHaveLength(MAX_BUNDLE_PROBLEMS + 1);
    expect(found.at(-1)).toContain("3000 more problems are not listed");
    expect(performance.now() - before).toBeLessThan(5_000);
  });
});

describe("hostile documents are refused, and change nothing", () => {
  const nested = (depth: number, wrap: (inner: unknown) => unknown) => {
    let value: unknown = 1;
    for (let level = 0; level < depth; level += 1) value = wrap(value);
    return value;
  };

  test.each([
    ["lists", (inner: unknown) => [inner]],
    ["objects", (inner: unknown) => ({ a: inner })],
  ])("%s 20,000 deep, wherever they stand", (_, wrap) => {
    const deep = nested(20_000, wrap);
    const wheres = [
      deep,
      { flows: deep },
      { flows: [flow("a", { input: { body: deep } })] },
      { flows: [flow("a", { outputs: { o: deep } })] },
      { flows: [flow("a", { nodes: { a: { type: "calculate", value: deep, next: "end" } } })] },
      { flows: [flow("a", { nodes: { a: { type: "for-each", over: "=1", do: deep, next: "end" } } })] },
    ];
    for (const document of wheres)
      expect(lines(document)).toEqual([expect.stringContaining("MAX_JSON_DEPTH")]);
  });

  test("a document that contains itself", () => {
    const self: Record<string, unknown> = { flows: [] };
    (self.flows as unknown[]).push(flow("a", { nodes: { a: self } }));
    expect(lines(self)).toEqual([expect.stringContaining("MAX_JSON_DEPTH")]);
  });

  test.each([
    ['{"__proto__":{"polluted":1},"flows":[]}', "/__proto__"],
    [
      '{"flows":[{"flow":"a","start":"__proto__","nodes":{"__proto__":{"type":"debug"}}}]}',
      "/flows/0/nodes/__proto__",
    ],
    [
      '{"flows":[{"flow":"a","start":"a","outputs":{"__proto__":"any"},"nodes":{"a":{"type":"debug"}}}]}',
      "/flows/0/outputs/__proto__",
    ],
    [
      '{"flows":[{"flow":"a","start":"a","nodes":{"a":{"type":"calculate","set":{"__proto__":{"polluted":1}},"next":"end"}}}]}',
      "/flows/0/nodes/a/set/__proto__",
    ],
    [
      '{"flows":[{"flow":"a","start":"a","nodes":{"a":{"type":"calculate","value":{"x":[{"__proto__":1}]},"next":"end"}}}]}',
      "/flows/0/nodes/a/value/x/0/__proto__",
    ],
  ])("%s", (text, path) => {
    expect(lines(JSON.parse(text))).toEqual([`${path}: \`__proto__\` cannot be a name; choose another`]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test("`__proto__` in the value of a name: rename targets, set paths, flows, node references", () => {
    const one = (node: Record<string, unknown>) =>
      lines({ flows: [flow("a", { nodes: { a: { next: "end", ...node } } })] });
    expect(one({ type: "calculate", rename: { a: "__proto__" } })).toHaveLength(1);
    expect(one({ type: "calculate", rename: { a: "x.__proto__.y" } })).toHaveLength(1);
    expect(one({ type: "calculate", set: { "__proto__.x": 1 } })).toHaveLength(1);
    expect(one({ type: "calculate", drop: ["__proto__"] })).toHaveLength(1);
    expect(one({ type: "calculate", value: 1, next: "__proto__" })).toHaveLength(1);
    expect(one({ type: "calculate", value: 1, next: "flow:__proto__" })).toHaveLength(1);
    expect(one({ type: "calculate", value: 1, next: "constructor" })).toHaveLength(1);
    expect(one({ type: "__proto__" })).toHaveLength(1);
    expect(one({ type: "constructor" })).toHaveLength(1);
    expect(lines({ flows: [flow("__proto__")] })).toHaveLength(1);
    expect(lines({ flows: [flow("a", { start: "constructor" })] }).length).toBeGreaterThan(0);
  });

  test("members of every object are ordinary names where names are free", () => {
    const nodes = { toString: pass("valueOf"), valueOf: { type: "output", to: "hasOwnProperty" } };
    const document = {
      flows: [{ flow: "toString", start: "toString", outputs: { hasOwnProperty: "any" }, nodes }],
    };
    expect(lines(document)).toEqual([]);
  });
});
