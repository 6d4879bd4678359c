import type { Graph } from "../../engine/plan";

/**
 * Which steps a run that begins again at node `from` keeps: those of nodes that neither are it nor depend on it.
 * @returns a test of a step's path; `unknown` when the flow has no such node
 */
export function keptSteps(graph: Graph, from: string): ((path: string) => boolean) | "unknown" {
  const start = graph.nodes.find(({ name }) => name === from);
  if (start === undefined) return "unknown";
  const again = new Set([start.index]);
  // Nodes come in an order in which each follows all that lead to it.
  for (const node of graph.nodes) {
    if (node.sources.some((source) => again.has(source.from))) again.add(node.index);
  }
  const names = new Set(graph.nodes.filter(({ index }) => again.has(index)).map(({ name }) => name));
  return (path) => !names.has(topNode(path));
}

/** The node of the flow itself that a step belongs to: `each` of `[3]/each[0.0.1]/price`, `quote` of `quote>price`. */
function topNode(path: string): string {
  return path.replace(/^\[\d+\]\//, "").split(/[[/>]/, 1)[0] as string;
}
