import { RE2JS } from "re2js";
import type { Node } from "./ast";
import type { Compiled } from "./compiled";
import { ExpressionError } from "./errors";
import { EXPRESSION_LIMITS } from "./limits";
import { regexCost } from "./regex-cost";
import type { Callable, Runtime } from "./runtime";
import { charge } from "./values";

/** One match. */
export interface Match {
  match: string;
  start: number;
  end: number;
  groups: (string | undefined)[];
}

/** A regular expression, ready to run in bounded time. */
export interface Engine {
  source: string;
  position: number | undefined;
  exec(rt: Runtime, text: string, from: number): Match | undefined;
}

/**
 * Two engines. The runtime's own is fast and backtracks; it runs when the pattern's worst case for this very input
 * stays within `regexSteps`. Otherwise the linear-time engine runs, which knows no back references and no look-ahead:
 * a pattern with those and an input too long for its worst case is refused.
 */
export function compileEngine(pattern: RegExp, position: number | undefined): Engine {
  const { source } = pattern;
  if (source.length > EXPRESSION_LIMITS.regexCharacters) {
    throw new ExpressionError("regex_refused", { position, expected: "this regular expression is too long" });
  }
  return engineOf(pattern, position);
}

/** For patterns that the evaluator makes itself, which may be longer. */
export function compileInternal(pattern: RegExp): Engine {
  return engineOf(pattern, undefined);
}

function engineOf(pattern: RegExp, position: number | undefined): Engine {
  const { source, flags } = pattern;
  const cost = regexCost(source, pattern.ignoreCase);
  const native = new RegExp(source, flags);
  let longestNative = 0;
  let linear: RE2JS | "refused" | undefined;

  const withinSteps = (length: number) => {
    if (length <= longestNative) return true;
    if (cost.steps(length) > EXPRESSION_LIMITS.regexSteps) return false;
    longestNative = length;
    return true;
  };
  const viaLinear = (text: string, from: number) => {
    linear ??= compileLinear(pattern);
    if (linear === "refused") {
      throw new ExpressionError("regex_refused", {
        position,
        value: source,
        expected: `this regular expression could take too long on ${text.length} characters`,
      });
    }
    return execLinear(linear, text, from);
  };
  return {
    source,
    position,
    exec(rt, text, from) {
      const found = withinSteps(text.length) ? execNative(native, text, from) : viaLinear(text, from);
      charge(rt, 1 + (((found ? found.end : text.length) - from) >> 4));
      return found;
    },
  };
}
function execNative(native: RegExp, text: string, from: number): Match | undefined {
  native.lastIndex = from;
  const found = native.exec(text);
  if (!found) return undefined;
  const match = found[0];
  return { match, start: found.index, end: found.index + match.length, groups: found.slice(1) };
}

function compileLinear(pattern: RegExp): RE2JS | "refused" {
  try {
    const flags =
      (pattern.ignoreCase ? RE2JS.CASE_INSENSITIVE : 0) | (pattern.multiline ? RE2JS.MULTILINE : 0);
    return RE2JS.compile(RE2JS.translateRegExp(pattern.source), flags);
  } catch {
    return "refused";
  }
}

function execLinear(linear: RE2JS, text: string, from: number): Match | undefined {
  const matcher = linear.matcher(text);
  if (!matcher.find(from)) return undefined;
  const groups: (string | undefined)[] = [];
  for (let index = 1; index <= matcher.groupCount(); index++) groups.push(matcher.group(index) ?? undefined);
  return { match: matcher.group() ?? "", start: matcher.start(), end: matcher.end(), groups };
}

/** The match after this one. A pattern that keeps matching nothing would never end. */
export function matchAfter(engine: Engine, rt: Runtime, text: string, end: number): Match | undefined {
  if (end >= text.length) return undefined;
  const next = engine.exec(rt, text, end);
  if (next && next.match === "") {
    throw new ExpressionError("D1004", { position: engine.position, value: engine.source });
  }
  return next;
}

/** A regular expression is a function from text to its first match, with a function for the next. */
export function compileRegex(node: Node): Compiled {
  const engine = compileEngine(node.value as RegExp, node.position);
  const matchValue = (found: Match, text: string): Record<string, unknown> => ({
    ...found,
    next: callable((_args, _input, rt) => {
      const next = matchAfter(engine, rt, text, found.end);
      return next && matchValue(next, text);
    }, 0),
  });
  const matcher = callable((args, _input, rt) => {
    const text = String(args[0]);
    const found = engine.exec(rt, text, typeof args[1] === "number" ? args[1] : 0);
    return found && matchValue(found, text);
  }, 2);
  matcher.engine = engine;
  return { run: () => matcher, cost: 1, kind: "any" };
}

function callable(call: (args: unknown[], input: unknown, rt: Runtime) => unknown, arity: number): Callable {
  const made = call as Callable;
  made.arity = arity;
  return made;
}
