import type { Diagram, DiagramNode } from "./diagram";
import { layout, type Placed, type PlacedEdge, type PlacedNode, shortened } from "./layout";

/*
 * Names and descriptions are whatever people wrote: everything that comes from a flow goes through `xml`, and nothing of
 * it becomes an id, a style or a link. The picture has no scripts, fonts or images of its own to load.
 */

const FONT = "font-family=\"system-ui, 'Segoe UI', sans-serif\"";
/** Height of the flow's name above the picture. */
const TITLE_HEIGHT = 34;

/** Colours by what a node does: fill and line. Others have the first. */
const COLOURS: Record<string, readonly [string, string]> = {
  default: ["#f8fafc", "#64748b"],
  api: ["#eff6ff", "#2563eb"],
  "for-each": ["#faf5ff", "#7c3aed"],
  repeat: ["#faf5ff", "#7c3aed"],
  output: ["#f0fdf4", "#16a34a"],
  respond: ["#f0fdf4", "#16a34a"],
  error: ["#fef2f2", "#dc2626"],
  return: ["#ffffff", "#7c3aed"],
};

/** A flow as an SVG document that says what it shows to those who cannot see it, too. */
export function toSvg({ title, description, graph }: Diagram): string {
  const placed = layout(graph);
  const width = Math.ceil(Math.max(placed.width, [...shortened(title)].length * 9 + 28, 160));
  const height = Math.ceil(placed.height + TITLE_HEIGHT);
  const told = description === undefined ? summary(graph.nodes) : `${description} ${summary(graph.nodes)}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="flow-title flow-description" ${FONT}>`,
    `<title id="flow-title">${xml(title)}</title>`,
    `<desc id="flow-description">${xml(told)}</desc>`,
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#475569"/></marker></defs>',
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="14" y="23" font-size="15" font-weight="600" fill="#0f172a">${xml(shortened(title))}</text>`,
    `<g transform="translate(0 ${TITLE_HEIGHT})">`,
    ...drawGraph(placed),
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

function summary(nodes: readonly DiagramNode[]): string {
  return `A flow of ${nodes.length} ${nodes.length === 1 ? "node" : "nodes"}: ${nodes.map(({ name }) => name).join(", ")}.`;
}

function* drawGraph({ nodes, edges }: Placed): Generator<string> {
  for (const edge of edges) yield* drawEdge(edge);
  for (const node of nodes) yield* drawNode(node);
}

function* drawNode({ node, x, y, width, height, isStart, inside }: PlacedNode): Generator<string> {
  const [fill, line] = (Object.hasOwn(COLOURS, node.type) ? COLOURS[node.type] : COLOURS.default) as [
    string,
    string,
  ];
  yield `<g transform="translate(${px(x)} ${px(y)})">`;
  yield `<title>${xml(tooltip(node, isStart))}</title>`;
  yield `<rect width="${px(width)}" height="${px(height)}" rx="8" fill="${fill}" stroke="${line}" stroke-width="${isStart ? 2.5 : 1.25}"/>`;
  if (node.type === "return") {
    yield `<text x="${px(width / 2)}" y="16" font-size="11" text-anchor="middle" fill="${line}">return</text>`;
  } else {
    yield `<text x="${px(width / 2)}" y="20" font-size="13" text-anchor="middle" fill="#0f172a">${xml(shortened(node.name))}</text>`;
    yield `<text x="${px(width / 2)}" y="36" font-size="11" text-anchor="middle" fill="${line}">${xml(node.type)}</text>`;
  }
  for (const { x: left, y: top, graph } of inside) {
    yield `<g transform="translate(${px(left)} ${px(top)})">`;
    yield `<rect width="${px(graph.width)}" height="${px(graph.height)}" rx="6" fill="#ffffff" stroke="${line}" stroke-dasharray="4 3"/>`;
    yield* drawGraph(graph);
    yield "</g>";
  }
  yield "</g>";
}

function* drawEdge({ points, label, labelAt, isError, isReturn }: PlacedEdge): Generator<string> {
  const [first, ...rest] = points;
  if (first === undefined) return;
  const way = `M${px(first.x)} ${px(first.y)} ${rest.map(({ x, y }) => `L${px(x)} ${px(y)}`).join(" ")}`;
  const colour = isError ? "#dc2626" : "#475569";
  const dashes = isReturn ? ' stroke-dasharray="4 3"' : "";
  yield `<path d="${way}" fill="none" stroke="${colour}" stroke-width="1.25" stroke-linejoin="round"${dashes} marker-end="url(#arrow)"/>`;
  if (labelAt === undefined) return;
  yield `<text x="${px(labelAt.x)}" y="${px(labelAt.y + 4)}" font-size="11" text-anchor="middle" fill="${colour}" stroke="#ffffff" stroke-width="4" paint-order="stroke">${xml(label)}</text>`;
}

function tooltip({ name, type, description }: DiagramNode, isStart: boolean): string {
  const what = `${name} (${type})${isStart ? ", where it begins" : ""}`;
  return description === undefined ? what : `${what}: ${description}`;
}

function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
/** What an XML 1.0 document cannot hold, however it is written. */
const NO_XML = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu;

function xml(text: string): string {
  return text.replace(NO_XML, "\uFFFD").replace(/[&<>"']/g, (character) => ENTITIES[character] as string);
}
