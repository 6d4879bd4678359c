import type { z } from "zod";
import type { NodeDefinition } from "../domain/flow";
import type { ResourceDefinition, UsedKind } from "../domain/resource";
import type { MaybePromise } from "./maybe-promise";
import type { NodeRun } from "./node-run";
import type { PrepareContext } from "./prepare-context";

/** A way out of a node. */
export interface ResultName {
  name: string;
  description: string;
  /** May stay without a route: items then end there. Every other result must lead somewhere. */
  optional?: boolean;
}

/**
 * What a node repeats when a durable run is taken up again after a crash:
 * `none`: it has no effect outside, so its step is stored once; `item`: each item is a step of its own;
 * `batch`: all items of a step commit together.
 */
export type Effects = "none" | "item" | "batch";

/**
 * A kind of node. One file makes one: its schema is also its documentation and the designer's form.
 * `Config` is what the schema parses, `Prepared` what `prepare` makes of it once, when the flow is compiled.
 */
export interface NodeType<Config = unknown, Prepared = unknown> {
  readonly type: string;
  /** One or two sentences for the reference. */
  readonly summary: string;
  /** A complete example, as it stands under a flow's `nodes`. */
  readonly example: Record<string, unknown>;
  readonly config: z.ZodType<Config>;
  /** Named inputs; `in` alone when not given. */
  readonly ports?: readonly string[];
  /** Results besides `error`, the main one first. They may depend on the settings. */
  results(config: Config, context: ResultsContext): readonly ResultName[];
  /** Whether a flow may route a result of this name, which `results` does not list; why not, when it may not. */
  allowsResult?(name: string): true | string;
  /** Whether its settings may take secrets: `${_datasource.KeyName}`. */
  readonly takesSecrets?: boolean;
  /** Whether the node has an `error` result; all but `error` itself do. */
  readonly hasError?: boolean;
  readonly effects: Effects;
  /** Whether it waits to be called back: expressions find its URL under `run.callbacks`. */
  readonly callback?: boolean;
  /** Whether it may stand inside a loop; `output` and `respond` may not. */
  readonly inLoops?: boolean;
  /** Whether what it emits was made of several items, so that names of earlier nodes are gone behind it. */
  readonly startsWay?: boolean;
  /** Whether the value of an incoming item is replaced, and not shown to what follows by any routed result. */
  hidesItem?(config: Config, isRouted: (result: string) => boolean): boolean;
  /** The output connection points that it fills. */
  outputs?(config: Config, context: ResultsContext): readonly string[];
  prepare(config: Config, context: PrepareContext): Prepared;
  run(node: NodeRun<Prepared>): MaybePromise<void>;
}

/** What a node type may ask about the rest of the bundle before its results are known. */
export interface ResultsContext {
  /** Outputs of a flow of the same project that some node fills; `undefined` when there is no such flow. */
  flowOutputs(name: string): readonly string[] | undefined;
  /** A table, keystore or integration of the same project; `undefined` when there is none of that name. */
  resource<K extends UsedKind>(kind: K, name: string): ResourceDefinition<K> | undefined;
}

/** The closed list of node types, by name. */
export type NodeRegistry = ReadonlyMap<string, NodeType>;

export type { NodeDefinition };
