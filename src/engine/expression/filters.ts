import type { Stage } from "./ast";
import type { Context } from "./compiled";
import { loopKit } from "./field-kits";
import type { Env, Runtime } from "./runtime";
import type { Frame } from "./scope";
import { charge, elementsOf, isNumeric, mark, SEQUENCE, truth } from "./values";

/** A predicate applied to a value: always an array, nothing taken away or put around it. */
export type Filter = (value: unknown, env: Env, rt: Runtime) => unknown[];

export function compileFilter(stage: Stage, scope: Frame | null, context: Context): Filter {
  if (stage.expr.type === "number") return byPosition(Math.floor(Number(stage.expr.value)));
  const { run, cost, kind } = context.compile(stage.expr, scope);
  const each = cost + 1;
  if (kind === "boolean") {
    const kept = loopKit().kept(run);
    return (value, env, rt) => {
      const items = elementsOf(value);
      charge(rt, items.length * each);
      return mark(kept(items, env, rt), SEQUENCE);
    };
  }
  return (value, env, rt) => {
    const items = elementsOf(value);
    charge(rt, items.length * each);
    const kept: unknown[] = [];
    for (let i = 0; i < items.length; i++) {
      const item = items[i];
      const verdict = run(item, env, rt);
      if (verdict === true) kept.push(item);
      else if (verdict !== undefined && verdict !== false) keepBy(verdict, item, i, items.length, kept, rt);
    }
    return mark(kept, SEQUENCE);
  };
}

/** A predicate may say yes or no, or name positions: a number or an array of numbers. */
export function keepBy(
  verdict: unknown,
  item: unknown,
  index: number,
  length: number,
  kept: unknown[],
  rt: Runtime,
): void {
  if (isNumeric(verdict)) {
    if (positionOf(verdict, length) === index) kept.push(item);
  } else if (Array.isArray(verdict) && verdict.every(isNumeric)) {
    charge(rt, verdict.length);
    for (const wanted of verdict) if (positionOf(wanted, length) === index) kept.push(item);
  } else if (truth(verdict)) kept.push(item);
}

export function positionOf(wanted: number, length: number): number {
  const index = Math.floor(wanted);
  return index < 0 ? length + index : index;
}

function byPosition(index: number): Filter {
  return (value) => {
    const items = elementsOf(value);
    const item = items[index < 0 ? items.length + index : index];
    if (item === undefined) return mark([], SEQUENCE);
    return Array.isArray(item) ? item : mark([item], SEQUENCE);
  };
}
