import type { Environment } from "../../domain/environment";
import { SluiceError } from "../../domain/errors";
import type { FlowState } from "../../domain/flow-address";
import type { ApplyServices } from "../apply-project";
import { setCurrentVersion } from "../set-current-version";
import type { RecordServices } from "./start-records";

/** Seed: public publishes a draft, paused pauses a running flow, running resumes a paused one, inactive deactivates it. */
export const FLOW_STATUSES = ["public", "paused", "running", "inactive"] as const;
export type FlowStatus = (typeof FLOW_STATUSES)[number];

const DONE: Record<FlowStatus, string> = {
  public: "published",
  paused: "stopped",
  running: "started",
  inactive: "deactivated",
};

/** What is said when a flow's status was changed, in the seed's words. */
export function flowStatusMessage(status: FlowStatus): string {
  return `Flow diagram has been ${DONE[status]} successfully`;
}

/** A flow whose status was changed. */
export interface ChangedFlow {
  status: FlowStatus;
  flowId: number;
  flow: string;
  project: string;
}

/**
 * Changes what a flow does with new work and with records that wait. `public` publishes its draft and lets it run.
 * @throws SluiceError invalid_request, not_found, ambiguous_name, conflict, invalid_bundle when the draft does not fit
 */
export async function changeFlowStatus(
  services: RecordServices & ApplyServices,
  environment: Environment,
  flow: string | undefined,
  status: string | undefined,
  by: string,
): Promise<ChangedFlow> {
  const wanted = FLOW_STATUSES.find((each) => each === status?.toLowerCase());
  if (wanted === undefined) {
    throw new SluiceError("invalid_request", `X-Status is one of ${FLOW_STATUSES.join(", ")}.`, {
      problems: [{ path: "status", reason: "expected one of these" }],
    });
  }
  if (flow === undefined) {
    throw new SluiceError("invalid_request", "Name the flow: X-Flow-Id, or flow_id in the URL.", {
      problems: [{ path: "flow_id", reason: "it is required" }],
    });
  }
  const found = await services.catalog.flowNamed(environment.id, flow);
  if (found.kind === "missing") throw new SluiceError("not_found", "There is no flow with this name or id.");
  if (found.kind === "ambiguous") {
    throw new SluiceError(
      "ambiguous_name",
      `Several flows have this name: ${found.candidates.join(", ")}. Give the id.`,
      { candidates: found.candidates },
    );
  }
  const flowId = found.kind === "found" ? found.pointer.flowId : found.flowId;
  const stored = await services.projects.flowById(environment.id, flowId);
  if (stored === undefined) throw new SluiceError("not_found", "There is no flow with this name or id.");
  if (wanted === "public" && stored.draftVersion !== null) {
    await setCurrentVersion(services, {
      environment,
      project: stored.project,
      flow: stored.name,
      version: stored.draftVersion,
      by,
    });
  } else if (stored.currentVersion === null) {
    throw new SluiceError("conflict", "The flow has only a draft; publish it first, with the status public.");
  }
  const state: FlowState = wanted === "public" ? "running" : wanted;
  if (stored.status !== state) {
    const { epoch } = await services.projects.setStatus(environment.id, flowId, state, services.world.now());
    await services.catalog.advance(environment.id, epoch);
  }
  // What waited for the flow goes on.
  if (state === "running") await services.recordRuns.sweepNow(environment.id);
  return { status: wanted, flowId, flow: stored.name, project: stored.project };
}
