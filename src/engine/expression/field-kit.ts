import { SLOW } from "./functions/slow";
import type { Env, Run, Runtime } from "./runtime";
import type { PlainObject } from "./values";

/**
 * Everything that reads or writes a field on the hot paths of an expression. The engine remembers what a property access
 * meets per place in the source: one place that serves every name of every expression is soon slow for all. So there
 * are several copies of this module (`field-kits.ts`), and each name is given one of them.
 *
 * Every reader does the usual case, a plain object with a value of the wanted type, and leaves the rest to the general
 * way. Names that arrays have are not for here: an array's field is then always nothing, which is not the usual case.
 */

/** The operand of an operator: the field, unless it is a structure. */
export function operand(name: string, whole: Run): Run {
  return (input, env, rt) => {
    if (typeof input === "object" && input !== null) {
      const value = (input as PlainObject)[name];
      if (typeof value !== "object" && value !== undefined) return value;
    }
    return whole(input, env, rt);
  };
}

export function step(name: string): (object: PlainObject) => unknown {
  return (object) => object[name];
}

export function store(name: string): (object: PlainObject, value: unknown) => void {
  return (object, value) => {
    object[name] = value;
  };
}

/** `name and …` */
export function andThen(name: string, whole: Run, right: Run, slow: (value: unknown) => boolean): Run {
  return (input, env, rt) => {
    let a: unknown;
    if (typeof input === "object" && input !== null) a = (input as PlainObject)[name];
    if (typeof a !== "boolean") {
      a = whole(input, env, rt);
      if (a === undefined || (typeof a !== "boolean" && !slow(a))) return false;
    }
    if (a === false) return false;
    const b = right(input, env, rt);
    return b === true || (b !== false && b !== undefined && slow(b));
  };
}

/** `name = literal`, for strings, numbers and booleans, which equal nothing but themselves. */
export function equals(name: string, whole: Run, constant: unknown, wanted: boolean): Run {
  return (input, env, rt) => {
    let value: unknown;
    if (typeof input === "object" && input !== null) value = (input as PlainObject)[name];
    if (typeof value === "object" || value === undefined) value = whole(input, env, rt);
    return value === undefined ? false : (value === constant) === wanted;
  };
}

/** `name >= 100` and its like. */
export function comparesNumber(
  name: string,
  whole: Run,
  op: string,
  constant: number,
  fail: (value: unknown) => unknown,
): Run {
  const below = op === "<" || op === "<=";
  const orEqual = op === "<=" || op === ">=";
  return (input, env, rt) => {
    let a: unknown;
    if (typeof input === "object" && input !== null) a = (input as PlainObject)[name];
    if (typeof a !== "number") {
      a = whole(input, env, rt);
      if (typeof a !== "number") return fail(a);
    }
    if (a === constant) return orEqual;
    return below ? a < constant : a > constant;
  };
}

export function comparesString(
  name: string,
  whole: Run,
  op: string,
  constant: string,
  fail: (value: unknown) => unknown,
): Run {
  const below = op === "<" || op === "<=";
  const orEqual = op === "<=" || op === ">=";
  return (input, env, rt) => {
    let a: unknown;
    if (typeof input === "object" && input !== null) a = (input as PlainObject)[name];
    if (typeof a !== "string") {
      a = whole(input, env, rt);
      if (typeof a !== "string") return fail(a);
    }
    if (a === constant) return orEqual;
    return below ? a < constant : a > constant;
  };
}

/** `name & "text"`; `slow` has the rules for long strings and for what is no string. */
export function joined(
  name: string,
  whole: Run,
  text: string,
  slow: (value: unknown, rt: Runtime) => unknown,
): Run {
  const longest = 64 - text.length;
  return (input, env, rt) => {
    let a: unknown;
    if (typeof input === "object" && input !== null) a = (input as PlainObject)[name];
    if (typeof a !== "string") a = whole(input, env, rt);
    return typeof a === "string" && a.length <= longest ? a + text : slow(a, rt);
  };
}

/** The items for which a test that answers true, false or nothing says true. */
export function kept(test: Run): (items: unknown[], env: Env, rt: Runtime) => unknown[] {
  return (items, env, rt) => {
    const found: unknown[] = [];
    for (let i = 0; i < items.length; i++) {
      const item = items[i];
      if (test(item, env, rt) === true) found.push(item);
    }
    return found;
  };
}

/** What a node yields for each item that it yields something for. */
export function mapped(run: Run): (items: unknown[], env: Env, rt: Runtime) => unknown[] {
  return (items, env, rt) => {
    const made: unknown[] = [];
    for (let i = 0; i < items.length; i++) {
      const value = run(items[i], env, rt);
      if (value !== undefined) made.push(value);
    }
    return made;
  };
}

/** The field of each item, into `out`; ends before the first item that is unusual, and says where. */
export function collect(name: string): (items: unknown[], out: unknown[]) => number {
  return (items, out) => {
    const { length } = items;
    for (let i = 0; i < length; i++) {
      const item = items[i];
      if (typeof item !== "object" || item === null) return i;
      const value = (item as PlainObject)[name];
      if (typeof value === "object" ? Array.isArray(value) : value === undefined) return i;
      out.push(value);
    }
    return length;
  };
}

/** The items' fields added up: SLOW when one of them is not a number. */
export function total(name: string): (items: unknown[]) => number | typeof SLOW {
  return (items) => {
    let sum = 0;
    for (let i = 0; i < items.length; i++) {
      const item = items[i];
      if (typeof item !== "object" || item === null) return SLOW;
      const value = (item as PlainObject)[name];
      if (typeof value !== "number") return SLOW;
      sum += value;
    }
    return sum;
  };
}

/** The largest of the items' fields, or with -1 the smallest. */
export function extreme(name: string): (items: unknown[], sign: 1 | -1) => number | typeof SLOW {
  return (items, sign) => {
    let found = sign * Number.NEGATIVE_INFINITY;
    for (let i = 0; i < items.length; i++) {
      const item = items[i];
      if (typeof item !== "object" || item === null) return SLOW;
      const value = (item as PlainObject)[name];
      if (typeof value !== "number" || Number.isNaN(value)) return SLOW;
      if (sign * value > sign * found) found = value;
    }
    return found;
  };
}
