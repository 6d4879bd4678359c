import type { Node } from "./ast";
import { type Compiled, type Context, type Ending, elsewhere, type Kind } from "./compiled";
import { ExpressionError } from "./errors";
import { fieldKit } from "./field-kits";
import { compileGroup } from "./grouping";
import { EXPRESSION_LIMITS } from "./limits";
import { shallow } from "./result";
import type { Env, Run, Runtime } from "./runtime";
import { type Frame, isBorrowed } from "./scope";
import { compileStep, fieldReader, lookup, type Step } from "./steps";
import { compileTuplePath } from "./tuples";
import {
  boundWalk,
  CONSTRUCTED,
  collapse,
  collapseKeeping,
  KEEP,
  mark,
  marksOf,
  OUTER,
  type PlainObject,
  SEQUENCE,
} from "./values";

export function compilePath(node: Node, scope: Frame | null, context: Context): Compiled {
  const steps = node.steps ?? [];
  const group = node.group;
  if (node.tuple || steps.some((step) => step.tuple)) {
    const run = elsewhere(context, () => compileTuplePath(node, scope, context));
    return { run, cost: steps.length + 1, kind: "any" };
  }
  const names = leadingNames(steps);
  const plain = names.length === steps.length && !node.keepSingletonArray && !group;
  let kindOfLast: Kind = "any";
  const compiled = elsewhere(context, () =>
    steps.map((step, index) => {
      const last = index === steps.length - 1;
      return compileStep(step, last, scope, context, (inner) => {
        if (last && !step.stages) kindOfLast = inner.kind;
      });
    }),
  );
  const first = steps[0] as Node;
  const begins = first.consarray ? context.compile(first, scope).run : undefined;
  const tidy = !group && (isText(kindOfLast) || borrows(steps, scope, context)) ? shallow : undefined;
  const rest = compiled.slice(names.length);
  const grouped = group && elsewhere(context, () => compileGroup(group.lhs, group.position, scope, context));

  const finish = (sequence: unknown[], env: Env, rt: Runtime): unknown => {
    let result: unknown = sequence;
    if (node.keepSingletonArray) result = keepSingle(sequence);
    if (grouped) result = grouped(result, env, rt);
    return node.keepArray ? collapseKeeping(result) : collapse(result);
  };
  const walk = (from: number, start: unknown[], env: Env, rt: Runtime): unknown => {
    let sequence = start;
    for (let i = from; i < compiled.length; i++) {
      sequence = (compiled[i] as Step)(sequence, env, rt);
      if (sequence.length === 0) break;
    }
    return finish(sequence, env, rt);
  };
  const variable = first.type === "variable";
  const opened = opensVariable(steps)
    ? elsewhere(context, () => context.compile(first, scope).run)
    : undefined;
  const general: Run = (input, env, rt) => {
    if (opened) return walk(1, openedItems(opened(input, env, rt)), env, rt);
    const start = Array.isArray(input) && !variable ? input : [input];
    if (!begins) return walk(0, start, env, rt);
    const built = begins(start, env, rt) as unknown[];
    return built.length === 0 ? finish(built, env, rt) : walk(1, built, env, rt);
  };
  const cost = steps.length + 1;
  const ending = endsPlainly(node) ? endingOf(steps, compiled, names.length, opened, finish) : undefined;
  if (names.length === 0) return { run: general, cost, kind: "any", tidy, ending };

  // Objects are walked field by field; the first array on the way hands over to the general steps.
  const readers = names.map(fieldReader);
  const open = (value: unknown[], done: number, env: Env, rt: Runtime): unknown => {
    const items = marksOf(value) & CONSTRUCTED ? [value] : value;
    return walk(done, items, env, rt);
  };
  const count = names.length;
  if (plain) {
    const run: Run = (input, env, rt) => {
      let value = input;
      if (Array.isArray(value)) return general(input, env, rt);
      for (let i = 0; i < count; i++) {
        if (typeof value !== "object" || value === null) return undefined;
        if (Array.isArray(value)) {
          const settled = collapse(value);
          if (Array.isArray(settled)) return open(settled, i, env, rt);
          value = settled;
          if (typeof value !== "object" || value === null) return undefined;
        }
        value = (readers[i] as Reader)(value as PlainObject);
      }
      // An array of the data is the answer as it is; one that the evaluator made is settled by the general way.
      if (Array.isArray(value) && marksOf(value) !== 0) return general(input, env, rt);
      return value;
    };
    const made = { run, cost, kind: "any" as const, tidy, ending };
    return count === 1 ? { ...made, field: names[0] as string } : made;
  }
  if (rest.length === 0) return { run: general, cost, kind: "any", tidy };
  const run: Run = (input, env, rt) => {
    let value = input;
    if (Array.isArray(value)) return general(input, env, rt);
    for (let i = 0; i < count; i++) {
      if (typeof value !== "object" || value === null) return finish(mark([], SEQUENCE), env, rt);
      if (Array.isArray(value)) return general(input, env, rt);
      value = (readers[i] as Reader)(value as PlainObject);
    }
    if (value === undefined) return finish(mark([], SEQUENCE), env, rt);
    if (!Array.isArray(value)) return walk(count, [value], env, rt);
    return marksOf(value) === 0 ? walk(count, value, env, rt) : general(input, env, rt);
  };
  return { run, cost, kind: "any", tidy, ending };
}

/** Whether a path begins with a variable whose elements can be walked where they are. A sort may keep what it is given. */
function opensVariable(steps: readonly Node[]): boolean {
  const [first, second] = steps;
  return first?.type === "variable" && !first.stages && second !== undefined && second.type !== "sort";
}

const NONE: unknown[] = [];

type Reader = ReturnType<typeof fieldReader>;

function openedItems(value: unknown): unknown[] {
  if (Array.isArray(value) && !(marksOf(value) & CONSTRUCTED)) return value;
  return value === undefined ? NONE : [value];
}

function endsPlainly(node: Node): boolean {
  const last = node.steps?.at(-1);
  return (
    !node.group &&
    !node.keepSingletonArray &&
    !node.keepArray &&
    (node.steps?.length ?? 0) > 1 &&
    node.steps?.[0]?.consarray !== true &&
    last?.type === "name" &&
    !last.stages &&
    !last.predicate &&
    !last.group &&
    !last.keepArray &&
    fieldKit(String(last.value)) !== undefined
  );
}

/** A path but for its last field. `leading` says how many steps are fields that can be read one after the other. */
function endingOf(
  steps: readonly Node[],
  compiled: readonly Step[],
  leading: number,
  opened: Run | undefined,
  finish: (sequence: unknown[], env: Env, rt: Runtime) => unknown,
): Ending {
  const until = compiled.length - 1;
  const fields = Math.min(leading, until);
  const readers = steps.slice(0, fields).map((step) => fieldReader(String(step.value)));
  const variable = steps[0]?.type === "variable";
  const last = compiled[until] as Step;
  return {
    name: String(steps[until]?.value),
    items(input, env, rt) {
      let sequence: unknown[];
      let from = 0;
      if (opened) {
        sequence = openedItems(opened(input, env, rt));
        from = 1;
      } else if (Array.isArray(input) && !variable) sequence = input;
      else {
        let value = input;
        for (; from < fields; from++) {
          if (typeof value !== "object" || value === null || Array.isArray(value)) break;
          value = (readers[from] as Reader)(value as PlainObject);
        }
        if (Array.isArray(value) && marksOf(value) !== 0) {
          value = input;
          from = 0;
        }
        if (value === undefined) return NONE;
        sequence = Array.isArray(value) ? value : [value];
      }
      for (; from < until && sequence.length > 0; from++) {
        sequence = (compiled[from] as Step)(sequence, env, rt);
      }
      return sequence;
    },
    finish: (items, env, rt) =>
      finish(items.length === 0 ? mark([], SEQUENCE) : last(items, env, rt), env, rt),
  };
}

/** Strings and booleans are plain; of numbers each would have to be looked at. */
function isText(kind: Kind): boolean {
  return kind === "string" || kind === "boolean";
}

/** Whether all that a path can yield lies in the document: it starts there, and only goes further in. */
function borrows(steps: readonly Node[], scope: Frame | null, context: Context): boolean {
  return steps.every((step, index) => {
    if (step.type === "variable" && index === 0 && !step.group) {
      if (step.value === "$") return true;
      return context.rooted && (step.value === "" || isBorrowed(scope, String(step.value)));
    }
    if (index === 0 && !context.rooted) return false;
    return ["name", "wildcard", "descendant", "sort"].includes(step.type) && !step.group;
  });
}

/** The fields that a path begins with, as far as they have no predicate of their own. */
function leadingNames(steps: readonly Node[]): string[] {
  const names: string[] = [];
  for (const step of steps) {
    if (step.type !== "name" || step.stages || step.predicate || step.group || step.keepArray) break;
    names.push(String(step.value));
  }
  return names;
}

export function keepSingle(sequence: unknown[]): unknown[] {
  const marks = marksOf(sequence);
  if (marks & CONSTRUCTED && !(marks & SEQUENCE)) return mark([sequence], SEQUENCE | KEEP);
  return marks & SEQUENCE ? mark(sequence, marks | KEEP) : sequence;
}

/** A name on its own, as a step is evaluated for one item. */
export function compileName(node: Node): Compiled {
  const name = String(node.value);
  const read = fieldReader(name);
  const settle = node.keepArray ? collapseKeeping : collapse;
  const run: Run = (input, _env, rt) => {
    if (typeof input !== "object" || input === null) return undefined;
    return settle(Array.isArray(input) ? lookup(rt, input, name, read) : read(input as PlainObject));
  };
  return { run, cost: 1, kind: "any" };
}

/** `*`: the values of every field, nested arrays opened. Once one was opened the result is an array, not a sequence. */
export function wildcard(input: unknown, rt: Runtime): unknown[] {
  const found: unknown[] = [];
  let opened = false;
  let from = input;
  if (Array.isArray(from) && marksOf(from) & OUTER && from.length > 0) from = from[0];
  if (typeof from === "object" && from !== null) {
    for (const key of Object.keys(from)) {
      const value = (from as PlainObject)[key];
      opened ||= Array.isArray(value);
      flatten(value, found, rt, 0);
    }
  }
  return opened ? found : mark(found, SEQUENCE);
}

function flatten(value: unknown, into: unknown[], rt: Runtime, depth: number): void {
  guard(rt, depth, into);
  if (Array.isArray(value)) for (const element of value) flatten(element, into, rt, depth + 1);
  else into.push(value);
}

/** `**`: the value and everything below it, except the arrays themselves. */
export function descendants(input: unknown, rt: Runtime): unknown {
  if (input === undefined) return undefined;
  const found: unknown[] = [];
  descend(input, found, rt, 0);
  return found.length === 1 ? found[0] : mark(found, SEQUENCE);
}

function descend(value: unknown, into: unknown[], rt: Runtime, depth: number): void {
  guard(rt, depth, into);
  if (Array.isArray(value)) {
    for (const element of value) descend(element, into, rt, depth + 1);
    return;
  }
  into.push(value);
  if (typeof value === "object" && value !== null) {
    for (const key of Object.keys(value)) descend((value as PlainObject)[key], into, rt, depth + 1);
  }
}

function guard(rt: Runtime, depth: number, into: unknown[]): void {
  boundWalk(rt, depth);
  if (into.length > EXPRESSION_LIMITS.arrayElements) {
    throw new ExpressionError("result_too_large", { value: into.length });
  }
}
