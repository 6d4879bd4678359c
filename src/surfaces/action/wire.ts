import type { PendingCallback, RunView } from "../../domain/durable-run";
import type { FinalStatus, FixedResponse, RecordFailure, RunOutcome } from "../../domain/run";
import type { Rendered } from "../../operations/trigger-flow";

/** Status code of an answer without a custom one (contract, section 1, the table of outcomes). */
const STATUS_CODE: Record<FinalStatus, number> = { Success: 200, Fail: 400, Timeout: 504, Cancelled: 409 };

const JSON_TYPE = "application/json; charset=utf-8";
const TEXT_TYPE = "text/plain; charset=utf-8";

/** Statuses that have no body (RFC 9110). */
const BODILESS = new Set([204, 205, 304]);

/**
 * What the caller gets for an ended run: the mapped attributes exactly, the usual JSON otherwise.
 * @param more headers of the surface's own; the flow's go over them
 */
export function renderOutcome(outcome: RunOutcome, more: readonly [string, string][] = []): Rendered {
  const fixed = outcome.status === "Success" ? outcome.response : undefined;
  const status = fixed?.statusCode ?? STATUS_CODE[outcome.status];
  const headers: [string, string][] = [];
  if (fixed !== undefined) addFixedHeaders(headers, fixed);
  // Whatever body the flow chose, the caller can name the run, and find it in the console.
  addHeader(headers, "x-process-id", outcome.runId);
  for (const [name, value] of more) addHeader(headers, name, value);
  // A GET starts a run too, so nothing on the way may answer in our place.
  if (fixed?.body === undefined) addHeader(headers, "cache-control", "no-store");
  if (BODILESS.has(status)) return { status, headers, body: null };
  if (fixed?.body === undefined) {
    addHeader(headers, "content-type", JSON_TYPE);
    return { status, headers, body: JSON.stringify(envelope(outcome)) };
  }
  const isText = typeof fixed.body === "string";
  addHeader(headers, "content-type", isText ? TEXT_TYPE : JSON_TYPE);
  return { status, headers, body: isText ? (fixed.body as string) : JSON.stringify(fixed.body) };
}

/** @param name in lower case; the flow's own header of this name stays */
function addHeader(headers: [string, string][], name: string, value: string): void {
  for (const [present] of headers) if (present.toLowerCase() === name) return;
  headers.push([name, value]);
}

/** Status code of an answer that tells how a run stands: accepting one asynchronously is a success, handing it over is 202. */
const STATE_CODE = { started: 200, accepted: 202, polled: 200 } as const;

/**
 * How a durable run stands. Until its end: `{ processId, status, data: {}, startedAt, progress, nextWakeAt?, waiting? }`, the
 * last ones where it is asked for. From then on what a synchronous call would have been answered, as data.
 * @param pollPath where its state can be asked for
 * @param applied the preference that was honoured (RFC 7240)
 */
export function renderState(
  view: RunView,
  how: keyof typeof STATE_CODE,
  pollPath: string,
  applied?: string,
  more: readonly [string, string][] = [],
): Rendered {
  const headers: [string, string][] = [
    ["content-type", JSON_TYPE],
    ["cache-control", "no-store"],
    ["x-process-id", view.id],
    ...more,
  ];
  if (how !== "polled") headers.push(["location", pollPath]);
  if (applied !== undefined) headers.push(["preference-applied", applied]);
  const body = view.outcome === undefined ? underWay(view, how) : ended(view, view.outcome);
  return { status: STATE_CODE[how], headers, body: JSON.stringify(body) };
}

function underWay(view: RunView, how: keyof typeof STATE_CODE): Record<string, unknown> {
  const accepted = { processId: view.id, status: view.status, data: {} };
  if (how !== "polled") return accepted;
  return {
    ...accepted,
    startedAt: new Date(view.startedAt).toISOString(),
    progress: view.progress,
    ...(view.nextWakeAt === null ? {} : { nextWakeAt: new Date(view.nextWakeAt).toISOString() }),
    ...(view.callbacks === undefined ? {} : { waiting: view.callbacks.map(waitingFor) }),
  };
}

/** A callback that the run waits for. Its URL is a right to answer, so it is told only where the flow says so. */
function waitingFor({ step, about, expiresAt, reveal, url }: PendingCallback): Record<string, unknown> {
  return {
    node: step,
    ...(about === null ? {} : { about }),
    expiresAt: new Date(expiresAt).toISOString(),
    ...(reveal ? { url } : {}),
  };
}

/** The fixed output attributes that a flow maps are data here: the poll's own answer is always JSON with status 200. */
function ended(view: RunView, outcome: RunOutcome): Record<string, unknown> {
  const answer = envelope(outcome);
  return {
    ...answer,
    data: { ...outcome.outputs, ...(outcome.status === "Success" ? outcome.response : undefined) },
    startedAt: new Date(view.startedAt).toISOString(),
    ...(view.endedAt === null ? {} : { endedAt: new Date(view.endedAt).toISOString() }),
  };
}

function addFixedHeaders(headers: [string, string][], fixed: FixedResponse): void {
  if (fixed.contentType !== undefined) headers.push(["content-type", fixed.contentType]);
  if (fixed.headers === undefined) return;
  for (const [name, value] of Object.entries(fixed.headers)) {
    // `contentType` is the attribute made for it, so it goes over a header of that name.
    if (name.toLowerCase() === "content-type" && fixed.contentType !== undefined) continue;
    for (const each of [value].flat()) headers.push([name, each]);
  }
}

/** `{ processId, status, data, errors?, message? }`, so that `$.processId` and `$.data.<Output Name>` hold. */
function envelope(outcome: RunOutcome): Record<string, unknown> {
  return {
    processId: outcome.runId,
    status: outcome.status,
    data: outcome.outputs,
    ...(outcome.failures.length === 0 ? {} : { errors: outcome.failures.map(failure) }),
    ...(outcome.message === undefined ? {} : { message: outcome.message }),
  };
}

function failure({ record, message, code, node }: RecordFailure): Record<string, unknown> {
  return { ...(record < 0 ? {} : { index: record }), message, code, ...(node === "" ? {} : { node }) };
}
