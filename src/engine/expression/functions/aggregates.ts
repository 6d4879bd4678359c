import { ExpressionError } from "../errors";
import { fieldKit } from "../field-kits";
import type { Runtime } from "../runtime";
import { charge } from "../values";
import type { Definitions } from "./library";
import { SLOW } from "./slow";

/** The total, or SLOW when an element is no number. */
function total(values: unknown[], rt: Runtime): number | typeof SLOW {
  charge(rt, values.length >> 2);
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== "number") return SLOW;
    sum += value;
  }
  return sum;
}

function extreme(values: unknown[], rt: Runtime, sign: 1 | -1): number | undefined | typeof SLOW {
  charge(rt, values.length >> 2);
  if (values.length === 0) return undefined;
  let found = sign * Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== "number") return SLOW;
    if (Number.isNaN(value)) return value;
    if (sign * value > sign * found) found = value;
  }
  return found;
}

type OverField = (name: string) => (items: unknown[], rt: Runtime) => unknown;

function aggregate(of: (values: unknown[], rt: Runtime) => unknown, signature: string, overField: OverField) {
  return {
    signature,
    overField,
    arity: 1,
    kind: "number" as const,
    call: ([values]: unknown[], rt: Runtime) => {
      const result = values === undefined ? undefined : of(values as unknown[], rt);
      if (result === SLOW)
        throw new ExpressionError("T0412", { value: values, index: 1, expected: "numbers" });
      return result;
    },
    one: (value: unknown, rt: Runtime) =>
      Array.isArray(value)
        ? of(value, rt)
        : typeof value === "number"
          ? of([value], rt)
          : value === undefined
            ? undefined
            : SLOW,
  };
}

/** What a path's step and the function would have charged together. */
function chargeItems(rt: Runtime, items: unknown[]): void {
  charge(rt, items.length + (items.length >> 2));
}

function sumOver(name: string): (items: unknown[], rt: Runtime) => number | typeof SLOW {
  const sum = fieldKit(name)?.total(name);
  return (items, rt) => {
    if (!sum) return SLOW;
    chargeItems(rt, items);
    return sum(items);
  };
}

function extremeOver(sign: 1 | -1): OverField {
  return (name) => {
    const found = fieldKit(name)?.extreme(name);
    return (items, rt) => {
      if (!found) return SLOW;
      chargeItems(rt, items);
      return found(items, sign);
    };
  };
}

function averageOver(name: string): (items: unknown[], rt: Runtime) => number | typeof SLOW {
  const sum = sumOver(name);
  return (items, rt) => {
    const total = sum(items, rt);
    return total === SLOW ? SLOW : total / items.length;
  };
}

export const AGGREGATES: Definitions = {
  sum: aggregate(total, "<a<n>:n>", sumOver),
  max: aggregate((values, rt) => extreme(values, rt, 1), "<a<n>:n>", extremeOver(1)),
  min: aggregate((values, rt) => extreme(values, rt, -1), "<a<n>:n>", extremeOver(-1)),
  average: aggregate(
    (values, rt) => {
      const sum = total(values, rt);
      return sum === SLOW ? SLOW : values.length === 0 ? undefined : sum / values.length;
    },
    "<a<n>:n>",
    averageOver,
  ),
  count: {
    signature: "<a:n>",
    arity: 1,
    kind: "number",
    call: ([values]) => (values === undefined ? 0 : (values as unknown[]).length),
    one: (value) => (value === undefined ? 0 : Array.isArray(value) ? value.length : 1),
  },
};
