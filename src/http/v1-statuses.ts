import type { ErrorCode } from "../domain/errors";

/** Status of each error on the v1 API (seed: HTTP Statuses), and its internal code where it has one. REST and SOAP share it. */
export const V1_STATUSES: Record<ErrorCode, { status: number; code?: number }> = {
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
