import { ExpressionError } from "../errors";
import { EXPRESSION_LIMITS } from "../limits";
import type { Runtime } from "../runtime";
import { boundString, isObject } from "../values";
import { evenSpacing } from "./integer-picture";
import { round } from "./rounding";

/** The characters that a picture of `$formatNumber` gives a meaning to; the options can change each. */
const DEFAULT_SYMBOLS = {
  "decimal-separator": ".",
  "grouping-separator": ",",
  "exponent-separator": "e",
  infinity: "Infinity",
  "minus-sign": "-",
  NaN: "NaN",
  percent: "%",
  "per-mille": "\u2030",
  "zero-digit": "0",
  digit: "#",
  "pattern-separator": ";",
};

type Symbols = typeof DEFAULT_SYMBOLS;

function symbolsFrom(options: unknown): Symbols {
  const symbols = { ...DEFAULT_SYMBOLS };
  if (!isObject(options)) return symbols;
  for (const name of Object.keys(DEFAULT_SYMBOLS) as (keyof Symbols)[]) {
    if (!Object.hasOwn(options, name)) continue;
    const symbol = options[name];
    if (typeof symbol !== "string") throw new ExpressionError("T0410", { value: symbol, index: 3 });
    symbols[name] = symbol;
  }
  return symbols;
}

/** One half of a picture (for numbers from zero up, or below), taken apart. */
interface Parts {
  whole: string;
  prefix: string;
  suffix: string;
  active: string;
  mantissa: string;
  exponent: string | undefined;
  integer: string;
  fraction: string;
}

/** What the parts say about the number to write. */
interface Layout {
  picture: string;
  prefix: string;
  suffix: string;
  groups: number[];
  everyGroup: number;
  fractionGroups: number[];
  minInteger: number;
  scaling: number;
  minFraction: number;
  maxFraction: number;
  minExponent: number;
}

class NumberPicture {
  readonly #symbols: Symbols;
  readonly #digits: string[];
  readonly #active: string[];
  readonly #positive: Layout;
  readonly #negative: Layout;

  constructor(picture: string, symbols: Symbols) {
    this.#symbols = symbols;
    const zero = symbols["zero-digit"].charCodeAt(0);
    this.#digits = Array.from({ length: 10 }, (_, digit) => String.fromCharCode(zero + digit));
    this.#active = [
      ...this.#digits,
      symbols["decimal-separator"],
      symbols["exponent-separator"],
      symbols["grouping-separator"],
      symbols.digit,
      symbols["pattern-separator"],
    ];
    const halves = picture.split(symbols["pattern-separator"]);
    if (halves.length > 2) throw new ExpressionError("D3080");
    const parts = halves.map((half) => this.#takeApart(half));
    for (const half of parts) this.#validate(half);
    const layouts = parts.map((half) => this.#layout(half));
    this.#positive = layouts[0] as Layout;
    this.#negative = layouts[1] ?? {
      ...this.#positive,
      prefix: symbols["minus-sign"] + this.#positive.prefix,
    };
  }

  #isDigit(character: string): boolean {
    return this.#digits.includes(character);
  }

  #countDigits(text: string, optional: boolean): number {
    let count = 0;
    for (const character of text.split("")) {
      if (this.#isDigit(character) || (optional && character === this.#symbols.digit)) count++;
    }
    return count;
  }

  #takeApart(whole: string): Parts {
    const exponentSeparator = this.#symbols["exponent-separator"];
    const isActive = (character: string) =>
      this.#active.includes(character) && character !== exponentSeparator;
    const characters = whole.split("");
    const first = characters.findIndex(isActive);
    const last = characters.findLastIndex(isActive);
    const prefix = first === -1 ? "" : whole.slice(0, first);
    const suffix = last === -1 ? "" : whole.slice(last + 1);
    const active = whole.substring(prefix.length, whole.length - suffix.length);
    const exponentAt = whole.indexOf(exponentSeparator, prefix.length);
    const hasExponent = exponentAt !== -1 && exponentAt <= whole.length - suffix.length;
    // The position counts from the start of the whole, prefix included; the reference cuts so, and so do we.
    const mantissa = hasExponent ? active.substring(0, exponentAt) : active;
    const decimalAt = mantissa.indexOf(this.#symbols["decimal-separator"]);
    return {
      whole,
      prefix,
      suffix,
      active,
      mantissa,
      exponent: hasExponent ? active.substring(exponentAt + 1) : undefined,
      integer: decimalAt === -1 ? mantissa : mantissa.substring(0, decimalAt),
      fraction: decimalAt === -1 ? suffix : mantissa.substring(decimalAt + 1),
    };
  }

  /** The last rule broken decides the code, as in the reference. */
  #validate(parts: Parts): void {
    const { whole, integer, fraction, exponent } = parts;
    const symbols = this.#symbols;
    const repeats = (symbol: string) => whole.indexOf(symbol) !== whole.lastIndexOf(symbol);
    const percent = whole.includes(symbols.percent);
    const perMille = whole.includes(symbols["per-mille"]);
    const grouping = symbols["grouping-separator"];
    const decimalAt = whole.indexOf(symbols["decimal-separator"]);
    const optionalInInteger = integer.indexOf(symbols.digit);
    const optionalInFraction = fraction.lastIndexOf(symbols.digit);
    const beside =
      decimalAt !== -1 && (whole[decimalAt - 1] === grouping || whole[decimalAt + 1] === grouping);
    const rules: [string, boolean][] = [
      ["D3081", repeats(symbols["decimal-separator"])],
      ["D3082", repeats(symbols.percent)],
      ["D3083", repeats(symbols["per-mille"])],
      ["D3084", percent && perMille],
      ["D3085", this.#countDigits(parts.mantissa, true) === 0],
      ["D3086", parts.active.split("").some((character) => !this.#active.includes(character))],
      ["D3087", beside],
      ["D3088", decimalAt === -1 && integer.length > 0 && integer.at(-1) === grouping],
      ["D3089", whole.includes(grouping + grouping)],
      [
        "D3090",
        optionalInInteger !== -1 && this.#countDigits(integer.slice(0, optionalInInteger), false) > 0,
      ],
      [
        "D3091",
        optionalInFraction !== -1 && this.#countDigits(fraction.slice(optionalInFraction), false) > 0,
      ],
      ["D3092", exponent !== undefined && exponent.length > 0 && (percent || perMille)],
      ["D3093", exponent === ""],
      ["D3093", exponent?.split("").some((character) => !this.#isDigit(character)) === true],
    ];
    const broken = rules.findLast(([, isBroken]) => isBroken);
    if (broken) throw new ExpressionError(broken[0]);
  }

  #layout(parts: Parts): Layout {
    const { integer, fraction, exponent } = parts;
    let minInteger = this.#countDigits(integer, false);
    let minFraction = this.#countDigits(fraction, false);
    let maxFraction = this.#countDigits(fraction, true);
    const scaling = minInteger;
    if (minInteger === 0 && maxFraction === 0) {
      if (exponent === undefined) minInteger = 1;
      else {
        minFraction = 1;
        maxFraction = 1;
      }
    }
    if (exponent !== undefined && minInteger === 0 && integer.includes(this.#symbols.digit)) minInteger = 1;
    if (minInteger === 0 && minFraction === 0) minFraction = 1;
    const groups = this.#groupPositions(integer, integer, false);
    return {
      picture: parts.whole,
      prefix: parts.prefix,
      suffix: parts.suffix,
      groups,
      everyGroup: evenSpacing(groups),
      fractionGroups: this.#groupPositions(fraction, integer, true),
      minInteger,
      scaling,
      minFraction,
      maxFraction,
      minExponent: exponent === undefined ? 0 : this.#countDigits(exponent, false),
    };
  }

  /** Digits right of each separator (left of it in a fraction). After the first, the reference searches on in the whole part. */
  #groupPositions(part: string, integer: string, left: boolean): number[] {
    const separator = this.#symbols["grouping-separator"];
    const positions: number[] = [];
    let at = part.indexOf(separator);
    while (at !== -1) {
      positions.push(this.#countDigits(left ? part.substring(0, at) : part.substring(at), true));
      at = integer.indexOf(separator, at + 1);
    }
    return positions;
  }

  write(value: number): string {
    const symbols = this.#symbols;
    const layout = value >= 0 ? this.#positive : this.#negative;
    let scaled = value;
    if (layout.picture.includes(symbols.percent)) scaled = value * 100;
    else if (layout.picture.includes(symbols["per-mille"])) scaled = value * 1000;
    let exponent: number | undefined;
    if (layout.minExponent > 0) {
      exponent = 0;
      while (scaled !== 0 && Math.abs(scaled) < 10 ** (layout.scaling - 1)) {
        scaled *= 10;
        exponent--;
      }
      while (Math.abs(scaled) > 10 ** layout.scaling) {
        scaled /= 10;
        exponent++;
      }
    }
    let text = this.#grouped(this.#padded(round(scaled, layout.maxFraction), layout), layout);
    const decimal = symbols["decimal-separator"];
    if (!layout.picture.includes(decimal) || text.indexOf(decimal) === text.length - 1)
      text = text.slice(0, -1);
    if (exponent !== undefined) {
      const digits = this.#digitsOf(exponent, 0).padStart(layout.minExponent, symbols["zero-digit"]);
      text += symbols["exponent-separator"] + (exponent < 0 ? symbols["minus-sign"] : "") + digits;
    }
    return layout.prefix + text + layout.suffix;
  }

  /** The digits of the picture's script. The runtime writes at most 100 decimal places. */
  #digitsOf(value: number, places: number): string {
    const text = Math.abs(value).toFixed(Math.min(places, 100));
    if (this.#symbols["zero-digit"] === "0") return text;
    return text.replace(/[0-9]/g, (digit) => this.#digits[Number(digit)] as string);
  }

  #padded(value: number, layout: Layout): string {
    const zero = this.#symbols["zero-digit"];
    const decimal = this.#symbols["decimal-separator"];
    const written = this.#digitsOf(value, layout.maxFraction);
    let text = written.includes(".") ? written.replace(".", () => decimal) : written + decimal;
    let start = 0;
    while (text[start] === zero) start++;
    let end = text.length;
    while (end > start && text[end - 1] === zero) end--;
    text = text.slice(start, end);
    const decimalAt = text.indexOf(decimal);
    const left = Math.max(0, layout.minInteger - decimalAt);
    const right = Math.max(0, layout.minFraction - (text.length - decimalAt - 1));
    return zero.repeat(left) + text + zero.repeat(right);
  }

  #grouped(digits: string, layout: Layout): string {
    const decimal = this.#symbols["decimal-separator"];
    const separator = this.#symbols["grouping-separator"];
    let text = digits;
    const insert = (at: number) => {
      text = text.slice(0, at) + separator + text.slice(at);
    };
    let decimalAt = text.indexOf(decimal);
    if (layout.everyGroup > 0) {
      const count = Math.floor((decimalAt - 1) / layout.everyGroup);
      for (let group = 1; group <= count; group++) insert(decimalAt - group * layout.everyGroup);
    } else {
      for (const position of layout.groups) {
        insert(decimalAt - position);
        decimalAt++;
      }
    }
    decimalAt = text.indexOf(decimal);
    for (const position of layout.fractionGroups) insert(position + decimalAt + 1);
    return text;
  }
}

/** Pictures recur: the last few dozen stay taken apart. */
const PICTURES = new Map<string, NumberPicture>();
const PICTURES_KEPT = 64;

export function formatNumber(value: number, picture: string, options: unknown, rt: Runtime): string {
  if (picture.length > EXPRESSION_LIMITS.pictureCharacters) {
    throw new ExpressionError("string_too_long", { value: picture.length });
  }
  if (!Number.isFinite(value)) throw new ExpressionError("D1001", { value });
  boundString(rt, picture.length);
  if (options !== undefined) return new NumberPicture(picture, symbolsFrom(options)).write(value);
  let known = PICTURES.get(picture);
  if (!known) {
    known = new NumberPicture(picture, DEFAULT_SYMBOLS);
    if (PICTURES.size >= PICTURES_KEPT) PICTURES.clear();
    PICTURES.set(picture, known);
  }
  return known.write(value);
}
