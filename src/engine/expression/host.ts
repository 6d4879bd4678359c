import { ExpressionError } from "./errors";
import { plain } from "./result";
import type { Callable, Runtime } from "./runtime";

/** A function that the host lends, as a value of the language: it gets plain values and must answer with one, at once. */
export function hostCallable(rt: Runtime, name: string): Callable | undefined {
  const { functions } = rt.evaluation;
  const fn = functions && Object.hasOwn(functions, name) ? functions[name] : undefined;
  if (!fn) return undefined;
  const callable: Callable = (args, _input, inner) => {
    const result = fn(...args.map((arg) => plain(inner, arg)));
    if (typeof result !== "object" || result === null)
      return typeof result === "function" ? undefined : result;
    if ("then" in result && typeof result.then === "function") {
      throw new ExpressionError("async_function", { token: name });
    }
    return plain(inner, result);
  };
  callable.arity = fn.length;
  callable.label = name;
  return callable;
}
