import { format } from "@cfworker/json-schema";
import type { Json, JsonObject } from "../../domain/json";
import { bound, characters, size } from "./bounds";
import type { Check } from "./checking";
import type { Compiler } from "./compile";
import { canonical, isMultipleOf } from "./equality";
import { fieldsOf } from "./fields";
import { itemsOf } from "./items";
import { flag, group, type Keyword, listOf, namesOf, patternOf, shown, text } from "./keyword";
import { isObject, type Path } from "./references";

/** Formats of draft 4. Others say something to people, and are not checked. */
const FORMATS = ["date-time", "email", "hostname", "ipv4", "ipv6", "uri"];
/** Characters of a text that can be of one of these formats: longer ones are not looked at, and do not match. */
const MAX_FORMAT_CHARS = 4_000;
const TYPES = ["array", "boolean", "integer", "null", "number", "object", "string"];
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

function typeOf(value: Json): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}
