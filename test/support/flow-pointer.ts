import type { FlowPointer } from "../../src/domain/flow-address";

/** Where a flow is that no database has. */
export const POINTER = {
  environmentId: 1,
  projectId: 1,
  project: "p",
  flowId: 1,
  flow: "f",
  version: 1,
  status: "running",
} as const satisfies FlowPointer;
