import type { Environment } from "../../domain/environment";
import { SluiceError } from "../../domain/errors";
import type { FlowPointer } from "../../domain/flow-address";
import { RECORD_STATUS } from "../../domain/record";
import { changeRecords, IN_USE, type Unchanged } from "./change-records";
import { requireFlow } from "./identifiers";
import { refuseIfNone } from "./queue-actions";
import type { RecordServices } from "./start-records";

/**
 * Moves records into another flow, where they wait in the queue and run from its beginning.
 * @throws SluiceError not_found, ambiguous_name, flow_unavailable; when none was moved, as `refuseIfNone` says
 */
export async function moveRecords(
  services: RecordServices,
  environment: Environment,
  flow: string | undefined,
  uuids: readonly string[],
): Promise<{ pointer: FlowPointer; moved: string[]; unchanged: Unchanged[] }> {
  const pointer = await requireFlow(services.catalog, environment.id, flow);
  if (pointer.status === "inactive") {
    throw new SluiceError(
      "flow_unavailable",
      `The flow "${pointer.flow}" is inactive and takes no new records.`,
      {
        retryAfter: 60,
        state: pointer.status,
      },
    );
  }
  const result = await changeRecords(services, environment.id, uuids, (row, now) => {
    if (row.queue === "taken") return IN_USE;
    return {
      status: RECORD_STATUS.new,
      queue: "waiting",
      dueAt: now,
      resumeOf: null,
      resumeAt: null,
      run: "new",
      flow: { id: pointer.flowId, version: pointer.version },
    };
  });
  refuseIfNone(result);
  return { pointer, moved: result.changed.map(({ row }) => row.uuid), unchanged: result.unchanged };
}
