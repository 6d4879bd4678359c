import { ExpressionError } from "../errors";
import type { Runtime } from "../runtime";
import { readDate } from "./date-reading";
import { writeDate } from "./date-writing";
import type { Definitions } from "./library";

/** An ISO 8601 timestamp, or as much of one from the left as there is. No part of it can match in two ways. */
const ISO = /^\d{4}(-[01]\d)?(-[0-3]\d)?(T[0-2]\d:[0-5]\d:[0-5]\d)?(\.\d+)?([+-][0-2]\d:?[0-5]\d|Z)?$/;
/** No timestamp with a use for its digits is longer, in characters. */
const LONGEST_ISO = 64;

function nowOf(rt: Runtime): number {
  rt.now ??= Date.now();
  return rt.now;
}

function toMillis(text: string, picture: string | undefined, rt: Runtime): number | undefined {
  if (picture !== undefined) return readDate(text, picture, rt);
  if (text.length > LONGEST_ISO || !ISO.test(text)) throw new ExpressionError("D3110", { value: text });
  return Date.parse(text);
}

export const DATES: Definitions = {
  now: {
    signature: "<s?s?:s>",
    arity: 2,
    kind: "string",
    call: ([picture, timezone], rt) =>
      writeDate(nowOf(rt), picture as string | undefined, timezone as string | undefined, rt),
  },
  millis: { signature: "<:n>", arity: 0, kind: "number", call: (_args, rt) => nowOf(rt) },
  toMillis: {
    signature: "<s-s?:n>",
    arity: 2,
    kind: "number",
    call: ([text, picture], rt) =>
      text === undefined ? undefined : toMillis(text as string, picture as string | undefined, rt),
  },
  fromMillis: {
    signature: "<n-s?s?:s>",
    arity: 3,
    kind: "string",
    call: ([millis, picture, timezone], rt) =>
      millis === undefined
        ? undefined
        : writeDate(millis as number, picture as string | undefined, timezone as string | undefined, rt),
  },
};
