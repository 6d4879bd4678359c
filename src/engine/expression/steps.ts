import type { Node } from "./ast";
import type { Compiled, Context } from "./compiled";
import { fieldKit, loopKit } from "./field-kits";
import { compileFilter, type Filter } from "./filters";
import type { Env, Run, Runtime } from "./runtime";
import type { Frame } from "./scope";
import { compileSort } from "./sorting";
import {
  boundGrowth,
  CONSTRUCTED,
  charge,
  collapse,
  collapseKeeping,
  isInheritedName,
  mark,
  marksOf,
  ownValue,
  type PlainObject,
  SEQUENCE,
} from "./values";

/** One step of a path: from the sequence before it to the sequence after it. The sequence given is only read. */
export type Step = (sequence: unknown[], env: Env, rt: Runtime) => unknown[];

/** Reads one field of a plain object, own properties only. */
export function fieldReader(name: string): (object: PlainObject) => unknown {
  if (isInheritedName(name)) return (object) => ownValue(object, name);
  return fieldKit(name)?.step(name) ?? ((object) => object[name]);
}

/** A field of anything: of an array, the sequence of its elements' fields. */
export function lookup(
  rt: Runtime,
  value: unknown,
  name: string,
  read: (object: PlainObject) => unknown,
): unknown {
  if (Array.isArray(value)) {
    charge(rt, value.length);
    const found: unknown[] = [];
    for (const element of value) {
      const inner = lookup(rt, element, name, read);
      if (inner === undefined) continue;
      if (Array.isArray(inner)) addAll(rt, found, inner);
      else found.push(inner);
    }
    return mark(found, SEQUENCE);
  }
  return typeof value === "object" && value !== null ? read(value as PlainObject) : undefined;
}

export function addAll(rt: Runtime, target: unknown[], more: unknown[]): void {
  boundGrowth(rt, target.length, more.length);
  for (let i = 0; i < more.length; i++) target.push(more[i]);
}

/** What a step yields for one item goes into the sequence: arrays are opened, unless they were written as `[…]`. */
function addResult(rt: Runtime, sequence: unknown[], value: unknown): void {
  if (Array.isArray(value) && !(marksOf(value) & CONSTRUCTED)) addAll(rt, sequence, value);
  else sequence.push(value);
}

/** A single result of the last step that is an array of the data stays that array. */
function isKept(value: unknown): value is unknown[] {
  return Array.isArray(value) && (marksOf(value) & SEQUENCE) === 0;
}

export function compileStep(
  step: Node,
  last: boolean,
  scope: Frame | null,
  context: Context,
  seen?: (compiled: Compiled) => void,
): Step {
  const stages = (step.stages ?? []).map((stage) => compileFilter(stage, scope, context));
  if (step.type === "sort") return sortStep(compileSort(step, scope, context), stages);
  if (step.type === "name" && stages.length === 0 && !step.predicate && !step.group) {
    return nameStep(String(step.value), step.keepArray === true, last);
  }
  const compiled = context.compile(step, scope);
  seen?.(compiled);
  const { run, cost, kind } = compiled;
  if (stages.length === 0) return kind === "any" ? plainStep(run, cost, last) : scalarStep(run, cost);
  // A predicate that tests makes an array of its own, which for a single item is the step's result already.
  const makesOwn = stages.length > 0 && step.stages?.at(-1)?.expr.type !== "number";
  return (sequence, env, rt) => {
    charge(rt, sequence.length * (cost + 1));
    if (makesOwn && sequence.length === 1) {
      let value = run(sequence[0], env, rt);
      for (let at = 0; at < stages.length; at++) value = (stages[at] as Filter)(value, env, rt);
      return value as unknown[];
    }
    const out: unknown[] = [];
    let results = 0;
    let first: unknown;
    for (let i = 0; i < sequence.length; i++) {
      let value = run(sequence[i], env, rt);
      for (let at = 0; at < stages.length; at++) value = (stages[at] as Filter)(value, env, rt);
      if (value === undefined) continue;
      if (results++ === 0) first = value;
      if (Array.isArray(value)) addResult(rt, out, value);
      else out.push(value);
    }
    return last && results === 1 && isKept(first) ? first : mark(out, SEQUENCE);
  };
}

function plainStep(run: Run, cost: number, last: boolean): Step {
  return (sequence, env, rt) => {
    charge(rt, sequence.length * (cost + 1));
    const out: unknown[] = [];
    let results = 0;
    let first: unknown;
    for (let i = 0; i < sequence.length; i++) {
      const value = run(sequence[i], env, rt);
      if (value === undefined) continue;
      if (results++ === 0) first = value;
      if (Array.isArray(value)) addResult(rt, out, value);
      else out.push(value);
    }
    return last && results === 1 && isKept(first) ? first : mark(out, SEQUENCE);
  };
}

/** Where each result is known to be a string, a number, a boolean, or nothing. */
function scalarStep(run: Run, cost: number): Step {
  const mapped = loopKit().mapped(run);
  return (sequence, env, rt) => {
    charge(rt, sequence.length * (cost + 1));
    return mark(mapped(sequence, env, rt), SEQUENCE);
  };
}

export function nameStep(name: string, keep: boolean, last: boolean): Step {
  const read = fieldReader(name);
  const settle = keep ? collapseKeeping : collapse;
  const direct = !isInheritedName(name);
  const collect = fieldKit(name)?.collect(name);
  return (sequence, _env, rt) => {
    charge(rt, sequence.length);
    const out: unknown[] = [];
    const usual = collect ? collect(sequence, out) : 0;
    let results = usual;
    let first = out[0];
    for (let i = usual; i < sequence.length; i++) {
      const item = sequence[i];
      if (typeof item !== "object" || item === null) continue;
      let value: unknown;
      if (Array.isArray(item)) value = settle(lookup(rt, item, name, read));
      else {
        value = direct ? (item as PlainObject)[name] : read(item as PlainObject);
        if (Array.isArray(value)) value = settle(value);
      }
      if (value === undefined) continue;
      if (results++ === 0) first = value;
      if (Array.isArray(value)) addResult(rt, out, value);
      else out.push(value);
    }
    return last && results === 1 && isKept(first) ? first : mark(out, SEQUENCE);
  };
}

function sortStep(sort: ReturnType<typeof compileSort>, stages: Filter[]): Step {
  return (sequence, env, rt) => {
    let sorted: unknown[];
    if (sequence.length > 1) sorted = sort(sequence, env, rt);
    else sorted = marksOf(sequence) & SEQUENCE ? sequence : mark([...sequence], SEQUENCE);
    for (const stage of stages) sorted = stage(sorted, env, rt);
    return sorted;
  };
}
