import { ExpressionError } from "../errors";
import { isCallable, type Runtime, random } from "../runtime";
import { mergeSort } from "../sorting";
import { boundArray, charge, equal, isNumeric, isSequence, mark, SEQUENCE } from "../values";
import type { Definitions } from "./library";

function zip(arrays: unknown[], rt: Runtime): unknown[] {
  let length = Number.POSITIVE_INFINITY;
  for (const array of arrays) length = Math.min(length, Array.isArray(array) ? array.length : 0);
  const rows: unknown[] = [];
  if (length === Number.POSITIVE_INFINITY) return rows;
  boundArray(rt, length * (arrays.length + 1));
  for (let i = 0; i < length; i++) rows.push(arrays.map((array) => (array as unknown[])[i]));
  return rows;
}

function reverse(values: unknown[], rt: Runtime): unknown[] {
  if (values.length <= 1) return values;
  boundArray(rt, values.length);
  return values.toReversed();
}

function shuffle(values: unknown[], rt: Runtime): unknown[] {
  if (values.length <= 1) return values;
  boundArray(rt, values.length);
  const mixed: unknown[] = [];
  for (let i = 0; i < values.length; i++) {
    const j = Math.floor(random(rt) * (i + 1));
    mixed.push(mixed[j]);
    mixed[j] = values[i];
  }
  return mixed;
}

function distinct(value: unknown, rt: Runtime): unknown {
  if (!Array.isArray(value) || value.length <= 1) return value;
  boundArray(rt, value.length);
  const results: unknown[] = [];
  const scalars = new Set<unknown>();
  const others: unknown[] = [];
  for (const element of value) {
    if (typeof element !== "object" || element === null) {
      // Nothing is equal to not-a-number, itself included; a set would think otherwise.
      if (scalars.has(element) && !Number.isNaN(element)) continue;
      scalars.add(element);
    } else {
      charge(rt, others.length);
      if (others.some((other) => equal(rt, element, other))) continue;
      others.push(element);
    }
    results.push(element);
  }
  return isSequence(value) ? mark(results, SEQUENCE) : results;
}

function sort(values: unknown[], comparator: unknown, rt: Runtime): unknown[] {
  if (values.length <= 1) return values;
  boundArray(rt, values.length);
  if (isCallable(comparator)) {
    return mergeSort(rt, values, (a, b) => saysYes(comparator([a, b], null, rt)));
  }
  if (!values.every(isNumeric) && !values.every((value) => typeof value === "string")) {
    throw new ExpressionError("D3070", { index: 1 });
  }
  charge(rt, values.length * Math.ceil(Math.log2(values.length)));
  return (values as string[]).toSorted((a, b) => (a > b ? 1 : a < b ? -1 : 0));
}

/** The comparator's answer is taken as the host language takes it: an empty array or object says yes. */
function saysYes(answer: unknown): boolean {
  return typeof answer === "object" && answer !== null ? true : Boolean(answer);
}

export const ARRAYS: Definitions = {
  zip: { signature: "<a+>", arity: 0, call: (arrays, rt) => zip(arrays, rt) },
  reverse: {
    signature: "<a:a>",
    arity: 1,
    call: ([values], rt) => (values === undefined ? undefined : reverse(values as unknown[], rt)),
  },
  shuffle: {
    signature: "<a:a>",
    arity: 1,
    call: ([values], rt) => (values === undefined ? undefined : shuffle(values as unknown[], rt)),
  },
  distinct: { signature: "<x:x>", arity: 1, call: ([value], rt) => distinct(value, rt) },
  sort: {
    signature: "<af?:a>",
    arity: 2,
    call: ([values, comparator], rt) =>
      values === undefined ? undefined : sort(values as unknown[], comparator, rt),
  },
};
