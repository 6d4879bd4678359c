import type { ErrorCode, SluiceError } from "../../domain/errors";
import type { Json } from "../../domain/json";

/** Status of each error on the v1 API (seed: HTTP Statuses), and its internal code where it has one. */
const KINDS: Record<ErrorCode, { status: number; code?: number }> = {
  invalid_request: { status: 400 },
  invalid_bundle: { status: 400 },
  unauthenticated: { status: 401 },
  forbidden: { status: 403 },
  invalid_token: { status: 403, code: 436 },
  address_denied: { status: 403, code: 437 },
  rate_limited: { status: 429 },
  not_found: { status: 404 },
  method_not_allowed: { status: 405 },
  ambiguous_name: { status: 409 },
  conflict: { status: 409 },
  flow_unavailable: { status: 409 },
  group_busy: { status: 409 },
  gone: { status: 410 },
  precondition_failed: { status: 412 },
  payload_too_large: { status: 413 },
  unsupported_media_type: { status: 415 },
  not_configured: { status: 503 },
  unavailable: { status: 503 },
  timeout: { status: 504 },
  internal: { status: 500 },
};

/** A failure as it goes over the wire, without the request's address. */
export interface V1Failure {
  status: number;
  headers: Record<string, string>;
  error: { code: number; message: string; [more: string]: Json };
}

export function failureOf({ code, message, details }: SluiceError): V1Failure {
  const kind = KINDS[code];
  const headers: Record<string, string> = { "cache-control": "no-store" };
  if (details.allow !== undefined) headers.allow = details.allow.join(", ");
  if (details.retryAfter !== undefined) headers["retry-after"] = String(details.retryAfter);
  if (code === "unauthenticated") headers["www-authenticate"] = 'Bearer realm="v1"';
  if (code === "invalid_token") headers["www-authenticate"] = 'Bearer realm="v1", error="invalid_token"';
  return {
    status: kind.status,
    headers,
    error: {
      code: kind.code ?? kind.status,
      message,
      ...(details.problems === undefined
        ? {}
        : {
            errors: details.problems.map(({ path, reason, nearest }) => ({
              path,
              reason,
              ...(nearest === undefined ? {} : { nearest }),
            })),
          }),
      ...(details.candidates === undefined ? {} : { candidates: details.candidates }),
      ...(details.limit === undefined ? {} : { limit: details.limit }),
    },
  };
}
