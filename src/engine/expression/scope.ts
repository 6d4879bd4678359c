import { childrenOf, type Node } from "./ast";
import { type Env, UNBOUND } from "./runtime";

/**
 * Variables are resolved when an expression is compiled: a name becomes a number of frames outwards and a slot.
 * A variable that `:=` assigns exists from the assignment on; until then its slot says so and the next outer
 * variable of the name is meant, as in the reference, where frames are looked up by name.
 */
export interface Frame {
  outer: Frame | null;
  slots: Map<string, number>;
  /** Names assigned in one place only. */
  once: ReadonlySet<string>;
  /** Of those, the ones whose value is the document's, or a scalar. */
  borrowed: Set<string>;
}

export function frame(outer: Frame | null, names: readonly string[]): Frame {
  const slots = new Map<string, number>();
  for (const name of names) if (!slots.has(name)) slots.set(name, slots.size + 1);
  const once = new Set(names.filter((name) => names.indexOf(name) === names.lastIndexOf(name)));
  return { outer, slots, once, borrowed: new Set() };
}

/** Says that what a name is assigned is the document's or a scalar. */
export function noteBorrowed(scope: Frame | null, name: string): void {
  let at = scope;
  while (at && !at.slots.has(name)) at = at.outer;
  if (at?.once.has(name)) at.borrowed.add(name);
}

/** Whether a name can only mean such a value. */
export function isBorrowed(scope: Frame | null, name: string): boolean {
  let at = scope;
  while (at && !at.slots.has(name)) at = at.outer;
  return at?.borrowed.has(name) === true && candidates(at.outer, name).length === 0;
}

/** Names that `:=` assigns in this node's own frame: not those inside a nested block or function. */
export function assignedNames(nodes: readonly Node[]): string[] {
  const names: string[] = [];
  const visit = (node: Node) => {
    if (node.type === "bind") names.push(String((node.lhs as Node).value));
    if (node.type === "block" || (node.type === "lambda" && !node.thunk)) {
      for (const stage of node.predicate ?? []) visit(stage.expr);
      return;
    }
    for (const child of childrenOf(node)) visit(child);
  };
  for (const node of nodes) visit(node);
  return names;
}

/** Where a name may be found, nearest first. */
export function candidates(scope: Frame | null, name: string): [up: number, slot: number][] {
  const found: [number, number][] = [];
  let up = 0;
  for (let at = scope; at; at = at.outer) {
    const slot = at.slots.get(name);
    if (slot !== undefined) found.push([up, slot]);
    up++;
  }
  return found;
}

export function isBound(scope: Frame | null, name: string): boolean {
  return candidates(scope, name).length > 0;
}

/** Every name in scope, for the nearest name in an error. */
export function namesInScope(scope: Frame | null): string[] {
  const names: string[] = [];
  for (let at = scope; at; at = at.outer) names.push(...at.slots.keys());
  return names.filter((name) => /^[A-Za-z_]/.test(name));
}

export function openFrame(outer: Env, slots: number): unknown[] {
  const made: unknown[] = [outer];
  for (let i = 0; i < slots; i++) made.push(UNBOUND);
  return made;
}

/** Reads a variable of the expression; `UNBOUND` when none of that name has been assigned yet. */
export function reader(scope: Frame | null, name: string): ((env: Env) => unknown) | undefined {
  const found = candidates(scope, name);
  const first = found[0];
  if (!first) return undefined;
  const [up, slot] = first;
  if (found.length === 1) {
    if (up === 0) return (env) => (env as unknown[])[slot];
    if (up === 1) return (env) => ((env as unknown[])[0] as unknown[])[slot];
  }
  return (env) => {
    let at = env as unknown[];
    let climbed = 0;
    for (const [levels, index] of found) {
      for (; climbed < levels; climbed++) at = at[0] as unknown[];
      const value = at[index];
      if (value !== UNBOUND) return value;
    }
    return UNBOUND;
  };
}

/** Assigns a variable in the nearest frame that has it. */
export function writer(scope: Frame | null, name: string): (env: Env, value: unknown) => void {
  const [up, slot] = candidates(scope, name)[0] as [number, number];
  return (env, value) => {
    let at = env as unknown[];
    for (let climbed = 0; climbed < up; climbed++) at = at[0] as unknown[];
    at[slot] = value;
  };
}
