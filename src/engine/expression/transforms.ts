import type { Node } from "./ast";
import { type Compiled, type Context, elsewhere } from "./compiled";
import { ExpressionError } from "./errors";
import { type Callable, isCallable, type Run, type Runtime } from "./runtime";
import { type Frame, reader } from "./scope";
import { parseSignature } from "./signature";
import { boundWalk, charge, isNumeric, isObject, type PlainObject, setOwn } from "./values";

/**
 * `|pattern|update,delete|`: a function that answers with a changed copy. Only objects of that copy are ever changed:
 * a pattern that reaches the input by another way (`$$`, a variable) finds it, and leaves it as it is.
 */
export function compileTransform(node: Node, scope: Frame | null, context: Context): Compiled {
  const part = (one: Node) => elsewhere(context, () => context.compile(one, scope));
  const pattern = part(node.pattern as Node);
  const update = part(node.update as Node);
  const deletion = node.delete && part(node.delete);
  const signature = parseSignature("<(oa):o>");
  const cloner = reader(scope, "clone");

  const run: Run = (_input, env) => {
    const transform = (value: unknown, rt: Runtime): unknown => {
      if (value === undefined) return undefined;
      const own = new Set<object>();
      const clone = cloner?.(env);
      if (cloner && typeof clone !== "symbol" && !isCallable(clone)) {
        throw new ExpressionError("T2013", { position: node.position });
      }
      const copy = copyOf(rt, isCallable(clone) ? clone([value], null, rt) : value, own, 0);
      const matches = pattern.run(copy, env, rt);
      if (matches === undefined) return copy;
      for (const match of Array.isArray(matches) ? matches : [matches]) {
        charge(rt, pattern.cost + update.cost + 1);
        const changes = update.run(match, env, rt);
        if (changes !== undefined) {
          if (!isObject(changes)) {
            throw new ExpressionError("T2011", { position: node.update?.position, value: changes });
          }
          if (own.has(match as object)) merge(match as PlainObject, changes, rt);
        }
        if (!deletion) continue;
        const names = deletion.run(match, env, rt);
        if (names === undefined) continue;
        const list = Array.isArray(names) ? names : [names];
        if (!list.every((name) => typeof name === "string")) {
          throw new ExpressionError("T2012", { position: node.delete?.position, value: names });
        }
        if (own.has(match as object)) for (const name of list) delete (match as PlainObject)[name];
      }
      return copy;
    };
    const callable: Callable = (args, input, rt) => transform(signature.check(args, input)[0], rt);
    callable.arity = 1;
    callable.unchecked = (args, rt) => transform(args[0], rt);
    return callable;
  };
  return { run, cost: 1, kind: "any" };
}

function merge(target: PlainObject, changes: PlainObject, rt: Runtime): void {
  for (const key of Object.keys(changes)) {
    charge(rt, 1);
    setOwn(target, key, changes[key]);
  }
}

/** A deep copy as the reference makes it, by way of text: numbers of 15 digits, functions as empty strings. */
export function copyOf(rt: Runtime, value: unknown, own: Set<object> | undefined, depth: number): unknown {
  switch (typeof value) {
    case "number":
      if (!isNumeric(value)) return null;
      return Number.isInteger(value) ? value : Number(value.toPrecision(15));
    case "function":
      return "";
    case "object": {
      if (value === null) return null;
      boundWalk(rt, depth);
      if (Array.isArray(value)) {
        const copy = value.map((element) => copyOf(rt, element, own, depth + 1) ?? null);
        charge(rt, copy.length);
        return copy;
      }
      const copy: PlainObject = {};
      for (const key of Object.keys(value)) {
        charge(rt, 1);
        const inner = copyOf(rt, (value as PlainObject)[key], own, depth + 1);
        if (inner !== undefined) setOwn(copy, key, inner);
      }
      own?.add(copy);
      return copy;
    }
    default:
      return value;
  }
}
