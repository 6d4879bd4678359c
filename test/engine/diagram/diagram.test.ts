import { XMLParser, XMLValidator } from "fast-xml-parser";
import { describe, expect, it } from "vitest";
import type { FlowSource } from "../../../src/domain/flow";
import { diagramOf, toMermaid, toSvg } from "../../../src/engine/diagram";
import { flowOf, planOf } from "../../support/trial";

/*
 *   price ─ok─▶ each ─ok─▶ out
 *     └─error─▶ failed        each: total ─▶ return
 */
const ORDER = flowOf(
  {
    price: {
      type: "calculate",
      description: 'Prices & "taxes" <b>',
      set: { price: "=1" },
      results: { ok: "each", error: "failed" },
    },
    each: {
      type: "for-each",
      over: "=[1, 2]",
      do: {
        start: "total",
        nodes: { total: { type: "calculate", description: "one line", set: { t: "=item" }, next: "return" } },
      },
      next: "out",
    },
    out: { type: "output", to: "quote" },
    failed: { type: "error", message: "no" },
  },
  { flow: "Quote", outputs: { quote: "any" } },
);

const pictures = (flow: FlowSource, flows: FlowSource[] = []) => {
  const diagram = diagramOf(planOf(flow, { flows }));
  return { diagram, svg: toSvg(diagram), mermaid: toMermaid(diagram) };
};

describe("a diagram", () => {
  it("has the nodes, the results that lead from one to the other, and what is inside loops", () => {
    const { graph, title } = pictures(ORDER).diagram;
    expect(title).toBe("Quote");
    const names = graph.nodes.map(({ name }) => name);
    expect(names.toSorted()).toEqual(["each", "failed", "out", "price"]);
    expect(names[graph.start]).toBe("price");
    const edges = graph.edges.map(({ from, to, results }) => [names[from], names[to], ...results].join(" "));
    expect(edges.toSorted()).toEqual(["each out ok", "price each ok", "price failed error"]);
    const loop = graph.nodes[names.indexOf("each")]?.inside[0];
    expect(loop?.nodes).toMatchObject([{ name: "total", type: "calculate", description: "one line" }]);
    expect(loop?.edges).toEqual([{ from: 0, to: -1, results: ["ok"] }]);
  });
});

describe("as SVG", () => {
  it("is one well-formed document with a title and a description for those who cannot see it", () => {
    const { svg } = pictures(ORDER);
    expect(XMLValidator.validate(svg)).toBe(true);
    const parsed = new XMLParser({ ignoreAttributes: false }).parse(svg);
    expect(parsed.svg["@_role"]).toBe("img");
    expect(parsed.svg.title["#text"]).toBe("Quote");
    expect(parsed.svg.desc["#text"]).toContain("A flow of 4 nodes");
    expect(svg).toContain(
      "<title>price (calculate), where it begins: Prices &amp; &quot;taxes&quot; &lt;b&gt;</title>",
    );
  });

  it("draws a loop's nodes within it", () => {
    const { svg } = pictures(ORDER);
    const loop = svg.slice(svg.indexOf("<title>each (for-each)</title>"));
    expect(loop.indexOf("<title>total (calculate), where it begins: one line</title>")).toBeGreaterThan(0);
    expect(loop).toContain("stroke-dasharray");
  });

  it("lets nothing that people wrote become markup", () => {
    const evil = '</title><script>alert("1")</script>\u0000\u0007&lt; \'"';
    const other = flowOf(
      { n: { type: "calculate", set: { a: "=1" }, next: "end" } },
      { flow: `x'"<script>&y` },
    );
    const flow = flowOf(
      {
        n: { type: "calculate", description: evil, set: { a: "=1" }, next: `flow:${other.flow}` },
      },
      { flow: "<img onerror=a>", description: evil },
    );
    const { svg, mermaid } = pictures(flow, [other]);
    expect(XMLValidator.validate(svg)).toBe(true);
    expect(svg).not.toMatch(/<script|<img|href|javascript:/);
    expect(svg).not.toContain("\u0007");
    expect(mermaid).not.toMatch(/<script|<img/);
  });

  it("shortens what is too long to be shown, and tells it whole", () => {
    const name = "n".repeat(100);
    const { svg } = pictures(flowOf({ [name]: { type: "calculate", set: { a: "=1" }, next: "end" } }));
    expect(svg).toContain(`>${"n".repeat(39)}…</text>`);
    expect(svg).toContain(`<title>${name} (calculate)`);
  });

  it("is the same for the same flow", () => {
    expect(pictures(ORDER).svg).toBe(pictures(ORDER).svg);
  });

  it("is drawn of the largest flow that there may be", () => {
    const nodes: Record<string, Record<string, unknown>> = {};
    for (let index = 0; index < 500; index += 1) {
      const next = [index * 2 + 1, index * 2 + 2].filter((to) => to < 500).map((to) => `n${to}`);
      nodes[`n${index}`] = { type: "calculate", set: { a: "=1" }, next: next.length === 0 ? "end" : next };
    }
    const { svg } = pictures(flowOf(nodes));
    expect(svg.match(/<title>n\d+ \(calculate\)/g)).toHaveLength(500);
  }, 60_000);
});

describe("as Mermaid", () => {
  it("is a flowchart with subgraphs for loops", () => {
    const { mermaid } = pictures(ORDER);
    expect(mermaid.split("\n").slice(0, 4)).toEqual(["---", 'title: "Quote"', "---", "flowchart TB"]);
    expect(mermaid).toMatch(/subgraph n\d\["each<br\/><small>for-each<\/small>"\]\n {4}n\d_0\(\["total/);
    expect(mermaid).toMatch(/n\d -->\|"error"\| n\d/);
    expect(mermaid).toMatch(/n\d_0 -->\|"ok"\| n\d_return/);
  });

  it("lets no name end a label, and uses none as an id", () => {
    const other = flowOf(
      { n: { type: "calculate", set: { a: "=1" }, next: "end" } },
      { flow: 'a"]; click "b' },
    );
    const { mermaid } = pictures(
      flowOf({ end_: { type: "calculate", set: { a: "=1" }, next: `flow:${other.flow}` } }),
      [other],
    );
    expect(mermaid).not.toContain('a"]');
    expect(mermaid).toContain("a#34;#93;#59; click #34;b");
    for (const line of mermaid.split("\n").slice(4, -1))
      expect(line).toMatch(/^ +(?:n[\d_]*(?:return)?|subgraph|end\b)/);
  });
});
