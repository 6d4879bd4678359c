import { isDate, isDateTime } from "./calendar";

/** Latest moment that a date can be (ECMAScript), in milliseconds since 1970. */
const MAX_MOMENT_MS = 8_640_000_000_000_000;

/**
 * Milliseconds since 1970 of a date-time of RFC 3339 (`2026-12-24T18:00:00+01:00`), of a date (midnight UTC) or of a number
 * of milliseconds; `undefined` for anything else. A time without its offset is refused: which moment it means is unknown.
 */
export function parseMoment(source: unknown): number | undefined {
  if (typeof source === "number") {
    return Number.isFinite(source) && Math.abs(source) <= MAX_MOMENT_MS ? Math.floor(source) : undefined;
  }
  if (typeof source !== "string") return undefined;
  const text = source.trim();
  if (!isDate(text) && !isDateTime(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
