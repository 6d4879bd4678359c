import { SluiceError } from "../../domain/errors";
import type { FlowPointer } from "../../domain/flow-address";
import type { Json } from "../../domain/json";
import { MAX_NAMED_RECORDS, MAX_SCHEDULE_AHEAD_MS, MAX_UUID_CHARS } from "../../domain/limits";
import { uuidFault } from "../../domain/record";
import { readDate } from "../../domain/record-date";
import type { Catalog } from "../ports";

/** @throws SluiceError invalid_request */
export function checkedUuid(text: string): string {
  const fault = uuidFault(text, MAX_UUID_CHARS);
  if (fault === undefined) return text;
  throw new SluiceError("invalid_request", `The record's uuid ${fault}.`, {
    problems: [{ path: "uuid", reason: fault }],
    ...(text.length > MAX_UUID_CHARS ? { limit: "MAX_UUID_CHARS" } : {}),
  });
}

/**
 * Identifiers of several records: separated by commas, a JSON list, or a list already; each once.
 * @throws SluiceError invalid_request
 */
export function checkedUuids(given: Json | undefined): string[] {
  let list: Json = given ?? [];
  if (typeof list === "string") {
    const text = list.trim();
    if (text.startsWith("[")) {
      try {
        list = JSON.parse(text) as Json;
      } catch {
        list = text;
      }
    }
    if (typeof list === "string")
      list = list
        .split(",")
        .map((each) => each.trim())
        .filter((each) => each !== "");
  }
  if (!Array.isArray(list) || !list.every((each) => typeof each === "string")) {
    throw new SluiceError("invalid_request", "The uuids are a list of texts.", {
      problems: [{ path: "uuids", reason: "expected a list of texts" }],
    });
  }
  if (list.length > MAX_NAMED_RECORDS) {
    throw new SluiceError(
      "payload_too_large",
      `One call names at most ${MAX_NAMED_RECORDS} records (MAX_NAMED_RECORDS); this one names ${list.length}.`,
      { limit: "MAX_NAMED_RECORDS" },
    );
  }
  return [...new Set((list as string[]).map((each) => checkedUuid(each.trim())))];
}

/** @throws SluiceError not_found, ambiguous_name, conflict */
export async function requireFlow(
  catalog: Catalog,
  environmentId: number,
  nameOrId: string | undefined,
): Promise<FlowPointer> {
  if (nameOrId === undefined) {
    throw new SluiceError("invalid_request", "Name the flow: X-Flow, or flow_name in the URL.", {
      problems: [{ path: "flow", reason: "it is required" }],
    });
  }
  const found = await catalog.flowNamed(environmentId, nameOrId);
  switch (found.kind) {
    case "found":
      return found.pointer;
    case "missing":
      throw new SluiceError("not_found", "There is no flow with this name or id.");
    case "draft":
      throw new SluiceError(
        "conflict",
        "The flow has only a draft; publish it first (PUT /v1/changeflowstatus with the status public).",
      );
    case "ambiguous":
      throw new SluiceError(
        "ambiguous_name",
        `Several flows have this name: ${found.candidates.join(", ")}. Give the id.`,
        { candidates: found.candidates },
      );
  }
}

/**
 * When a record should begin; now when nothing is said, or a time that is over.
 * @throws SluiceError invalid_request
 */
export function checkedExecutionTime(text: string | undefined, now: number): number {
  // The seed's own words for "at once".
  if (text === undefined || /^(?:empty|now|off|realtime|runtime)$/i.test(text)) return now;
  const time = readDate(text);
  if (time === undefined) {
    throw new SluiceError(
      "invalid_request",
      "The execution time is a date in ATOM format, such as 2005-08-15T15:52:01+00:00, or empty for now.",
      { problems: [{ path: "executiontime", reason: "expected an ATOM date" }] },
    );
  }
  if (time > now + MAX_SCHEDULE_AHEAD_MS) {
    throw new SluiceError(
      "invalid_request",
      "The execution time is more than a hundred years ahead (MAX_SCHEDULE_AHEAD_MS).",
      {
        limit: "MAX_SCHEDULE_AHEAD_MS",
      },
    );
  }
  return Math.max(time, now);
}
