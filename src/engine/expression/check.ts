import { nearest } from "../../domain/nearest";
import type { ShapeNode } from "../../domain/shape-source";
import { childrenOf, leftOf, type Node, pairsOf, parse } from "./ast";
import { ExpressionError } from "./errors";
import { LIBRARY } from "./functions/library";
import { type CompileOptions, compile, type Expression } from "./index";
import { render } from "./render";
import { boundNames } from "./variables";

/** Something about an expression that cannot be right, found without running it. */
export interface ExpressionProblem {
  /** An error code of expressions, or `unknown_field`. */
  code: string;
  message: string;
  position: number | undefined;
  /** The part at fault, as source. */
  part: string;
  /** The nearest name that does exist. */
  nearest: string | undefined;
}

/** What is known of a value: a declared shape, or nothing. */
type Known = ShapeNode | undefined;

const NUMBER: ShapeNode = { kind: "number", optional: true };
const STRING: ShapeNode = { kind: "string", optional: true };
const BOOLEAN: ShapeNode = { kind: "boolean", optional: true };

/**
 * Checks an expression against the shape of its scope: fields that a known shape does not declare, operands and
 * arguments of a type that cannot do. What is not known is not questioned, so there are no false alarms about it.
 * @param lent what is known of variables that the host gives a value
 */
export function check(
  expression: Expression | string,
  shape: ShapeNode,
  options: CompileOptions = {},
  lent: ReadonlyMap<string, ShapeNode> = new Map(),
): ExpressionProblem[] {
  const source = typeof expression === "string" ? expression : expression.source;
  try {
    if (typeof expression === "string") compile(expression, options);
  } catch (error) {
    if (error instanceof ExpressionError) return [problemOf(error)];
    throw error;
  }
  const { functions, variables } = typeof expression === "string" ? options : expression.options;
  const tree = parse(source);
  const names = [...(functions ?? []), ...(variables ?? [])];
  const checker = new Checker(shape, tree, new Map(names.map((name) => [name, lent.get(name)])));
  checker.infer(tree, shape);
  return checker.problems;
}

function problemOf(error: ExpressionError): ExpressionProblem {
  const { code, message, position, part } = error;
  return { code, message, position, part: part ?? "", nearest: error.nearest };
}

/** What a value of the shape is to a signature: its letter, or undefined when that cannot be told. */
function letterOf(known: Known): string | undefined {
  switch (known?.kind) {
    case "number":
    case "integer":
      return "n";
    case "boolean":
      return "b";
    case "string":
    case "date":
    case "datetime":
      return "s";
    case "list":
      return "a";
    case "fields":
    case "object":
      return "o";
    default:
      return undefined;
  }
}

class Checker {
  readonly problems: ExpressionProblem[] = [];
  readonly #root: ShapeNode;
  readonly #variables = new Map<string, Known>();
  /** Bound in several places, so that a name alone does not say which is meant. */
  readonly #ambiguous = new Set<string>();

  /** `lent` are names that the host gives a meaning, with what is known of their values. */
  constructor(root: ShapeNode, tree: Node, lent: ReadonlyMap<string, Known>) {
    this.#root = root;
    for (const [name, known] of lent) this.#variables.set(name, known);
    const seen = new Set<string>();
    for (const name of boundNames(tree)) {
      if (seen.has(name)) this.#ambiguous.add(name);
      seen.add(name);
    }
  }

  #bind(name: string, known: Known): void {
    this.#variables.set(name, this.#ambiguous.has(name) ? undefined : known);
  }

  /** The shape of what a node yields for a context of a known shape. */
  infer(node: Node, context: Known): Known {
    let known = this.#bare(node, context);
    for (const stage of node.predicate ?? []) known = this.#filtered(known, stage.expr);
    if (!node.group || node.type === "path") return known;
    this.#pairs(node.group.lhs, itemOf(known));
    return undefined;
  }

  #bare(node: Node, context: Known): Known {
    switch (node.type) {
      case "path":
        return this.#path(node, context);
      case "string":
        return STRING;
      case "number":
        return NUMBER;
      case "value":
        return typeof node.value === "boolean" ? BOOLEAN : undefined;
      case "variable":
        if (node.value === "") return context;
        return node.value === "$" ? this.#root : this.#variables.get(String(node.value));
      case "bind": {
        const known = this.infer(node.rhs as Node, context);
        this.#bind(String(leftOf(node).value), known);
        return known;
      }
      case "block":
        return (node.expressions ?? []).reduce<Known>((_, part) => this.infer(part, context), undefined);
      case "binary":
        return this.#binary(node, context);
      case "unary":
        if (node.value === "{") {
          this.#pairs(pairsOf(node), itemOf(context));
          return undefined;
        }
        if (node.value === "-") {
          this.#mustBe(node.expression as Node, context, "number", "D1002");
          return NUMBER;
        }
        break;
      case "function":
        return this.#call(node, context);
      case "lambda":
        this.#lambda(node, context, []);
        return undefined;
      case "transform":
        // What it is applied to is known only when it runs.
        return undefined;
      case "apply": {
        const piped = this.infer(leftOf(node), context);
        const right = node.rhs as Node;
        if (right.type === "function") return this.#call(right, context, { arg: leftOf(node), known: piped });
        this.infer(right, context);
        return undefined;
      }
      default:
    }
    for (const child of childrenOf({ ...node, predicate: [], stages: [] })) this.infer(child, context);
    return undefined;
  }

  #path(node: Node, context: Known): Known {
    let at = context;
    for (const step of node.steps ?? []) {
      if (step.type === "parent") return undefined;
      if (step.type === "sort") {
        for (const term of step.terms ?? []) this.infer(term.expression, itemOf(at));
        continue;
      }
      const before = at;
      if (step.type === "name") at = this.#field(step, at);
      else at = step === node.steps?.[0] ? this.infer(step, at) : this.infer(step, itemOf(at));
      if (step.focus !== undefined) {
        // `@` binds what the step yields, and goes on from where it was.
        this.#bind(step.focus, itemOf(at));
        at = before;
      }
      if (step.index !== undefined) this.#bind(step.index, NUMBER);
      for (const stage of step.stages ?? []) {
        if (stage.type === "filter") at = this.#filtered(at, stage.expr);
        else this.#bind(String(stage.value), NUMBER);
      }
    }
    if (!node.group) return at;
    this.#pairs(node.group.lhs, itemOf(at));
    return undefined;
  }

  #field(step: Node, from: Known): Known {
    const item = itemOf(from);
    if (!item) return undefined;
    const name = String(step.value);
    // An object without declared fields may have any.
    if (item.kind !== "fields" || item.fields.length === 0) return undefined;
    const field = item.fields.find((one) => one.name === name);
    if (field)
      return from?.kind === "list" ? { kind: "list", optional: true, item: field.shape } : field.shape;
    const found = nearest(
      name,
      item.fields.map((one) => one.name),
    );
    this.#report(step, "unknown_field", `there is no field ${name} here`, found);
    return undefined;
  }

  #filtered(known: Known, predicate: Node): Known {
    this.infer(predicate, itemOf(known));
    // What is left may be one element or several, and paths treat both alike.
    return known;
  }

  #pairs(pairs: readonly [Node, Node][], context: Known): void {
    for (const [key, value] of pairs) {
      this.infer(key, context);
      this.infer(value, context);
    }
  }

  #binary(node: Node, context: Known): Known {
    const left = leftOf(node);
    const right = node.rhs as Node;
    const operator = String(node.value);
    if ("+-*/%".includes(operator)) {
      this.#mustBe(left, context, "number", "T2001");
      this.#mustBe(right, context, "number", "T2002");
      return NUMBER;
    }
    const a = letterOf(this.infer(left, context));
    const b = letterOf(this.infer(right, context));
    if (["<", "<=", ">", ">="].includes(operator)) {
      if (a === "b" || b === "b")
        this.#report(node, "T2010", `${operator} compares numbers or strings, not booleans`);
      else if ((a === "n" && b === "s") || (a === "s" && b === "n")) {
        this.#report(node, "T2009", `${operator} compares a number with a string here`);
      }
    }
    if (operator === "&") return STRING;
    return operator === ".." ? undefined : BOOLEAN;
  }

  #mustBe(node: Node, context: Known, kind: "number", code: string): void {
    const letter = letterOf(this.infer(node, context));
    // A list may come down to one element, so only what can never be a number is wrong.
    if (letter === "s" || letter === "b" || letter === "o") {
      this.#report(node, code, `a ${kind} is wanted here`);
    }
  }

  /** A function's body, for arguments of which this much is known. Its context is that of where it is written. */
  #lambda(node: Node, context: Known, given: readonly Known[]): Known {
    if (!node.thunk) {
      (node.arguments ?? []).forEach((parameter, index) => {
        this.#bind(String(parameter.value), given[index]);
      });
    }
    return this.infer(node.body as Node, context);
  }

  #call(node: Node, context: Known, piped?: { arg: Node; known: Known }): Known {
    const procedure = node.procedure as Node;
    const name = procedure.type === "variable" ? String(procedure.value) : "";
    const native = this.#variables.has(name) ? undefined : LIBRARY.get(name);
    const args = [...(piped ? [piped.arg] : []), ...(node.arguments ?? [])];
    const known: Known[] = piped ? [piped.known] : [];
    for (const arg of args.slice(known.length)) {
      if (arg.type !== "lambda" || arg.thunk) known.push(this.infer(arg, context));
      else {
        this.#lambda(arg, context, native ? argumentsOf(name, known[0]) : []);
        known.push(undefined);
      }
    }
    if (procedure.type !== "variable") this.infer(procedure, context);
    if (!native) return undefined;
    const { parameters } = native.signature;
    args.forEach((arg, index) => {
      const parameter = parameters[index];
      const letter = letterOf(known[index]);
      // With fewer arguments than parameters the context may take the first place.
      if (!parameter || letter === undefined || args.length < parameters.length) return;
      const item = letterOf(itemOf(known[index]));
      const single = letter === "a" && !parameter.fits.includes("a") ? item : letter;
      if (single !== undefined && !parameter.fits.includes(single)) {
        this.#report(arg, "T0410", `argument ${index + 1} of $${name} cannot be this`);
      } else if (
        parameter.type === "a" &&
        parameter.subtype &&
        item !== undefined &&
        item !== parameter.subtype
      ) {
        this.#report(arg, "T0412", `argument ${index + 1} of $${name} cannot be a list of this`);
      }
    });
    if (SAME_ELEMENTS.has(name) && known[0]?.kind === "list") return known[0];
    return native.kind === "any" ? undefined : { kind: native.kind, optional: true };
  }

  #report(node: Node, code: string, message: string, near?: string): void {
    const position = node.position ?? node.steps?.[0]?.position;
    this.problems.push({ code, message, position, part: render(node), nearest: near });
  }
}

/** What a list has, or the thing itself: paths and predicates see elements. */
function itemOf(known: Known): Known {
  return known?.kind === "list" ? known.item : known;
}

/** Functions whose result has elements of their first argument. */
const SAME_ELEMENTS = new Set(["filter", "sort", "reverse", "distinct", "shuffle"]);

/** What a function of the library hands to the function that it is given, as far as its first argument says. */
function argumentsOf(name: string, first: Known): Known[] {
  switch (name) {
    case "map":
    case "filter":
    case "single":
      return [itemOf(first), NUMBER, first];
    case "reduce":
      return [undefined, itemOf(first), NUMBER, first];
    case "sort":
      return [itemOf(first), itemOf(first)];
    case "each":
    case "sift":
      return [undefined, STRING];
    default:
      return [];
  }
}
