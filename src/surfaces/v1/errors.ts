import type { SluiceError } from "../../domain/errors";
import type { Json } from "../../domain/json";
import { V1_STATUSES } from "../../http/v1-statuses";

/** A failure as it goes over the wire, without the request's address. */
export interface V1Failure {
  status: number;
  headers: Record<string, string>;
  error: { code: number; message: string; [more: string]: Json };
}

export function failureOf({ code, message, details }: SluiceError): V1Failure {
  const kind = V1_STATUSES[code];
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
