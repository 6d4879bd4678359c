import type { Node } from "./ast";
import type { Compiled, Context, Tidy } from "./compiled";
import { ExpressionError } from "./errors";
import { fieldKit } from "./field-kits";
import { plain, shallow } from "./result";
import { type Env, type Run, type Runtime, UNBOUND } from "./runtime";
import type { Frame } from "./scope";
import { append, charge, marksOf, type PlainObject, setOwn, TUPLES } from "./values";

type Grouper = (input: unknown, env: Env, rt: Runtime) => PlainObject;

/** Keys that the reference keeps for itself. */
const RESERVED = new Set(["_jsonata_lambda", "_jsonata_function"]);

/**
 * Compiles the pairs of `{…}`, as a constructor or as a grouping: every item contributes to the keys it yields,
 * then each key's value is evaluated over its items. `scope` is the frame that a tuple is, when the path has tuples.
 */
export function compileGroup(
  pairs: readonly [Node, Node][],
  position: number | undefined,
  scope: Frame | null,
  context: Context,
  tidies?: { name: string; tidy: Tidy }[],
): Grouper {
  const compiled = pairs.map(([key, value]) => ({
    key: context.compile(key, scope),
    value: context.compile(value, scope),
  }));
  const cost = compiled.reduce((sum, pair) => sum + pair.key.cost + pair.value.cost, 1);
  const single = literalKeys(compiled);
  if (single && tidies) {
    compiled.forEach(({ value }, index) => {
      const tidy = value.tidy ?? (value.kind === "any" ? plain : shallow);
      tidies.push({ name: single[index]?.name as string, tidy });
    });
  }

  return (input, env, rt) => {
    charge(rt, cost);
    if (single && !Array.isArray(input)) {
      const made: PlainObject = {};
      for (let i = 0; i < single.length; i++) {
        const { run, store } = single[i] as (typeof single)[number];
        const value = run(input, env, rt);
        if (value !== undefined) store(made, value);
      }
      return made;
    }
    const tuples = Array.isArray(input) && (marksOf(input) & TUPLES) !== 0;
    const items = Array.isArray(input) ? input : [input];
    const groups = new Map<string, Gathered & { pair: number }>();
    charge(rt, items.length * cost);
    const count = items.length === 0 && !tuples ? 1 : items.length;
    for (let i = 0; i < count; i++) {
      const item = items[i];
      const frame = tuples ? (item as unknown[]) : env;
      for (let pair = 0; pair < compiled.length; pair++) {
        const key = compiled[pair]?.key.run(tuples ? (item as unknown[])[1] : item, frame, rt);
        if (key === undefined) continue;
        if (typeof key !== "string") throw new ExpressionError("T1003", { position, value: key });
        if (RESERVED.has(key)) throw new ExpressionError("D1013", { position, value: key });
        const group = groups.get(key);
        if (!group) groups.set(key, { data: tuples ? [item] : item, own: false, pair });
        else if (group.pair !== pair) throw new ExpressionError("D1009", { position, value: key });
        else if (tuples) (group.data as unknown[]).push(item);
        else gather(rt, group, item);
      }
    }
    const made: PlainObject = {};
    for (const [key, group] of groups) {
      const { value } = compiled[group.pair] as (typeof compiled)[number];
      const frame = tuples ? reduced(rt, group.data as unknown[][], env) : env;
      const result = value.run(tuples ? (frame as unknown[])[1] : group.data, frame, rt);
      if (result !== undefined) setOwn(made, key, result);
    }
    return made;
  };
}

/** The items of a group so far. `own` says that the array was made here, and may therefore be pushed to. */
interface Gathered {
  data: unknown;
  own: boolean;
}

function gather(rt: Runtime, group: Gathered, item: unknown): void {
  if (group.own && !Array.isArray(item) && item !== undefined) {
    charge(rt, 1);
    (group.data as unknown[]).push(item);
    return;
  }
  const made = append(rt, group.data, item);
  // `append` answers with one of its arguments when the other is nothing.
  group.own = made !== group.data && made !== item;
  group.data = made;
}

interface LiteralPair {
  name: string;
  run: Run;
  store: (object: PlainObject, value: unknown) => void;
}

function literalKeys(pairs: { key: Compiled; value: Compiled }[]): LiteralPair[] | undefined {
  const found: LiteralPair[] = [];
  for (const { key, value } of pairs) {
    const name = key.literal?.value;
    if (typeof name !== "string" || name === "__proto__" || RESERVED.has(name)) return undefined;
    if (found.some((other) => other.name === name)) return undefined;
    const store =
      fieldKit(name)?.store(name) ?? ((object: PlainObject, made: unknown) => setOwn(object, name, made));
    found.push({ name, run: value.run, store });
  }
  return found;
}

/** The tuples of one group become one frame, each variable holding all its values. */
function reduced(rt: Runtime, tuples: unknown[][], env: Env): unknown[] {
  const first = tuples[0] as unknown[];
  const frame = [...first];
  frame[0] = env;
  for (let slot = 1; slot < frame.length; slot++) {
    const group: Gathered = { data: first[slot] === UNBOUND ? undefined : first[slot], own: false };
    for (let i = 1; i < tuples.length; i++) {
      const value = tuples[i]?.[slot];
      if (value !== UNBOUND) gather(rt, group, value);
    }
    if (group.data !== undefined) frame[slot] = group.data;
  }
  return frame;
}

export function compileObject(node: Node, scope: Frame | null, context: Context): Compiled {
  const tidies: { name: string; tidy: Tidy }[] = [];
  const run = compileGroup(node.lhs as [Node, Node][], node.position, scope, context, tidies);
  const tidy: Tidy = (rt, value) => {
    const made = value as PlainObject;
    for (const { name, tidy: tidyOne } of tidies) {
      const before = made[name];
      if (before === undefined) continue;
      const after = tidyOne(rt, before);
      if (after === undefined) delete made[name];
      else if (after !== before) made[name] = after;
    }
    return made;
  };
  return { run, cost: 1, kind: "any", tidy: tidies.length > 0 ? tidy : undefined };
}

/** Groups what another node yields: `expr{…}` where `expr` is no path. */
export function withGroup(
  inner: Run,
  group: NonNullable<Node["group"]>,
  scope: Frame | null,
  context: Context,
): Run {
  const grouper = compileGroup(group.lhs, group.position, scope, context);
  return (input, env, rt) => grouper(inner(input, env, rt), env, rt);
}
