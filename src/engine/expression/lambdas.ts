import type { Node } from "./ast";
import { type Compiled, type Context, elsewhere } from "./compiled";
import { ExpressionError } from "./errors";
import { type Callable, isCallable, type LambdaValue, type Runtime, TailCall, UNBOUND } from "./runtime";
import { assignedNames, type Frame, frame } from "./scope";
import { parseSignature } from "./signature";
import { charge } from "./values";

export function compileLambda(node: Node, scope: Frame | null, context: Context): Compiled {
  const parameters = (node.arguments ?? []).map((parameter) => String(parameter.value));
  const body = node.body as Node;
  const inner = frame(scope, [...parameters, ...assignedNames([body])]);
  const { attached } = context;
  context.attached = 0;
  const compiled = elsewhere(context, () => context.compile(body, inner));
  context.attached = attached;
  // Two parameters of one name: the later one counts, so arguments have to be placed by slot.
  const slots = parameters.map((name) => inner.slots.get(name) as number);
  const code = {
    parameters: parameters.length,
    extraSlots: inner.slots.size - new Set(slots).size,
    check: node.signature ? parseSignature(node.signature.definition).check : undefined,
    body: compiled.run,
    cost: compiled.cost + 1,
  };
  const repeated = new Set(slots).size !== slots.length;
  const place = repeated
    ? (args: unknown[]) => {
        const placed: unknown[] = [];
        slots.forEach((slot, index) => {
          placed[slot - 1] = args[index];
        });
        return placed;
      }
    : undefined;
  if (place) {
    const check = code.check;
    code.parameters = new Set(slots).size;
    code.check = (args, input) => place(check ? check(args, input) : args);
  }
  return {
    run: (input, env) => lambdaValue({ code, input, env }, parameters.length),
    cost: 1,
    kind: "any",
  };
}

function lambdaValue(lambda: LambdaValue, arity: number): Callable {
  const callable: Callable = (args, input, rt) => {
    enterCall(rt);
    const result = settleTail(enter(lambda, args, input, rt), input, rt);
    rt.depth--;
    return result;
  };
  callable.arity = arity;
  callable.lambda = lambda;
  callable.unchecked = (args, rt) => {
    enterCall(rt);
    const result = settleTail(run(lambda, args, rt), null, rt);
    rt.depth--;
    return result;
  };
  return callable;
}

/** An error ends the whole evaluation, so nobody has to count down again after one. */
export function enterCall(rt: Runtime): void {
  if (++rt.depth > rt.maxDepth) throw new ExpressionError("depth_exceeded");
}

function enter(lambda: LambdaValue, args: unknown[], input: unknown, rt: Runtime): unknown {
  const { check } = lambda.code;
  return run(lambda, check ? check(args, input) : args, rt);
}

function run(lambda: LambdaValue, args: unknown[], rt: Runtime): unknown {
  const { code, env } = lambda;
  charge(rt, code.cost);
  const made: unknown[] = [env];
  for (let i = 0; i < code.parameters; i++) made.push(args[i]);
  for (let i = 0; i < code.extraSlots; i++) made.push(UNBOUND);
  return code.body(lambda.input, made, rt);
}

/** Makes the calls that bodies left in tail position, one after the other, without growing the stack. */
export function settleTail(value: unknown, input: unknown, rt: Runtime): unknown {
  let result = value;
  while (result instanceof TailCall) {
    const { at, input: context, env }: TailCall = result;
    const { position, token } = at;
    charge(rt, at.args.length + 1);
    const target = at.target(context, env, rt);
    const args: unknown[] = [];
    for (const arg of at.args) args.push(arg(context, env, rt));
    if (!isCallable(target)) throw new ExpressionError("T1006", { position, token });
    try {
      result = target.lambda ? enter(target.lambda, args, input, rt) : target(args, input, rt);
    } catch (error) {
      throw error instanceof ExpressionError ? error.locate(position, token) : error;
    }
  }
  return result;
}

/** A function called by a function of the library for each element: `(value, index or key, whole)`. */
export type ElementCall = (rt: Runtime, value: unknown, at: unknown, whole: unknown) => unknown;

/** Prepared once per loop: it hands over as many arguments as the function declares. */
export function elementCall(fn: Callable): ElementCall {
  const { lambda, arity } = fn;
  if (lambda && !lambda.code.check && lambda.code.extraSlots === 0 && arity <= 2) {
    const { code, env, input } = lambda;
    return (rt, value, at) => {
      charge(rt, code.cost);
      enterCall(rt);
      const frameOf = arity === 1 ? [env, value] : arity === 0 ? [env] : [env, value, at];
      const result = code.body(input, frameOf, rt);
      rt.depth--;
      return result instanceof TailCall ? settleTail(result, null, rt) : result;
    };
  }
  if (arity >= 3) return (rt, value, at, whole) => fn([value, at, whole], null, rt);
  if (arity === 2) return (rt, value, at) => fn([value, at], null, rt);
  return (rt, value) => fn([value], null, rt);
}

/** `$g($f(x))` as one function: what `$f ~> $g` means when both are functions. */
export function chain(first: Callable, second: Callable): Callable {
  const chained: Callable = (args, _input, rt) => second([first([args[0]], null, rt)], null, rt);
  chained.arity = 1;
  return chained;
}
