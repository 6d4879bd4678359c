import type { Runtime } from "../runtime";
import { textOf } from "../text";
import { boundString, madeString } from "../values";
import type { Definition, Definitions } from "./library";
import { SLOW } from "./slow";

/** A function of one string. */
function onText(
  signature: string,
  of: (text: string, rt: Runtime) => unknown,
  kind: "string" | "number" = "string",
): Definition {
  return {
    signature,
    arity: 1,
    kind,
    call: ([text], rt) => (text === undefined ? undefined : of(text as string, rt)),
    one: (value, rt) => (typeof value === "string" ? of(value, rt) : SLOW),
  };
}

const SURROGATE = /[\ud800-\udfff]/;

/** Characters, not UTF-16 units. */
export function lengthOf(text: string): number {
  if (!SURROGATE.test(text)) return text.length;
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function substring(text: string, from: number, length: number | undefined, rt: Runtime): string {
  boundString(rt, text.length);
  const characters = SURROGATE.test(text) ? [...text] : undefined;
  const size = characters ? characters.length : text.length;
  const start = size + from < 0 ? 0 : from;
  if (length !== undefined && length <= 0) return "";
  const end = length === undefined ? undefined : start >= 0 ? start + length : size + start + length;
  return characters ? characters.slice(start, end).join("") : text.slice(start, end);
}

function cut(before: boolean): Definition {
  const of = (text: string, mark: string, rt: Runtime) => {
    boundString(rt, text.length);
    const at = text.indexOf(mark);
    if (at < 0) return text;
    return before ? text.slice(0, at) : text.slice(at + mark.length);
  };
  return {
    signature: "<s-s:s>",
    arity: 2,
    kind: "string",
    // A mark that is nothing is searched for as the word, which is what the reference's engine makes of it.
    call: ([text, mark], rt) => (text === undefined ? undefined : of(text as string, String(mark), rt)),
    two: (text, mark, rt) =>
      typeof text === "string" && typeof mark === "string" ? of(text, mark, rt) : SLOW,
  };
}

function pad(text: string, width: number, fill: string | undefined, rt: Runtime): string {
  const wanted = Math.trunc(width);
  const missing = Math.abs(wanted) - lengthOf(text);
  if (!(missing > 0)) return text;
  const unit = fill === undefined || fill.length === 0 ? " " : fill;
  boundString(rt, text.length + missing * unit.length);
  const padding = unit.length > 1 ? substring(unit.repeat(missing), 0, missing, rt) : unit.repeat(missing);
  return wanted > 0 ? text + padding : padding + text;
}

function trim(text: string, rt: Runtime): string {
  boundString(rt, text.length);
  const single = text.replace(/[ \t\n\r]+/g, " ");
  const start = single.startsWith(" ") ? 1 : 0;
  const end = single.length - (single.length > start && single.endsWith(" ") ? 1 : 0);
  return single.slice(start, end);
}

function join(parts: unknown[], separator: string, rt: Runtime): string {
  let length = Math.max(0, parts.length - 1) * separator.length;
  for (const part of parts) length += String(part).length;
  boundString(rt, length + parts.length);
  return parts.join(separator);
}

export const STRINGS: Definitions = {
  string: {
    signature: "<x-b?:s>",
    arity: 1,
    kind: "string",
    call: ([value, pretty], rt) =>
      value === undefined ? undefined : madeString(rt, textOf(rt, value, pretty === true)),
    one: (value, rt) =>
      typeof value === "string" ? value : typeof value === "number" ? textOf(rt, value, false) : SLOW,
  },
  substring: {
    signature: "<s-nn?:s>",
    arity: 3,
    kind: "string",
    call: ([text, from, length], rt) =>
      text === undefined
        ? undefined
        : substring(text as string, from as number, length as number | undefined, rt),
  },
  substringBefore: cut(true),
  substringAfter: cut(false),
  lowercase: onText("<s-:s>", (text, rt) => madeString(rt, text.toLowerCase())),
  uppercase: onText("<s-:s>", (text, rt) => madeString(rt, text.toUpperCase())),
  length: onText(
    "<s-:n>",
    (text, rt) => {
      boundString(rt, text.length);
      return lengthOf(text);
    },
    "number",
  ),
  trim: onText("<s-:s>", trim),
  pad: {
    signature: "<s-ns?:s>",
    arity: 3,
    kind: "string",
    call: ([text, width, fill], rt) =>
      text === undefined ? undefined : pad(text as string, width as number, fill as string | undefined, rt),
  },
  join: {
    signature: "<a<s>s?:s>",
    arity: 2,
    kind: "string",
    call: ([parts, separator], rt) =>
      parts === undefined ? undefined : join(parts as unknown[], (separator as string | undefined) ?? "", rt),
  },
};
