import type { Environment } from "../../domain/environment";
import { SluiceError } from "../../domain/errors";
import { withdrawn } from "./change-records";
import { tellEnds } from "./ended-runs";
import { checkedUuid } from "./identifiers";
import { NO_RECORD } from "./read-record";
import type { RecordServices } from "./start-records";

/**
 * Removes a record that is not being processed.
 * @returns the name of the flow that it was in
 * @throws SluiceError invalid_request, not_found; forbidden when it is in use
 */
export async function deleteRecord(
  services: RecordServices,
  environment: Environment,
  uuid: string | undefined,
): Promise<{ uuid: string; flow: string }> {
  if (uuid === undefined) {
    throw new SluiceError("invalid_request", "Name the record: X-Uuid, or uuid in the URL.", {
      problems: [{ path: "uuid", reason: "it is required" }],
    });
  }
  const [row] = await services.records.rows(environment.id, [checkedUuid(uuid)]);
  if (row === undefined) throw new SluiceError("not_found", NO_RECORD);
  const begun = row.queue === "taken" || (await withdrawn(services, environment.id, [row])).has(row.runId);
  const inUse = begun && !(await tellEnds(services, environment.id, [row.runId])).has(row.runId);
  if (inUse || !(await services.records.remove(environment.id, row.uuid, row.runId))) {
    throw new SluiceError("forbidden", "The data record is in use: it is being processed.");
  }
  return { uuid: row.uuid, flow: row.flow };
}
