import { RE2JS } from "re2js";
import { EXPRESSION_LIMITS } from "./limits";
import { regexCost } from "./regex-cost";

/** A Unicode property, by itself or in a class: to the estimate it may be any character. */
const PROPERTY_CLASS = /\\[pP]\{[^}]*\}|\[(?:\\.|[^\]\\])*?\\[pP]\{(?:\\.|[^\]\\])*\]/g;
const ANY = "[\\s\\S]";

/** A regular expression of ECMA 262 that is only asked whether it matches somewhere, in bounded time. */
export interface BoundedPattern {
  /** `too_long`: the text is longer than the pattern's worst case allows, and the linear engine does not know the pattern. */
  test(text: string): boolean | "too_long";
}

/**
 * Compiles a pattern that someone else wrote, such as one of a JSON Schema. The runtime's own engine matches while the
 * pattern's worst case for the very text stays within `regexSteps`, the linear-time engine otherwise.
 * @returns why the pattern is refused: it is none, is too long, or nothing bounds the time that it takes
 */
export function boundedPattern(source: string): BoundedPattern | { refused: string } {
  if (source.length > EXPRESSION_LIMITS.regexCharacters) {
    return { refused: `has more than ${EXPRESSION_LIMITS.regexCharacters} characters` };
  }
  const native = nativeOf(source);
  if (native === undefined) return { refused: "is no regular expression" };
  const cost = regexCost(native.unicode ? source.replace(PROPERTY_CLASS, ANY) : source, false);
  const linear = linearOf(source);
  if (linear === undefined && cost.steps(0) > EXPRESSION_LIMITS.regexSteps) {
    return { refused: "could take too long: repetitions in repetitions, back references, look-around" };
  }
  let longestNative = -1;
  return {
    test(text) {
      if (text.length > longestNative && cost.steps(text.length) <= EXPRESSION_LIMITS.regexSteps) {
        longestNative = text.length;
      }
      if (text.length <= longestNative) return native.test(text);
      return linear === undefined ? "too_long" : linear.matcher(text).find();
    },
  };
}

/** By code points where the pattern allows it; many a pattern in use escapes what the `u` flag wants unescaped. */
function nativeOf(source: string): RegExp | undefined {
  for (const flags of ["u", ""]) {
    try {
      return new RegExp(source, flags);
    } catch {
      // The next flags, or none.
    }
  }
  return undefined;
}

function linearOf(source: string): RE2JS | undefined {
  try {
    return RE2JS.compile(RE2JS.translateRegExp(source));
  } catch {
    return undefined;
  }
}
