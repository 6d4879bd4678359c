import { ExpressionError } from "../errors";
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

function aggregate(of: (values: unknown[], rt: Runtime) => unknown, signature: string) {
  return {
    signature,
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

export const AGGREGATES: Definitions = {
  sum: aggregate(total, "<a<n>:n>"),
  max: aggregate((values, rt) => extreme(values, rt, 1), "<a<n>:n>"),
  min: aggregate((values, rt) => extreme(values, rt, -1), "<a<n>:n>"),
  average: aggregate((values, rt) => {
    const sum = total(values, rt);
    return sum === SLOW ? SLOW : values.length === 0 ? undefined : sum / values.length;
  }, "<a<n>:n>"),
  count: {
    signature: "<a:n>",
    arity: 1,
    kind: "number",
    call: ([values]) => (values === undefined ? 0 : (values as unknown[]).length),
    one: (value) => (value === undefined ? 0 : Array.isArray(value) ? value.length : 1),
  },
};
