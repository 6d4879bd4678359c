import { ExpressionError } from "../errors";
import { type Runtime, random } from "../runtime";
import { boundString } from "../values";
import { formatInteger, parseInteger } from "./integer-picture";
import type { Definition, Definitions } from "./library";
import { formatNumber } from "./number-picture";
import { round } from "./rounding";
import { SLOW } from "./slow";

function onNumber(of: (value: number) => number): Definition {
  return {
    signature: "<n-:n>",
    arity: 1,
    kind: "number",
    call: ([value]) => (value === undefined ? undefined : of(value as number)),
    one: (value) => (typeof value === "number" ? of(value) : SLOW),
  };
}

const DECIMAL = /^-?[0-9]+(\.[0-9]+)?([Ee][-+]?[0-9]+)?$/;
/** The reference anchors only the first and the last of its three alternatives; so do we. */
const PREFIXED = /^(0[xX][0-9A-Fa-f]+)|(0[oO][0-7]+)|(0[bB][0-1]+)$/;

function numberOf(value: unknown, rt: Runtime): number {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "string") {
    boundString(rt, value.length);
    if (DECIMAL.test(value)) {
      const number = Number.parseFloat(value);
      if (Number.isFinite(number)) return number;
    }
    if (PREFIXED.test(value)) return Number(value);
  }
  throw new ExpressionError("D3030", { value, index: 1 });
}

function power(base: number, exponent: number): number {
  const result = base ** exponent;
  if (!Number.isFinite(result)) throw new ExpressionError("D3061", { value: base, index: 1 });
  return result;
}

function inBase(value: number, base: number | undefined): string {
  const radix = base === undefined ? 10 : round(base, undefined);
  if (radix < 2 || radix > 36) throw new ExpressionError("D3100", { value: radix });
  return round(value, undefined).toString(radix);
}

export const NUMBERS: Definitions = {
  number: {
    signature: "<(nsb)-:n>",
    arity: 1,
    kind: "number",
    call: ([value], rt) => (value === undefined ? undefined : numberOf(value, rt)),
    one: (value) => (typeof value === "number" ? value : SLOW),
  },
  floor: onNumber(Math.floor),
  ceil: onNumber(Math.ceil),
  abs: onNumber(Math.abs),
  round: {
    signature: "<n-n?:n>",
    arity: 2,
    kind: "number",
    call: ([value, places]) =>
      value === undefined ? undefined : round(value as number, places as number | undefined),
    one: (value) => (typeof value === "number" ? round(value, undefined) : SLOW),
    two: (value, places) =>
      typeof value === "number" && typeof places === "number" ? round(value, places) : SLOW,
  },
  sqrt: {
    signature: "<n-:n>",
    arity: 1,
    kind: "number",
    call: ([value]) => {
      if (value === undefined) return undefined;
      if ((value as number) < 0) throw new ExpressionError("D3060", { value, index: 1 });
      return Math.sqrt(value as number);
    },
  },
  power: {
    signature: "<n-n:n>",
    arity: 2,
    kind: "number",
    call: ([base, exponent]) => (base === undefined ? undefined : power(base as number, exponent as number)),
  },
  random: { signature: "<:n>", arity: 0, kind: "number", call: (_args, rt) => random(rt) },
  formatBase: {
    signature: "<n-n?:s>",
    arity: 2,
    kind: "string",
    call: ([value, base]) =>
      value === undefined ? undefined : inBase(value as number, base as number | undefined),
  },
  formatNumber: {
    signature: "<n-so?:s>",
    arity: 3,
    kind: "string",
    call: ([value, picture, options], rt) =>
      value === undefined ? undefined : formatNumber(value as number, String(picture), options, rt),
  },
  formatInteger: {
    signature: "<n-s:s>",
    arity: 2,
    kind: "string",
    call: ([value, picture], rt) =>
      value === undefined ? undefined : formatInteger(value as number, String(picture), rt),
  },
  parseInteger: {
    signature: "<s-s:n>",
    arity: 2,
    kind: "number",
    call: ([text, picture], rt) =>
      text === undefined ? undefined : parseInteger(text as string, String(picture), rt),
  },
};
