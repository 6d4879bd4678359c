import { childrenOf, leftOf, type Node, pairsOf } from "./ast";

/** Longer than this a part is cut, in characters: it is to be recognised, not run. */
const LONGEST = 120;

/** A node as source again: what an error or an explanation calls the part. Spaces and quotes may differ from the original. */
export function render(node: Node): string {
  const text = write(node);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

function write(node: Node): string {
  let text = bare(node);
  for (const stage of [...(node.predicate ?? []), ...(node.stages ?? [])]) {
    text += stage.type === "index" ? `#$${String(stage.value)}` : `[${write(stage.expr)}]`;
  }
  if (node.focus !== undefined) text += `@$${node.focus}`;
  if (node.index !== undefined) text += `#$${node.index}`;
  if (node.keepArray) text += "[]";
  return node.group ? `${text}{${pairs(node.group.lhs)}}` : text;
}

function list(nodes: readonly Node[] | undefined): string {
  return (nodes ?? []).map(write).join(", ");
}

function pairs(members: readonly [Node, Node][]): string {
  return members.map(([key, value]) => `${write(key)}: ${write(value)}`).join(", ");
}

function name(value: unknown): string {
  const text = String(value);
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(text) ? text : `\`${text}\``;
}

function bare(node: Node): string {
  switch (node.type) {
    case "path":
      return (node.steps ?? []).reduce(
        (text, step) =>
          step.type === "sort" ? text + write(step) : text === "" ? write(step) : `${text}.${write(step)}`,
        "",
      );
    case "name":
      return name(node.value);
    case "string":
      return JSON.stringify(node.value);
    case "number":
    case "value":
      return String(node.value);
    case "variable":
      return `$${String(node.value)}`;
    case "regex":
      return node.value instanceof RegExp ? `/${node.value.source}/` : "/…/";
    case "wildcard":
      return "*";
    case "descendant":
      return "**";
    case "parent":
      return "%";
    case "operator":
      return String(node.value);
    case "binary":
      return `${write(leftOf(node))} ${String(node.value)} ${write(node.rhs as Node)}`;
    case "unary":
      if (node.value === "[") return `[${list(node.expressions)}]`;
      return node.value === "{" ? `{${pairs(pairsOf(node))}}` : `-${write(node.expression as Node)}`;
    case "condition":
      return `${write(node.condition as Node)} ? ${write(node.then as Node)}${node.else ? ` : ${write(node.else)}` : ""}`;
    case "block":
      return `(${(node.expressions ?? []).map(write).join("; ")})`;
    case "bind":
      return `${write(leftOf(node))} := ${write(node.rhs as Node)}`;
    case "apply":
      return `${write(leftOf(node))} ~> ${write(node.rhs as Node)}`;
    case "function":
    case "partial":
      return `${write(node.procedure as Node)}(${list(node.arguments)})`;
    case "lambda":
      return node.thunk
        ? write(node.body as Node)
        : `function(${list(node.arguments)}){${write(node.body as Node)}}`;
    case "sort":
      return `^(${(node.terms ?? []).map((term) => (term.descending ? ">" : "") + write(term.expression)).join(", ")})`;
    case "transform":
      return `|${[node.pattern, node.update].map((part) => write(part as Node)).join("|")}${node.delete ? `, ${write(node.delete)}` : ""}|`;
    default:
      return "…";
  }
}

/** The innermost node at a position of the source. */
export function nodeAt(node: Node, position: number): Node | undefined {
  for (const child of childrenOf(node)) {
    const found = nodeAt(child, position);
    if (found) return found;
  }
  return node.position === position ? node : undefined;
}
