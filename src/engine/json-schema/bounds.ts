import type { Json } from "../../domain/json";
import type { Check } from "./checking";
import type { KeywordContext } from "./keyword";

/** `minimum` and `maximum`, with the flag beside them that excludes the limit itself. */
export function bound(
  value: Json,
  { schema, path, compiler }: KeywordContext,
  exclusiveKey: string,
  distance: (given: number, limit: number) => number,
): Check | undefined {
  if (typeof value !== "number") {
    compiler.complain(path, `\`${path.at(-1)}\` is a number`);
    return undefined;
  }
  const exclusive = Object.hasOwn(schema, exclusiveKey) && schema[exclusiveKey] === true;
  const least = exclusiveKey === "exclusiveMinimum";
  const expected = `expected ${exclusive ? (least ? "more than" : "less than") : least ? "at least" : "at most"} ${value}`;
  return (given, place, checking) => {
    if (typeof given !== "number") return true;
    const far = distance(given, value);
    return (exclusive ? far > 0 : far >= 0) || checking.fail(place, expected);
  };
}

/** A least or greatest number of something. @param sign 1 for the least, -1 for the greatest */
export function size(
  value: Json,
  { path, compiler }: KeywordContext,
  what: string,
  measure: (given: Json) => number | undefined,
  sign: 1 | -1,
): Check | undefined {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) {
    compiler.complain(path, `\`${path.at(-1)}\` is a whole number, 0 or more`);
    return undefined;
  }
  const expected = `expected at ${sign > 0 ? "least" : "most"} ${value} ${what}`;
  return (given, place, checking) => {
    const measured = measure(given);
    if (measured === undefined) return true;
    checking.spend(measured >> 6);
    return (measured - value) * sign >= 0 || checking.fail(place, `${expected}, found ${measured}`);
  };
}

/** Unicode characters, not UTF-16 units. */
export function characters(value: string): number {
  let count = value.length;
  for (let at = 0; at < value.length - 1; at += 1) {
    const first = value.charCodeAt(at);
    if (first < 0xd800 || first > 0xdbff) continue;
    const second = value.charCodeAt(at + 1);
    if (second >= 0xdc00 && second <= 0xdfff) count -= 1;
  }
  return count;
}
