/**
 * The one error hierarchy. Inside Sluice an error is a code with a sentence; which status and envelope a code becomes
 * is each surface's own, exhaustive table. `message` is safe to show to a caller: it says what to change and never
 * holds a secret, a stack or another organization's data. What only operators may see goes into `cause`.
 */
export const ERROR_CODES = [
  /** The request cannot be understood: syntax, encoding, a value of the wrong type. */
  "invalid_request",
  /** A bundle was understood and is wrong; `details.problems` lists everything at once. */
  "invalid_bundle",
  "unauthenticated",
  "forbidden",
  /** An access or refresh token that is unknown, expired, revoked or of the wrong kind (v1: internal code 436). */
  "invalid_token",
  /** The client's address is not on the interface's list (v1: internal code 437). */
  "address_denied",
  /** Too many calls in the window; `details.retryAfter` says when the next begins. */
  "rate_limited",
  "not_found",
  "method_not_allowed",
  /** A version-10 URL whose flow name exists in several projects; `details.candidates` lists them. */
  "ambiguous_name",
  /** The state of the thing does not allow this now. */
  "conflict",
  /** It was there, and is over for good: a callback whose time has passed. */
  "gone",
  /** `If-Match` names another state than the present one. */
  "precondition_failed",
  "payload_too_large",
  "unsupported_media_type",
  /** The flow is paused or inactive. */
  "flow_unavailable",
  /** The exclusion group is taken; `details` name the group, its holder and the place in the queue. Nothing ran. */
  "group_busy",
  "timeout",
  /** A setting of the deployment is missing, so that a guarded route stays closed. */
  "not_configured",
  /** Something that has to be asked first does not answer now, so nothing was decided and nothing ran. */
  "unavailable",
  /** A bug of ours. The caller gets a reference to quote, never the reason. */
  "internal",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** One thing that is wrong with a document, where, and what to write instead. */
export interface Problem {
  /** JSON Pointer (RFC 6901) into the document, or a dotted path of a request's value. */
  path: string;
  reason: string;
  /** The nearest name that exists, when a name was misspelt. */
  nearest?: string;
}

export interface ErrorDetails {
  problems?: Problem[];
  candidates?: string[];
  allow?: string[];
  /** Seconds after which a retry makes sense. */
  retryAfter?: number;
  /** The name of the limit that was passed, as in `domain/limits.ts`. */
  limit?: string;
  /** The exclusion group that is taken, who holds it, and the place in its queue that the call had or would have had. */
  group?: string;
  holder?: { processId: string; project: string; flow: string; since: string };
  place?: number;
  [key: string]: unknown;
}

export class SluiceError extends Error {
  override readonly name = "SluiceError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }
}
