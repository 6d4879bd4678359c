import { MAX_PREFER_WAIT_S } from "../domain/limits";

/**
 * Seconds that `Prefer: wait=N` (RFC 7240) asks the call to wait for the result, cut to what we offer; `undefined` when it
 * does not ask. A preference that cannot be understood is no error: it is ignored, and so not listed as applied.
 */
export function preferredWait(header: string | null): number | undefined {
  if (header === null) return undefined;
  for (const preference of header.split(",")) {
    // Parameters after a semicolon belong to preferences that take some.
    const match = /^\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?$/i.exec(preference);
    // The first one counts.
    if (match !== null) return Math.min(Number(match[1]), MAX_PREFER_WAIT_S);
  }
  return undefined;
}
