import { ExpressionError } from "./errors";
import { EXPRESSION_LIMITS } from "./limits";
import { type Runtime, TailCall } from "./runtime";
import { boundWalk, marksOf, OUTER, type PlainObject, setOwn } from "./values";

/**
 * A value as plain JSON: no marks, no functions, no numbers out of range. What is plain already is returned as it is,
 * so the parts of the input that a result refers to are walked but not copied.
 */
export function plain(rt: Runtime, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return scalar(value);
  return walk(rt, value, 0, { nodes: 0 });
}

/** For a value of the document, a scalar, or an array of either: only the array itself may need copying. */
export function shallow(_rt: Runtime, value: unknown): unknown {
  if (!Array.isArray(value)) return scalar(value);
  const marks = marksOf(value);
  if (marks === 0) return value;
  if (marks & OUTER) return value[0];
  const copy = value.slice();
  return copy.includes(undefined) ? copy.map((element) => element ?? null) : copy;
}

/** For a new array of nothing but values of the document. */
export function asItIs(_rt: Runtime, value: unknown): unknown {
  return value;
}

/** For an array of values of the document and computed scalars: its elements are looked at, and not what is in them. */
export function flat(_rt: Runtime, value: unknown): unknown {
  const list = value as unknown[];
  for (let i = 0; i < list.length; i++) if (typeof list[i] === "number") scalar(list[i]);
  return list;
}

export function scalar(value: unknown): unknown {
  if (typeof value === "number" && value - value !== 0) throw new ExpressionError("D1001", { value });
  return typeof value === "function" ? undefined : value;
}

function walk(rt: Runtime, value: unknown, depth: number, seen: { nodes: number }): unknown {
  if (typeof value !== "object" || value === null) return scalar(value);
  boundWalk(rt, depth);
  if (++seen.nodes > EXPRESSION_LIMITS.resultNodes) {
    throw new ExpressionError("result_too_large", { value: seen.nodes });
  }
  if (Array.isArray(value)) {
    const marks = marksOf(value);
    if (marks & OUTER) return walk(rt, value[0], depth, seen);
    let copy: unknown[] | undefined = marks ? [] : undefined;
    for (let i = 0; i < value.length; i++) {
      const element = value[i];
      if (typeof element === "string") {
        if (copy) copy.push(element);
        continue;
      }
      const inner = walk(rt, element, depth + 1, seen);
      if (copy) copy.push(inner === undefined ? null : inner);
      else if (inner !== element || inner === undefined) {
        copy = value.slice(0, i);
        copy.push(inner === undefined ? null : inner);
      }
    }
    return copy ?? value;
  }
  return walkObject(rt, value as PlainObject, depth, seen);
}

function walkObject(
  rt: Runtime,
  value: PlainObject,
  depth: number,
  seen: { nodes: number },
): PlainObject | undefined {
  if (value instanceof TailCall) return undefined;
  let copy: PlainObject | undefined;
  // Most objects stay as they are, so their keys are gone through without a list of them.
  for (const key in value) {
    const member = value[key];
    const inner = walk(rt, member, depth + 1, seen);
    if (!copy) {
      if (inner === member && inner !== undefined) continue;
      copy = {};
      for (const before in value) {
        if (before === key) break;
        setOwn(copy, before, value[before]);
      }
    }
    if (inner !== undefined) setOwn(copy, key, inner);
  }
  return copy ?? value;
}
