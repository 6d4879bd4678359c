import { ExpressionError } from "../errors";
import { elementCall } from "../lambdas";
import type { Callable, Runtime } from "../runtime";
import { boundArray, charge, mark, type PlainObject, SEQUENCE, setOwn, truth } from "../values";
import type { Definitions } from "./library";

function map(values: unknown[], fn: Callable, rt: Runtime): unknown[] {
  boundArray(rt, values.length);
  const call = elementCall(fn);
  const results: unknown[] = [];
  for (let i = 0; i < values.length; i++) {
    const result = call(rt, values[i], i, values);
    if (result !== undefined) results.push(result);
  }
  return mark(results, SEQUENCE);
}

function filter(values: unknown[], fn: Callable, rt: Runtime): unknown[] {
  boundArray(rt, values.length);
  const call = elementCall(fn);
  const kept: unknown[] = [];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (truth(call(rt, value, i, values))) kept.push(value);
  }
  return mark(kept, SEQUENCE);
}

function single(values: unknown[], fn: Callable | undefined, rt: Runtime): unknown {
  charge(rt, values.length);
  const call = fn && elementCall(fn);
  let found: { value: unknown } | undefined;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (call && !truth(call(rt, value, i, values))) continue;
    if (found) throw new ExpressionError("D3138", { index: i });
    found = { value };
  }
  if (!found) throw new ExpressionError("D3139");
  return found.value;
}

function reduce(values: unknown[], fn: Callable, initial: unknown, rt: Runtime): unknown {
  if (fn.arity < 2) throw new ExpressionError("D3050", { index: 1 });
  charge(rt, values.length);
  const fresh = initial === undefined && values.length > 0;
  let result = fresh ? values[0] : initial;
  for (let i = fresh ? 1 : 0; i < values.length; i++) {
    const args: unknown[] = [result, values[i]];
    if (fn.arity >= 3) args.push(i);
    if (fn.arity >= 4) args.push(values);
    result = fn(args, null, rt);
  }
  return result;
}

/** The members of an object; of anything else that has none, none. */
function membersOf(value: unknown, rt: Runtime): [string, unknown][] {
  if (typeof value !== "object" || value === null) return [];
  const keys = Object.keys(value);
  boundArray(rt, keys.length);
  return keys.map((key) => [key, (value as PlainObject)[key]]);
}

export const HIGHER_ORDER: Definitions = {
  map: {
    signature: "<af>",
    arity: 2,
    call: ([values, fn], rt) =>
      values === undefined ? undefined : map(values as unknown[], fn as Callable, rt),
  },
  filter: {
    signature: "<af>",
    arity: 2,
    call: ([values, fn], rt) =>
      values === undefined ? undefined : filter(values as unknown[], fn as Callable, rt),
  },
  single: {
    signature: "<af?>",
    arity: 2,
    call: ([values, fn], rt) =>
      values === undefined ? undefined : single(values as unknown[], fn as Callable | undefined, rt),
  },
  reduce: {
    signature: "<afj?:j>",
    arity: 3,
    call: ([values, fn, initial], rt) =>
      values === undefined ? undefined : reduce(values as unknown[], fn as Callable, initial, rt),
  },
  each: {
    signature: "<o-f:a>",
    arity: 2,
    call: ([object, fn], rt) => {
      const call = elementCall(fn as Callable);
      const results: unknown[] = [];
      for (const [key, value] of membersOf(object, rt)) {
        const result = call(rt, value, key, object);
        if (result !== undefined) results.push(result);
      }
      return mark(results, SEQUENCE);
    },
  },
  sift: {
    signature: "<o-f?:o>",
    arity: 2,
    call: ([object, fn], rt) => {
      const members = membersOf(object, rt);
      if (members.length === 0) return undefined;
      if (fn === undefined) throw new ExpressionError("T0410", { index: 2 });
      const call = elementCall(fn as Callable);
      const kept: PlainObject = {};
      for (const [key, value] of members) if (truth(call(rt, value, key, object))) setOwn(kept, key, value);
      return Object.keys(kept).length === 0 ? undefined : kept;
    },
  },
};
