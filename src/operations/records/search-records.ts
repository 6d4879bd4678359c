import type { Environment } from "../../domain/environment";
import { type Problem, SluiceError } from "../../domain/errors";
import { MAX_RECORD_OFFSET, MAX_RECORD_PAGE } from "../../domain/limits";
import { comparable } from "../../domain/mapped-field";
import type { RecordStatus } from "../../domain/record";
import { readDate } from "../../domain/record-date";
import { fieldKey } from "./fill-fields";
import { requireFlow } from "./identifiers";
import type { RecordFilter, RecordPage } from "./ports";
import type { RecordServices } from "./start-records";

/** Texts as they came; the seed's names. */
export interface SearchRequest {
  limit?: string | undefined;
  offset?: string | undefined;
  cursor?: string | undefined;
  uuid?: string | undefined;
  flow?: string | undefined;
  status?: string | undefined;
  fieldName?: string | undefined;
  fieldValue?: string | undefined;
  dateType?: string | undefined;
  dateFrom?: string | undefined;
  dateTo?: string | undefined;
}

/** Seed: 10. */
const DEFAULT_PAGE = 10;
const DATE_TYPES = { date_created: "created", date_started: "started", date_last_run: "lastRun" } as const;
const CURSOR = /^[0-9a-z]{1,10}-[0-9a-z]{1,10}$/;

export interface FoundRecords extends RecordPage {
  limit: number;
  offset: number;
  /** The value that a mapped field was searched for. */
  fieldValue: string;
}

/**
 * Finds records, the newest first.
 * @throws SluiceError invalid_request that lists every wrong parameter; not_found for an unknown flow or mapped field
 */
export async function searchRecords(
  services: Pick<RecordServices, "records" | "catalog" | "recordRuns">,
  environment: Environment,
  request: SearchRequest,
): Promise<FoundRecords> {
  const problems: Problem[] = [];
  const limit = whole(
    request.limit,
    "limit",
    { least: 0, most: MAX_RECORD_PAGE, name: "MAX_RECORD_PAGE" },
    DEFAULT_PAGE,
    problems,
  );
  const offset = whole(
    request.offset,
    "offset",
    { least: 0, most: MAX_RECORD_OFFSET, name: "MAX_RECORD_OFFSET" },
    0,
    problems,
  );
  const filter: RecordFilter = {};
  if (request.uuid !== undefined) filter.uuid = request.uuid;
  if (request.status !== undefined) {
    if (/^[0-6]$/.test(request.status)) filter.status = Number(request.status) as RecordStatus;
    else problems.push({ path: "datarecord_status", reason: "expected a number from 0 to 6" });
  }
  filter.date = dates(request, problems);
  if (request.cursor !== undefined && !CURSOR.test(request.cursor)) {
    problems.push({ path: "cursor", reason: "expected the `next` of the page before, as it was given" });
  }
  if ((request.fieldName === undefined) !== (request.fieldValue === undefined)) {
    const missing = request.fieldName === undefined ? "datafield_name" : "datafield_value";
    problems.push({ path: missing, reason: "datafield_name and datafield_value are given together" });
  }
  if (problems.length > 0) {
    const [first] = problems as [Problem];
    throw new SluiceError("invalid_request", `The search is not right: ${first.path}: ${first.reason}.`, {
      problems,
    });
  }
  if (request.flow !== undefined) {
    filter.flowId = (await requireFlow(services.catalog, environment.id, request.flow)).flowId;
  }
  if (request.fieldName !== undefined && request.fieldValue !== undefined) {
    const field = await services.catalog.resource(environment.id, "mappedField", request.fieldName);
    if (field === undefined) {
      throw new SluiceError("not_found", "There is no mapped data field of this name.");
    }
    filter.field = { name: fieldKey(field), value: comparable(request.fieldValue) };
    // It fills in fields that are new for records that are not.
    await services.recordRuns.watch(environment.id);
  }
  const page = await services.records.search(environment.id, filter, {
    limit,
    offset,
    cursor: request.cursor,
  });
  return { ...page, limit, offset, fieldValue: request.fieldValue ?? "" };
}

function dates({ dateType, dateFrom, dateTo }: SearchRequest, problems: Problem[]): RecordFilter["date"] {
  const from = date(dateFrom, "date_from", problems);
  const to = date(dateTo, "date_to", problems);
  if (dateType === undefined && from === undefined && to === undefined) return undefined;
  const of = dateType ?? "date_created";
  if (!Object.hasOwn(DATE_TYPES, of)) {
    problems.push({ path: "date_type", reason: `expected one of ${Object.keys(DATE_TYPES).join(", ")}` });
    return undefined;
  }
  // A date is written to the second, so the whole second counts.
  const end = to === undefined || to % 1_000 !== 0 ? to : to + 999;
  return { of: DATE_TYPES[of as keyof typeof DATE_TYPES], from, to: end };
}

function date(text: string | undefined, path: string, problems: Problem[]): number | undefined {
  if (text === undefined) return undefined;
  const time = readDate(text);
  if (time === undefined) {
    problems.push({ path, reason: "expected a date such as 2017-12-31 24:00:00 or 31-12-2017 12:00:00" });
  }
  return time;
}

function whole(
  text: string | undefined,
  path: string,
  { least, most, name }: { least: number; most: number; name: string },
  otherwise: number,
  problems: Problem[],
): number {
  if (text === undefined) return otherwise;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  problems.push({
    path,
    reason:
      value > most && path === "offset"
        ? `at most ${most} (${name}); go on with the cursor \`next\` of a page instead`
        : `expected a whole number from ${least} to ${most} (${name})`,
  });
  return otherwise;
}
