import type { ErrorCode, SluiceError } from "../../domain/errors";

/** Status and error code of each error at the token endpoints (RFC 6749, 5.2). */
const KINDS: Record<ErrorCode, { status: number; error: string }> = {
  invalid_request: { status: 400, error: "invalid_request" },
  invalid_bundle: { status: 400, error: "invalid_request" },
  unauthenticated: { status: 401, error: "invalid_client" },
  forbidden: { status: 400, error: "invalid_scope" },
  invalid_token: { status: 400, error: "invalid_grant" },
  address_denied: { status: 400, error: "unauthorized_client" },
  rate_limited: { status: 429, error: "temporarily_unavailable" },
  not_found: { status: 404, error: "invalid_request" },
  method_not_allowed: { status: 405, error: "invalid_request" },
  ambiguous_name: { status: 400, error: "invalid_request" },
  conflict: { status: 409, error: "invalid_request" },
  flow_unavailable: { status: 409, error: "invalid_request" },
  group_busy: { status: 409, error: "invalid_request" },
  gone: { status: 410, error: "invalid_request" },
  precondition_failed: { status: 412, error: "invalid_request" },
  payload_too_large: { status: 413, error: "invalid_request" },
  unsupported_media_type: { status: 400, error: "invalid_request" },
  not_configured: { status: 503, error: "temporarily_unavailable" },
  unavailable: { status: 503, error: "temporarily_unavailable" },
  timeout: { status: 504, error: "temporarily_unavailable" },
  internal: { status: 500, error: "server_error" },
};

/** Codes of the RFC that no error of ours stands for. */
export class GrantError extends Error {
  readonly error: "unsupported_grant_type";

  constructor(error: "unsupported_grant_type", message: string) {
    super(message);
    this.error = error;
  }
}

/** Characters that an `error_description` may have (RFC 6749, 5.2). */
const FORBIDDEN = /[^\x20\x21\x23-\x5b\x5d-\x7e]/g;

export function renderError(error: SluiceError | GrantError): {
  status: number;
  headers: Record<string, string>;
  body: string;
} {
  const headers: Record<string, string> = {};
  const { status, error: code } =
    error instanceof GrantError ? { status: 400, error: error.error } : KINDS[error.code];
  if (!(error instanceof GrantError)) {
    const { allow, retryAfter } = error.details;
    if (allow !== undefined) headers.allow = allow.join(", ");
    if (retryAfter !== undefined) headers["retry-after"] = String(retryAfter);
    if (status === 401) headers["www-authenticate"] = 'Basic realm="oauth", charset="UTF-8"';
  }
  const body = { error: code, error_description: error.message.replace(FORBIDDEN, "'") };
  return { status, headers, body: JSON.stringify(body) };
}
