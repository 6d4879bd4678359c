import { format } from "@cfworker/json-schema";
import type { Json, JsonObject } from "../../domain/json";
import { setOwn } from "../../domain/json";
import { boundedPattern } from "../expression";
import type { Check, Place } from "./checking";
import type { Compiler } from "./compile";
import { canonical, isMultipleOf } from "./equality";
import { isObject, type Path } from "./references";

/** Formats of draft 4. Others say something to people, and are not checked. */
const FORMATS = ["date-time", "email", "hostname", "ipv4", "ipv6", "uri"];
/** Characters of a text that can be of one of these formats: longer ones are not looked at, and do not match. */
const MAX_FORMAT_CHARS = 4_000;
const TYPES = ["array", "boolean", "integer", "null", "number", "object", "string"];
/** Characters of a text or number that are shown in a reason. */
const SHOWN_CHARS = 60;

/** Makes the check of one keyword; nothing when there is nothing to check. */
type Keyword = (value: Json, context: KeywordContext) => Check | undefined;

interface KeywordContext {
  schema: JsonObject;
  path: Path;
  compiler: Compiler;
}

/** The checks of all keywords of a schema. What is written wrongly is complained of. */
export function keywordsOf(schema: JsonObject, path: Path, compiler: Compiler): Check[] {
  const checks: Check[] = [];
  for (const key of Object.keys(schema)) {
    const keyword = Object.hasOwn(KEYWORDS, key) ? KEYWORDS[key] : undefined;
    if (keyword === undefined) continue;
    const context = { schema, path: [...path, key], compiler };
    const check = keyword(schema[key] as Json, context);
    if (check !== undefined) checks.push(check);
  }
  const { check } = fieldsOf(schema, path, compiler);
  if (check !== undefined) checks.push(check);
  const items = itemsOf(schema, path, compiler);
  if (items !== undefined) checks.push(items);
  return checks;
}

const KEYWORDS: Record<string, Keyword> = {
  id: text,
  title: text,
  description: text,
  type(value, { path, compiler }) {
    const names = Array.isArray(value) ? value : [value];
    const known = names.every((name) => typeof name === "string" && TYPES.includes(name));
    if (!known || names.length === 0 || new Set(names).size < names.length) {
      compiler.complain(path, `\`type\` is one of ${TYPES.join(", ")}, or a list of them`);
      return undefined;
    }
    const wanted = names as string[];
    const expected = wanted.join(" or ");
    return (given, place, checking) => {
      const type = typeOf(given);
      if (wanted.includes(type)) return true;
      if (type === "integer" && wanted.includes("number")) return true;
      return checking.fail(place, `expected ${expected}, found ${type}`);
    };
  },
  enum(value, { path, compiler }) {
    if (!Array.isArray(value) || value.length === 0) {
      compiler.complain(path, "`enum` is a list of at least one value");
      return undefined;
    }
    const allowed = new Set(value.map((each) => canonical(each)));
    const listed = shown([...allowed].join(", "));
    return (given, place, checking) =>
      allowed.has(canonical(given, checking)) || checking.fail(place, `expected one of ${listed}`);
  },
  minimum: (value, context) => bound(value, context, "exclusiveMinimum", (given, limit) => given - limit),
  maximum: (value, context) => bound(value, context, "exclusiveMaximum", (given, limit) => limit - given),
  exclusiveMinimum: flag,
  exclusiveMaximum: flag,
  multipleOf(value, { path, compiler }) {
    if (typeof value !== "number" || value <= 0) {
      compiler.complain(path, "`multipleOf` is a number greater than 0");
      return undefined;
    }
    return (given, place, checking) =>
      typeof given !== "number" ||
      isMultipleOf(given, value) ||
      checking.fail(place, `expected a multiple of ${value}`);
  },
  minLength: (value, context) =>
    size(
      value,
      context,
      "characters",
      (given) => (typeof given === "string" ? characters(given) : undefined),
      1,
    ),
  maxLength: (value, context) =>
    size(
      value,
      context,
      "characters",
      (given) => (typeof given === "string" ? characters(given) : undefined),
      -1,
    ),
  minItems: (value, context) =>
    size(value, context, "elements", (given) => (Array.isArray(given) ? given.length : undefined), 1),
  maxItems: (value, context) =>
    size(value, context, "elements", (given) => (Array.isArray(given) ? given.length : undefined), -1),
  minProperties: (value, context) =>
    size(value, context, "fields", (given) => (isObject(given) ? Object.keys(given).length : undefined), 1),
  maxProperties: (value, context) =>
    size(value, context, "fields", (given) => (isObject(given) ? Object.keys(given).length : undefined), -1),
  pattern(value, { path, compiler }) {
    const matches = patternOf(value, path, compiler);
    const source = shown(String(value));
    return (given, place, checking) => {
      if (typeof given !== "string") return true;
      checking.spend(1 + (given.length >> 4));
      const found = matches(given);
      if (found === true) return true;
      const reason =
        found === "too_long"
          ? `${given.length} characters are too many for the pattern ${source}, which could take too long on them`
          : `expected text that matches the pattern ${source}`;
      return checking.fail(place, reason);
    };
  },
  format(value, context) {
    if (text(value, context) !== undefined || typeof value !== "string" || !FORMATS.includes(value))
      return undefined;
    const matches = format[value] as (given: string) => boolean;
    return (given, place, checking) =>
      typeof given !== "string" ||
      (given.length <= MAX_FORMAT_CHARS && matches(given)) ||
      checking.fail(place, `expected text of the format ${value}`);
  },
  required(value, { path, compiler }) {
    const names = namesOf(value);
    if (names === undefined || names.length === 0) {
      compiler.complain(path, "`required` is a list of at least one name, each once");
      return undefined;
    }
    return (given, place, checking) => {
      if (!isObject(given)) return true;
      checking.spend(names.length >> 4);
      let passed = true;
      for (const name of names) {
        if (Object.hasOwn(given, name)) continue;
        passed = checking.fail({ up: place, step: name }, "is required and missing");
        if (checking.hurried) break;
      }
      return passed;
    };
  },
  uniqueItems(value, context) {
    flag(value, context);
    if (value !== true) return undefined;
    return (given, place, checking) => {
      if (!Array.isArray(given)) return true;
      const seen = new Map<string, number>();
      for (const [index, each] of given.entries()) {
        const key = canonical(each, checking);
        const twin = seen.get(key);
        if (twin !== undefined) {
          return checking.fail(
            { up: place, step: index },
            `expected no element twice, and this one is that of index ${twin}`,
          );
        }
        seen.set(key, index);
      }
      return true;
    };
  },
  dependencies(value, { path, compiler }) {
    if (!isObject(value)) {
      compiler.complain(path, "`dependencies` has a schema or a list of names for each name");
      return undefined;
    }
    const rules = Object.entries(value).map(([name, rule]): [string, Check] => {
      if (!Array.isArray(rule)) return [name, compiler.schema(rule, [...path, name])];
      const needed = namesOf(rule);
      if (needed === undefined) compiler.complain([...path, name], "is a list of names, each once");
      return [
        name,
        (given, place, checking) => {
          const missing = needed?.find((each) => !Object.hasOwn(given as JsonObject, each));
          return (
            missing === undefined ||
            checking.fail({ up: place, step: missing }, `is required beside ${shown(name)}`)
          );
        },
      ];
    });
    return (given, place, checking) =>
      !isObject(given) ||
      rules.every(([name, check]) => !Object.hasOwn(given, name) || check(given, place, checking));
  },
  allOf: (value, context) => {
    const checks = listOf(value, context);
    return (given, place, checking) => {
      let passed = true;
      for (const check of checks) if (!check(given, place, checking)) passed = false;
      return passed;
    };
  },
  anyOf: (value, context) => {
    const checks = listOf(value, context);
    return (given, place, checking) =>
      checking.quietly(() => checks.some((check) => check(given, place, checking))) ||
      checking.fail(
        place,
        `expected a value of one of the ${checks.length} kinds under \`anyOf\`, and it is of none`,
      );
  },
  oneOf: (value, context) => {
    const checks = listOf(value, context);
    return (given, place, checking) => {
      let found = 0;
      checking.quietly(() => {
        for (const check of checks) if (check(given, place, checking)) found += 1;
        return true;
      });
      return (
        found === 1 ||
        checking.fail(
          place,
          `expected a value of exactly one of the ${checks.length} kinds under \`oneOf\`, and it is of ${found}`,
        )
      );
    };
  },
  not: (value, { path, compiler }) => {
    const check = compiler.schema(value, path);
    return (given, place, checking) =>
      !checking.quietly(() => check(given, place, checking)) ||
      checking.fail(place, "is what the schema excludes under `not`");
  },
  definitions: group,
};

/** `properties`, `patternProperties` and `additionalProperties`, which make sense only together. */
function fieldsOf(schema: JsonObject, path: Path, compiler: Compiler): { check: Check | undefined } {
  const own = (key: string) => (Object.hasOwn(schema, key) ? schema[key] : undefined);
  const properties = group(own("properties"), { schema, path: [...path, "properties"], compiler });
  const patterns = group(own("patternProperties"), {
    schema,
    path: [...path, "patternProperties"],
    compiler,
  });
  const additional = own("additionalProperties");
  if (
    properties === undefined &&
    patterns === undefined &&
    (additional === undefined || additional === true)
  ) {
    return { check: undefined };
  }
  const named: Record<string, Check> = {};
  for (const [name, value] of Object.entries((own("properties") ?? {}) as JsonObject)) {
    setOwn(
      named as unknown as JsonObject,
      name,
      compiler.schema(value, [...path, "properties", name]) as unknown as Json,
    );
  }
  const matching = Object.entries((patterns === undefined ? {} : own("patternProperties")) as JsonObject).map(
    ([pattern, value]) => ({
      matches: patternOf(pattern, [...path, "patternProperties", pattern], compiler),
      check: compiler.schema(value, [...path, "patternProperties", pattern]),
    }),
  );
  const rest =
    additional === undefined || typeof additional === "boolean"
      ? undefined
      : compiler.schema(additional, [...path, "additionalProperties"]);
  return {
    check(value, place, checking) {
      if (!isObject(value)) return true;
      let passed = true;
      for (const name of Object.keys(value)) {
        checking.spend(1 + matching.length);
        const here: Place = { up: place, step: name };
        const field = value[name] as Json;
        let covered = false;
        if (Object.hasOwn(named, name)) {
          covered = true;
          if (!(named[name] as Check)(field, here, checking)) passed = false;
        }
        for (const { matches, check } of matching) {
          const found = matches(name);
          if (found === "too_long")
            passed = checking.fail(here, "is too long a name for the patterns of the schema");
          if (found === false) continue;
          covered = true;
          if (!check(field, here, checking)) passed = false;
        }
        if (!covered && additional === false)
          passed = checking.fail(here, "is a field that the schema does not have");
        if (!covered && rest !== undefined && !rest(field, here, checking)) passed = false;
        if (!passed && checking.hurried) return false;
      }
      return passed;
    },
  };
}

/** `items` and `additionalItems`. */
function itemsOf(schema: JsonObject, path: Path, compiler: Compiler): Check | undefined {
  if (Object.hasOwn(schema, "additionalItems") && typeof schema.additionalItems !== "boolean") {
    compiler.schema(schema.additionalItems as Json, [...path, "additionalItems"]);
  }
  if (!Object.hasOwn(schema, "items")) return undefined;
  const items = schema.items as Json;
  if (!Array.isArray(items)) {
    const each = compiler.schema(items, [...path, "items"]);
    return elements(() => each);
  }
  const first = items.map((item, index) => compiler.schema(item, [...path, "items", index]));
  const additional = Object.hasOwn(schema, "additionalItems") ? schema.additionalItems : true;
  if (additional === true) return elements((index) => first[index]);
  if (additional === false) {
    const none: Check = (_value, place, checking) =>
      checking.fail(place, `is one element more than the ${first.length} that the schema has`);
    return elements((index) => first[index] ?? none);
  }
  const rest = compiler.schema(additional as Json, [...path, "additionalItems"]);
  return elements((index) => first[index] ?? rest);
}

function elements(checkOf: (index: number) => Check | undefined): Check {
  return (value, place, checking) => {
    if (!Array.isArray(value)) return true;
    let passed = true;
    for (let index = 0; index < value.length; index += 1) {
      const check = checkOf(index);
      if (check === undefined) break;
      if (check(value[index] as Json, { up: place, step: index }, checking)) continue;
      passed = false;
      if (checking.hurried) break;
    }
    return passed;
  };
}

function bound(
  value: Json,
  { schema, path, compiler }: KeywordContext,
  exclusiveKey: string,
  distance: (given: number, limit: number) => number,
): Check | undefined {
  if (typeof value !== "number") {
    compiler.complain(path, `\`${path.at(-1)}\` is a number`);
    return undefined;
  }
  const exclusive = Object.hasOwn(schema, exclusiveKey) && schema[exclusiveKey] === true;
  const least = exclusiveKey === "exclusiveMinimum";
  const expected = `expected ${exclusive ? (least ? "more than" : "less than") : least ? "at least" : "at most"} ${value}`;
  return (given, place, checking) => {
    if (typeof given !== "number") return true;
    const far = distance(given, value);
    return (exclusive ? far > 0 : far >= 0) || checking.fail(place, expected);
  };
}

function size(
  value: Json,
  { path, compiler }: KeywordContext,
  what: string,
  measure: (given: Json) => number | undefined,
  sign: 1 | -1,
): Check | undefined {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) {
    compiler.complain(path, `\`${path.at(-1)}\` is a whole number, 0 or more`);
    return undefined;
  }
  const expected = `expected at ${sign > 0 ? "least" : "most"} ${value} ${what}`;
  return (given, place, checking) => {
    const measured = measure(given);
    if (measured === undefined) return true;
    checking.spend(measured >> 6);
    return (measured - value) * sign >= 0 || checking.fail(place, `${expected}, found ${measured}`);
  };
}

function listOf(value: Json, { path, compiler }: KeywordContext): Check[] {
  if (!Array.isArray(value) || value.length === 0) {
    compiler.complain(path, `\`${path.at(-1)}\` is a list of at least one schema`);
    return [];
  }
  return value.map((each, index) => compiler.schema(each, [...path, index]));
}

/** Complains of what is no object of schemas by name. @returns something when it is one */
function group(value: Json | undefined, { path, compiler }: KeywordContext): Check | undefined {
  if (value === undefined) return undefined;
  if (!isObject(value)) compiler.complain(path, `\`${path.at(-1)}\` has a schema for each name`);
  return isObject(value) ? () => true : undefined;
}

function flag(value: Json, { path, compiler }: KeywordContext): undefined {
  if (typeof value !== "boolean") {
    compiler.complain(path, `in draft 4 \`${path.at(-1)}\` is true or false`);
  }
  return undefined;
}

function text(value: Json, { path, compiler }: KeywordContext): undefined {
  if (typeof value !== "string") compiler.complain(path, `\`${path.at(-1)}\` is a text`);
  return undefined;
}

function patternOf(source: Json, path: Path, compiler: Compiler): (given: string) => boolean | "too_long" {
  const pattern = typeof source === "string" ? boundedPattern(source) : { refused: "is no text" };
  if ("test" in pattern) return (given) => pattern.test(given);
  compiler.complain(path, `the pattern ${pattern.refused}`);
  return () => true;
}

function namesOf(value: Json): string[] | undefined {
  if (!Array.isArray(value) || !value.every((name) => typeof name === "string")) return undefined;
  return new Set(value).size === value.length ? (value as string[]) : undefined;
}

function typeOf(value: Json): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

/** Unicode characters, not UTF-16 units. */
function characters(value: string): number {
  let count = value.length;
  for (let at = 0; at < value.length - 1; at += 1) {
    const first = value.charCodeAt(at);
    if (first < 0xd800 || first > 0xdbff) continue;
    const second = value.charCodeAt(at + 1);
    if (second >= 0xdc00 && second <= 0xdfff) count -= 1;
  }
  return count;
}

function shown(source: string): string {
  return source.length <= SHOWN_CHARS ? source : `${source.slice(0, SHOWN_CHARS)}…`;
}
