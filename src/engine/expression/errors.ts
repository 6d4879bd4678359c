import { EXPRESSION_LIMITS } from "./limits";

/** What an error knows beyond its code. `position` is the offset in the source just after the token at fault, as the reference counts. */
export interface ErrorDetails {
  position?: number | undefined;
  token?: string | undefined;
  value?: unknown;
  value2?: unknown;
  /** Number of the argument at fault, from 1. */
  index?: number | undefined;
  /** The part of the expression that failed, as source. */
  part?: string | undefined;
  /** The nearest name that does exist. */
  nearest?: string | undefined;
  /** What was wanted, or a message that replaces the standard one. */
  expected?: string | undefined;
  message?: string | undefined;
}

type Wording = (details: ErrorDetails) => string;

const it = (details: ErrorDetails) => `it was ${show(details.value)}`;
const call = (details: ErrorDetails) => (details.token ? `$${details.token}` : "the function");
const operator = (details: ErrorDetails) => details.token ?? "the operator";
const picture = (problem: string): Wording => {
  return () => `this number picture ${problem}`;
};

/** Our own wording by code. Codes of the form X0000 mean what they mean in the reference; named ones are ours. */
const WORDINGS: Record<string, Wording> = {
  S0101: () => "a quoted text has no closing quote",
  S0102: (d) => `the number ${d.token ?? ""} is too large`,
  S0103: (d) => `\\${d.token ?? ""} is not an escape that strings know`,
  S0104: () => "\\u needs four hexadecimal digits after it",
  S0105: () => "a name in backquotes has no closing backquote",
  S0106: () => "a comment has no closing */",
  S0201: (d) => `${show(d.token)} does not belong here`,
  S0202: (d) => `${show(d.value)} is wanted here, not ${show(d.token)}`,
  S0203: (d) => `the expression ends where ${show(d.value)} is wanted`,
  S0204: (d) => `${show(d.token)} is not an operator`,
  S0205: (d) => `${show(d.token)} does not belong here`,
  S0206: (d) => `${show(d.token)} is not a kind of expression`,
  S0207: () => "the expression ends too early",
  S0208: () => "a parameter of a function must be a variable such as $x",
  S0209: () => "a predicate cannot come after a grouping in the same step",
  S0210: () => "a step can have one grouping only",
  S0211: (d) => `${show(d.token)} needs something on its left side`,
  S0212: () => "the left side of := must be a variable such as $x",
  S0213: (d) => `${show(d.value)} cannot be a step of a path`,
  S0214: (d) => `${operator(d)} must be followed by a variable such as $x`,
  S0215: () => "@ must come before the predicates of its step",
  S0216: () => "@ must come before the ordering of its step",
  S0217: () => "% has no parent here that could be found",
  S0301: () => "a regular expression cannot be empty",
  S0302: () => "a regular expression has no closing /",
  S0401: () => "only functions and arrays take a type parameter in a signature",
  S0402: () => "a choice of types in a signature cannot have parameters",
  T0410: (d) => `argument ${d.index ?? "?"} of ${call(d)} does not fit its signature; ${it(d)}`,
  T0411: (d) => `the context cannot stand in for argument ${d.index ?? "?"} of ${call(d)}; ${it(d)}`,
  T0412: (d) =>
    `argument ${d.index ?? "?"} of ${call(d)} must be an array of ${d.expected ?? "one type"}; ${it(d)}`,
  D1001: (d) => `a number is out of range; ${it(d)}`,
  D1002: (d) => `only a number can be negated; ${it(d)}`,
  T1003: (d) => `a key of an object must be a string; ${it(d)}`,
  D1004: () => "the regular expression matches the empty string, so it would match for ever",
  T1005: (d) => `${d.token ?? "this"} is not a function; did you mean $${d.token ?? ""}?`,
  T1006: (d) => `${d.token ? `$${d.token}` : "this"} is not a function`,
  T1007: (d) => `${d.token ?? "this"} is not a function to apply in part; did you mean $${d.token ?? ""}?`,
  T1008: (d) => `${d.token ? `$${d.token}` : "this"} is not a function to apply in part`,
  D1009: (d) => `two keys of the object come out the same: ${show(d.value)}`,
  T1010: (d) => `the matcher given to ${call(d)} does not answer with a match`,
  D1013: (d) => `the key ${show(d.value)} is reserved`,
  T2001: (d) => `the left side of ${operator(d)} must be a number; ${it(d)}`,
  T2002: (d) => `the right side of ${operator(d)} must be a number; ${it(d)}`,
  T2003: (d) => `a range must start at a whole number; ${it(d)}`,
  T2004: (d) => `a range must end at a whole number; ${it(d)}`,
  T2006: (d) => `the right side of ~> must be a function; ${it(d)}`,
  T2007: (d) => `${show(d.value)} and ${show(d.value2)} cannot be ordered: their types differ`,
  T2008: (d) => `only numbers and strings can be ordered; ${it(d)}`,
  T2009: (d) => `${show(d.value)} ${operator(d)} ${show(d.value2)}: both sides must be of one type`,
  T2010: (d) => `both sides of ${operator(d)} must be numbers or strings; ${it(d)}`,
  T2011: (d) => `the update of a transform must be an object; ${it(d)}`,
  T2012: (d) => `the deletions of a transform must be strings; ${it(d)}`,
  T2013: () => "a transform needs $clone, which is not a function here",
  D2014: (d) => `the range would have ${show(d.value)} elements`,
  D2015: (d) => `the sequence would have ${show(d.value)} elements`,
  D3001: () => "a number out of range cannot become a string",
  D3010: () => "$replace cannot search for the empty string",
  D3011: (d) => `the limit of $replace cannot be negative; ${it(d)}`,
  D3012: (d) => `a match can be replaced by a string only; ${it(d)}`,
  D3020: (d) => `the limit of $split cannot be negative; ${it(d)}`,
  D3030: (d) => `this cannot become a number; ${it(d)}`,
  D3040: (d) => `the limit of $match cannot be negative; ${it(d)}`,
  D3050: () => "$reduce needs a function of at least two parameters",
  D3060: (d) => `a negative number has no square root; ${it(d)}`,
  D3061: (d) => `$power came out of range; the base was ${show(d.value)}`,
  D3070: () => "$sort without a function orders numbers or strings only, not a mixture",
  D3080: picture("has more than two parts"),
  D3081: picture("has more than one decimal separator in a part"),
  D3082: picture("has more than one percent sign in a part"),
  D3083: picture("has more than one per-mille sign in a part"),
  D3084: picture("has a percent and a per-mille sign in one part"),
  D3085: picture("has no digit in a part"),
  D3086: picture("has a plain character between its digits"),
  D3087: picture("has a grouping separator beside the decimal separator"),
  D3088: picture("has a grouping separator at the end of the whole part"),
  D3089: picture("has two grouping separators side by side"),
  D3090: picture("has an optional digit after a mandatory one in the whole part"),
  D3091: picture("has a mandatory digit after an optional one in the fraction"),
  D3092: picture("has both an exponent and a percent or per-mille sign"),
  D3093: picture("has something other than digits in its exponent"),
  D3100: (d) => `a radix lies between 2 and 36; ${it(d)}`,
  D3110: (d) => `$toMillis needs an ISO 8601 timestamp when it has no picture; ${it(d)}`,
  D3130: (d) => `numbering in the style of ${show(d.value)} is not supported`,
  D3131: () => "the digits of this picture come from different scripts",
  D3132: (d) => `${show(d.value)} is not a component of a date picture`,
  D3133: (d) => `component ${show(d.value)} of a date picture has no names`,
  D3134: () => "a time zone has at most four digits in a date picture",
  D3135: () => "a [ in this date picture has no closing ]",
  D3136: () => "this date picture leaves parts of the date unknown",
  D3137: () => "$error was called",
  D3138: () => "$single found more than one",
  D3139: () => "$single found none",
  D3140: (d) => `${call(d)} was given text that is no URL`,
  D3141: () => "an assertion does not hold",
  fuel_exhausted: () => "the expression used up its steps",
  depth_exceeded: () => "calls or values are nested too deeply",
  string_too_long: (d) => `a string would have ${show(d.value)} characters`,
  result_too_large: (d) => `an array or a result would have ${show(d.value)} elements`,
  regex_refused: (d) => d.expected ?? "this regular expression could take too long",
  source_too_long: (d) => `the expression has ${show(d.value)} characters`,
  source_too_deep: () => "the expression is nested too deeply",
  unknown_variable: (d) => `there is no variable $${d.token ?? ""}`,
  unknown_function: (d) => `there is no function $${d.token ?? ""}`,
  host_function: (d) => `${call(d)} failed`,
  async_function: (d) => `${call(d)} answered with a promise; functions of expressions are synchronous`,
  internal: () => "the expression could not be evaluated",
};

/** A failed expression: at compiling when the code starts with S, T1 or `unknown_` and no value was there, else at evaluation. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError";
  readonly code: string;
  position: number | undefined;
  token: string | undefined;
  readonly value: unknown;
  readonly value2: unknown;
  readonly index: number | undefined;
  part: string | undefined;
  readonly nearest: string | undefined;
  readonly #expected: string | undefined;
  readonly #own: string | undefined;

  constructor(code: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(undefined, options);
    this.code = code;
    this.position = details.position;
    this.token = details.token;
    this.value = details.value;
    this.value2 = details.value2;
    this.index = details.index;
    this.part = details.part;
    this.nearest = details.nearest;
    this.#expected = details.expected;
    this.#own = details.message;
    this.#reword();
  }

  /** Where it happened is often known only further up: fills what is missing and words the message again. */
  locate(position: number | undefined, token?: string, part?: string): this {
    this.position ??= position;
    this.token ??= token;
    this.part ??= part;
    this.#reword();
    return this;
  }

  #reword(): void {
    const text =
      WORDINGS[this.code]?.({
        position: this.position,
        token: this.token,
        value: this.value,
        value2: this.value2,
        index: this.index,
        expected: this.#expected,
      }) ?? this.code;
    const near = this.nearest === undefined ? "" : `; the nearest name is ${this.nearest}`;
    const part = this.part === undefined ? "" : ` in ${this.part}`;
    const at = this.position === undefined ? "" : ` (at ${this.position}${part})`;
    // What the author of the expression wrote for `$error` is the whole message.
    Object.defineProperty(this, "message", {
      value: this.#own ?? `${text}${near}${at}`,
      configurable: true,
      writable: true,
      enumerable: false,
    });
  }
}

/** A value as an error shows it: short, whatever it is. */
export function show(value: unknown): string {
  const limit = EXPRESSION_LIMITS.shownCharacters;
  switch (typeof value) {
    case "undefined":
      return "nothing";
    case "string": {
      const text = JSON.stringify(value.slice(0, limit));
      return value.length > limit ? `${text.slice(0, -1)}…"` : text;
    }
    case "function":
      return "a function";
    case "object": {
      if (value === null) return "null";
      if (Array.isArray(value)) return `an array of ${value.length}`;
      const keys = Object.keys(value);
      return `an object with ${keys.slice(0, 5).join(", ").slice(0, limit) || "no fields"}`;
    }
    default:
      return String(value);
  }
}
