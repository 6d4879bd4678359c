/**
 * Expressions: JSONata sources compiled once, evaluated many times, synchronously.
 * This file is the one door to the evaluator; the rest of the engine imports nothing below it.
 */
import { type Node, parse } from "./ast";
import { compileTree } from "./compile";
import { ExpressionError } from "./errors";
import { type Reads, readsOf } from "./reads";
import { nodeAt, render } from "./render";
import { openFrame } from "./scope";
import { asExpressionError, inputOf, runtimeOf } from "./start";
import { fieldsOfVariable } from "./variables";

export { type BoundedPattern, boundedPattern } from "./bounded-pattern";
export { check, type ExpressionProblem } from "./check";
export { ExpressionError } from "./errors";
export { type ExplainedPart, type Explanation, explain } from "./explain";
export { DEFAULT_FUEL, EXPRESSION_LIMITS } from "./limits";
export type { Reads } from "./reads";

/** What an expression may spend. One meter is shared by a whole run, so a run cannot out-spend its budget. */
export interface Meter {
  /** Steps left. Every evaluated sub-expression and every iterated element costs at least one. */
  fuel: number;
  /** Called now and then during a long evaluation; what it throws ends the evaluation and passes as it is. */
  look?: () => void;
}

/** The names an expression can see: own, enumerable properties of a plain object, reached as paths (`input.json.id`). */
export type Scope = Record<string, unknown>;

/** Functions that a run lends to its expressions (`$debug`, `$error`, `$now` …), without the `$`. Pure or host-owned, synchronous. */
export type HostFunctions = Record<string, (...args: unknown[]) => unknown>;

export interface Evaluation {
  meter: Meter;
  functions?: HostFunctions;
  /** Values of the variables named when the expression was compiled. */
  variables?: Record<string, unknown>;
  /** Milliseconds since 1970 that `$now()` and `$millis()` answer with; fixed for one evaluation. */
  now?: number;
  /** Source of `$random()` and `$shuffle()`: a number in [0, 1). */
  random?: () => number;
  /** Function calls that may be under way at once; `EXPRESSION_LIMITS.callDepth` unless less is wanted. */
  depth?: number;
}

export interface Expression {
  readonly source: string;
  /** What it was compiled with. */
  readonly options: CompileOptions;
  /** The parts of the scope that an evaluation can look at. */
  readonly reads: Reads;
  /** Fields that it reads of a variable which evaluations give a value; the empty name stands for all of them. */
  fieldsOf(variable: string): ReadonlySet<string>;
  /**
   * Plain JSON or undefined. Throws `ExpressionError`.
   * @param variables instead of the evaluation's own
   */
  evaluate(scope: Scope, evaluation: Evaluation, variables?: Evaluation["variables"]): unknown;
}

export interface CompileOptions {
  /** Names of host functions that evaluations will lend, such as `debug`. */
  functions?: readonly string[];
  /** Names of variables that evaluations will give values to. */
  variables?: readonly string[];
  /** Treat unknown variables and functions as the reference does (nothing; an error when called) instead of refusing them. */
  lenient?: boolean;
}

/** Compiles a source. Throws `ExpressionError` on a syntax error and on a variable or function that does not exist. */
export function compile(source: string, options: CompileOptions = {}): Expression {
  const tree = parse(source);
  const { run, cost, slots, tidy } = located(tree, () =>
    compileTree(tree, source, {
      hostFunctions: new Set(options.functions),
      variables: new Set(options.variables),
      lenient: options.lenient === true,
    }),
  );
  let reads: Reads | undefined;
  return {
    source,
    options,
    get reads() {
      reads ??= readsOf(tree);
      return reads;
    },
    fieldsOf: (variable) => fieldsOfVariable(tree, variable),
    evaluate(scope, evaluation, variables) {
      const { meter } = evaluation;
      meter.fuel -= cost;
      if (meter.fuel < 0) throw new ExpressionError("fuel_exhausted");
      const rt = runtimeOf(scope, evaluation, variables);
      try {
        const value = run(inputOf(scope), slots > 0 ? openFrame(null, slots) : null, rt);
        return typeof value === "string" || typeof value === "boolean" ? value : tidy(rt, value);
      } catch (error) {
        throw withPart(tree, asExpressionError(error));
      }
    },
  };
}

function located<T>(tree: Node, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw withPart(tree, asExpressionError(error));
  }
}

/** Finds the part that failed only when something did. */
function withPart(tree: Node, error: unknown): unknown {
  if (!(error instanceof ExpressionError) || error.position === undefined || error.part !== undefined)
    return error;
  const node = nodeAt(tree, error.position);
  return node ? error.locate(error.position, error.token, render(node)) : error;
}
