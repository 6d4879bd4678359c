import type { ErrorCode, SluiceError } from "../../domain/errors";
import type { Rendered } from "../../operations/trigger-flow";

/** Status of each error on the action API (contract, section 1). */
const STATUS: Record<ErrorCode, number> = {
  invalid_request: 400,
  invalid_bundle: 400,
  unauthenticated: 401,
  forbidden: 403,
  invalid_token: 401,
  address_denied: 403,
  rate_limited: 429,
  not_found: 404,
  method_not_allowed: 405,
  ambiguous_name: 409,
  conflict: 409,
  flow_unavailable: 409,
  group_busy: 409,
  gone: 410,
  precondition_failed: 412,
  payload_too_large: 413,
  unsupported_media_type: 415,
  not_configured: 503,
  unavailable: 503,
  timeout: 504,
  internal: 500,
};

/** A call that started no run, as far as we know: where that is not certain, there is a process id to poll. */
export function renderError(error: SluiceError): Rendered {
  const { problems, candidates, allow, retryAfter, limit, group, holder, place, processId } = error.details;
  const headers: [string, string][] = [
    ["content-type", "application/json; charset=utf-8"],
    ["cache-control", "no-store"],
  ];
  if (allow !== undefined) headers.push(["allow", allow.join(", ")]);
  if (retryAfter !== undefined) headers.push(["retry-after", String(retryAfter)]);
  if (error.code === "unauthenticated") headers.push(["www-authenticate", 'Bearer realm="action API"']);
  if (processId !== undefined) headers.push(["x-process-id", String(processId)]);
  const body = {
    ...(processId === undefined ? {} : { processId }),
    status: "Fail",
    code: error.code,
    message: error.message,
    ...(problems === undefined
      ? {}
      : {
          errors: problems.map(({ path, reason, nearest }) => ({
            path,
            message: reason,
            ...(nearest === undefined ? {} : { nearest }),
          })),
        }),
    ...(candidates === undefined ? {} : { candidates }),
    ...(limit === undefined ? {} : { limit }),
    ...(group === undefined ? {} : { group }),
    ...(holder === undefined ? {} : { holder }),
    ...(place === undefined ? {} : { place }),
  };
  return { status: STATUS[error.code], headers, body: JSON.stringify(body) };
}
