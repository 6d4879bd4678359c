import {
  type GroupSource,
  type Looked,
  numberOf,
  type Place,
  parseField,
  type RuleSource,
  textOf,
} from "./keystore-search";
import { prefixEnd } from "./prefix-end";

/**
 * What an index of a keystore knows of a value at one place, and which values it must look for to find all entries that a
 * search may match. It finds some that do not match (long values are cut, `LIKE` has more than its beginning), never too few:
 * each entry is compared afterwards, as if there were no index.
 */
export interface Term {
  /** The beginning of the value as text. */
  text: string;
  /** The beginning of the same in lower case, for `LIKE`. */
  lower: string;
  /** The number that it is compared as. */
  number: number | null;
}

/** Characters of a value that an index keeps. */
const TERM_CHARS = 100;

/** What is kept of an entry's value at a place; nothing of what only a comparison with null finds. */
export function termAt(entry: Looked, place: Place): Term | undefined {
  const value = entry.at(place) ?? null;
  const text = textOf(value);
  if (text === null) return undefined;
  return { text: cut(text), lower: cut(text.toLowerCase()), number: numberOf(value) ?? null };
}

/** A range of one of a term's fields; a bound that is not given is none. */
export interface Lookup {
  /** The place, as `placeName` writes it. */
  place: string;
  field: keyof Term;
  from: string | number | undefined;
  /** With `before`, values up to it and without it. */
  to: string | number | undefined;
  before: boolean;
  /** Only values that are compared as text. */
  noNumbers: boolean;
}

/** Names a place, the same however its path was written. */
export function placeName(place: Place): string {
  return JSON.stringify(place);
}

/**
 * What to look up to find every entry that a search may match: the entries of all lookups together.
 * @param indexed whether there is, or may be, an index of a place
 * @returns `undefined` where only looking at every entry finds them all
 */
export function lookupsOf(
  where: GroupSource,
  indexed: (place: string) => boolean,
): readonly Lookup[] | undefined {
  const parts = where.rules.map((rule) =>
    "rules" in rule ? lookupsOf(rule, indexed) : lookupsOfRule(rule, indexed),
  );
  if (parts.length === 0) return undefined;
  if (where.condition !== "or") {
    // One part of what must hold together is enough: the one that finds least, by its kind.
    return parts.filter((part) => part !== undefined).sort((a, b) => breadth(a) - breadth(b))[0];
  }
  const all: Lookup[] = [];
  for (const part of parts) {
    if (part === undefined) return undefined;
    all.push(...part);
  }
  return all;
}

/** Single values find less than ranges with two ends, and those less than ranges with one. */
function breadth(lookups: readonly Lookup[]): number {
  return lookups.reduce(
    (sum, { from, to }) => sum + (from === to ? 1 : from !== undefined && to !== undefined ? 10 : 100),
    0,
  );
}

function lookupsOfRule(
  { field, operator, value }: RuleSource,
  indexed: (place: string) => boolean,
): readonly Lookup[] | undefined {
  const place = parseField(field);
  // Values as a whole are long, and what is null is in no index.
  if (place === undefined || place === "whole" || value === null) return undefined;
  const name = placeName(place);
  if (!indexed(name)) return undefined;
  const base = { place: name, before: false, noNumbers: false };
  const text = textOf(value) as string;
  if (operator === "LIKE") {
    const [prefix = "", ...more] = text.toLowerCase().split("%");
    const start = cut(prefix);
    if (start === "" || !start.isWellFormed()) return undefined;
    if (more.length === 0) return [{ ...base, field: "lower", from: start, to: start }];
    return [{ ...base, field: "lower", from: start, to: prefixEnd(start), before: true }];
  }
  const number = numberOf(value);
  if (operator === "=") {
    const same = cut(text);
    return [
      { ...base, field: "text", from: same, to: same },
      ...(number === undefined ? [] : [{ ...base, field: "number" as const, from: number, to: number }]),
    ];
  }
  // What is not the same is nearly everything.
  if (operator === "!=" || operator === "<>") return undefined;
  const upwards = operator.startsWith(">");
  const texts = textRange(base, text, upwards);
  if (texts === undefined) return undefined;
  if (number === undefined) return [texts];
  return [
    { ...base, field: "number", from: upwards ? number : undefined, to: upwards ? undefined : number },
    { ...texts, noNumbers: true },
  ];
}

/**
 * Texts from one on, or up to it. The database compares bytes of UTF-8, and we units of UTF-16: both agree where, at the first
 * difference, this text's unit is below the surrogates.
 */
function textRange(
  base: Pick<Lookup, "place" | "before" | "noNumbers">,
  text: string,
  upwards: boolean,
): Lookup | undefined {
  // One less than is kept of a value, whose last may be half of a pair and not kept.
  const start = text.slice(0, TERM_CHARS - 1);
  for (let index = 0; index < start.length; index += 1) {
    if (start.charCodeAt(index) >= 0xd800) return undefined;
  }
  if (upwards) return { ...base, field: "text", from: start, to: undefined };
  const whole = start.length === text.length;
  return { ...base, field: "text", from: undefined, to: whole ? start : prefixEnd(start), before: !whole };
}

/** The beginning of a text, never with half a surrogate pair at its end. */
function cut(text: string): string {
  if (text.length <= TERM_CHARS) return text;
  const last = text.charCodeAt(TERM_CHARS - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? TERM_CHARS - 1 : TERM_CHARS);
}
