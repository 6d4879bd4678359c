import type { Environment } from "../../domain/environment";
import { SluiceError } from "../../domain/errors";
import { QUEUE_ACTIONS, type QueueAction, queueStep, type RecordState } from "../../domain/record";
import { type ChangedRecords, changeRecords, type Unchanged } from "./change-records";
import type { RecordServices } from "./start-records";

export interface ActedRecord {
  uuid: string;
  state: RecordState;
}

/** @throws SluiceError invalid_request */
export function checkedAction(text: string | undefined): QueueAction {
  const action = QUEUE_ACTIONS.find((each) => each === text?.toLowerCase());
  if (action !== undefined) return action;
  throw new SluiceError("invalid_request", `X-Queue-Status is one of ${QUEUE_ACTIONS.join(", ")}.`, {
    problems: [{ path: "queue_status", reason: "expected one of these actions" }],
  });
}

/**
 * Does something with records in the queue, each by itself.
 * @returns what became of each; some may have been left as they were
 * @throws SluiceError when none was changed: not_found, or conflict with the reasons
 */
export async function actOnQueue(
  services: RecordServices,
  environment: Environment,
  action: QueueAction,
  uuids: readonly string[],
): Promise<{ acted: ActedRecord[]; unchanged: Unchanged[] }> {
  const steps = await failedSteps(services, environment, action, uuids);
  const result = await changeRecords(services, environment.id, uuids, (row, now) => {
    const step = queueStep(action, row, row.dueAt, now);
    if (typeof step === "string") return step;
    const continued = step.run === "continued" ? steps.get(row.uuid) : undefined;
    return {
      status: step.status,
      queue: step.queue,
      dueAt: step.due === "now" ? now : step.due === "never" ? null : row.dueAt,
      run: step.run === "same" ? "same" : "new",
      // A record that is paused and resumed still continues what it was to continue.
      resumeOf:
        step.run === "continued" ? (continued?.of ?? null) : step.due === "kept" ? row.resumeOf : null,
      resumeAt:
        step.run === "continued" ? (continued?.at ?? null) : step.due === "kept" ? row.resumeAt : null,
    };
  });
  refuseIfNone(result);
  return {
    acted: result.changed.map(({ row, to }) => ({ uuid: row.uuid, state: to })),
    unchanged: result.unchanged,
  };
}

/** The run and the node at which each failed record goes on; none where nothing of its run was kept, or no node failed. */
async function failedSteps(
  { records }: RecordServices,
  environment: Environment,
  action: QueueAction,
  uuids: readonly string[],
): Promise<Map<string, { of: string; at: string }>> {
  const found = new Map<string, { of: string; at: string }>();
  if (action !== "resume-and-continue") return found;
  for (const row of await records.rows(environment.id, uuids)) {
    if (row.step !== null && row.step !== "end") found.set(row.uuid, { of: row.runId, at: row.step });
  }
  return found;
}

/** @throws SluiceError not_found, forbidden, conflict when nothing was changed */
export function refuseIfNone({ changed, unchanged }: ChangedRecords): void {
  if (changed.length > 0 || unchanged.length === 0) return;
  const all = (kind: Unchanged["kind"]): boolean => unchanged.every((each) => each.kind === kind);
  const shown = unchanged
    .slice(0, 10)
    .map(({ uuid, reason }) => `${uuid}: ${reason}`)
    .join("; ");
  throw new SluiceError(all("missing") ? "not_found" : "conflict", `No record was changed. ${shown}.`, {
    problems: unchanged.slice(0, 100).map(({ uuid, reason }) => ({ path: uuid, reason })),
  });
}
