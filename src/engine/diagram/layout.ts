import { layout as arrange, Graph } from "@dagrejs/dagre";
import { type DiagramEdge, type DiagramGraph, type DiagramNode, RETURN } from "./diagram";

/** Where everything of a graph is, in pixels from its upper left corner. */
export interface Placed {
  width: number;
  height: number;
  nodes: PlacedNode[];
  edges: PlacedEdge[];
}

export interface PlacedNode {
  node: DiagramNode;
  /** Upper left corner. */
  x: number;
  y: number;
  width: number;
  height: number;
  isStart: boolean;
  /** What is inside a loop, each with the place of its upper left corner in the node. */
  inside: { x: number; y: number; graph: Placed }[];
}

export interface PlacedEdge {
  points: { x: number; y: number }[];
  label: string;
  /** Middle of the label; absent without one. */
  labelAt: { x: number; y: number } | undefined;
  isError: boolean;
  isReturn: boolean;
}

/** Pixels that a character takes at the most, at the size in which names are written. */
const CHAR_WIDTH = 8;
const LABEL_CHAR_WIDTH = 6.5;
/** Characters of a name or of an edge's results that are shown; the tooltip has the rest. */
export const SHOWN_CHARS = 40;
const NODE_HEIGHT = 46;
const LEAST_WIDTH = 90;
const PADDING = 14;
/** Pixels at the top of a loop, for its name. */
const HEADER = 44;
/** Nodes beyond which the simpler of the ways to rank them is taken: the better one takes seconds for hundreds. */
const SIMPLE_FROM = 120;

export function shortened(text: string): string {
  const characters = [...text];
  return characters.length <= SHOWN_CHARS ? text : `${characters.slice(0, SHOWN_CHARS - 1).join("")}…`;
}

/** Arranges a graph from top to bottom; what is inside loops is arranged first, and gives them their size. */
export function layout(graph: DiagramGraph): Placed {
  const drawn = new Graph<Record<string, unknown>, Record<string, unknown>, Record<string, unknown>>();
  const simple = graph.nodes.length > SIMPLE_FROM;
  drawn.setGraph({
    rankdir: "TB",
    nodesep: 30,
    ranksep: 44,
    edgesep: 16,
    marginx: PADDING,
    marginy: PADDING,
    ...(simple ? { ranker: "longest-path" } : {}),
  });
  const sized = graph.nodes.map((node) => {
    const inside = node.inside.map(layout);
    const text = Math.max([...shortened(node.name)].length, node.type.length) * CHAR_WIDTH + 2 * PADDING;
    const width = Math.max(LEAST_WIDTH, text, ...inside.map((each) => each.width + 2 * PADDING));
    const content = inside.reduce((sum, each) => sum + each.height + PADDING, 0);
    return { node, inside, width, height: inside.length === 0 ? NODE_HEIGHT : HEADER + content };
  });
  for (const [index, { width, height }] of sized.entries()) drawn.setNode(String(index), { width, height });
  const hasReturn = graph.edges.some(({ to }) => to === RETURN);
  if (hasReturn) drawn.setNode("return", { width: 60, height: 24 });
  for (const edge of graph.edges) {
    const label = edgeLabel(edge);
    const size =
      label === "" ? {} : { width: [...label].length * LABEL_CHAR_WIDTH, height: 16, labelpos: "c" };
    drawn.setEdge(String(edge.from), edge.to === RETURN ? "return" : String(edge.to), size);
  }
  arrange(drawn);
  const corner = (name: string) => {
    const at = drawn.node(name) as unknown as { x: number; y: number; width: number; height: number };
    return { x: at.x - at.width / 2, y: at.y - at.height / 2, width: at.width, height: at.height };
  };
  const nodes = sized.map(({ node, inside }, index): PlacedNode => {
    const box = corner(String(index));
    let y = HEADER;
    const placed = inside.map((each) => {
      const at = { x: (box.width - each.width) / 2, y, graph: each };
      y += each.height + PADDING;
      return at;
    });
    return { node, ...box, isStart: index === graph.start, inside: placed };
  });
  if (hasReturn) nodes.push({ node: BACK, ...corner("return"), isStart: false, inside: [] });
  const edges = graph.edges.map((edge): PlacedEdge => {
    const at = drawn.edge(String(edge.from), edge.to === RETURN ? "return" : String(edge.to)) as unknown as {
      points: { x: number; y: number }[];
      x?: number;
      y?: number;
    };
    const label = edgeLabel(edge);
    return {
      points: at.points,
      label,
      labelAt: label !== "" && at.x !== undefined && at.y !== undefined ? { x: at.x, y: at.y } : undefined,
      isError: edge.results.every((result) => result === "error"),
      isReturn: edge.to === RETURN,
    };
  });
  const { width = 0, height = 0 } = drawn.graph() as { width?: number; height?: number };
  return { width, height, nodes, edges };
}

/** Stands for the way back to the loop around. */
const BACK: DiagramNode = { name: "return", type: "return", description: undefined, inside: [] };

function edgeLabel({ results }: DiagramEdge): string {
  return shortened(results.join(", "));
}
