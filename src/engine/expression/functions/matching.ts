import { ExpressionError } from "../errors";
import { EXPRESSION_LIMITS } from "../limits";
import { type Match, matchAfter } from "../regex";
import { type Callable, isCallable, type Runtime } from "../runtime";
import { boundArray, boundGrowth, boundString, charge, isObject, mark, SEQUENCE } from "../values";
import type { Definitions } from "./library";
import { SLOW } from "./slow";

/**
 * Matches one after the other. A regular expression is run directly; any other function is a matcher of the author's
 * own: it answers with `{match, start, end, groups, next}` or nothing.
 */
function* matches(matcher: Callable, text: string, rt: Runtime): Generator<Match> {
  const { engine } = matcher;
  if (engine) {
    let found = engine.exec(rt, text, 0);
    while (found) {
      yield found;
      found = matchAfter(engine, rt, text, found.end);
    }
    return;
  }
  let answer = matcher([text], null, rt);
  while (answer !== undefined) {
    charge(rt, 1);
    const found = matchOf(answer);
    yield found.match;
    if (!isCallable(found.next)) throw new ExpressionError("T1010");
    answer = found.next([undefined], null, rt);
  }
}

function matchOf(answer: unknown): { match: Match; next: unknown } {
  const found = isObject(answer) ? answer : {};
  if (typeof found.start !== "number" && !Array.isArray(found.groups) && !isCallable(found.next)) {
    throw new ExpressionError("T1010", { value: answer });
  }
  return {
    match: {
      match: found.match as string,
      start: found.start as number,
      end: found.end as number,
      groups: found.groups as string[],
    },
    next: found.next,
  };
}

function checkLimit(limit: unknown, code: string, index: number): number {
  if ((limit as number) < 0) throw new ExpressionError(code, { value: limit, index });
  return limit === undefined ? Number.POSITIVE_INFINITY : (limit as number);
}

function contains(text: string, token: unknown, rt: Runtime): boolean {
  if (typeof token === "string") {
    boundString(rt, text.length);
    return text.includes(token);
  }
  const matcher = token as Callable;
  if (matcher.engine) return matcher.engine.exec(rt, text, 0) !== undefined;
  for (const _ of matches(matcher, text, rt)) return true;
  return false;
}

function match(text: string, matcher: Callable, limit: unknown, rt: Runtime): unknown[] {
  const most = checkLimit(limit, "D3040", 3);
  const found: unknown[] = [];
  if (most > 0) {
    for (const one of matches(matcher, text, rt)) {
      boundGrowth(rt, found.length, 1);
      found.push({ match: one.match, index: one.start, groups: one.groups });
      if (found.length >= most) break;
    }
  }
  return mark(found, SEQUENCE);
}

function split(text: string, separator: unknown, limit: unknown, rt: Runtime): unknown[] {
  const most = checkLimit(limit, "D3020", 3);
  boundString(rt, text.length);
  if (!(most > 0)) return [];
  if (typeof separator !== "function") {
    // A separator that is nothing leaves the text whole.
    const parts = text.split(separator as string, limit as number | undefined);
    boundArray(rt, parts.length);
    return parts;
  }
  const parts: unknown[] = [];
  let start = 0;
  for (const one of matches(separator as Callable, text, rt)) {
    parts.push(text.substring(start, one.start));
    boundGrowth(rt, parts.length, 1);
    start = one.end;
    if (parts.length >= most) return parts;
  }
  parts.push(text.substring(start));
  return parts;
}

/** Text collected piece by piece, bounded before each piece is kept. */
class Collected {
  #parts: string[] = [];
  #length = 0;
  readonly #rt: Runtime;

  constructor(rt: Runtime) {
    this.#rt = rt;
  }

  add(part: string): void {
    this.#length += part.length;
    if (this.#length > EXPRESSION_LIMITS.stringCharacters) boundString(this.#rt, this.#length);
    charge(this.#rt, part.length >> 5);
    this.#parts.push(part);
  }

  text(): string {
    return this.#parts.join("");
  }
}

function replace(text: string, pattern: unknown, replacement: unknown, limit: unknown, rt: Runtime): string {
  if (pattern === "") throw new ExpressionError("D3010", { value: pattern, index: 2 });
  const most = checkLimit(limit, "D3011", 4);
  boundString(rt, text.length);
  if (!(most > 0)) return text;
  const out = new Collected(rt);
  let at = 0;
  let count = 0;
  if (typeof pattern === "string") {
    const by = isCallable(replacement) ? "" : String(replacement);
    for (let found = text.indexOf(pattern); found !== -1 && count < most; count++) {
      charge(rt, 1);
      out.add(text.substring(at, found));
      out.add(by);
      at = found + pattern.length;
      found = text.indexOf(pattern, at);
    }
  } else {
    for (const one of matches(pattern as Callable, text, rt)) {
      out.add(text.substring(at, one.start));
      const by = isCallable(replacement)
        ? replacement([matchForReplacer(one)], null, rt)
        : substitute(String(replacement), one);
      if (typeof by !== "string") throw new ExpressionError("D3012", { value: by });
      out.add(by);
      at = one.start + one.match.length;
      if (++count >= most) break;
    }
  }
  out.add(text.substring(at));
  return out.text();
}

function matchForReplacer(one: Match): Match {
  return { match: one.match, start: one.start, end: one.end, groups: one.groups };
}

/** `$0` is the match, `$n` its groups, `$$` a dollar sign; as many digits count as the number of groups has. */
function substitute(template: string, one: Match): string {
  let made = "";
  let at = 0;
  for (let dollar = template.indexOf("$"); dollar !== -1; dollar = template.indexOf("$", at)) {
    made += template.substring(at, dollar);
    at = dollar + 1;
    const next = template[at];
    if (next === "$") {
      made += "$";
      at++;
    } else if (next === "0") {
      made += one.match;
      at++;
    } else {
      const groups = one.groups.length;
      const digits = groups === 0 ? 1 : String(groups).length;
      let index = Number.parseInt(template.substring(at, at + digits), 10);
      if (digits > 1 && index > groups) index = Number.parseInt(template.substring(at, at + digits - 1), 10);
      if (Number.isNaN(index)) made += "$";
      else {
        made += one.groups[index - 1] ?? "";
        at += String(index).length;
      }
    }
  }
  return made + template.substring(at);
}

export const MATCHING: Definitions = {
  contains: {
    signature: "<s-(sf):b>",
    arity: 2,
    kind: "boolean",
    call: ([text, token], rt) =>
      text === undefined || token === undefined ? undefined : contains(text as string, token, rt),
    two: (text, token, rt) =>
      typeof text === "string" && typeof token === "string" ? contains(text, token, rt) : SLOW,
  },
  match: {
    signature: "<s-f<s:o>n?:a<o>>",
    arity: 3,
    call: ([text, matcher, limit], rt) =>
      text === undefined ? undefined : match(text as string, matcher as Callable, limit, rt),
  },
  replace: {
    signature: "<s-(sf)(sf)n?:s>",
    arity: 4,
    kind: "string",
    call: ([text, pattern, replacement, limit], rt) =>
      text === undefined ? undefined : replace(text as string, pattern, replacement, limit, rt),
  },
  split: {
    signature: "<s-(sf)n?:a<s>>",
    arity: 3,
    call: ([text, separator, limit], rt) =>
      text === undefined ? undefined : split(text as string, separator, limit, rt),
  },
};
