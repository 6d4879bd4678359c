import { ExpressionError } from "../errors";
import { EXPRESSION_LIMITS } from "../limits";
import type { Runtime } from "../runtime";
import { boundString } from "../values";
import { fromWords, toWords, WORDS_PATTERN } from "./number-words";
import { fromLetters, fromRoman, toLetters, toRoman } from "./numerals";

/** How a whole number is written: the pictures of `$formatInteger`, which date pictures use too. */
export interface IntegerFormat {
  style: "decimal" | "letters" | "roman" | "words" | "sequence";
  letterCase: "upper" | "lower" | "title";
  ordinal: boolean;
  /** Code point of the digit zero in the picture's script. */
  zero: number;
  mandatory: number;
  optional: number;
  /** Separators by their distance from the right; one distance repeated when they are regular. */
  separators: { position: number; character: string }[];
  regular: boolean;
  picture: string;
  /** Digits to read exactly, when another number follows without anything between. */
  width?: number;
}

/** The zeros of the decimal digits in the scripts that pictures may use. */
const ZEROS = [
  0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50,
  0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40,
  0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
];

const STYLES: Record<string, Pick<IntegerFormat, "style" | "letterCase">> = {
  A: { style: "letters", letterCase: "upper" },
  a: { style: "letters", letterCase: "lower" },
  I: { style: "roman", letterCase: "upper" },
  i: { style: "roman", letterCase: "lower" },
  W: { style: "words", letterCase: "upper" },
  w: { style: "words", letterCase: "lower" },
  Ww: { style: "words", letterCase: "title" },
};

export function readIntegerPicture(whole: string): IntegerFormat {
  if (whole.length > EXPRESSION_LIMITS.pictureCharacters) {
    throw new ExpressionError("string_too_long", { value: whole.length });
  }
  const semicolon = whole.lastIndexOf(";");
  const picture = semicolon === -1 ? whole : whole.slice(0, semicolon);
  const format: IntegerFormat = {
    style: "decimal",
    letterCase: "lower",
    ordinal: semicolon !== -1 && whole[semicolon + 1] === "o",
    zero: 0x30,
    mandatory: 0,
    optional: 0,
    separators: [],
    regular: false,
    picture,
  };
  const style = Object.hasOwn(STYLES, picture) ? STYLES[picture] : undefined;
  if (style) return Object.assign(format, style);
  let zero: number | undefined;
  let position = 0;
  for (const character of [...picture].reverse()) {
    const code = character.codePointAt(0) as number;
    const group = ZEROS.find((start) => code >= start && code <= start + 9);
    if (group !== undefined) {
      if (zero !== undefined && zero !== group) throw new ExpressionError("D3131");
      zero = group;
      format.mandatory++;
      position++;
    } else if (character === "#") {
      format.optional++;
      position++;
    } else format.separators.push({ position, character });
  }
  if (zero === undefined) {
    format.style = "sequence";
    return format;
  }
  format.zero = zero;
  const every = regularDistance(format.separators);
  if (every > 0) {
    format.regular = true;
    format.separators = [{ position: every, character: format.separators[0]?.character as string }];
  }
  return format;
}

/** The distance at which one separator repeats, or 0 when they are not evenly spaced or not all the same. */
function regularDistance(separators: readonly { position: number; character: string }[]): number {
  if (separators.some((separator) => separator.character !== separators[0]?.character)) return 0;
  return evenSpacing(separators.map((separator) => separator.position));
}

export function evenSpacing(positions: readonly number[]): number {
  if (positions.length === 0) return 0;
  const divisor = positions.reduce(function gcd(a: number, b: number): number {
    return b === 0 ? a : gcd(b, a % b);
  });
  return positions.every((_, index) => positions.includes((index + 1) * divisor)) ? divisor : 0;
}

export function writeInteger(value: number, format: IntegerFormat, rt: Runtime): string {
  if (!Number.isFinite(value)) throw new ExpressionError("D1001", { value });
  const written = writePositive(Math.abs(value), format, rt);
  return value < 0 ? `-${written}` : written;
}

function writePositive(value: number, format: IntegerFormat, rt: Runtime): string {
  const cased = (text: string) =>
    format.letterCase === "upper"
      ? text.toUpperCase()
      : format.letterCase === "lower"
        ? text.toLowerCase()
        : text;
  switch (format.style) {
    case "letters":
      return toLetters(value, format.letterCase === "upper" ? "A" : "a");
    case "roman":
      boundString(rt, Math.floor(value / 1000));
      return cased(toRoman(value));
    case "words":
      return cased(toWords(value, format.ordinal));
    case "sequence":
      throw new ExpressionError("D3130", { value: format.picture });
    default:
      return writeDecimal(value, format, rt);
  }
}

function writeDecimal(value: number, format: IntegerFormat, rt: Runtime): string {
  let digits = String(value);
  if (format.mandatory > digits.length) {
    boundString(rt, format.mandatory);
    digits = digits.padStart(format.mandatory, "0");
  }
  if (format.zero !== 0x30) {
    digits = [...digits]
      .map((digit) => String.fromCodePoint((digit.codePointAt(0) as number) + format.zero - 0x30))
      .join("");
  }
  digits = separated(digits, format);
  if (!format.ordinal) return digits;
  const teen = digits.length > 1 && digits.at(-2) === "1";
  const suffix = teen ? undefined : { "1": "st", "2": "nd", "3": "rd" }[digits.at(-1) as string];
  return digits + (suffix ?? "th");
}

function separated(digits: string, format: IntegerFormat): string {
  let made = digits;
  const insert = (position: number, character: string) => {
    made = `${position > 0 ? made.slice(0, position) : ""}${character}${made.slice(position)}`;
  };
  const [first] = format.separators;
  if (format.regular && first) {
    for (let count = Math.floor((digits.length - 1) / first.position); count > 0; count--) {
      insert(made.length - count * first.position, first.character);
    }
  } else {
    for (const { position, character } of format.separators.toReversed())
      insert(made.length - position, character);
  }
  return made;
}

/** How such a number is found in a text (case is ignored there) and read. */
export function integerReader(format: IntegerFormat): { pattern: string; read: (text: string) => number } {
  const upper = format.letterCase === "upper";
  switch (format.style) {
    case "letters":
      return { pattern: upper ? "[A-Z]+" : "[a-z]+", read: (text) => fromLetters(text, upper ? "A" : "a") };
    case "roman":
      return {
        pattern: upper ? "[MDCLXVI]+" : "[mdclxvi]+",
        read: (text) => fromRoman(upper ? text : text.toUpperCase()),
      };
    case "words":
      return { pattern: WORDS_PATTERN, read: fromWords };
    case "sequence":
      throw new ExpressionError("D3130", { value: format.picture });
    default: {
      const count = format.width === undefined ? "+" : `{${format.width}}`;
      return {
        pattern: `[0-9]${count}${format.ordinal ? "(?:th|st|nd|rd)" : ""}`,
        read: (text) => readDecimal(text, format),
      };
    }
  }
}

function readDecimal(text: string, format: IntegerFormat): number {
  let digits = format.ordinal ? text.slice(0, -2) : text;
  const separators = format.regular ? [","] : format.separators.map((separator) => separator.character);
  for (const separator of separators) digits = digits.replaceAll(separator, "");
  if (format.zero !== 0x30) {
    const shift = format.zero - 0x30;
    digits = Array.from({ length: digits.length }, (_, at) =>
      String.fromCodePoint(Math.max(0, digits.charCodeAt(at) - shift)),
    ).join("");
  }
  return Number.parseInt(digits, 10);
}

export function formatInteger(value: number, picture: string, rt: Runtime): string {
  return writeInteger(Math.floor(value), readIntegerPicture(picture), rt);
}

export function parseInteger(text: string, picture: string, rt: Runtime): number {
  boundString(rt, text.length);
  return integerReader(readIntegerPicture(picture)).read(text);
}
