import type { Node } from "./ast";
import { shallow } from "./result";
import type { Env, Run, Runtime } from "./runtime";
import type { Frame } from "./scope";

/** What is known of a node's values before it runs: such a value, or nothing. */
export type Kind = "boolean" | "number" | "string" | "any";

export interface Compiled {
  run: Run;
  /** Steps that one run takes itself; loops inside it charge their own. */
  cost: number;
  kind: Kind;
  /**
   * Makes the node's value plain when it is the result, where something cheaper than walking all of it will do:
   * `shallow` where the value and its elements are the document's or scalars, else one that knows the parts.
   */
  tidy?: Tidy | undefined;
  /** The value, when the node is a literal. */
  literal?: { value: unknown };
  /** The name, when the node is one plain field of the context. */
  field?: string;
  /** When the node is a path that ends in a plain field: its parts, for functions that need no array in between. */
  ending?: Ending | undefined;
}

export interface Ending {
  name: string;
  /** What the last field is asked of. Only to be read. */
  items(input: unknown, env: Env, rt: Runtime): unknown[];
  /** The path's value, from these. */
  finish(items: unknown[], env: Env, rt: Runtime): unknown;
}

/** What compiling shares: how to compile a child, and what the host lends. */
export interface Context {
  compile(node: Node, scope: Frame | null): Compiled;
  source: string;
  hostFunctions: ReadonlySet<string>;
  variables: ReadonlySet<string>;
  /** Names that are neither bound nor known mean nothing (as in the reference) instead of an error. */
  lenient: boolean;
  /**
   * Predicates and groupings around the node being compiled. The reference applies them to a call in tail position
   * before it is made (so that it never is); such a call must stay a value until then.
   */
  attached: number;
  /** The context of the node being compiled is the document, so its fields are plain as they are. */
  rooted: boolean;
}

/** Whether a node's value, and each element of it, is the document's or a scalar. */
export function isShallow({ tidy, kind }: Compiled): boolean {
  return tidy === shallow || kind !== "any";
}

export type Tidy = (rt: Runtime, value: unknown) => unknown;

/** Compiles what sees another context than the document. */
export function elsewhere<T>(context: Context, work: () => T): T {
  const { rooted } = context;
  context.rooted = false;
  const made = work();
  context.rooted = rooted;
  return made;
}

/** What becomes of a sequence at the end of a node: collapsed, or left for a predicate on the node to see. */
export type Settle = (value: unknown) => unknown;
