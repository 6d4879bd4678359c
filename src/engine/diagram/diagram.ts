import { type GraphDefinition, readableGraph } from "../../domain/flow";
import type { Graph, Plan, PlanNode } from "../plan";

/** A flow as a picture shows it: what is in it and what leads where, without how it looks. */
export interface Diagram {
  title: string;
  description: string | undefined;
  graph: DiagramGraph;
}

export interface DiagramGraph {
  nodes: DiagramNode[];
  edges: DiagramEdge[];
  /** Index of the node that takes the input; -1 when there is none. */
  start: number;
}

export interface DiagramNode {
  name: string;
  type: string;
  description: string | undefined;
  /** What is inside a loop. */
  inside: DiagramGraph[];
}

export interface DiagramEdge {
  from: number;
  /** Index of a node; -1 for the way back to the loop around. */
  to: number;
  /** Results that lead this way. */
  results: string[];
}

/** The way back to the loop around, as an edge's `to`. */
export const RETURN = -1;

export function diagramOf(plan: Plan): Diagram {
  const { definition } = plan;
  const descriptions = new Map<string, string>();
  describe(definition, descriptions);
  return { title: plan.name, description: definition.description, graph: graphOf(plan.graph, descriptions) };
}

/** Descriptions of nodes by name, which is unique in a flow, loops included. */
function describe({ nodes }: GraphDefinition, descriptions: Map<string, string>): void {
  for (const [name, node] of Object.entries(nodes)) {
    if (node.description !== undefined) descriptions.set(name, node.description);
    for (const setting of Object.values(node)) {
      const inside = readableGraph(setting);
      if (inside !== undefined) describe(inside, descriptions);
    }
  }
}

function graphOf(graph: Graph, descriptions: ReadonlyMap<string, string>): DiagramGraph {
  const places = new Map(graph.nodes.map((node, place) => [node.index, place]));
  const edges = new Map<string, DiagramEdge>();
  const lead = (from: number, to: number, result: string) => {
    const known = edges.get(`${from}/${to}`);
    if (known === undefined) edges.set(`${from}/${to}`, { from, to, results: [result] });
    else if (!known.results.includes(result)) known.results.push(result);
  };
  for (const [place, node] of graph.nodes.entries()) {
    for (const { from, result } of node.sources) lead(places.get(from) ?? 0, place, result);
  }
  for (const { from, result } of graph.returns) lead(places.get(from) ?? 0, RETURN, result);
  return {
    nodes: graph.nodes.map((node) => nodeOf(node, descriptions)),
    edges: [...edges.values()],
    start: places.get(graph.start) ?? -1,
  };
}

function nodeOf(node: PlanNode, descriptions: ReadonlyMap<string, string>): DiagramNode {
  return {
    name: node.name,
    type: node.type.type,
    description: descriptions.get(node.name),
    inside: node.loops.map((loop) => graphOf(loop, descriptions)),
  };
}
