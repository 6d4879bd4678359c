import { MAX_RETRY_WAIT_MS } from "../../domain/limits";
import type { Retry } from "./prepared-call";

/** Whether what a try came to is among what is tried again: a status, its class, or one of the named results. */
export function isRetried(retry: Retry, result: string): boolean {
  return retry.on.includes(result) || (/^\d{3}$/.test(result) && retry.on.includes(`${result[0]}xx`));
}

/**
 * Milliseconds to wait before try number `attempt` (1 is the first repetition); `undefined` when the other side asks for
 * more than a call waits.
 * @param chance a number in [0, 1): up to half of the wait is left to it, so that callers do not come back all at once
 */
export function retryWait(
  retry: Retry,
  attempt: number,
  chance: number,
  retryAfterMs: number | undefined,
): number | undefined {
  if (retryAfterMs !== undefined && retryAfterMs > MAX_RETRY_WAIT_MS) return undefined;
  const full = Math.min(retry.maxBackoffMs, retry.backoffMs * 2 ** (attempt - 1));
  return Math.max(retryAfterMs ?? 0, Math.ceil(full * (1 - chance / 2)));
}

/** Milliseconds that `Retry-After` asks for: seconds, or a date (RFC 9110, 10.2.3). */
export function retryAfterMs(
  headers: readonly (readonly [string, string])[],
  nowMs: number,
): number | undefined {
  const value = headers.find(([name]) => name === "retry-after")?.[1].trim();
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000;
  const date = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(value)
    ? Date.parse(value)
    : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
