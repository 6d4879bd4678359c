/*
 * Process ids: opaque to callers and unguessable, with 128 random bits. For us they have a layout:
 *
 *   9 characters   start of the run, milliseconds since 1970 in base 36, so that ids sort by time: new rows go to the end
 *                  of every index, and lists by time need no index of their own
 *   1 character    who hosts the run: `l` a light run, which lives in the isolate that took the request; `d` a durable one
 *   2 characters   only of a durable run: the number of its shard in base 36, so that a poll goes straight there
 *   32 characters  random
 */

/** Base-36 digits of a time: enough until the year 5188. */
export const TIME_DIGITS = 9;

export function newLightRunId(startedAt: number): string {
  return `${timePrefix(startedAt)}l${randomDigits()}`;
}

/** Shards that two digits can tell apart. */
export const MAX_SHARDS = 36 ** 2;

export function newDurableRunId(startedAt: number, shard: number): string {
  return `${timePrefix(startedAt)}d${shard.toString(36).padStart(2, "0")}${randomDigits()}`;
}

const DURABLE_ID = /^[0-9a-z]{9}d([0-9a-z]{2})[0-9a-f]{32}$/;

const RANDOM_DIGITS = 32;
/** Ids whose digits are drawn at once: asking the platform, and spelling out what it gives, costs more than an id otherwise would. */
const IDS_DRAWN = 64;

/** Two digits by byte. */
const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

let drawn = "";
let used = 0;

/** 128 random bits in hexadecimal digits, never given out twice. */
function randomDigits(): string {
  if (used === drawn.length) {
    const bits = crypto.getRandomValues(new Uint8Array((IDS_DRAWN * RANDOM_DIGITS) / 2));
    let digits = "";
    for (const byte of bits) digits += PAIRS[byte];
    drawn = digits;
    used = 0;
  }
  used += RANDOM_DIGITS;
  return drawn.slice(used - RANDOM_DIGITS, used);
}

/** The number of the shard that a durable run lives in; `undefined` for a light run's id and for anything else. */
export function shardOf(id: string): number | undefined {
  const digits = DURABLE_ID.exec(id)?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 36);
}

/** The greatest time that the digits can tell. */
const MAX_TIME_MS = 36 ** TIME_DIGITS - 1;

/** The least id that a run started at `ms` can have: bounds of ranges by time. */
export function timePrefix(ms: number): string {
  // Busy isolates start several runs in a millisecond, and spelling a number out costs more than the rest of an id.
  if (ms !== spelled) {
    spelling = Math.min(Math.max(0, Math.floor(ms)), MAX_TIME_MS)
      .toString(36)
      .padStart(TIME_DIGITS, "0");
    spelled = ms;
  }
  return spelling;
}

let spelled = 0;
let spelling = "0".repeat(TIME_DIGITS);

/** Milliseconds since 1970 that an id, or the beginning of one, tells; NaN of anything else. */
export function timeOf(id: string): number {
  return Number.parseInt(id.slice(0, TIME_DIGITS), 36);
}

const RUN_ID = /^[0-9a-z]{9}(?:[a-ce-z]|d[0-9a-z]{2})[0-9a-f]{32}$/;

/** Whether a text could be a run's id, whoever hosts it. */
export function isRunId(text: string): boolean {
  return RUN_ID.test(text);
}
