import { isDate } from "./calendar";
import { exactNumber } from "./decimal";
import { quote } from "./format-error";
import type { Json } from "./json";
import { MAX_TABLE_VALUE_BYTES } from "./limits";
import type { ColumnType } from "./table";

/**
 * Values of table columns: what may be written, how it is stored, and how it comes back. A value comes back exactly as it
 * was written, save that a moment with a zone comes back as the same moment in UTC, or it is refused with the reason.
 *
 * | type | stored as | on the wire |
 * |---|---|---|
 * | text, date | text | text |
 * | integer | 64-bit integer | number, or text beyond 2^53 |
 * | real | 64-bit float | number |
 * | boolean | 0 or 1 | boolean |
 * | datetime | text `2026-02-28 09:30:00`, UTC, with a fraction if there is one | the same |
 * | json | JSON text | the value |
 */

/** As SQLite takes and gives it. Integers beyond 2^53 are texts of digits. */
export type Stored = string | number | null;

export type CheckedValue = { value: Stored } | { reason: string };

const MIN_INTEGER = -(2n ** 63n);
const MAX_INTEGER = 2n ** 63n - 1n;
const INTEGER = /^-?(?:0|[1-9]\d{0,18})$/;
const encoder = new TextEncoder();

/** What would be stored of a value in a column of this type, or why it cannot be. Null is a value of every type. */
export function checkValue(type: ColumnType, value: Json): CheckedValue {
  return value === null ? { value } : CHECKS[type](value);
}

const CHECKS: Record<ColumnType, (value: Exclude<Json, null>) => CheckedValue> = {
  text: (value) =>
    typeof value === "string" ? checkText(value) : { reason: `is ${nameOf(value)} where text is due` },
  integer: checkInteger,
  real: checkReal,
  boolean: (value) => {
    if (value === true || value === 1 || value === "true" || value === "1") return { value: 1 };
    if (value === false || value === 0 || value === "false" || value === "0") return { value: 0 };
    return { reason: `is ${nameOf(value)}, and neither true nor false` };
  },
  date: (value) =>
    typeof value === "string" && isDate(value)
      ? { value }
      : { reason: `is ${nameOf(value)} where a date such as 2026-02-28 is due` },
  datetime: (value) => {
    const moment = typeof value === "string" ? storedMoment(value) : undefined;
    return moment === undefined
      ? { reason: `is ${nameOf(value)} where a date and time such as 2026-02-28 09:30:00 is due` }
      : { value: moment };
  },
  json: (value) => {
    // Escapes what text cannot hold: NUL, halves of surrogate pairs.
    const text = JSON.stringify(value);
    return tooLarge(text) ?? { value: text };
  },
};

function checkText(value: string): CheckedValue {
  if (value.includes("\0")) return { reason: "has a NUL character, which a text column cannot hold" };
  if (!value.isWellFormed()) {
    return { reason: "has half of a surrogate pair, which is no character; a text column cannot hold it" };
  }
  return tooLarge(value) ?? { value };
}

function tooLarge(text: string): CheckedValue | undefined {
  // A character takes at most three bytes for each of its UTF-16 units.
  if (text.length * 3 <= MAX_TABLE_VALUE_BYTES) return undefined;
  if (encoder.encode(text).length <= MAX_TABLE_VALUE_BYTES) return undefined;
  return { reason: `is larger than ${MAX_TABLE_VALUE_BYTES} bytes (MAX_TABLE_VALUE_BYTES)` };
}

function checkInteger(value: Exclude<Json, null>): CheckedValue {
  if (typeof value === "number") {
    if (Number.isSafeInteger(value)) return { value: value === 0 ? 0 : value };
    return Number.isInteger(value)
      ? { reason: "is an integer beyond 2^53, which a number does not keep exactly; write it as a string" }
      : { reason: `is ${nameOf(value)} where an integer is due` };
  }
  if (typeof value !== "string" || !INTEGER.test(value) || value === "-0")
    return { reason: `is ${nameOf(value)} where an integer is due` };
  const integer = BigInt(value);
  if (integer < MIN_INTEGER || integer > MAX_INTEGER) {
    return { reason: "does not fit into 64 bits" };
  }
  const number = Number(value);
  return { value: Number.isSafeInteger(number) ? number : value };
}

function checkReal(value: Exclude<Json, null>): CheckedValue {
  if (typeof value === "number" && Number.isFinite(value)) return { value };
  const exact = typeof value === "string" ? exactNumber(value) : undefined;
  return exact === undefined
    ? { reason: `is ${nameOf(value)} where a number is due that 64 bits hold exactly` }
    : { value: exact };
}

const MOMENT =
  /^(\d{4}-\d{2}-\d{2})[ Tt](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(?:([Zz])|([+-])(\d{2}):?(\d{2}))?$/;

/**
 * A moment as it is stored: `2026-02-28 09:30:00`, in UTC, with a fraction of up to nine digits if there is one. Texts
 * of this form sort by time. Without a zone UTC is meant, as in the seed.
 */
export function storedMoment(text: string): string | undefined {
  const match = MOMENT.exec(text);
  if (match === null) return undefined;
  const [
    ,
    day = "",
    hour = "",
    minute = "",
    second = "00",
    fraction = "",
    ,
    sign,
    zoneHour = "0",
    zoneMinute = "0",
  ] = match;
  if (!isDate(day) || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  if (Number(zoneHour) > 23 || Number(zoneMinute) > 59) return undefined;
  const digits = fraction.replace(/0+$/, "");
  const tail = digits === "" ? "" : `.${digits}`;
  const offset = (Number(zoneHour) * 60 + Number(zoneMinute)) * (sign === "-" ? -1 : 1);
  if (offset === 0) return `${day} ${hour}:${minute}:${second}${tail}`;
  const utc = new Date(Date.parse(`${day}T${hour}:${minute}:${second}Z`) - offset * 60_000);
  const shifted = utc.toISOString();
  // A year beyond four digits is written with a sign, and would not sort.
  return /^\d{4}-/.test(shifted) ? `${shifted.slice(0, 10)} ${shifted.slice(11, 19)}${tail}` : undefined;
}

/** A moment of the clock, to the second: what `date_created` and `date_updated` hold. */
export function momentOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}

/** A stored value as it goes over the wire. */
export function presentValue(type: ColumnType, stored: Stored): Json {
  if (stored === null) return null;
  if (type === "boolean") return stored === 1;
  if (type === "json") return JSON.parse(stored as string) as Json;
  return stored;
}

/** What a value is, for a message; long texts are cut. */
export function nameOf(value: Json): string {
  if (value === null) return "null";
  if (typeof value === "string") return value === "" ? "an empty string" : quote(value);
  if (typeof value === "object") return Array.isArray(value) ? "a list" : "an object";
  return String(value);
}
