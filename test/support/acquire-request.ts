import type { AcquireRequest, OnBusy } from "../../src/domain/exclusion-group";

/** A run that asks for an exclusion group of one permit. */
export function acquireRequest(
  runId: string,
  onBusy: OnBusy,
  more: Partial<AcquireRequest> = {},
): AcquireRequest {
  return {
    runId,
    project: "shop",
    flow: "report",
    flowId: 1,
    user: "system",
    onBusy,
    maxQueue: 100,
    waitMs: 0,
    keepMs: 60_000,
    permits: 1,
    ...more,
  };
}
