import type { Context } from "hono";
import { z } from "zod";
import type { ErrorCode } from "../domain/errors";
import { presentable } from "./presentable";
import { requestId } from "./request-id";

/** Problem details (RFC 9457), as every failure of the management API is answered. */
export const ProblemDetails = z
  .object({
    type: z.string().describe("Identifies the kind of problem: `urn:sluice:problem:` and the code."),
    title: z.string(),
    status: z.number().int(),
    detail: z.string().describe("What to change."),
    code: z.string().describe("Stable; programs may branch on it."),
    errors: z
      .array(
        z.object({
          path: z.string().describe("JSON Pointer into the document, or the parameter's name."),
          reason: z.string(),
          nearest: z.string().optional(),
        }),
      )
      .optional(),
  })
  .meta({ id: "ProblemDetails" });

const KINDS: Record<ErrorCode, { status: number; title: string }> = {
  invalid_request: { status: 400, title: "The request is not understood" },
  invalid_bundle: { status: 422, title: "The bundle is wrong" },
  unauthenticated: { status: 401, title: "Not authenticated" },
  forbidden: { status: 403, title: "Not allowed" },
  invalid_token: { status: 401, title: "The token is not valid" },
  address_denied: { status: 403, title: "The address is not allowed" },
  rate_limited: { status: 429, title: "Too many requests" },
  not_found: { status: 404, title: "Not found" },
  method_not_allowed: { status: 405, title: "Method not allowed" },
  ambiguous_name: { status: 409, title: "The name is not unique" },
  conflict: { status: 409, title: "Conflict" },
  flow_unavailable: { status: 409, title: "The flow takes no calls" },
  group_busy: { status: 409, title: "The exclusion group is taken" },
  gone: { status: 410, title: "No longer there" },
  precondition_failed: { status: 412, title: "The state is another" },
  payload_too_large: { status: 413, title: "Too large" },
  unsupported_media_type: { status: 415, title: "The media type is not taken" },
  not_configured: { status: 503, title: "The deployment lacks a setting" },
  unavailable: { status: 503, title: "Not available now" },
  timeout: { status: 504, title: "Timeout" },
  internal: { status: 500, title: "Internal error" },
};

/** Renders an error as problem details. */
export function problemResponse(error: unknown, context: Context): Response {
  const request = context.req.raw as unknown as Request;
  const id = requestId(request.headers);
  const known = presentable(error, request, id);
  const { status, title } = KINDS[known.code];
  const { problems, allow, retryAfter, limit, candidates } = known.details;
  const headers = new Headers({
    "content-type": "application/problem+json",
    "cache-control": "no-store",
    "x-request-id": id,
  });
  if (allow !== undefined) headers.set("allow", allow.join(", "));
  if (retryAfter !== undefined) headers.set("retry-after", String(retryAfter));
  if (known.code === "unauthenticated") headers.set("www-authenticate", 'Bearer realm="management API"');
  const body = {
    type: `urn:sluice:problem:${known.code}`,
    title,
    status,
    detail: known.message,
    code: known.code,
    ...(problems === undefined ? {} : { errors: problems }),
    ...(candidates === undefined ? {} : { candidates }),
    ...(limit === undefined ? {} : { limit }),
  };
  return new Response(request.method === "HEAD" ? null : JSON.stringify(body), { status, headers });
}
