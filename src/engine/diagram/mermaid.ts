import { type Diagram, type DiagramGraph, RETURN } from "./diagram";

/** A flow as a Mermaid flowchart, for documents and editors that draw those. */
export function toMermaid({ title, graph }: Diagram): string {
  const lines = ["---", `title: ${yaml(title)}`, "---", "flowchart TB"];
  writeGraph(graph, "n", "  ", lines);
  return `${lines.join("\n")}\n`;
}

/** @param prefix of the nodes' ids: names are for people, and may be words of the language */
function writeGraph(graph: DiagramGraph, prefix: string, indent: string, lines: string[]): void {
  for (const [index, node] of graph.nodes.entries()) {
    const id = `${prefix}${index}`;
    const label = `${quoted(node.name)}<br/><small>${quoted(node.type)}</small>`;
    if (node.inside.length === 0) {
      const [open, close] = index === graph.start ? ['(["', '"])'] : ['["', '"]'];
      lines.push(`${indent}${id}${open}${label}${close}`);
      continue;
    }
    lines.push(`${indent}subgraph ${id}["${label}"]`);
    for (const [place, inside] of node.inside.entries()) {
      writeGraph(inside, `${id}_${place === 0 ? "" : `${place}_`}`, `${indent}  `, lines);
    }
    lines.push(`${indent}end`);
  }
  const back = `${prefix}return`;
  if (graph.edges.some(({ to }) => to === RETURN)) lines.push(`${indent}${back}(("return"))`);
  for (const { from, to, results } of graph.edges) {
    const target = to === RETURN ? back : `${prefix}${to}`;
    lines.push(`${indent}${prefix}${from} -->|"${quoted(results.join(", "))}"| ${target}`);
  }
}

/** A title as YAML has it, without characters that begin markup where the text is put into a page as it is. */
function yaml(text: string): string {
  return JSON.stringify(text.replace(/[\p{Cc}\p{Cs}]/gu, " "))
    .replaceAll("<", "\\u003c")
    .replaceAll(">", "\\u003e");
}

/** A text inside quotes: whatever could end them, begin markup or an entity stands as the entity of its own number. */
function quoted(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cs}]/gu, " ")
    .replace(/[#&<>"'`;|\\[\]{}()]/g, (character) => `#${character.codePointAt(0)};`);
}
