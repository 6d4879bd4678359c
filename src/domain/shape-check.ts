import { isDate, isDateTime } from "./calendar";
import type { Problem } from "./errors";
import { quote } from "./format-error";
import { joinPath } from "./json";
import type { ShapeNode } from "./shape-source";

/**
 * Checks values in two passes. The first is a tree of closures that only answers yes or no and allocates nothing: it
 * is all that a good value meets. The second walks again and words the problems.
 */
export type Check = (value: unknown) => boolean;

/** What each type takes, strictly. */
export const SCALARS = {
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number" && Number.isFinite(value),
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === "boolean",
  date: (value) => typeof value === "string" && isDate(value),
  datetime: (value) => typeof value === "string" && isDateTime(value),
  object: isObject,
  any: (value) => value !== undefined,
} satisfies Record<string, Check>;

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The first pass for one shape. */
export function compileCheck(node: ShapeNode): Check {
  const check = compileRequired(node);
  return node.optional ? (value) => value === undefined || value === null || check(value) : check;
}

function compileRequired(node: ShapeNode): Check {
  if (node.kind === "list") {
    const item = compileCheck(node.item);
    return (value) => {
      if (!Array.isArray(value)) return false;
      for (let i = 0; i < value.length; i++) if (!item(value[i])) return false;
      return true;
    };
  }
  if (node.kind !== "fields") return SCALARS[node.kind];
  const names = node.fields.map((field) => field.name);
  const checks = node.fields.map((field) => compileCheck(field.shape));
  const count = names.length;
  // Every object inherits `constructor` and the like; reading such a field must ask whether it is there.
  const guarded = names.some((name) => name in Object.prototype);
  const byName: Check = (value) => {
    for (let i = 0; i < count; i++) {
      const name = names[i] as string;
      const object = value as Record<string, unknown>;
      const field = guarded ? ownField(object, name) : object[name];
      if (!(checks[i] as Check)(field)) return false;
    }
    return true;
  };
  return (value) => {
    if (!isObject(value)) return false;
    // Mostly the fields are those that are declared, in that order; going along them costs a third of asking for each.
    let i = 0;
    for (const key in value) {
      if (i === count || key !== names[i]) return byName(value);
      if (!(checks[i] as Check)(value[key])) return false;
      i++;
    }
    return i === count || byName(value);
  };
}

/** An own field's value, undefined when there is none. */
export function ownField(value: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

/** The second pass: words what is wrong, up to `limit` problems in all. */
export function explain(
  node: ShapeNode,
  value: unknown,
  path: string,
  problems: Problem[],
  limit: number,
): void {
  if (problems.length >= limit) return;
  if (node.optional && (value === undefined || value === null)) return;
  if (node.kind === "list" && Array.isArray(value)) {
    for (let i = 0; i < value.length && problems.length < limit; i++) {
      explain(node.item, value[i], `${path}[${i}]`, problems, limit);
    }
  } else if (node.kind === "fields" && isObject(value)) {
    for (const { name, shape } of node.fields) {
      if (problems.length >= limit) return;
      explain(shape, ownField(value, name), joinPath(path, name), problems, limit);
    }
  } else if (node.kind === "list" || node.kind === "fields" || !SCALARS[node.kind](value)) {
    problems.push({ path, reason: mismatch(node, value) });
  }
}

const EXPECTED: Record<ShapeNode["kind"], string> = {
  string: "a string",
  number: "a number",
  integer: "a whole number",
  boolean: "true or false",
  date: "a date YYYY-MM-DD",
  datetime: "a date and time such as 2026-01-31T09:30:00Z",
  object: "an object",
  any: "a value",
  list: "a list",
  fields: "an object",
};

/** `expected a number, got the string "12a"`. */
export function mismatch(node: ShapeNode, value: unknown): string {
  const expected = EXPECTED[node.kind];
  return value === undefined
    ? `is missing; expected ${expected}`
    : `expected ${expected}, got ${describeValue(value)}`;
}

/** What a value is, short enough for a sentence. */
function describeValue(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "string") return `the string ${quote(value)}`;
  if (typeof value === "number") return `the number ${value}`;
  if (typeof value === "boolean") return String(value);
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
