import type { EndpointSettings, FlowDefinition } from "../domain/flow";
import type { Shape } from "../domain/shape";
import type { Exclusion } from "./exclusion";
import type { NodeType } from "./node-type";

/** Identifies a flow version. Versions never change, so whatever is derived from one is cached for good. */
export interface PlanKey {
  environmentId: number;
  projectId: number;
  project: string;
  flowId: number;
  version: number;
}

/** Names a flow. */
export interface FlowKey {
  readonly project: string;
  readonly flow: string;
  readonly flowId: number;
}

/** Which names a set of expressions reads, so that only those are prepared. */
export interface NamesRead {
  /** Anything may be read: `$$`, a wildcard at the root … */
  all: boolean;
  /** Names at the root: `input`, `item`, `last`, `run`, nodes. */
  roots: Set<string>;
  /** Fields of `input`; empty when none is read. */
  input: Set<string>;
  /** Secrets, by name; the empty name stands for all of them at once, which nothing may read. */
  secrets: Set<string>;
  /** Constants of the project, by name; the empty name stands for all of them at once. */
  constants: Set<string>;
}

export function noNames(): NamesRead {
  return { all: false, roots: new Set(), input: new Set(), secrets: new Set(), constants: new Set() };
}

export function addNames(to: NamesRead, from: NamesRead): void {
  to.all ||= from.all;
  for (const root of from.roots) to.roots.add(root);
  for (const field of from.input) to.input.add(field);
  for (const secret of from.secrets) to.secrets.add(secret);
  for (const constant of from.constants) to.constants.add(constant);
}

/** A connection that brings items to a node. */
export interface Source {
  from: number;
  result: string;
  port: string;
}

export interface PlanNode {
  index: number;
  name: string;
  /** Path of names, as messages and stored steps show it: `price`, `each/price`. */
  path: string;
  type: NodeType;
  /** The node's settings as its type prepared them. */
  prepared: unknown;
  /** The graphs inside it, if it is a loop. */
  loops: readonly Graph[];
  sources: Source[];
  /** Whether some expression reads this node's output by name, so that items must remember it. */
  tracked: boolean;
  errorRouted: boolean;
  /** Results that lead somewhere. */
  routed: ReadonlySet<string>;
  names: NamesRead;
  /** Node names that its expressions read. */
  readsNodes: string[];
  /** The output connection points that this node fills. */
  outputs: readonly string[];
}

export interface Graph {
  /** In an order in which every node comes after all that lead to it. */
  nodes: PlanNode[];
  start: number;
  /** Connections whose target is `return`: what the loop around takes back. */
  returns: Source[];
  /** Whether the items that come in are visible to any node (`split` and replacing `calculate` nodes hide them). */
  seedVisible: boolean;
}

/** A flow version, checked and compiled: everything that can be known before a request arrives. */
export interface Plan {
  key: PlanKey;
  name: string;
  /** Names the flow, to whoever is told which flow does something. */
  flow: FlowKey;
  graph: Graph;
  endpoint: EndpointSettings | undefined;
  /** Path within the JSON body to the records that travel one by one. */
  recordsPath: readonly (string | number)[] | undefined;
  timeoutMs: number | undefined;
  /** The exclusion group that a run takes before it begins. */
  exclusion: Exclusion | undefined;
  inputShapes: { query: Shape | undefined; body: Shape | undefined };
  outputShapes: Map<string, Shape>;
  /** Outputs that some node fills. */
  connected: string[];
  /** Nodes that wait to be called back. */
  callbacks: readonly string[];
  names: NamesRead;
  definition: FlowDefinition;
}
