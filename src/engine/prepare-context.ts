import type { GraphDefinition } from "../domain/flow";
import type { ResourceDefinition, UsedKind } from "../domain/resource";
import type { Shape } from "../domain/shape";
import type { Graph } from "./plan";
import type { Value } from "./value";

/** Steps from a node's settings to one of them: `["set", "price"]`. */
export type Steps = readonly (string | number)[];

/** What a node type's `prepare` works with. Problems are collected, not thrown: all are reported at once. */
export interface PrepareContext {
  /** Compiles a setting: a literal, a template with `${…}`, an expression that starts with `=`, or JSON made of those. */
  value(source: unknown, at: Steps): Value;
  /** Like `value`, where only an expression makes sense (a condition, a key): a plain string is reported. */
  expression(source: unknown, at: Steps): Value;
  /** Reports something wrong with a setting. */
  problem(at: Steps, reason: string, nearest?: string): void;
  /** The shape of a declared output; reports an unknown name. */
  outputShape(name: string, at: Steps): Shape | undefined;
  /** Reports a flow that is not in the project. */
  flowExists(name: string, at: Steps): boolean;
  /** Outputs of a flow of the project; none for a flow that does not exist. */
  flowOutputs(name: string): readonly string[];
  /** A table, keystore or integration of the project; reports one that does not exist. */
  resource<K extends UsedKind>(kind: K, name: string, at: Steps): ResourceDefinition<K> | undefined;
  /** Whether every run of the flow outlives its call, as far as the flow's own endpoint says. */
  readonly durable: boolean;
  /** Whether the node stands inside a loop. */
  readonly inLoop: boolean;
  /** Compiles the inside of a loop. */
  loop(definition: GraphDefinition, at: Steps): Graph;
  /** Path of the node: `price`, `each/price`. */
  readonly nodePath: string;
}
