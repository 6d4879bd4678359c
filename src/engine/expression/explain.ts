import { nearest } from "../../domain/nearest";
import { type Node, parse } from "./ast";
import { compileTree } from "./compile";
import type { Compiled } from "./compiled";
import { ExpressionError } from "./errors";
import type { CompileOptions, Evaluation, Expression, Scope } from "./index";
import { render } from "./render";
import { plain } from "./result";
import type { Run } from "./runtime";
import { start } from "./start";
import { isObject } from "./values";

/** One sub-expression and what came of it. */
export interface ExplainedPart {
  /** The sub-expression, as source. */
  part: string;
  position: number | undefined;
  /** How often it was evaluated: a predicate, once for each element. */
  times: number;
  /** The first values it had, at most `VALUES_KEPT`. */
  values: unknown[];
  /** For a path that found nothing: the field that is not there, and the nearest one that is. */
  missing?: { field: string; nearest: string | undefined };
}

export interface Explanation {
  value: unknown;
  error: ExpressionError | undefined;
  /** In the order in which they were first finished: the parts before the whole. */
  parts: ExplainedPart[];
}

/** Enough to see why an element was chosen or not, without repeating a list of thousands. */
const VALUES_KEPT = 10;

/** Evaluates once, slowly, and tells what every sub-expression gave: for the console and for the record of a branch. */
export function explain(
  expression: Expression | string,
  scope: Scope,
  evaluation: Evaluation,
  options: CompileOptions = {},
): Explanation {
  const source = typeof expression === "string" ? expression : expression.source;
  const given = typeof expression === "string" ? options : { ...expression.options, ...options };
  const parts = new Map<Node, ExplainedPart>();
  const tree = parse(source);
  const program = compileTree(tree, source, {
    hostFunctions: new Set(given.functions),
    variables: new Set(given.variables),
    lenient: given.lenient === true,
    around: (node, compiled) => (isTelling(node) ? recorded(node, compiled, parts) : compiled),
  });
  const { run, rt, finish } = start(program, scope, evaluation);
  let value: unknown;
  let error: ExpressionError | undefined;
  try {
    value = finish(run());
  } catch (thrown) {
    if (!(thrown instanceof ExpressionError)) throw thrown;
    error = thrown;
  }
  const settled = [...parts.values()].map((part) => ({
    ...part,
    values: part.values.map((one) => plain(rt, one)),
  }));
  return { value, error, parts: settled };
}

/** Literals and functions say nothing that the source does not. */
function isTelling(node: Node): boolean {
  return !["string", "number", "value", "regex", "lambda", "transform", "operator", "partial"].includes(
    node.type,
  );
}

function recorded(node: Node, compiled: Compiled, parts: Map<Node, ExplainedPart>): Compiled {
  const run: Run = (input, env, rt) => {
    const value = compiled.run(input, env, rt);
    let part = parts.get(node);
    if (!part) {
      part = {
        part: render(node),
        position: node.position ?? node.steps?.[0]?.position,
        times: 0,
        values: [],
      };
      parts.set(node, part);
    }
    part.times++;
    if (part.values.length < VALUES_KEPT) part.values.push(value);
    const missing = value === undefined && node.type === "path" ? missingField(node, input) : undefined;
    if (missing && !part.missing) part.missing = missing;
    return value;
  };
  // Shortcuts past `run` would go unseen.
  return { run, cost: compiled.cost, kind: compiled.kind };
}

/** Follows the fields of a path as far as they go. */
function missingField(node: Node, input: unknown): ExplainedPart["missing"] {
  let at = input;
  for (const step of node.steps ?? []) {
    if (step.type !== "name" || !isObject(at)) return undefined;
    const field = String(step.value);
    if (!Object.hasOwn(at, field)) return { field, nearest: nearest(field, Object.keys(at)) };
    at = at[field];
  }
  return undefined;
}
