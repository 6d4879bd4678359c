import { childrenOf, leftOf, type Node } from "./ast";
import { compileApply, compileCall, compilePartial, compileTailCall, compileVariable } from "./calls";
import { type Compiled, type Context, elsewhere, isShallow, type Settle, type Tidy } from "./compiled";
import { compileArray } from "./constructors";
import { ExpressionError } from "./errors";
import { compileFilter } from "./filters";
import { compileObject, withGroup } from "./grouping";
import { compileLambda } from "./lambdas";
import { EXPRESSION_LIMITS } from "./limits";
import { compileBinary, compileNegation } from "./operators";
import { compileName, compilePath, descendants, wildcard } from "./paths";
import { compileRegex } from "./regex";
import { plain, shallow } from "./result";
import { type Run, UNBOUND } from "./runtime";
import { assignedNames, type Frame, frame, noteBorrowed, openFrame, reader, writer } from "./scope";
import { compileTransform } from "./transforms";
import { charge, collapse, collapseKeeping, truth } from "./values";

export interface CompileSettings {
  hostFunctions: ReadonlySet<string>;
  variables: ReadonlySet<string>;
  lenient: boolean;
  /** Sees every node as it is compiled, and may put something around it (`explain` does). */
  around?: (node: Node, compiled: Compiled) => Compiled;
}

export interface Program {
  run: Run;
  cost: number;
  /** Makes what `run` gives plain JSON. */
  tidy: Tidy;
  /** Slots of the outermost frame, for variables assigned outside any block. */
  slots: number;
}

/** The tree as closures. Each node's closure knows its children's; nothing is looked up by type at run time. */
export function compileTree(tree: Node, source: string, settings: CompileSettings): Program {
  let depth = 0;
  const context: Context = {
    source,
    hostFunctions: settings.hostFunctions,
    variables: settings.variables,
    lenient: settings.lenient,
    attached: 0,
    rooted: true,
    compile(node, scope) {
      if (++depth > EXPRESSION_LIMITS.treeDepth) {
        throw new ExpressionError("source_too_deep", { position: node.position });
      }
      const compiled = dressed(node, scope, context);
      depth--;
      return settings.around ? settings.around(node, compiled) : compiled;
    },
  };
  const names = assignedNames([tree]);
  const scope = names.length > 0 ? frame(null, names) : null;
  const { run, cost, tidy, kind } = context.compile(tree, scope);
  return { run, cost, tidy: tidy ?? (kind === "any" ? plain : shallow), slots: scope ? scope.slots.size : 0 };
}

/** A node with what may be attached to any: predicates, a grouping, `[]`. */
function dressed(node: Node, scope: Frame | null, context: Context): Compiled {
  if (node.type === "path" || (!node.predicate && !node.group && !node.keepArray)) {
    return bare(node, scope, context, collapse);
  }
  // What is attached sees the sequence before it collapses.
  context.attached++;
  const compiled = bare(node, scope, context, unsettled);
  context.attached--;
  let { run } = compiled;
  for (const stage of node.predicate ?? []) {
    const inner = run;
    const filter = elsewhere(context, () => compileFilter(stage, scope, context));
    run = (input, env, rt) => filter(inner(input, env, rt), env, rt);
  }
  const { group } = node;
  if (group) run = elsewhere(context, () => withGroup(run, group, scope, context));
  const settle = node.keepArray ? collapseKeeping : collapse;
  return { run: (input, env, rt) => settle(run(input, env, rt)), cost: compiled.cost + 1, kind: "any" };
}

function unsettled(value: unknown): unknown {
  return value;
}

function bare(node: Node, scope: Frame | null, context: Context, settle: Settle): Compiled {
  switch (node.type) {
    case "path":
      return compilePath(node, scope, context);
    case "binary":
      return compileBinary(node, scope, context);
    case "unary":
      if (node.value === "-") return compileNegation(node, scope, context);
      return node.value === "[" ? compileArray(node, scope, context) : compileObject(node, scope, context);
    case "name":
      return compileName(node);
    case "string":
    case "number":
    case "value":
      return literal(node.value);
    case "wildcard":
      return { run: (input, _env, rt) => settle(wildcard(input, rt)), cost: 1, kind: "any" };
    case "descendant":
      return { run: (input, _env, rt) => settle(descendants(input, rt)), cost: 1, kind: "any" };
    case "parent":
      return parentOf(node, scope);
    case "condition":
      return compileCondition(node, scope, context);
    case "block":
      return compileBlock(node, scope, context);
    case "bind":
      return compileBind(node, scope, context);
    case "regex":
      return compileRegex(node);
    case "function":
      return compileCall(node, scope, context, settle);
    case "variable":
      return compileVariable(node, scope, context, settle);
    case "lambda":
      return node.thunk ? compileTailCall(node, scope, context) : compileLambda(node, scope, context);
    case "partial":
      return compilePartial(node, scope, context);
    case "apply":
      return compileApply(node, scope, context, settle);
    case "transform":
      return compileTransform(node, scope, context);
    default:
      throw new ExpressionError("S0206", { position: node.position, token: node.type });
  }
}

function literal(value: unknown): Compiled {
  const kind = typeof value;
  return {
    run: () => value,
    cost: 1,
    kind: kind === "string" || kind === "number" || kind === "boolean" ? kind : "any",
    tidy: shallow,
    literal: { value },
  };
}

function parentOf(node: Node, scope: Frame | null): Compiled {
  const read = reader(scope, String(node.slot?.label));
  const run: Run = (_input, env) => {
    const value = read?.(env);
    return value === UNBOUND ? undefined : collapse(value);
  };
  return { run, cost: 1, kind: "any" };
}

/** `a ?? b`: the parser writes it as a condition on a copy of `a`. Ours evaluates `a` once. */
function compileCoalescing(node: Node, scope: Frame | null, context: Context): Compiled {
  const value = context.compile(node.then as Node, scope);
  const instead = context.compile(node.else as Node, scope);
  const run: Run = (input, env, rt) => {
    const found = value.run(input, env, rt);
    return found === undefined ? instead.run(input, env, rt) : found;
  };
  return { run, cost: value.cost + instead.cost + 1, kind: value.kind === instead.kind ? value.kind : "any" };
}

/** The call of `exists` that the parser makes up has no place in the source. */
function isCoalescing(node: Node): boolean {
  const { condition } = node;
  return (
    condition?.type === "function" &&
    condition.position === undefined &&
    condition.procedure?.value === "exists"
  );
}

/** The parser copies the left side of `?:` by way of text, which no regular expression survives. */
function hasLostRegex(node: Node): boolean {
  return (node.type === "regex" && !(node.value instanceof RegExp)) || childrenOf(node).some(hasLostRegex);
}

function compileCondition(node: Node, scope: Frame | null, context: Context): Compiled {
  if (isCoalescing(node)) return compileCoalescing(node, scope, context);
  const tested = node.condition as Node;
  const condition = context.compile(hasLostRegex(tested) ? (node.then as Node) : tested, scope);
  const yes = context.compile(node.then as Node, scope);
  const no = node.else && context.compile(node.else, scope);
  const test = condition.run;
  const ifTrue = yes.run;
  const ifFalse: Run = no ? no.run : () => undefined;
  const run: Run =
    condition.kind === "boolean"
      ? (input, env, rt) => (test(input, env, rt) === true ? ifTrue(input, env, rt) : ifFalse(input, env, rt))
      : (input, env, rt) => (truth(test(input, env, rt)) ? ifTrue(input, env, rt) : ifFalse(input, env, rt));
  return {
    run,
    cost: condition.cost + yes.cost + (no?.cost ?? 0) + 1,
    kind: !no || yes.kind === no.kind ? yes.kind : "any",
    tidy: isShallow(yes) && (!no || isShallow(no)) ? shallow : undefined,
  };
}

function compileBlock(node: Node, scope: Frame | null, context: Context): Compiled {
  const expressions = node.expressions ?? [];
  const names = assignedNames(expressions);
  const inner = names.length > 0 ? frame(scope, names) : scope;
  const compiled = expressions.map((expression) => context.compile(expression, inner));
  const cost = compiled.reduce((sum, expression) => sum + expression.cost, 1);
  const kind = compiled.at(-1)?.kind ?? "any";
  const tidy = compiled.at(-1)?.tidy;
  const only = compiled[0];
  if (inner === scope && compiled.length === 1 && only) return { run: only.run, cost, kind, tidy };
  const runs = compiled.map((expression) => expression.run);
  const slots = inner === scope ? 0 : (inner as Frame).slots.size;
  const run: Run = (input, env, rt) => {
    const here = slots > 0 ? openFrame(env, slots) : env;
    let value: unknown;
    for (let i = 0; i < runs.length; i++) value = (runs[i] as Run)(input, here, rt);
    return value;
  };
  return { run, cost, kind, tidy };
}

function compileBind(node: Node, scope: Frame | null, context: Context): Compiled {
  const value = context.compile(node.rhs as Node, scope);
  const name = String(leftOf(node).value);
  const write = writer(scope, name);
  if (context.rooted && isShallow(value)) noteBorrowed(scope, name);
  const run: Run = (input, env, rt) => {
    charge(rt, 1);
    const result = value.run(input, env, rt);
    write(env, result);
    return collapse(result);
  };
  return { run, cost: value.cost + 1, kind: value.kind };
}
