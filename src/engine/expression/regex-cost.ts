/**
 * How long the built-in, backtracking engine could take over a pattern: an upper bound on its steps for an input
 * of a given length. Ways to match multiply along a sequence and add up over alternatives; a repetition has as many
 * ways as lengths, unless what follows cannot continue it (`[a-z]+@`), when only one length can go on. A repetition of
 * something that itself has several ways has no useful bound: those patterns go to the linear-time engine.
 */
export interface RegexCost {
  /** Steps at most for an input of `length` characters; Infinity when unbounded. */
  steps(length: number): number;
}

/** Ways to match, as a factor and a power of the input's length. */
interface Ways {
  factor: number;
  power: number;
}

interface Part extends Ways {
  /** ASCII characters (and one place for all others) that it can begin with; undefined when unknown or if it may be empty. */
  first: boolean[] | undefined;
  /** A single character: what it can be. */
  set: boolean[] | undefined;
  repeated: boolean;
  optional: boolean;
  anchor: boolean;
}

const OTHERS = 128;
const ONE: Ways = { factor: 1, power: 0 };
const NEVER: Ways = { factor: Number.POSITIVE_INFINITY, power: 0 };

export function regexCost(source: string, ignoreCase: boolean): RegexCost {
  const reader: Reader = { source, at: 0, ignoreCase, anchored: false, longest: 0 };
  const ways = alternatives(reader, true);
  const whole = reader.at === source.length ? ways : NEVER;
  return {
    steps(length) {
      const n = length + 1;
      const starts = reader.anchored ? 1 : n;
      const scan = reader.longest === Number.POSITIVE_INFINITY ? n : Math.min(n, reader.longest + 1);
      return starts * scan * whole.factor * n ** whole.power;
    },
  };
}

interface Reader {
  source: string;
  at: number;
  ignoreCase: boolean;
  anchored: boolean;
  /** Characters that one way can look at: infinite as soon as anything repeats without end. */
  longest: number;
}

function times(a: Ways, b: Ways): Ways {
  return { factor: a.factor * b.factor, power: a.power + b.power };
}

function alternatives(reader: Reader, top: boolean): Ways {
  let sum: Ways | undefined;
  for (;;) {
    const ways = sequence(reader, top && !sum);
    sum = sum ? { factor: sum.factor + ways.factor, power: Math.max(sum.power, ways.power) } : ways;
    if (reader.source[reader.at] !== "|") return sum;
    reader.anchored = false;
    reader.at++;
  }
}

function sequence(reader: Reader, top: boolean): Ways {
  const parts: Part[] = [];
  const start = reader.at;
  while (reader.at < reader.source.length && !"|)".includes(reader.source[reader.at] as string)) {
    const part = piece(reader);
    if (!part) return NEVER;
    parts.push(part);
  }
  if (top && reader.source[start] === "^" && reader.at === reader.source.length) reader.anchored = true;
  let ways = ONE;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] as Part;
    const next = parts[i + 1];
    const atEnd = top && reader.at === reader.source.length && !next;
    const settled =
      atEnd || (next && part.set && next.first && !next.optional && disjoint(part.set, next.first));
    ways = times(ways, part.repeated && part.set && settled ? ONE : part);
  }
  return ways;
}

function disjoint(a: boolean[], b: boolean[]): boolean {
  return a.every((has, index) => !has || !b[index]);
}

function piece(reader: Reader): Part | undefined {
  const atom = atomOf(reader);
  if (!atom) return undefined;
  const { min, max } = quantifier(reader);
  if (min === 1 && max === 1) return atom;
  if (reader.source[reader.at] === "?") reader.at++;
  reader.longest = max === Number.POSITIVE_INFINITY ? max : reader.longest + max;
  const optional = min === 0;
  const single = atom.factor === 1 && atom.power === 0;
  const base = {
    first: optional ? undefined : atom.first,
    set: atom.set,
    repeated: true,
    optional,
    anchor: false,
  };
  if (max === Number.POSITIVE_INFINITY)
    return single && !atom.anchor ? { ...base, factor: 1, power: 1 } : { ...base, ...NEVER };
  if (single) return { ...base, factor: max - min + 1, power: 0 };
  const factor = atom.factor ** max * (max - min + 1);
  return {
    ...base,
    factor: Number.isFinite(factor) ? factor : Number.POSITIVE_INFINITY,
    power: atom.power * max,
  };
}

function quantifier(reader: Reader): { min: number; max: number } {
  const rest = reader.source.slice(reader.at, reader.at + 24);
  const found = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})/.exec(rest);
  if (!found) return { min: 1, max: 1 };
  reader.at += found[0].length;
  if (found[0] === "*") return { min: 0, max: Number.POSITIVE_INFINITY };
  if (found[0] === "+") return { min: 1, max: Number.POSITIVE_INFINITY };
  if (found[0] === "?") return { min: 0, max: 1 };
  const min = Number(found[1]);
  if (!found[2]) return { min, max: min };
  return { min, max: found[3] ? Number(found[3]) : Number.POSITIVE_INFINITY };
}

function atomOf(reader: Reader): Part | undefined {
  const ch = reader.source[reader.at++] as string;
  reader.longest++;
  if (ch === "^" || ch === "$") return anchor();
  if (ch === ".") return character(setOf((code) => code !== 10 && code !== 13));
  if (ch === "[") return characterClass(reader);
  if (ch === "(") return group(reader);
  if (ch === "\\") return escaped(reader);
  if ("*+?{".includes(ch)) return undefined;
  return character(literalSet(ch, reader.ignoreCase));
}

function anchor(): Part {
  return { ...ONE, first: undefined, set: undefined, repeated: false, optional: true, anchor: true };
}

function character(set: boolean[]): Part {
  return { ...ONE, first: set, set, repeated: false, optional: false, anchor: false };
}

function group(reader: Reader): Part | undefined {
  if (reader.source[reader.at] === "?") {
    const opening = /^\?(?::|=|!|<=|<!|<[A-Za-z_]\w*>)/.exec(reader.source.slice(reader.at, reader.at + 64));
    if (!opening) return undefined;
    reader.at += opening[0].length;
  }
  const ways = alternatives(reader, false);
  if (reader.source[reader.at++] !== ")") return undefined;
  return { ...ways, first: undefined, set: undefined, repeated: false, optional: true, anchor: false };
}

function escaped(reader: Reader): Part | undefined {
  const ch = reader.source[reader.at++];
  if (ch === undefined) return undefined;
  if (ch === "b" || ch === "B") return anchor();
  if (/[1-9k]/.test(ch)) {
    // A back reference: as long as what it repeats, so a way may look at the whole input.
    if (ch === "k") reader.at = reader.source.indexOf(">", reader.at) + 1 || reader.source.length;
    reader.longest = Number.POSITIVE_INFINITY;
    return { ...anchor(), anchor: true };
  }
  const named = NAMED[ch];
  if (named) return character(named);
  if (ch === "u") reader.at += 4;
  else if (ch === "x") reader.at += 2;
  else if (ch === "c") reader.at += 1;
  else if (!/[A-Za-z0-9]/.test(ch)) return character(literalSet(ch, reader.ignoreCase));
  return character(setOf(() => true));
}

const isDigit = (code: number) => code >= 48 && code <= 57;
const isWord = (code: number) =>
  isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95;
const isSpace = (code: number) => (code >= 9 && code <= 13) || code === 32;

function setOf(has: (code: number) => boolean): boolean[] {
  return Array.from({ length: OTHERS + 1 }, (_, code) => (code === OTHERS ? has(0x2603) : has(code)));
}

function complement(set: boolean[]): boolean[] {
  // Characters outside ASCII share one place, so both a set and its complement may hold it.
  return set.map((has, code) => code === OTHERS || !has);
}

const NAMED: Record<string, boolean[]> = {
  d: setOf(isDigit),
  D: complement(setOf(isDigit)),
  w: setOf(isWord),
  W: complement(setOf(isWord)),
  s: setOf(isSpace).map((has, code) => has || code === OTHERS),
  S: complement(setOf(isSpace)),
};

function literalSet(ch: string, ignoreCase: boolean): boolean[] {
  const set = setOf(() => false);
  const add = (one: string) => {
    set[Math.min(one.charCodeAt(0), OTHERS)] = true;
  };
  add(ch);
  if (ignoreCase) {
    add(ch.toLowerCase());
    add(ch.toUpperCase());
  }
  return set;
}

function characterClass(reader: Reader): Part | undefined {
  const end = endOfClass(reader);
  if (end < 0) return undefined;
  const body = reader.source.slice(reader.at, end);
  reader.at = end + 1;
  const negated = body.startsWith("^");
  const set = setOf(() => false);
  const items = /\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\[\s\S]|[\s\S]/g;
  const tokens = body.slice(negated ? 1 : 0).match(items) ?? [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] as string;
    const named = token.length === 2 ? NAMED[token[1] as string] : undefined;
    if (named) for (let code = 0; code <= OTHERS; code++) set[code] ||= named[code] as boolean;
    else if (tokens[i + 1] === "-" && tokens[i + 2] !== undefined) {
      const from = codeOf(token);
      const to = codeOf(tokens[i + 2] as string);
      for (let code = from; code <= Math.min(to, OTHERS); code++) set[Math.min(code, OTHERS)] = true;
      if (from > OTHERS) set[OTHERS] = true;
      i += 2;
    } else set[Math.min(codeOf(token), OTHERS)] = true;
  }
  if (reader.ignoreCase) {
    for (let code = 65; code <= 90; code++) set[code] = set[code + 32] = Boolean(set[code] || set[code + 32]);
  }
  return character(negated ? complement(set) : set);
}

function endOfClass(reader: Reader): number {
  for (let at = reader.at; at < reader.source.length; at++) {
    if (reader.source[at] === "\\") at++;
    else if (reader.source[at] === "]") return at;
  }
  return -1;
}

function codeOf(token: string): number {
  if (token.length > 2) return Number.parseInt(token.slice(2), 16);
  if (token.length === 2)
    return { n: 10, r: 13, t: 9, f: 12, v: 11, b: 8, "0": 0 }[token[1] as string] ?? token.charCodeAt(1);
  return token.charCodeAt(0);
}
