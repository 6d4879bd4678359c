import jsonata from "jsonata";
import { ExpressionError } from "./errors";
import { guardSource } from "./source-guard";

/** A node of the parser's tree, as far as the evaluator reads it. */
export interface Node {
  type: string;
  /** A name, a literal, an operator or a regular expression, by `type`. */
  value?: unknown;
  position?: number;
  steps?: Node[];
  predicate?: Stage[];
  stages?: Stage[];
  group?: { lhs: [Node, Node][]; position?: number };
  expressions?: Node[];
  expression?: Node;
  lhs?: Node | [Node, Node][];
  rhs?: Node;
  procedure?: Node;
  arguments?: Node[];
  signature?: { definition: string };
  body?: Node;
  thunk?: boolean;
  condition?: Node;
  then?: Node;
  else?: Node;
  pattern?: Node;
  update?: Node;
  delete?: Node;
  terms?: { descending: boolean; expression: Node }[];
  keepArray?: boolean;
  keepSingletonArray?: boolean;
  consarray?: boolean;
  tuple?: boolean;
  focus?: string;
  index?: string;
  ancestor?: { label: string };
  slot?: { label: string };
}

export interface Stage {
  type: string;
  expr: Node;
  value?: unknown;
  position?: number;
}

/** The pairs of an object constructor or grouping. */
export function pairsOf(node: { lhs?: unknown }): [Node, Node][] {
  return node.lhs as [Node, Node][];
}

export function leftOf(node: Node): Node {
  return node.lhs as Node;
}

export function parse(source: string): Node {
  guardSource(source);
  try {
    return jsonata(source).ast() as Node;
  } catch (thrown) {
    throw syntaxError(thrown);
  }
}

/** The parser throws plain objects with a code, and leaves engine errors (a stack overflow, a bad regular expression) as they are. */
function syntaxError(thrown: unknown): ExpressionError {
  if (thrown instanceof RangeError) return new ExpressionError("source_too_deep");
  if (thrown instanceof SyntaxError) {
    return new ExpressionError("regex_refused", { expected: "this is not a regular expression" });
  }
  const found = thrown as { code?: unknown; position?: unknown; token?: unknown; value?: unknown };
  if (typeof found.code !== "string") return new ExpressionError("S0201", {}, { cause: thrown });
  return new ExpressionError(found.code, {
    position: typeof found.position === "number" ? found.position : undefined,
    token: found.token === undefined ? undefined : String(found.token),
    value: found.value,
  });
}

/** All direct children of a node, in source order as far as the tree keeps it. */
export function childrenOf(node: Node): Node[] {
  const children: Node[] = [];
  const add = (child: Node | undefined) => {
    if (child) children.push(child);
  };
  for (const step of node.steps ?? []) add(step);
  if (Array.isArray(node.lhs)) for (const [key, value] of node.lhs) children.push(key, value);
  else add(node.lhs);
  add(node.rhs);
  for (const item of node.expressions ?? []) add(item);
  add(node.expression);
  add(node.procedure);
  if (node.type !== "lambda" || node.thunk) for (const item of node.arguments ?? []) add(item);
  add(node.body);
  add(node.condition);
  add(node.then);
  add(node.else);
  add(node.pattern);
  add(node.update);
  add(node.delete);
  for (const term of node.terms ?? []) add(term.expression);
  for (const stage of [...(node.predicate ?? []), ...(node.stages ?? [])]) {
    if (stage.type === "filter") add(stage.expr);
  }
  if (node.group) for (const [key, value] of node.group.lhs) children.push(key, value);
  return children;
}
