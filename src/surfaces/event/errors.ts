import type { ErrorCode, SluiceError } from "../../domain/errors";

/** Status of each error on the event API: what cannot be found, and what fails, is 400 (seed; contract, section 4). */
const STATUS: Record<ErrorCode, number> = {
  invalid_request: 400,
  invalid_bundle: 400,
  unauthenticated: 401,
  invalid_token: 401,
  forbidden: 403,
  address_denied: 403,
  not_found: 404,
  gone: 410,
  method_not_allowed: 405,
  ambiguous_name: 409,
  conflict: 409,
  flow_unavailable: 409,
  group_busy: 409,
  precondition_failed: 412,
  payload_too_large: 413,
  unsupported_media_type: 415,
  rate_limited: 429,
  not_configured: 503,
  unavailable: 503,
  timeout: 504,
  internal: 500,
};

/** @param requestId under which the operators' log has what the caller is not told */
export function eventFailure(error: SluiceError, requestId: string): Response {
  const { problems, allow, retryAfter, limit, group, holder, processId } = error.details;
  const headers = new Headers({
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-store",
    "x-request-id": requestId,
  });
  if (allow !== undefined) headers.set("allow", allow.join(", "));
  if (retryAfter !== undefined) headers.set("retry-after", String(retryAfter));
  if (processId !== undefined) headers.set("x-process-id", String(processId));
  const body = {
    code: error.code,
    message: error.message,
    ...(problems === undefined
      ? {}
      : { errors: problems.map(({ reason, ...problem }) => ({ ...problem, message: reason })) }),
    ...(limit === undefined ? {} : { limit }),
    ...(group === undefined ? {} : { group }),
    ...(holder === undefined ? {} : { holder }),
    ...(processId === undefined ? {} : { processId }),
  };
  return new Response(JSON.stringify(body), { status: STATUS[error.code], headers });
}
