import { ExpressionError } from "./errors";
import { isCallable } from "./runtime";

/**
 * Signatures of functions: `<s-n?:s>`. Every argument becomes one letter, and the letters are matched against the
 * parameters in order, greedily, as a regular expression would; then missing ones are taken from the context and
 * single values become arrays.
 */
interface Parameter {
  /** Letters that fit; `m` stands for an argument that is nothing. */
  fits: string;
  type: string;
  /** The letters inside `a<…>`. */
  subtype?: string;
  /** The context stands in when the argument is not given. */
  context: boolean;
  min: number;
  max: number;
}

export interface Signature {
  parameters: readonly Parameter[];
  /** The arguments to call with, or the error of the reference. */
  check(args: unknown[], context: unknown): unknown[];
  usesContext: boolean;
}

const PLURALS: Record<string, string> = {
  a: "arrays",
  b: "booleans",
  f: "functions",
  n: "numbers",
  o: "objects",
  s: "strings",
};

const ANY = "asnblfom";

export function letterOf(value: unknown): string {
  switch (typeof value) {
    case "string":
      return "s";
    case "number":
      return "n";
    case "boolean":
      return "b";
    case "function":
      return isCallable(value) ? "f" : "m";
    case "object":
      return value === null ? "l" : Array.isArray(value) ? "a" : "o";
    default:
      return "m";
  }
}

export function parseSignature(definition: string): Signature {
  const parameters: Parameter[] = [];
  const add = (type: string, fits: string) => {
    parameters.push({ fits, type, context: false, min: 1, max: 1 });
  };
  let at = 1;
  while (at < definition.length && definition[at] !== ":") {
    const letter = definition[at] as string;
    const last = parameters.at(-1);
    if ("snblo".includes(letter)) add(letter, `${letter}m`);
    else if (letter === "a" || letter === "x") add(letter, ANY);
    else if (letter === "j") add(letter, "asnblom");
    else if (letter === "f") add(letter, "f");
    else if (letter === "(") {
      const end = closing(definition, at, "(", ")");
      const choice = definition.slice(at + 1, end);
      add(`(${choice})`, `${choice}m`);
      at = end;
    } else if (letter === "<" && last) {
      const end = closing(definition, at, "<", ">");
      last.subtype = definition.slice(at + 1, end);
      at = end;
    } else if (letter === "-" && last) {
      last.context = true;
      last.min = 0;
    } else if (letter === "?" && last) last.min = 0;
    else if (letter === "+" && last) last.max = Number.POSITIVE_INFINITY;
    at++;
  }
  return {
    parameters,
    usesContext: parameters.some((parameter) => parameter.context),
    check: (args, context) => check(parameters, args, context),
  };
}

function closing(text: string, start: number, opens: string, closes: string): number {
  let depth = 1;
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === closes && --depth === 0) return at;
    if (text[at] === opens) depth++;
  }
  return text.length;
}

/** How many letters each parameter takes, from `at` on; undefined when they do not fit. */
function lettersTaken(
  parameters: readonly Parameter[],
  letters: string,
  whole: boolean,
  parameter = 0,
  at = 0,
): number[] | undefined {
  const wanted = parameters[parameter];
  if (!wanted) return whole && at < letters.length ? undefined : [];
  let most = 0;
  while (
    most < wanted.max &&
    at + most < letters.length &&
    wanted.fits.includes(letters[at + most] as string)
  )
    most++;
  for (let taken = most; taken >= wanted.min; taken--) {
    const rest = lettersTaken(parameters, letters, whole, parameter + 1, at + taken);
    if (rest) return [taken, ...rest];
  }
  return undefined;
}

function check(parameters: readonly Parameter[], args: unknown[], context: unknown): unknown[] {
  let letters = "";
  for (const arg of args) letters += letterOf(arg);
  const taken = lettersTaken(parameters, letters, true);
  if (!taken) throw misfit(parameters, args, letters);
  const checked: unknown[] = [];
  let at = 0;
  for (let i = 0; i < parameters.length; i++) {
    const parameter = parameters[i] as Parameter;
    const count = taken[i] as number;
    if (count === 0) {
      if (parameter.context) {
        if (!parameter.fits.includes(letterOf(context))) {
          throw new ExpressionError("T0411", { value: context, index: at + 1 });
        }
        checked.push(context);
      } else checked.push(args[at++]);
      continue;
    }
    for (let n = 0; n < count; n++) {
      const arg = args[at];
      if (parameter.type === "a" && arg !== undefined)
        checked.push(asArray(parameter, arg, at, letters, count));
      else checked.push(arg);
      at++;
    }
  }
  return checked;
}

function asArray(parameter: Parameter, arg: unknown, at: number, letters: string, count: number): unknown[] {
  const { subtype } = parameter;
  if (subtype !== undefined) {
    const fits = Array.isArray(arg)
      ? arg.every((element) => letterOf(element) === subtype[0])
      : count === 1 && letters[at] === subtype;
    if (!fits) throw new ExpressionError("T0412", { value: arg, index: at + 1, expected: PLURALS[subtype] });
  }
  return Array.isArray(arg) ? arg : [arg];
}

function misfit(parameters: readonly Parameter[], args: unknown[], letters: string): ExpressionError {
  let good = 0;
  for (let count = 1; count <= parameters.length; count++) {
    const taken = lettersTaken(parameters.slice(0, count), letters, false);
    if (!taken) break;
    good = taken.reduce((sum, letter) => sum + letter, 0);
  }
  return new ExpressionError("T0410", { value: args[good], index: good + 1 });
}
