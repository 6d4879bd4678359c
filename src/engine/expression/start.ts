import type { Program } from "./compile";
import { ExpressionError } from "./errors";
import type { Evaluation } from "./index";
import { EXPRESSION_LIMITS } from "./limits";
import { plain } from "./result";
import type { Runtime } from "./runtime";
import { openFrame } from "./scope";
import { mark, OUTER, SEQUENCE } from "./values";

/** What one evaluation shares. */
export function runtimeOf(
  scope: unknown,
  evaluation: Evaluation,
  variables: Runtime["variables"] = evaluation.variables,
): Runtime {
  const { fuel } = evaluation.meter;
  const floor = Math.max(0, fuel - EXPRESSION_LIMITS.evaluationFuel);
  return {
    meter: evaluation.meter,
    floor,
    nextLook: Math.max(floor, fuel - EXPRESSION_LIMITS.lookFuel),
    root: scope,
    evaluation,
    variables,
    depth: 0,
    maxDepth: evaluation.depth ?? EXPRESSION_LIMITS.callDepth,
    now: evaluation.now,
  };
}

/** A document that is an array counts as one thing, not as its elements. */
export function inputOf(scope: unknown): unknown {
  return Array.isArray(scope) ? mark([scope], SEQUENCE | OUTER) : scope;
}

/** An evaluation in parts, for callers that want to look at it in between. */
export function start(program: Program, scope: unknown, evaluation: Evaluation) {
  const rt = runtimeOf(scope, evaluation);
  const { run, slots } = program;
  return {
    rt,
    run: () => run(inputOf(scope), slots > 0 ? openFrame(null, slots) : null, rt),
    finish: (value: unknown) => plain(rt, value),
  };
}

/** Whatever a host function throws passes as it is; only the engine's own stack overflow is one of our errors. */
export function asExpressionError(error: unknown): unknown {
  if (error instanceof RangeError && /call stack/i.test(error.message)) {
    return new ExpressionError("depth_exceeded", {}, { cause: error });
  }
  return error;
}
