import { nearest } from "../../domain/nearest";
import { leftOf, type Node } from "./ast";
import type { Compiled, Context, Settle } from "./compiled";
import { ExpressionError } from "./errors";
import { LIBRARY, type Native, SLOW } from "./functions/library";
import { hostCallable } from "./host";
import { chain, settleTail } from "./lambdas";
import { shallow } from "./result";
import {
  type Callable,
  isCallable,
  type Run,
  type Runtime,
  TailCall,
  type TailPosition,
  UNBOUND,
} from "./runtime";
import { type Frame, isBorrowed, isBound, namesInScope, reader } from "./scope";
import { collapse, marksOf, OUTER } from "./values";

/** Compiles a call. `piped` is the left side of `~>`, which becomes the first argument. */
export function compileCall(
  node: Node,
  scope: Frame | null,
  context: Context,
  settle: Settle,
  piped?: Compiled,
): Compiled {
  const args = (node.arguments ?? []).map((arg) => context.compile(arg, scope));
  if (piped) args.unshift(piped);
  const cost = args.reduce((sum, arg) => sum + arg.cost, 2);
  const procedure = node.procedure as Node;
  const position = node.position;
  const token = calledName(procedure);
  const native = libraryFunction(procedure, scope, context);
  if (native) {
    return { run: nativeCall(native, args, position, settle), cost: cost + native.cost, kind: native.kind };
  }
  const target = calledFunction(procedure, scope, context);
  const runs = args.map((arg) => arg.run);
  const mistaken = procedure.type === "path" && token !== undefined && LIBRARY.has(token);
  const run: Run = (input, env, rt) => {
    const fn = target.run(input, env, rt);
    if (fn === undefined && mistaken) throw new ExpressionError("T1005", { position, token });
    const values: unknown[] = [];
    for (const arg of runs) values.push(arg(input, env, rt));
    return settle(applyAt(fn, values, input, rt, position, token));
  };
  return { run, cost: cost + target.cost, kind: "any" };
}

/** A call in tail position: handed back to whoever called the function it ends. */
export function compileTailCall(thunk: Node, scope: Frame | null, context: Context): Compiled {
  const node = thunk.body as Node;
  const procedure = node.procedure as Node;
  const native = libraryFunction(procedure, scope, context);
  const args = (node.arguments ?? []).map((arg) => context.compile(arg, scope));
  const position = node.position;
  const token = calledName(procedure);
  const cost = args.reduce((sum, arg) => sum + arg.cost, 2);
  if (native && context.attached === 0 && args.length >= native.callable.arity) {
    return {
      run: nativeCall(native, args, position, (value) => value),
      cost: cost + native.cost,
      kind: native.kind,
    };
  }
  const target = calledFunction(procedure, scope, context);
  const runs = args.map((arg) => arg.run);
  const at: TailPosition = { target: target.run, args: runs, position, token };
  const run: Run = (input, env) => new TailCall(at, input, env);
  return { run, cost: cost + target.cost, kind: "any" };
}

function calledFunction(procedure: Node, scope: Frame | null, context: Context): Compiled {
  const name = String(procedure.value);
  const known =
    procedure.type !== "variable" ||
    name === "" ||
    name === "$" ||
    isBound(scope, name) ||
    outsideReader(name, context);
  if (!known && !context.lenient) throw unknownName(procedure, scope, context, true);
  return context.compile(procedure, scope);
}

function calledName(procedure: Node): string | undefined {
  const named = procedure.type === "path" ? procedure.steps?.[0] : procedure;
  return typeof named?.value === "string" ? named.value : undefined;
}

/** The function of the library that this names, unless a variable or the host has taken the name. */
function libraryFunction(procedure: Node, scope: Frame | null, context: Context): Native | undefined {
  if (procedure.type !== "variable" || procedure.predicate || procedure.group) return undefined;
  const name = String(procedure.value);
  if (isBound(scope, name) || context.variables.has(name) || context.hostFunctions.has(name))
    return undefined;
  return LIBRARY.get(name);
}

function nativeCall(native: Native, args: Compiled[], position: number | undefined, settle: Settle): Run {
  const { callable, one, two, overField } = native;
  const token = callable.label;
  const general = (values: unknown[], input: unknown, rt: Runtime): unknown => {
    try {
      return settle(callable(values, input, rt));
    } catch (error) {
      throw error instanceof ExpressionError ? error.locate(position, token) : error;
    }
  };
  const [first, second] = args;
  if (args.length === 1 && first && one) {
    const arg = first.run;
    const { ending } = first;
    if (ending && overField) {
      const over = overField(ending.name);
      return (input, env, rt) => {
        const items = ending.items(input, env, rt);
        if (items.length > 1) {
          const result = over(items, rt);
          if (result !== SLOW) return result;
        }
        const value = ending.finish(items, env, rt);
        const result = one(value, rt);
        return result === SLOW ? general([value], input, rt) : result;
      };
    }
    return (input, env, rt) => {
      const value = arg(input, env, rt);
      const result = one(value, rt);
      return result === SLOW ? general([value], input, rt) : result;
    };
  }
  if (args.length === 2 && first && second && two) {
    const a = first.run;
    const b = second.run;
    return (input, env, rt) => {
      const x = a(input, env, rt);
      const y = b(input, env, rt);
      const result = two(x, y, rt);
      return result === SLOW ? general([x, y], input, rt) : result;
    };
  }
  const runs = args.map((arg) => arg.run);
  return (input, env, rt) => {
    const values: unknown[] = [];
    for (const arg of runs) values.push(arg(input, env, rt));
    return general(values, input, rt);
  };
}

function applyAt(
  fn: unknown,
  args: unknown[],
  input: unknown,
  rt: Runtime,
  position: number | undefined,
  token: string | undefined,
): unknown {
  if (!isCallable(fn)) throw new ExpressionError("T1006", { position, token, value: fn });
  try {
    return fn(args, input, rt);
  } catch (error) {
    throw error instanceof ExpressionError ? error.locate(position, token) : error;
  }
}

/** `left ~> right`. */
export function compileApply(node: Node, scope: Frame | null, context: Context, settle: Settle): Compiled {
  const left = context.compile(leftOf(node), scope);
  const right = node.rhs as Node;
  if (right.type === "function") return compileCall(right, scope, context, settle, left);
  const fn = context.compile(right, scope);
  const position = node.position;
  const run: Run = (input, env, rt) => {
    const value = left.run(input, env, rt);
    const target = fn.run(input, env, rt);
    if (!isCallable(target)) throw new ExpressionError("T2006", { position, token: "~>", value: target });
    if (isCallable(value)) return chain(value, target);
    return settle(applyAt(target, [value], null, rt, position, undefined));
  };
  return { run, cost: left.cost + fn.cost + 2, kind: "any" };
}

/** `$f(?, x)`. */
export function compilePartial(node: Node, scope: Frame | null, context: Context): Compiled {
  const procedure = node.procedure as Node;
  const position = node.position;
  const token = calledName(procedure);
  const target = context.compile(procedure, scope);
  const args = (node.arguments ?? []).map((arg) =>
    arg.type === "operator" && arg.value === "?" ? undefined : context.compile(arg, scope).run,
  );
  const mistaken = procedure.type === "path" && token !== undefined && LIBRARY.has(token);
  const run: Run = (input, env, rt) => {
    const values = args.map((arg) => arg?.(input, env, rt));
    const fn = target.run(input, env, rt);
    if (fn === undefined && mistaken) throw new ExpressionError("T1007", { position, token });
    if (!isCallable(fn)) throw new ExpressionError("T1008", { position, token });
    const holes = args.flatMap((arg, index) => (arg === undefined && index < fn.arity ? [index] : []));
    return partial(fn, values, holes);
  };
  return { run, cost: args.length + target.cost + 2, kind: "any" };
}

function partial(fn: Callable, values: unknown[], holes: number[]): Callable {
  const callUnchecked = (args: unknown[], rt: Runtime) => {
    const filled = values.slice(0, Math.max(fn.arity, 0));
    holes.forEach((hole, index) => {
      filled[hole] = args[index];
    });
    return settleTail(fn.unchecked ? fn.unchecked(filled, rt, null) : fn(filled, null, rt), null, rt);
  };
  const made: Callable = (args, _input, rt) => callUnchecked(args, rt);
  made.arity = holes.length;
  return made;
}

/** `$name`: a variable of the expression, of the caller, a function of the host or of the library, in this order. */
export function compileVariable(node: Node, scope: Frame | null, context: Context, settle: Settle): Compiled {
  const name = String(node.value);
  if (name === "")
    return { run: contextItself, cost: 1, kind: "any", tidy: context.rooted ? shallow : undefined };
  if (name === "$") return { run: (_input, _env, rt) => rt.root, cost: 1, kind: "any", tidy: shallow };
  const bound = reader(scope, name);
  const outside = outsideReader(name, context);
  if (!bound && !outside) {
    if (context.lenient) return { run: () => undefined, cost: 1, kind: "any" };
    throw unknownName(node, scope, context);
  }
  let run: Run;
  if (bound && outside) {
    run = (_input, env, rt) => {
      const value = bound(env);
      return settle(value === UNBOUND ? outside(rt) : value);
    };
  } else if (bound) {
    run = (_input, env) => {
      const value = bound(env);
      return Array.isArray(value) ? settle(value) : value === UNBOUND ? undefined : value;
    };
  } else run = (_input, _env, rt) => settle(outside?.(rt));
  const borrowed = context.rooted && !outside && isBorrowed(scope, name);
  return { run, cost: 1, kind: "any", tidy: borrowed ? shallow : undefined };
}

function contextItself(input: unknown): unknown {
  if (!Array.isArray(input)) return input;
  return collapse(marksOf(input) & OUTER ? input[0] : input);
}

function outsideReader(name: string, context: Context): ((rt: Runtime) => unknown) | undefined {
  if (context.variables.has(name)) {
    return (rt) => (rt.variables && Object.hasOwn(rt.variables, name) ? rt.variables[name] : undefined);
  }
  if (context.hostFunctions.has(name)) return (rt) => hostCallable(rt, name);
  const native = LIBRARY.get(name);
  return native && (() => native.callable);
}

/** The error for a name that nothing defines, with the nearest one that is. */
export function unknownName(
  node: Node,
  scope: Frame | null,
  context: Context,
  called = false,
): ExpressionError {
  const token = String(node.value);
  const functions = [...LIBRARY.keys(), ...context.hostFunctions];
  const variables = [...namesInScope(scope), ...context.variables];
  const found = nearest(token, called ? [...functions, ...variables] : [...variables, ...functions]);
  return new ExpressionError(called ? "unknown_function" : "unknown_variable", {
    position: node.position,
    token,
    nearest: found === undefined ? undefined : `$${found}`,
  });
}
