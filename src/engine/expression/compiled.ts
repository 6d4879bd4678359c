import type { Node } from "./ast";
import type { Run } from "./runtime";
import type { Frame } from "./scope";

/** What is known of a node's values before it runs: such a value, or nothing. */
export type Kind = "boolean" | "number" | "string" | "any";

export interface Compiled {
  run: Run;
  /** Steps that one run takes itself; loops inside it charge their own. */
  cost: number;
  kind: Kind;
  /** The value, when the node is a literal. */
  literal?: { value: unknown };
  /** The name, when the node is one plain field of the context. */
  field?: string;
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
}

/** What becomes of a sequence at the end of a node: collapsed, or left for a predicate on the node to see. */
export type Settle = (value: unknown) => unknown;
