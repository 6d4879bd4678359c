import { childrenOf, type Node, type Stage } from "./ast";
import type { Context } from "./compiled";
import { keepBy } from "./filters";
import { compileGroup } from "./grouping";
import { keepSingle } from "./paths";
import { type Env, type Run, type Runtime, UNBOUND } from "./runtime";
import { type Frame, frame, openFrame } from "./scope";
import { compileSort } from "./sorting";
import { compileStep } from "./steps";
import {
  boundArray,
  boundGrowth,
  charge,
  collapse,
  collapseKeeping,
  mark,
  marksOf,
  SEQUENCE,
  TUPLES,
} from "./values";

/**
 * Paths with `@`, `#` or `%`. Their items travel as tuples: the item itself and what has been bound beside it.
 * A tuple is a frame of variables (slot 0 the enclosing frame, slot 1 the item), so evaluating inside one costs no copy.
 */
type TupleStep = (sequence: unknown[], tuples: unknown[][] | undefined, env: Env, rt: Runtime) => unknown[][];

const ITEM = "@";
const NAMES = Symbol("names");

/** A stream of tuples knows its names, for the path around it to take them over. */
type Stream = unknown[][] & { [NAMES]?: Map<string, number> };

export function compileTuplePath(node: Node, outer: Frame | null, context: Context): Run {
  const steps = node.steps ?? [];
  const scope = frame(outer, [ITEM, ...boundNames(node)]);
  const first = steps[0] as Node;
  const begins = first.consarray ? context.compile(first, outer).run : undefined;
  const firstTuple = Math.max(
    0,
    steps.findIndex((step) => step.tuple),
  );
  const plainSteps = steps.slice(0, firstTuple).map((step) => compileStep(step, false, outer, context));
  const tupleSteps = steps.slice(firstTuple).map((step) => compileTupleStep(step, scope, context));
  const grouped = node.group && compileGroup(node.group.lhs, node.group.position, scope, context);
  const variable = first.type === "variable";

  const settle = (value: unknown) => (node.keepArray ? collapseKeeping(value) : collapse(value));
  const finish = (tuples: unknown[][], env: Env, rt: Runtime): unknown => {
    if (grouped) return grouped(mark(tuples, SEQUENCE | TUPLES), env, rt);
    if (node.tuple) {
      (tuples as Stream)[NAMES] = scope.slots;
      return mark(tuples, SEQUENCE | TUPLES | (marksOf(tuples) & ~SEQUENCE));
    }
    boundArray(rt, tuples.length);
    const items = mark(
      tuples.map((tuple) => tuple[1]),
      SEQUENCE,
    );
    return settle(node.keepSingletonArray ? keepSingle(items) : items);
  };

  return (input, env, rt) => {
    let sequence = Array.isArray(input) && !variable ? input : [input];
    let from = 0;
    if (begins) {
      sequence = begins(sequence, env, rt) as unknown[];
      from = 1;
    }
    for (let i = from; i < plainSteps.length; i++) {
      sequence = (plainSteps[i] as (typeof plainSteps)[number])(sequence, env, rt);
      if (sequence.length > 0) continue;
      const none = mark([], SEQUENCE);
      // The path ended before anything was bound: a grouping then sees nothing, once, and no variable has a value.
      return grouped ? grouped(none, openFrame(env, scope.slots.size), rt) : settle(none);
    }
    let tuples: unknown[][] | undefined;
    for (let i = begins && firstTuple === 0 ? 1 : 0; i < tupleSteps.length; i++) {
      tuples = (tupleSteps[i] as TupleStep)(sequence, tuples, env, rt);
    }
    return finish(tuples ?? [], env, rt);
  };
}

/** The names that a path's steps bind, those of nested paths that hand their tuples up included. */
function boundNames(node: Node): string[] {
  const names: string[] = [];
  const visit = (at: Node) => {
    if (at.focus !== undefined) names.push(at.focus);
    if (at.index !== undefined) names.push(at.index);
    if (at.ancestor) names.push(at.ancestor.label);
    for (const stage of at.stages ?? []) if (stage.type === "index") names.push(String(stage.value));
    for (const child of childrenOf(at)) visit(child);
  };
  visit(node);
  return names;
}

function compileTupleStep(step: Node, scope: Frame, context: Context): TupleStep {
  const stages = (step.stages ?? []).map((stage) => compileTupleStage(stage, scope, context));
  const apply = (tuples: unknown[][], rt: Runtime) => {
    let result = tuples;
    for (const stage of stages) result = stage(result, rt);
    return result;
  };
  const slot = (name: string | undefined) => (name === undefined ? undefined : scope.slots.get(name));
  const size = scope.slots.size;
  const index = slot(step.index);
  const tuple = (env: Env, item: unknown): unknown[] => {
    const made = openFrame(env, size);
    made[1] = item;
    return made;
  };

  if (step.type === "sort") {
    const sort = compileSort(step, scope, context);
    const sortPlain = compileSort(step, scope.outer, context);
    return (sequence, tuples, env, rt) => {
      if (tuples) return apply(sort(mark(tuples, SEQUENCE | TUPLES), env, rt) as unknown[][], rt);
      const sorted = sequence.length > 1 ? sortPlain(sequence, env, rt) : sequence;
      const made = sorted.map((item, at) => {
        const one = tuple(env, item);
        if (index !== undefined) one[index] = at;
        return one;
      });
      return apply(made, rt);
    };
  }

  const { run, cost } = context.compile(step, scope);
  const focus = slot(step.focus);
  const ancestor = slot(step.ancestor?.label);
  return (sequence, before, env, rt) => {
    const tuples = before ?? sequence.map((item) => tuple(env, item));
    charge(rt, tuples.length * (cost + size + 1));
    const out: unknown[][] = [];
    for (const one of tuples) {
      one[0] = env;
      const result = run(one[1], one, rt);
      if (result === undefined) continue;
      const results = Array.isArray(result) ? result : [result];
      const inner = Array.isArray(result) && marksOf(result) & TUPLES ? (result as Stream)[NAMES] : undefined;
      boundGrowth(rt, out.length, results.length);
      charge(rt, results.length * size);
      for (let at = 0; at < results.length; at++) {
        const made = [...one];
        if (inner) takeOver(made, results[at] as unknown[], inner, scope);
        else {
          if (focus === undefined) made[1] = results[at];
          else made[focus] = results[at];
          if (index !== undefined) made[index] = at;
          if (ancestor !== undefined) made[ancestor] = one[1];
        }
        out.push(made);
      }
    }
    return apply(out, rt);
  };
}

function takeOver(made: unknown[], inner: unknown[], names: Map<string, number>, scope: Frame): void {
  for (const [name, from] of names) {
    const to = scope.slots.get(name);
    const value = inner[from];
    if (to !== undefined && value !== UNBOUND) made[to] = value;
  }
}

function compileTupleStage(stage: Stage, scope: Frame, context: Context) {
  if (stage.type === "index") {
    const slot = scope.slots.get(String(stage.value)) as number;
    return (tuples: unknown[][]) => {
      tuples.forEach((tuple, at) => {
        tuple[slot] = at;
      });
      return tuples;
    };
  }
  if (stage.expr.type === "number") {
    const wanted = Math.floor(Number(stage.expr.value));
    return (tuples: unknown[][]) => {
      const found = tuples[wanted < 0 ? tuples.length + wanted : wanted];
      return found ? [found] : [];
    };
  }
  const { run, cost } = context.compile(stage.expr, scope);
  return (tuples: unknown[][], rt: Runtime) => {
    charge(rt, tuples.length * (cost + 1));
    const kept: unknown[][] = [];
    for (let at = 0; at < tuples.length; at++) {
      const tuple = tuples[at] as unknown[];
      const verdict = run(tuple[1], tuple, rt);
      if (verdict === true) kept.push(tuple);
      else if (verdict !== undefined && verdict !== false)
        keepBy(verdict, tuple, at, tuples.length, kept, rt);
    }
    return kept;
  };
}
