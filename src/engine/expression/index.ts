/**
 * Expressions: JSONata sources compiled once, evaluated many times, synchronously.
 * This file is the one door to the evaluator; the rest of the engine imports nothing below it.
 */
import { parse } from "./ast";
import { compileTree } from "./compile";
import { ExpressionError } from "./errors";
import { EXPRESSION_LIMITS } from "./limits";
import { type Reads, readsOf } from "./reads";
import { plain } from "./result";
import type { Runtime } from "./runtime";
import { openFrame } from "./scope";
import { mark, OUTER, SEQUENCE } from "./values";

export { ExpressionError } from "./errors";
export { DEFAULT_FUEL, EXPRESSION_LIMITS } from "./limits";
export type { Reads } from "./reads";

/** What an expression may spend. One meter is shared by a whole run, so a run cannot out-spend its budget. */
export interface Meter {
  /** Steps left. Every evaluated sub-expression and every iterated element costs at least one. */
  fuel: number;
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
  /** The parts of the scope that an evaluation can look at. */
  readonly reads: Reads;
  /** Plain JSON or undefined. Throws `ExpressionError`. */
  evaluate(scope: Scope, evaluation: Evaluation): unknown;
}

export interface CompileOptions {
  /** Names of host functions that evaluations will lend, such as `debug`. */
  functions?: readonly string[];
  /** Names of variables that evaluations will give values to. */
  variables?: readonly string[];
  /** Treat unknown variables and functions as the reference does (nothing; an error when called) instead of refusing them. */
  lenient?: boolean;
}

export function compile(source: string, options: CompileOptions = {}): Expression {
  const tree = parse(source);
  const program = compileTree(tree, source, {
    hostFunctions: new Set(options.functions),
    variables: new Set(options.variables),
    lenient: options.lenient === true,
  });
  const { run, cost, slots } = program;
  let reads: Reads | undefined;
  return {
    source,
    get reads() {
      reads ??= readsOf(tree);
      return reads;
    },
    evaluate(scope, evaluation) {
      const rt = runtimeOf(scope, evaluation);
      const { meter } = evaluation;
      meter.fuel -= cost;
      if (meter.fuel < 0) throw new ExpressionError("fuel_exhausted");
      try {
        const input: unknown = Array.isArray(scope) ? mark([scope], SEQUENCE | OUTER) : scope;
        const value = run(input, slots > 0 ? openFrame(null, slots) : null, rt);
        return typeof value === "string" || typeof value === "boolean" ? value : plain(rt, value);
      } catch (error) {
        throw asExpressionError(error);
      }
    },
  };
}

function runtimeOf(scope: unknown, evaluation: Evaluation): Runtime {
  return {
    meter: evaluation.meter,
    root: scope,
    functions: evaluation.functions,
    variables: evaluation.variables,
    depth: 0,
    maxDepth: evaluation.depth ?? EXPRESSION_LIMITS.callDepth,
    now: evaluation.now,
    random: evaluation.random ?? Math.random,
  };
}

/** Whatever a host function throws passes as it is; only the engine's own stack overflow is one of our errors. */
function asExpressionError(error: unknown): unknown {
  if (error instanceof RangeError && /call stack/i.test(error.message)) {
    return new ExpressionError("depth_exceeded", {}, { cause: error });
  }
  return error;
}
