import type { Environment } from "../../domain/environment";
import { SluiceError } from "../../domain/errors";
import type { RecordTelling } from "../../domain/record";
import { checkedUuid } from "./identifiers";
import type { RecordWithData } from "./ports";
import type { RecordServices } from "./start-records";

export const NO_RECORD = "There is no data record with this uuid.";

/**
 * A record with its data, as its row tells it; one that a shard has, as the shard does.
 * @throws SluiceError invalid_request, not_found
 */
export async function readRecord(
  { records, recordRuns }: Pick<RecordServices, "records" | "recordRuns">,
  environment: Environment,
  uuid: string,
): Promise<RecordWithData> {
  const record = await records.find(environment.id, checkedUuid(uuid));
  if (record === undefined) throw new SluiceError("not_found", NO_RECORD);
  if (record.queue !== "taken" && record.queue !== "waiting") return record;
  const [telling] = await recordRuns.tellings(environment.id, [record.runId]).catch(() => []);
  return telling === undefined ? record : withTelling(record, telling);
}

/** The record as its row will say when it has been told. */
function withTelling(record: RecordWithData, telling: RecordTelling): RecordWithData {
  return {
    ...record,
    status: telling.status,
    queue: telling.queue,
    flowVersion: telling.flowVersion,
    numRuns: Math.max(record.numRuns, telling.run ?? 0),
    startedAt: record.startedAt ?? telling.begunAt,
    lastRunAt: telling.begunAt ?? record.lastRunAt,
    nextRunAt: telling.nextRunAt,
    stepType: telling.stepType,
    step: telling.step,
    message: telling.message,
    steps: telling.steps ?? record.steps,
  };
}
