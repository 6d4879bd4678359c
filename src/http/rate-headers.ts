import type { RateState } from "../operations/access/ports";

/** The seed's `X-RateLimit-*`, and those of the IETF draft (RateLimit header fields for HTTP). */
export function setRateHeaders(headers: Headers, rate: RateState): void {
  const seconds = Math.max(1, Math.ceil(rate.resetMs / 1_000));
  headers.set("x-ratelimit-limit", String(rate.limit));
  headers.set("x-ratelimit-remaining", String(rate.remaining));
  headers.set("x-ratelimit-reset", String(seconds));
  headers.set("ratelimit-policy", `"default";q=${rate.limit};w=${Math.ceil(rate.windowMs / 1_000)}`);
  headers.set("ratelimit", `"default";r=${rate.remaining};t=${seconds}`);
}
