import type { Constants } from "./constants";
import type { WorkflowRegistration } from "./event";
import type { FlowSource } from "./flow";
import type { UsedResources } from "./resource";

/** How a URL names an endpoint (contract, section 1). */
export type FlowAddress =
  | { kind: "named"; project: string; flow: string }
  /** One segment: a URL alias, or else a flow name as version 10 wrote it. */
  | { kind: "single"; segment: string };

/** States of a flow: `running`; `paused`: new work waits; `inactive`: new work is refused. */
export const FLOW_STATES = ["running", "paused", "inactive"] as const;
export type FlowState = (typeof FLOW_STATES)[number];

/** Which flow version a name stands for at present. */
export interface FlowPointer {
  environmentId: number;
  projectId: number;
  project: string;
  flowId: number;
  flow: string;
  version: number;
  status: FlowState;
}

/** What a name or an id stands for among all flows of an environment. */
export type FlowLookup =
  | { kind: "found"; pointer: FlowPointer }
  /** It has a draft, and no version that could run. */
  | { kind: "draft"; flowId: number }
  | { kind: "missing" }
  | { kind: "ambiguous"; candidates: string[] };
/** A flow that is registered for an event. */
export interface Workflow {
  pointer: FlowPointer;
  registration: WorkflowRegistration;
}

export type Resolution =
  | { kind: "found"; pointer: FlowPointer; deprecated: boolean }
  | { kind: "missing" }
  /** The endpoint answers at its alias instead. */
  | { kind: "aliased"; alias: string; pointer: FlowPointer }
  | { kind: "ambiguous"; candidates: string[] };

/**
 * A flow version as it is stored: the definition, and what it was published with: the outputs of the flows that it calls,
 * and the definitions of the resources that it uses. So a version means the same for good.
 */
export interface StoredVersion {
  /** As it was written, so that it is exported as it came in. */
  definition: FlowSource;
  calls: Record<string, string[]>;
  uses?: UsedResources;
  /** The constants that it reads. */
  constants?: Constants;
}
