import { ExpressionError } from "./errors";
import { EXPRESSION_LIMITS } from "./limits";
import type { Runtime } from "./runtime";

/**
 * Values inside an evaluation are plain JSON, functions, and arrays that carry marks. The marks hold what the language
 * says about an array beyond its elements; they are a symbol property, so no input can carry one and no result shows one.
 *
 * Invariants:
 * 1. Only arrays that the evaluator itself made are ever marked or pushed to; input arrays are read only.
 * 2. Properties are read from plain objects as own properties; names that every object inherits are asked for by `hasOwn`.
 * 3. A function value is a JavaScript function, so `typeof v === "object"` never admits one.
 */
export const MARKS = Symbol("marks");

/** The array is a sequence: of one element it collapses to that element, of none to nothing. */
export const SEQUENCE = 1;
/** A sequence that stays an array even with one element (`path[]`). */
export const KEEP = 2;
/** Written as `[…]` at the end of a path: not flattened into the surrounding sequence. */
export const CONSTRUCTED = 4;
/** The wrapper around a whole input document that is itself an array. */
export const OUTER = 8;
/** The elements are tuples (frames of bound variables) of a path with `@`, `#` or `%`. */
export const TUPLES = 16;

type Marked = unknown[] & { [MARKS]?: number };

export function marksOf(array: unknown[]): number {
  return (array as Marked)[MARKS] ?? 0;
}

export function mark<T extends unknown[]>(array: T, marks: number): T {
  (array as Marked)[MARKS] = marks;
  return array;
}

export function isSequence(value: unknown): value is unknown[] {
  return Array.isArray(value) && (marksOf(value) & SEQUENCE) !== 0;
}

/** What every evaluated node does with a sequence: none is nothing, one is its element unless it is to be kept. */
export function collapse(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  const marks = marksOf(value);
  if ((marks & (SEQUENCE | TUPLES)) !== SEQUENCE || value.length > 1) return value;
  if (value.length === 0) return undefined;
  return marks & KEEP ? value : value[0];
}

export function collapseKeeping(value: unknown): unknown {
  if (Array.isArray(value) && (marksOf(value) & (SEQUENCE | TUPLES)) === SEQUENCE) {
    mark(value, marksOf(value) | KEEP);
    return value.length === 0 ? undefined : value;
  }
  return value;
}

export type PlainObject = Record<string, unknown>;

export function isObject(value: unknown): value is PlainObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a plain read of this name could reach something that every object inherits. */
export function isInheritedName(name: string): boolean {
  return name in Object.prototype;
}

export function ownValue(object: PlainObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** Sets an own property whatever its name: assigning `__proto__` would set the prototype instead. */
export function setOwn(object: PlainObject, name: string, value: unknown): void {
  if (name === "__proto__") {
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  } else object[name] = value;
}

/** A finite number. Infinity is refused here, where the language refuses it: as soon as something looks at it. */
export function isNumeric(value: unknown): value is number {
  if (typeof value !== "number" || Number.isNaN(value)) return false;
  if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY) {
    throw new ExpressionError("D1001", { value });
  }
  return true;
}

export function truth(value: unknown): boolean {
  switch (typeof value) {
    case "boolean":
      return value;
    case "string":
      return value.length > 0;
    case "number":
      return isNumeric(value) && value !== 0;
    case "object":
      if (value === null) return false;
      if (Array.isArray(value)) {
        if (value.length === 1) return truth(value[0]);
        for (const element of value) if (truth(element)) return true;
        return false;
      }
      for (const key in value) if (Object.hasOwn(value, key)) return true;
      return false;
    default:
      return false;
  }
}

export function charge(rt: Runtime, steps: number): void {
  rt.meter.fuel -= steps;
  if (rt.meter.fuel < rt.nextLook) lookUp(rt);
}

function lookUp(rt: Runtime): void {
  if (rt.meter.fuel < rt.floor) throw new ExpressionError("fuel_exhausted");
  rt.nextLook = Math.max(rt.floor, rt.meter.fuel - EXPRESSION_LIMITS.lookFuel);
  rt.meter.look?.();
}

export function equal(rt: Runtime, left: unknown, right: unknown, depth = 0): boolean {
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (depth > EXPRESSION_LIMITS.valueDepth) throw new ExpressionError("depth_exceeded");
  if (Array.isArray(left) && Array.isArray(right)) {
    if (left.length !== right.length) return false;
    charge(rt, left.length);
    for (let i = 0; i < left.length; i++) if (!equal(rt, left[i], right[i], depth + 1)) return false;
    return true;
  }
  if (Array.isArray(left) || Array.isArray(right)) return false;
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  charge(rt, keys.length);
  for (const key of keys) if (!Object.hasOwn(right, key)) return false;
  for (const key of keys) {
    if (!equal(rt, (left as PlainObject)[key], (right as PlainObject)[key], depth + 1)) return false;
  }
  return true;
}

/** Called wherever an expression makes a string: bounds its length and charges for its characters. */
export function madeString(rt: Runtime, text: string): string {
  if (text.length > 64) boundString(rt, text.length);
  return text;
}

/** As `madeString`, for a length known before the string is made. */
export function boundString(rt: Runtime, length: number): void {
  if (length > EXPRESSION_LIMITS.stringCharacters)
    throw new ExpressionError("string_too_long", { value: length });
  charge(rt, length >> 5);
}

/** Called before an array of a known length is made. */
export function boundArray(rt: Runtime, length: number): void {
  if (length > EXPRESSION_LIMITS.arrayElements)
    throw new ExpressionError("result_too_large", { value: length });
  charge(rt, length);
}

/** Called before `added` elements are pushed to an array of `length`. */
export function boundGrowth(rt: Runtime, length: number, added: number): void {
  if (length + added > EXPRESSION_LIMITS.arrayElements) {
    throw new ExpressionError("result_too_large", { value: length + added });
  }
  charge(rt, added);
}

/** The value as an array of elements, as every function that takes an array sees a single value. */
export function elementsOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value];
}

/** One step of a walk through a value, `depth` levels down. */
export function boundWalk(rt: Runtime, depth: number): void {
  charge(rt, 1);
  if (depth > EXPRESSION_LIMITS.valueDepth) throw new ExpressionError("depth_exceeded");
}

/** Two values in one array, each opened if it is one; nothing adds nothing. */
export function append(rt: Runtime, first: unknown, second: unknown): unknown {
  if (first === undefined) return second;
  if (second === undefined) return first;
  const length = (Array.isArray(first) ? first.length : 1) + (Array.isArray(second) ? second.length : 1);
  boundArray(rt, length);
  return elementsOf(first).concat(elementsOf(second));
}
