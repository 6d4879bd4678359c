import type { Node } from "./ast";
import type { Context } from "./compiled";
import { ExpressionError } from "./errors";
import type { Env, Runtime } from "./runtime";
import type { Frame } from "./scope";
import { boundArray, charge, mark, marksOf, TUPLES } from "./values";

export type Sorter = (sequence: unknown[], env: Env, rt: Runtime) => unknown[];

const NOT_YET = Symbol("not yet");

/** Compiles `^(…)`. Each item's terms are evaluated once and only when a comparison needs them. */
export function compileSort(node: Node, scope: Frame | null, context: Context): Sorter {
  const terms = (node.terms ?? []).map(({ descending, expression }) => {
    const { run, cost } = context.compile(expression, scope);
    return { run, cost: cost + 1, direction: descending ? -1 : 1 };
  });
  const position = node.position;
  return (sequence, env, rt) => {
    const tuples = (marksOf(sequence) & TUPLES) !== 0;
    boundArray(rt, sequence.length);
    const keyed = sequence.map((item) => ({ item, keys: terms.map((): unknown => NOT_YET) }));
    type Keyed = (typeof keyed)[number];
    const key = (entry: Keyed, index: number) => {
      const known = entry.keys[index];
      if (known !== NOT_YET) return known;
      const term = terms[index] as (typeof terms)[number];
      charge(rt, term.cost);
      const frame = tuples ? (entry.item as unknown[]) : env;
      const value = term.run(tuples ? (frame as unknown[])[1] : entry.item, frame, rt);
      entry.keys[index] = value;
      return value;
    };
    const after = (a: Keyed, b: Keyed) => {
      for (let index = 0; index < terms.length; index++) {
        const order = compareKeys(key(a, index), key(b, index), position);
        if (order === 0) continue;
        // Nothing sorts last in both directions.
        if (key(a, index) === undefined || key(b, index) === undefined) return order > 0;
        return order * (terms[index] as (typeof terms)[number]).direction > 0;
      }
      return false;
    };
    const sorted = mergeSort(rt, keyed, after).map((entry) => entry.item);
    return tuples ? mark(sorted, marksOf(sequence)) : sorted;
  };
}

function compareKeys(a: unknown, b: unknown, position: number | undefined): number {
  if (a === undefined) return b === undefined ? 0 : 1;
  if (b === undefined) return -1;
  const orderable = (value: unknown) => typeof value === "string" || typeof value === "number";
  if (!orderable(a) || !orderable(b)) {
    throw new ExpressionError("T2008", { position, value: orderable(a) ? b : a });
  }
  if (typeof a !== typeof b) throw new ExpressionError("T2007", { position, value: a, value2: b });
  if (a === b) return 0;
  return (a as string) < (b as string) ? -1 : 1;
}

/**
 * A stable merge sort that halves like the reference: a comparator of the caller that contradicts itself
 * then still gives the same order, and one that fails meets the same pair first.
 */
export function mergeSort<T>(rt: Runtime, items: T[], after: (a: T, b: T) => boolean): T[] {
  if (items.length <= 1) return items;
  const middle = Math.floor(items.length / 2);
  const left = mergeSort(rt, items.slice(0, middle), after);
  const right = mergeSort(rt, items.slice(middle), after);
  charge(rt, items.length);
  const merged: T[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length && r < right.length) {
    if (after(left[l] as T, right[r] as T)) merged.push(right[r++] as T);
    else merged.push(left[l++] as T);
  }
  while (l < left.length) merged.push(left[l++] as T);
  while (r < right.length) merged.push(right[r++] as T);
  return merged;
}
