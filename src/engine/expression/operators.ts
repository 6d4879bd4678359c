import { leftOf, type Node } from "./ast";
import type { Compiled, Context } from "./compiled";
import { ExpressionError } from "./errors";
import { type FieldKit, fieldKit } from "./field-kits";
import type { Run, Runtime } from "./runtime";
import type { Frame } from "./scope";
import { textOf } from "./text";
import { boundArray, boundString, charge, collapse, equal, isNumeric, mark, SEQUENCE, truth } from "./values";

/** Compiles `left op right`. Each operator is its own closure with the common types tested in line. */
export function compileBinary(node: Node, scope: Frame | null, context: Context): Compiled {
  const left = context.compile(leftOf(node), scope);
  const right = context.compile(node.rhs as Node, scope);
  const op = String(node.value);
  const cost = 1 + left.cost + right.cost;
  const position = node.position;
  switch (op) {
    case "and":
    case "or":
      return { run: logical(op, left, right, position), cost, kind: "boolean" };
    case "=":
    case "!=":
      return { run: equality(op === "=", left, right), cost, kind: "boolean" };
    case "<":
    case "<=":
    case ">":
    case ">=":
      return { run: comparison(op, left, right, position), cost, kind: "boolean" };
    case "in":
      return { run: membership(left.run, right.run), cost, kind: "boolean" };
    case "&":
      return { run: concatenation(left, right, position), cost, kind: "string" };
    case "..":
      return { run: range(left.run, right.run, position), cost, kind: "any" };
    default:
      return { run: arithmetic(op, fetcher(left), fetcher(right), position), cost, kind: "number" };
  }
}

/** One field of a plain object is by far the commonest operand: read it here and save a call. */
function fetcher(operand: Compiled): Run {
  const { field, run } = operand;
  return kitOf(field)?.operand(field as string, run) ?? run;
}

function kitOf(field: string | undefined): FieldKit | undefined {
  return field === undefined ? undefined : fieldKit(field);
}

function blame<T>(position: number | undefined, token: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof ExpressionError ? error.locate(position, token) : error;
  }
}

function logical(op: "and" | "or", left: Compiled, right: Compiled, position: number | undefined): Run {
  const l = fetcher(left);
  const r = fetcher(right);
  const slow = (value: unknown) => blame(position, op, () => truth(value));
  const kit = op === "and" ? kitOf(left.field) : undefined;
  if (kit) return kit.andThen(left.field as string, left.run, r, slow);
  if (op === "and") {
    return (input, env, rt) => {
      const a = l(input, env, rt);
      if (a === false || a === undefined || (a !== true && !slow(a))) return false;
      const b = r(input, env, rt);
      return b === true || (b !== false && b !== undefined && slow(b));
    };
  }
  return (input, env, rt) => {
    const a = l(input, env, rt);
    if (a === true || (a !== false && a !== undefined && slow(a))) return true;
    const b = r(input, env, rt);
    return b === true || (b !== false && b !== undefined && slow(b));
  };
}

function equality(wanted: boolean, left: Compiled, right: Compiled): Run {
  const l = fetcher(left);
  const constant = right.literal?.value;
  if (typeof constant === "string" || typeof constant === "number" || typeof constant === "boolean") {
    const kit = kitOf(left.field);
    if (kit) return kit.equals(left.field as string, left.run, constant, wanted);
    return (input, env, rt) => {
      const value = l(input, env, rt);
      return value === undefined ? false : (value === constant) === wanted;
    };
  }
  const r = fetcher(right);
  return (input, env, rt) => {
    const a = l(input, env, rt);
    const b = r(input, env, rt);
    if (a === undefined || b === undefined) return false;
    return (a === b || (typeof a === "object" && equal(rt, a, b))) === wanted;
  };
}

function comparison(op: string, left: Compiled, right: Compiled, position: number | undefined): Run {
  const l = fetcher(left);
  const constant = right.literal?.value;
  if (typeof constant === "number" || typeof constant === "string") {
    const { field, run } = left;
    const kit = kitOf(field);
    const fail = (a: unknown) => incomparable(op, a, constant, position);
    if (kit && typeof constant === "number") {
      return kit.comparesNumber(field as string, run, op, constant, fail);
    }
    if (kit) return kit.comparesString(field as string, run, op, constant as string, fail);
    return toConstant(op, l, constant, position);
  }
  const r = fetcher(right);
  const comparable = (a: unknown, b: unknown) =>
    (typeof a === "number" && typeof b === "number") || (typeof a === "string" && typeof b === "string");
  const fail = (a: unknown, b: unknown) => incomparable(op, a, b, position);
  switch (op) {
    case "<":
      return (input, env, rt) => {
        const a = l(input, env, rt);
        const b = r(input, env, rt);
        return comparable(a, b) ? (a as number) < (b as number) : fail(a, b);
      };
    case "<=":
      return (input, env, rt) => {
        const a = l(input, env, rt);
        const b = r(input, env, rt);
        return comparable(a, b) ? (a as number) <= (b as number) : fail(a, b);
      };
    case ">":
      return (input, env, rt) => {
        const a = l(input, env, rt);
        const b = r(input, env, rt);
        return comparable(a, b) ? (a as number) > (b as number) : fail(a, b);
      };
    default:
      return (input, env, rt) => {
        const a = l(input, env, rt);
        const b = r(input, env, rt);
        return comparable(a, b) ? (a as number) >= (b as number) : fail(a, b);
      };
  }
}

/** Compared with a literal: one type to test for, and no operand to evaluate. */
function toConstant(op: string, l: Run, constant: number | string, position: number | undefined): Run {
  const type = typeof constant;
  const fail = (a: unknown) => incomparable(op, a, constant, position);
  switch (op) {
    case "<":
      return (input, env, rt) => {
        const a = l(input, env, rt);
        return typeof a === type ? (a as number) < (constant as number) : fail(a);
      };
    case "<=":
      return (input, env, rt) => {
        const a = l(input, env, rt);
        return typeof a === type ? (a as number) <= (constant as number) : fail(a);
      };
    case ">":
      return (input, env, rt) => {
        const a = l(input, env, rt);
        return typeof a === type ? (a as number) > (constant as number) : fail(a);
      };
    default:
      return (input, env, rt) => {
        const a = l(input, env, rt);
        return typeof a === type ? (a as number) >= (constant as number) : fail(a);
      };
  }
}

function incomparable(op: string, a: unknown, b: unknown, position: number | undefined): undefined {
  const fits = (value: unknown) =>
    value === undefined || typeof value === "string" || typeof value === "number";
  if (!fits(a) || !fits(b)) {
    const value = typeof a === "string" || typeof a === "number" ? b : a;
    throw new ExpressionError("T2010", { position, token: op, value });
  }
  if (a === undefined || b === undefined) return undefined;
  throw new ExpressionError("T2009", { position, token: op, value: a, value2: b });
}

function membership(l: Run, r: Run): Run {
  return (input, env, rt) => {
    const value = l(input, env, rt);
    const among = r(input, env, rt);
    if (value === undefined || among === undefined) return false;
    if (!Array.isArray(among)) return among === value;
    charge(rt, among.length >> 3);
    for (const element of among) if (element === value) return true;
    return false;
  };
}

function arithmetic(op: string, l: Run, r: Run, position: number | undefined): Run {
  const slow = (a: unknown, b: unknown) => calculate(op, a, b, position);
  // A finite sum, difference or product proves both operands finite; a quotient or remainder does not.
  switch (op) {
    case "+":
      return (input, env, rt) => {
        const a = l(input, env, rt);
        const b = r(input, env, rt);
        if (typeof a === "number" && typeof b === "number") {
          const result = a + b;
          if (result - result === 0) return result;
        }
        return slow(a, b);
      };
    case "-":
      return (input, env, rt) => {
        const a = l(input, env, rt);
        const b = r(input, env, rt);
        if (typeof a === "number" && typeof b === "number") {
          const result = a - b;
          if (result - result === 0) return result;
        }
        return slow(a, b);
      };
    case "*":
      return (input, env, rt) => {
        const a = l(input, env, rt);
        const b = r(input, env, rt);
        if (typeof a === "number" && typeof b === "number") {
          const result = a * b;
          if (result - result === 0) return result;
        }
        return slow(a, b);
      };
    default:
      return (input, env, rt) => slow(l(input, env, rt), r(input, env, rt));
  }
}

function calculate(op: string, a: unknown, b: unknown, position: number | undefined): number | undefined {
  return blame(position, op, () => {
    if (a !== undefined && !isNumeric(a)) throw new ExpressionError("T2001", { value: a });
    if (b !== undefined && !isNumeric(b)) throw new ExpressionError("T2002", { value: b });
    if (a === undefined || b === undefined) return undefined;
    switch (op) {
      case "+":
        return a + b;
      case "-":
        return a - b;
      case "*":
        return a * b;
      case "/":
        return a / b;
      default:
        return a % b;
    }
  });
}

function concatenation(left: Compiled, right: Compiled, position: number | undefined): Run {
  const joined = (a: unknown, b: unknown, rt: Runtime) =>
    blame(position, "&", () => {
      const head = a === undefined ? "" : textOf(rt, a, false);
      const tail = b === undefined ? "" : textOf(rt, b, false);
      boundString(rt, head.length + tail.length);
      return head + tail;
    });
  const text = right.literal?.value;
  const kit = kitOf(left.field);
  if (kit && typeof text === "string") {
    return kit.joined(left.field as string, left.run, text, (a, rt) => joined(a, text, rt));
  }
  const l = fetcher(left);
  const r = fetcher(right);
  return (input, env, rt) => {
    const a = l(input, env, rt);
    const b = r(input, env, rt);
    if (typeof a === "string" && typeof b === "string" && a.length + b.length <= 64) return a + b;
    return joined(a, b, rt);
  };
}

/** Beyond this the reference refuses a range whatever its settings. */
const REFERENCE_RANGE = 1e7;

function range(l: Run, r: Run, position: number | undefined): Run {
  return (input, env, rt) => {
    const first = l(input, env, rt);
    const last = r(input, env, rt);
    return blame(position, "..", () => collapse(rangeOf(rt, first, last)));
  };
}

function rangeOf(rt: Runtime, first: unknown, last: unknown): unknown[] | undefined {
  if (first !== undefined && !Number.isInteger(first)) throw new ExpressionError("T2003", { value: first });
  if (last !== undefined && !Number.isInteger(last)) throw new ExpressionError("T2004", { value: last });
  const from = first as number;
  const to = last as number;
  if (first === undefined || last === undefined || from > to) return undefined;
  const size = to - from + 1;
  if (size > REFERENCE_RANGE) throw new ExpressionError("D2014", { value: size });
  boundArray(rt, size);
  const made: unknown[] = [];
  for (let i = 0; i < size; i++) made.push(from + i);
  return mark(made, SEQUENCE);
}

export function compileNegation(node: Node, scope: Frame | null, context: Context): Compiled {
  const operand = context.compile(node.expression as Node, scope);
  const position = node.position;
  const run: Run = (input, env, rt) => {
    const value = operand.run(input, env, rt);
    if (value === undefined) return undefined;
    return blame(position, "-", () => {
      if (!isNumeric(value)) throw new ExpressionError("D1002", { value });
      return -value;
    });
  };
  return { run, cost: 1 + operand.cost, kind: "number" };
}
