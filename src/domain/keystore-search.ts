import { z } from "zod";
import { SluiceError } from "./errors";
import { type Json, type JsonObject, setOwn } from "./json";
import { type JsonPath, parseJsonPath } from "./json-path";
import type { KeystoreValue } from "./keystore";
import {
  MAX_KEYSTORE_FOUND,
  MAX_KEYSTORE_RULE_DEPTH,
  MAX_KEYSTORE_RULES,
  MAX_KEYSTORE_SELECT,
  MAX_KEYSTORE_TERM_CHARS,
} from "./limits";
import { schemaProblems } from "./schema-problems";

/**
 * Searches in a keystore (seed: Search in Keystore data). Values are looked through one by one, by our own comparing: no
 * part of a search becomes SQL, so none can change its meaning, and patterns have no limit of 50 bytes.
 */

/** Comparisons, in the seed's spelling. `<>` is `!=`. */
export const KEYSTORE_OPERATORS = ["=", "!=", "<>", "<", ">", "<=", ">=", "LIKE"] as const;
type Operator = (typeof KEYSTORE_OPERATORS)[number];

const term = (what: string) =>
  z
    .string({ error: `${what} is a text` })
    .min(1, `${what} cannot be empty`)
    .max(
      MAX_KEYSTORE_TERM_CHARS,
      `${what} has at most ${MAX_KEYSTORE_TERM_CHARS} characters (MAX_KEYSTORE_TERM_CHARS)`,
    );

const Field = term("a field").refine(
  (source) => parseField(source) !== undefined,
  "a field is `keystore.key`, `*`, or the path of one value: `temp.max`, `days[0].wind`, `$['a field'].b`",
);

const Selected = z.strictObject({ field: Field, alias: term("an alias").optional() });

const Rule = z.strictObject({
  field: Field,
  operator: z
    .string({ error: "an operator is a text" })
    .transform((text) => text.trim().toUpperCase())
    .refine((text) => (KEYSTORE_OPERATORS as readonly string[]).includes(text), {
      error: `an operator is one of ${KEYSTORE_OPERATORS.join(" ")}`,
    }),
  value: z.union(
    [
      z
        .string()
        .max(
          MAX_KEYSTORE_TERM_CHARS,
          `a value has at most ${MAX_KEYSTORE_TERM_CHARS} characters (MAX_KEYSTORE_TERM_CHARS)`,
        ),
      z.number(),
      z.boolean(),
      z.null(),
    ],
    { error: "a value is a text, a number, true, false or null" },
  ),
});

const Condition = z
  .string({ error: "a condition is `and` or `or`" })
  .transform((text) => text.trim().toLowerCase())
  .refine((text) => text === "and" || text === "or", "a condition is `and` or `or`");

export interface RuleSource {
  field: string;
  operator: string;
  value: string | number | boolean | null;
}
export interface GroupSource {
  condition?: string | undefined;
  rules: (RuleSource | GroupSource)[];
}

const Group: z.ZodType<GroupSource> = z.strictObject({
  condition: Condition.optional(),
  rules: z
    .array(
      z.unknown().transform((source, context): RuleSource | GroupSource => {
        const schema: z.ZodType = isGroup(source) ? Group : Rule;
        const parsed = schema.safeParse(source);
        if (parsed.success) return parsed.data as RuleSource | GroupSource;
        for (const issue of parsed.error.issues) context.issues.push({ ...issue, input: source } as never);
        return z.NEVER;
      }),
      { error: "`rules` is a list" },
    )
    .max(MAX_KEYSTORE_RULES, `at most ${MAX_KEYSTORE_RULES} rules (MAX_KEYSTORE_RULES)`),
});

function isGroup(source: unknown): boolean {
  return typeof source === "object" && source !== null && !Array.isArray(source) && "rules" in source;
}

const MAX_OFFSET = 1_000_000;
const whole = (name: string, max: number) =>
  z
    .union([z.number(), z.string().regex(/^\d{1,9}$/, `\`${name}\` is a whole number`)], {
      error: `\`${name}\` is a whole number`,
    })
    .transform(Number)
    .refine((number) => Number.isInteger(number) && number >= 0 && number <= max, {
      error: `\`${name}\` is a whole number from 0 to ${max}`,
    });

/** What a client sends; `limit` and `offset` are ours. */
export const KeystoreSearch = z
  .strictObject({
    select: z
      .array(Selected, { error: "`select` is a list of fields" })
      .min(1, "`select` names at least one field")
      .max(MAX_KEYSTORE_SELECT, `at most ${MAX_KEYSTORE_SELECT} fields (MAX_KEYSTORE_SELECT)`)
      .refine(
        (list) => new Set(list.map(nameOf)).size === list.length,
        "two selected fields have the same name in the answer; give one of them another `alias`",
      )
      .default([{ field: "keystore.key" }, { field: "*" }]),
    where: Group.optional(),
    limit: whole("limit", MAX_KEYSTORE_FOUND).optional(),
    offset: whole("offset", MAX_OFFSET).optional(),
  })
  .meta({ id: "KeystoreSearch" });
export type KeystoreSearch = z.output<typeof KeystoreSearch>;

/** @throws SluiceError invalid_request with everything that is wrong */
export function parseSearch(source: unknown): KeystoreSearch {
  // Looked at by itself first: reading groups recurses.
  checkGroups(source);
  const parsed = KeystoreSearch.safeParse(source);
  if (parsed.success) return parsed.data;
  const problems = schemaProblems(KeystoreSearch, parsed.error);
  const [first] = problems;
  throw new SluiceError(
    "invalid_request",
    `The search${first?.path ? `, at ${first.path}` : ""}: ${first?.reason}.`,
    { problems },
  );
}

function checkGroups(source: unknown): void {
  let count = 0;
  const visit = (group: unknown, depth: number): void => {
    if (!isGroup(group)) return;
    const { rules } = group as { rules: unknown };
    if (!Array.isArray(rules)) return;
    count += rules.length;
    const exceeded = (reason: string, limit: string): never => {
      throw new SluiceError("invalid_request", `The search's \`where\` has more than ${reason} (${limit}).`, {
        limit,
      });
    };
    if (depth > MAX_KEYSTORE_RULE_DEPTH) {
      exceeded(`${MAX_KEYSTORE_RULE_DEPTH} groups inside each other`, "MAX_KEYSTORE_RULE_DEPTH");
    }
    if (count > MAX_KEYSTORE_RULES) exceeded(`${MAX_KEYSTORE_RULES} rules`, "MAX_KEYSTORE_RULES");
    for (const rule of rules) visit(rule, depth + 1);
  };
  if (typeof source === "object" && source !== null && "where" in source) visit(source.where, 1);
}

function nameOf({ field, alias }: { field: string; alias?: string | undefined }): string {
  return alias ?? field;
}

/** What a field names: the key, the whole value, or a place in it. */
export type Place = "key" | "whole" | JsonPath;

const PLAIN_STEP = /^[^.[\]"'*\\\p{Cc}]+/u;
const INDEX = /^\[(\d{1,9})\]/;

/** `undefined` for what names no single place. A field of the value that is called `key` is `$.key`. */
export function parseField(source: string): Place | undefined {
  if (source === "key" || source === "keystore.key") return "key";
  if (source === "*") return "whole";
  if (source.startsWith("$.") || source.startsWith("$[")) {
    return source.endsWith("[*]") ? undefined : parseJsonPath(source);
  }
  const path: (string | number)[] = [];
  for (let rest = source; ; ) {
    const [name] = PLAIN_STEP.exec(rest) ?? [];
    if (name === undefined || name.startsWith("$")) return undefined;
    path.push(name);
    rest = rest.slice(name.length);
    for (let index = INDEX.exec(rest); index !== null; index = INDEX.exec(rest)) {
      path.push(Number(index[1]));
      rest = rest.slice(index[0].length);
    }
    if (rest === "") return path;
    if (!rest.startsWith(".")) return undefined;
    rest = rest.slice(1);
  }
}

/** One entry under a search: its JSON is read when something asks for it. */
export class Looked {
  readonly #key: string;
  readonly #value: KeystoreValue;
  #json: Json | undefined;
  #read = false;

  constructor(key: string, value: KeystoreValue) {
    this.#key = key;
    this.#value = value;
  }

  at(place: Place): Json | undefined {
    if (place === "key") return this.#key;
    if (place === "whole") return this.#value.text;
    let value = this.#document();
    for (const step of place) {
      if (Array.isArray(value)) value = /^\d{1,9}$/.test(String(step)) ? value[Number(step)] : undefined;
      else if (typeof value === "object" && value !== null && Object.hasOwn(value, step)) value = value[step];
      else return undefined;
    }
    return value;
  }

  /** The value as JSON; a text that is a JSON object or list counts as one, whatever it was sent as. */
  #document(): Json | undefined {
    if (this.#read) return this.#json;
    this.#read = true;
    const { text, format } = this.#value;
    if (format !== "json" && !/^\s*[[{]/.test(text)) return undefined;
    try {
      this.#json = JSON.parse(text) as Json;
    } catch {
      this.#json = undefined;
    }
    return this.#json;
  }
}

/** A search, ready to be asked of each entry. */
export interface CompiledSearch {
  readonly limit: number | undefined;
  readonly offset: number;
  /** What the answer says of an entry; `undefined` when it is not found. */
  find(key: string, value: KeystoreValue): JsonObject | undefined;
}

type Test = (entry: Looked) => boolean;

export function compileSearch(search: KeystoreSearch): CompiledSearch {
  const columns = search.select.map((selected) => ({
    name: nameOf(selected),
    place: parseField(selected.field) as Place,
  }));
  const matches = search.where === undefined ? () => true : compileGroup(search.where);
  return {
    limit: search.limit,
    offset: search.offset ?? 0,
    find(key, value) {
      const entry = new Looked(key, value);
      if (!matches(entry)) return undefined;
      const row: JsonObject = {};
      for (const { name, place } of columns) setOwn(row, name, textOf(entry.at(place)));
      return row;
    },
  };
}

function compileGroup({ condition, rules }: GroupSource): Test {
  const tests = rules.map((rule) => ("rules" in rule ? compileGroup(rule) : compileRule(rule)));
  if (tests.length === 0) return () => true;
  return condition === "or"
    ? (entry) => tests.some((test) => test(entry))
    : (entry) => tests.every((test) => test(entry));
}

function compileRule({ field, operator, value }: RuleSource): Test {
  const place = parseField(field) as Place;
  if (operator === "LIKE") {
    const pattern = likePattern(value === null ? "" : String(value));
    return (entry) => {
      const text = textOf(entry.at(place));
      return text !== null && value !== null && pattern(text);
    };
  }
  const compare = COMPARE[operator as Exclude<Operator, "LIKE">];
  return (entry) => compare(entry.at(place) ?? null, value);
}

/** Selected values are texts, as in the seed's answers; what is not there is null. */
export function textOf(value: Json | undefined): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "string") return value;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

type Operand = RuleSource["value"];

/** As in SQL, what is not there (or null) is found by no comparison but that with null. */
const COMPARE: Record<Exclude<Operator, "LIKE">, (stored: Json, operand: Operand) => boolean> = {
  "=": isSame,
  "!=": isOther,
  "<>": isOther,
  "<": (stored, operand) => ordered(stored, operand, (order) => order < 0),
  ">": (stored, operand) => ordered(stored, operand, (order) => order > 0),
  "<=": (stored, operand) => ordered(stored, operand, (order) => order <= 0),
  ">=": (stored, operand) => ordered(stored, operand, (order) => order >= 0),
};

function isSame(stored: Json, operand: Operand): boolean {
  if (stored === null || operand === null) return stored === operand;
  // Of two texts none is a number: "007" is not "7".
  if (typeof stored === "string" && typeof operand === "string") return stored === operand;
  const [left, right] = [numberOf(stored), numberOf(operand)];
  if (left !== undefined && right !== undefined) return left === right;
  return textOf(stored) === textOf(operand);
}

function isOther(stored: Json, operand: Operand): boolean {
  if (stored === null) return false;
  return operand === null || !isSame(stored, operand);
}

/** By number where both are numbers, else by text. */
function ordered(stored: Json, operand: Operand, accept: (order: number) => boolean): boolean {
  if (stored === null || operand === null) return false;
  const [left, right] = [numberOf(stored), numberOf(operand)];
  if (left !== undefined && right !== undefined) return accept(left - right);
  const [a, b] = [textOf(stored) as string, textOf(operand) as string];
  return accept(a < b ? -1 : a > b ? 1 : 0);
}

export function numberOf(value: Json): number | undefined {
  if (typeof value === "number") return value;
  return typeof value === "string" && /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$/.test(value)
    ? Number(value)
    : undefined;
}

/** `%` stands for any text; everything else for itself, whatever its case. */
function likePattern(pattern: string): (text: string) => boolean {
  const pieces = pattern.toLowerCase().split("%");
  const first = pieces[0] as string;
  const last = pieces.at(-1) as string;
  if (pieces.length === 1) return (text) => text.toLowerCase() === first;
  const between = pieces.slice(1, -1).filter((piece) => piece !== "");
  return (source) => {
    const text = source.toLowerCase();
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
      return false;
    const end = text.length - last.length;
    let from = first.length;
    for (const piece of between) {
      const found = text.indexOf(piece, from);
      if (found < 0) return false;
      from = found + piece.length;
    }
    return from <= end;
  };
}
