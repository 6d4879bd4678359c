/*
 * Dates of the v1 API. Written as the seed prints them, `2016-05-03 11:47:38`, in UTC; read in both orders of the seed,
 * `2017-12-31 24:00:00` and `31-12-2017 12:00:00`, and as ATOM (RFC 3339), `2009-11-04T19:55:41Z`.
 */

const YEAR_FIRST = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?$/;
const DAY_FIRST = /^(\d{1,2})-(\d{1,2})-(\d{4})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?$/;
const ZONE = /\s*(?:(Z)|([+-])(\d{2}):?(\d{2}))$/i;

/** Milliseconds since 1970 as `2016-05-03 11:47:38`; an empty text for no time. */
export function writeDate(ms: number | null): string {
  return ms === null ? "" : new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}

/** A date of a request in milliseconds since 1970, UTC where it names no zone; `undefined` when it is none. */
export function readDate(text: string): number | undefined {
  const zone = ZONE.exec(text);
  const local = zone !== null && /[T: ]/.test(text.slice(0, zone.index)) ? text.slice(0, zone.index) : text;
  const yearFirst = YEAR_FIRST.exec(local);
  const found = yearFirst ?? DAY_FIRST.exec(local);
  if (found === null) return undefined;
  const [, first, month, third, hour = "0", minute = "0", second = "0", fraction = ""] = found.map(
    (part) => part,
  );
  const [year, day] = yearFirst === null ? [third, first] : [first, third];
  const numbers = [year, month, day, hour, minute, second].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [y, mo, d, h, mi, s] = numbers;
  const midnight = h === 24 && mi === 0 && s === 0;
  if ((h > 23 && !midnight) || mi > 59 || s > 60) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(y, mo - 1, d);
  if (date.getUTCFullYear() !== y || date.getUTCMonth() !== mo - 1 || date.getUTCDate() !== d)
    return undefined;
  const ms = Number(fraction.padEnd(3, "0").slice(0, 3));
  const time = date.getTime() + ((h * 60 + mi) * 60 + Math.min(s, 59)) * 1_000 + (s === 60 ? 1_000 : 0) + ms;
  if (zone === null || local === text || zone[1] !== undefined) return time;
  const [, , sign, zoneHours, zoneMinutes] = zone;
  if (Number(zoneHours) > 23 || Number(zoneMinutes) > 59) return undefined;
  const offset = (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60_000;
  return sign === "-" ? time + offset : time - offset;
}
