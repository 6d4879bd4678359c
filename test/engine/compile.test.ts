import { describe, expect, test } from "vitest";
import type { FlowSource } from "../../src/domain/flow";
import { MAX_FLOW_PROBLEMS, MAX_NODES } from "../../src/domain/limits";
import { compiled, flowOf, planOf, problemsOf, run, throughFlow } from "../support/trial";

const pass = (next: unknown) => ({ type: "calculate", value: "=item", next });

describe("what is wrong with a graph", () => {
  test("a start that does not exist comes with the nearest, and the nodes are checked all the same", () => {
    const { problems } = compiled(
      flowOf({ price: { type: "calculate", value: "=(", next: "end" } }, { start: "prize" }),
    );
    expect(problems).toMatchObject([
      { path: "/start", reason: 'there is no node "prize"', nearest: "price" },
      { path: "/nodes/price/value" },
    ]);
  });

  test("an unknown type comes with the nearest, and what it leads to is not called unreached", () => {
    const { problems } = compiled(throughFlow({ a: { type: "calcualte", next: "b" }, b: pass("out") }));
    expect(problems).toEqual([
      { path: "/nodes/a/type", reason: 'there is no node type "calcualte"', nearest: "calculate" },
    ]);
  });

  test("unknown results, targets and settings come with the nearest, all at once", () => {
    const { problems } = compiled(
      throughFlow({
        a: { type: "filter", when: "=item", results: { kepd: "out", kept: "ouut", dropped: "end" } },
      }),
    );
    expect(problems).toMatchObject([
      { path: "/nodes/a/results/kepd", nearest: "kept" },
      { path: "/nodes/a/results/kept", nearest: "out" },
      { path: "/nodes/out", reason: expect.stringContaining("never reached") },
    ]);
  });

  test("a node with wrong settings has its targets and expressions checked too", () => {
    expect(
      problemsOf(
        throughFlow({
          a: { type: "calculate", sett: { a: 1 }, set: { b: "=(", c: "=nope.x" }, next: ["out", "gone"] },
        }),
      ),
    ).toEqual([
      expect.stringContaining('/nodes/a/sett: there is no setting "sett" here'),
      expect.stringContaining('/nodes/a/next: there is no node "gone"'),
      expect.stringContaining("/nodes/a/set/b: "),
      expect.stringContaining('/nodes/a/set/c: "nope" is neither a node on the way here'),
    ]);
  });

  test("a loop with wrong settings has its inside checked too", () => {
    const nodes = { one: { type: "calculate", value: "=(", next: "return" } };
    expect(
      problemsOf(
        throughFlow({
          each: { type: "for-each", overr: 1, over: "=item", do: { start: "one", nodes }, next: "out" },
        }),
      ),
    ).toEqual([
      expect.stringContaining("/nodes/each/overr: "),
      expect.stringContaining("/nodes/each/do/nodes/one/value: "),
    ]);
  });

  test("cycles, also of one node, are told with their way", () => {
    const cycle = problemsOf(flowOf({ a: pass("b"), b: pass(["c", "end"]), c: pass("a") }));
    expect(cycle).toEqual(["/nodes/c: a cycle: a → b → c → a; repeat with a loop node instead"]);
    expect(problemsOf(flowOf({ a: pass("a") }))).toEqual([
      "/nodes/a: a cycle: a → a; repeat with a loop node instead",
    ]);
  });

  test("nodes that are never reached are told, and checked", () => {
    expect(problemsOf(flowOf({ a: pass("end"), b: { type: "calculate", value: "=(", next: "a" } }))).toEqual([
      '/nodes/b: node "b" is never reached from the start node "a"',
      expect.stringContaining("/nodes/b/value: "),
    ]);
  });

  test("`next` beside the same result, a target twice, and a result that leads nowhere", () => {
    expect(problemsOf(flowOf({ a: { ...pass("end"), results: { ok: "end" } } }))).toEqual([
      '/nodes/a/next: `next` and `results` both say where "ok" leads; keep one',
    ]);
    expect(problemsOf(flowOf({ a: pass(["end", "end"]) }))).toEqual([
      "/nodes/a/next: a target stands here twice; name each once",
    ]);
    expect(problemsOf(flowOf({ a: { type: "calculate", value: 1 } }))).toEqual([
      '/nodes/a/results: the result "ok" leads nowhere; name a node, or `end` to drop its items',
    ]);
    expect(
      problemsOf(throughFlow({ a: pass("out"), out: { type: "output", to: "out", next: "a" } as never }))
        .length,
    ).toBe(0);
    expect(
      problemsOf(flowOf({ o: { type: "output", to: "o", next: "end" } }, { outputs: { o: "any" } })),
    ).toEqual(['/nodes/o/next: a node of type "output" has no result that could lead on']);
  });

  test.each(["input", "end", "return", "constructor", "a.b", "1a", ""])(
    "a node cannot be called %j",
    (name) => {
      expect(problemsOf(flowOf({ a: pass("end"), [name]: pass("end") })).length).toBeGreaterThan(0);
    },
  );

  test("a records path must name one place", () => {
    const wrong = flowOf({ a: pass("end") }, { endpoint: { records: "$..orders" } });
    expect(problemsOf(wrong)).toEqual([
      expect.stringContaining("/endpoint/records: write a JSON path to one array"),
    ]);
    expect(planOf(flowOf({ a: pass("end") }, { endpoint: { records: "$.orders[*]" } })).recordsPath).toEqual([
      "orders",
    ]);
  });

  test("as many problems as anyone reads, and how many more there are", () => {
    const nodes = Object.fromEntries(
      Array.from({ length: 300 }, (_, index) => [`n${index}`, { type: "nope", next: "end" }]),
    );
    const problems = problemsOf(flowOf(nodes));
    expect(problems).toHaveLength(MAX_FLOW_PROBLEMS + 1);
    expect(problems.at(-1)).toMatch(/more problems of this flow are not listed/);
  });
});

describe("what is wrong with an expression", () => {
  const value = (expression: string, more: Partial<FlowSource> = {}) =>
    compiled(
      throughFlow({ first: pass("a"), a: { type: "calculate", value: expression, next: "out" } }, more),
    ).problems;

  test("its position is told once", () => {
    const [problem] = value("=item.a +");
    expect(problem?.reason.match(/at \d+/g) ?? []).toHaveLength(1);
    expect(problem?.reason).not.toContain("character");
  });

  test("functions that do not exist come with the nearest", () => {
    expect(value("=$summ(item)")).toMatchObject([{ path: "/nodes/a/value", nearest: "$sum" }]);
    expect(value("=$debug($error('x'))")).toEqual([]);
  });

  test("names at the root are nodes on the way or those that every expression sees", () => {
    expect(value("=firs.x")).toMatchObject([{ nearest: "first" }]);
    expect(value("=out.x")).toMatchObject([
      { reason: expect.stringContaining('did not pass through node "out"') },
    ]);
    expect(value("=[first, input.body, item, last, run.id]")).toEqual([]);
  });

  test("a node's name with a dash needs backquotes", () => {
    const flow = (expression: string) =>
      problemsOf(
        throughFlow({ "my-node": pass("a"), a: { type: "calculate", value: expression, next: "out" } }),
      );
    expect(flow("=`my-node`.x")).toEqual([]);
    expect(flow("=my-node.x")[0]).toContain("in backquotes: `my-node`");
  });

  test("fields of `input` and `run` are known", () => {
    expect(value("=input.jsn.x")).toMatchObject([{ path: "/nodes/a/value", nearest: "json" }]);
    expect(value("=run.usr")).toMatchObject([{ nearest: "user" }]);
    expect(value("=input.header.accept & input.form.x & input.xml.y")).toEqual([]);
  });

  test("fields of a declared body and query are known, in templates and nested settings too", () => {
    const input = { body: { since: "date", companies: [{ id: "integer" }] }, query: { region: "string?" } };
    expect(value("=input.json.snice", { input })).toMatchObject([
      { path: "/nodes/a/value", nearest: "since" },
    ]);
    expect(value("=input.json.companies.idd", { input })).toMatchObject([{ nearest: "id" }]);
    expect(value("=input.json.companies[id > 3].id", { input })).toEqual([]);
    expect(value("=input.query.regoin", { input })).toMatchObject([{ nearest: "region" }]);
    expect(value("x ${input.query.regoin}", { input })).toMatchObject([{ nearest: "region" }]);
    const nested = throughFlow(
      { a: { type: "calculate", set: { x: { y: ["=input.json.snice"] } }, next: "out" } },
      { input },
    );
    expect(problemsOf(nested)).toEqual([
      expect.stringContaining("/nodes/a/set/x/y/0: there is no field snice here"),
    ]);
    expect(value("=input.json.anything")).toEqual([]);
  });

  test("where records travel one by one, the declared shape is a record's", () => {
    const input = { body: { id: "integer" } };
    expect(value("=input.json.id", { input, endpoint: { records: "$" } })).toEqual([]);
    expect(value("=input.json.idd", { input, endpoint: { records: "$" } })).toMatchObject([
      { nearest: "id" },
    ]);
    expect(value("=input.json.orders", { input, endpoint: { records: "$.orders" } })).toEqual([]);
  });

  test("an expression that may read anything is no reason to complain", () => {
    expect(value("=$$.first")).toEqual([]);
    expect(value("=$keys($$)")).toEqual([]);
  });
});

describe("what a plan knows", () => {
  test("only nodes that some expression names are remembered on the way", () => {
    const plan = planOf(
      throughFlow({ a: pass("b"), b: pass("c"), c: { type: "calculate", value: "=a", next: "out" } }),
    );
    expect(plan.graph.nodes.map(({ name, tracked }) => [name, tracked])).toEqual([
      ["a", true],
      ["b", false],
      ["c", false],
      ["out", false],
    ]);
  });

  test("only the fields of the request that some expression reads are asked for", () => {
    const plan = planOf(
      throughFlow({ a: { type: "split", over: "=input.json.x", results: { each: "out" } } }),
    );
    expect([...plan.names.input]).toEqual(["json"]);
    expect(plan.graph.seedVisible).toBe(false);
  });

  test("the incoming item is visible where any routed result shows it", () => {
    const split = (more: object) =>
      planOf(throughFlow({ a: { type: "split", over: "=input.json.x", results: { each: "out", ...more } } }))
        .graph.seedVisible;
    expect(split({})).toBe(false);
    expect(split({ empty: "out" })).toBe(true);
    expect(split({ error: "out" })).toBe(true);
    expect(
      run(
        throughFlow({ a: { type: "split", over: "=input.json.x", results: { each: "end", empty: "out" } } }),
        { item: { body: "" } },
      ).outputs.out,
    ).toEqual([{ body: "" }]);
  });
});

describe("large graphs", () => {
  const chain = (length: number) =>
    flowOf(
      Object.fromEntries(
        Array.from({ length }, (_, index) => [
          `n${index}`,
          pass(index === length - 1 ? "end" : `n${index + 1}`),
        ]),
      ),
    );

  test("a chain of as many nodes as allowed compiles and runs", () => {
    expect(run(chain(MAX_NODES), { item: 1 }).status).toBe("Success");
  });

  test("one node more is refused, and so are 20,000, at once", () => {
    const reason = (length: number) => problemsOf(chain(length));
    expect(reason(MAX_NODES + 1)).toEqual([
      expect.stringContaining("/nodes: a flow has at most 500 nodes (MAX_NODES)"),
    ]);
    const before = performance.now();
    expect(reason(20_000)).toHaveLength(1);
    expect(performance.now() - before).toBeLessThan(2_000);
  });

  test("nodes inside loops count", () => {
    const inside = Object.fromEntries(
      Array.from({ length: MAX_NODES }, (_, index) => [
        `i${index}`,
        pass(index === MAX_NODES - 1 ? "return" : `i${index + 1}`),
      ]),
    );
    const flow = throughFlow({
      each: { type: "for-each", over: "=item", do: { start: "i0", nodes: inside }, next: "out" },
    });
    expect(problemsOf(flow)).toEqual([expect.stringContaining("MAX_NODES")]);
  });

  test("diamonds upon diamonds compile in no time, and run each node once", () => {
    // d0 ─┬▶ l0 ─┬▶ d1 ─┬▶ …      2^120 ways, 360 nodes
    //     └▶ r0 ─┘
    const nodes: Record<string, Record<string, unknown>> = {};
    for (let index = 0; index < 120; index += 1) {
      const next = index === 119 ? "end" : `d${index + 1}`;
      nodes[`d${index}`] = {
        type: "filter",
        when: "=false",
        results: { kept: `l${index}`, dropped: `r${index}` },
      };
      nodes[`l${index}`] = { type: "calculate", value: "=d0 ? d0 : item", next };
      nodes[`r${index}`] = { type: "debug", results: { ok: index === 119 ? "end" : `d${index + 1}` } };
    }
    const before = performance.now();
    expect(problemsOf(flowOf(nodes))).toEqual([]);
    expect(performance.now() - before).toBeLessThan(2_000);
    expect(run(flowOf(nodes), { item: 1 }).status).toBe("Success");
  });

  test("a graph in which everything leads to everything later compiles in a second or so", () => {
    const count = 300;
    const nodes: Record<string, Record<string, unknown>> = {};
    for (let index = 0; index < count; index += 1) {
      const later = Array.from({ length: count - index - 1 }, (_, step) => `n${index + step + 1}`);
      nodes[`n${index}`] = { type: "calculate", value: "=n0", next: later.length === 0 ? "end" : later };
    }
    nodes.n0 = { ...nodes.n0, value: "=item" };
    const before = performance.now();
    expect(problemsOf(flowOf(nodes))).toEqual([]);
    expect(performance.now() - before).toBeLessThan(3_000);
  });
});
