import { z } from "zod";

/**
 * What schemas say of a value where they have no sentence of their own. Zod's words ("Invalid input: expected array,
 * received object") name the types of a programming language; people who send JSON or YAML read these. Set for every
 * schema when this module is loaded. No message has the value itself: it may be a secret.
 */

/** Things by the names that zod has for their types. */
const NAMES: Record<string, string> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  tuple: "a list",
  object: "an object",
  record: "an object",
  null: "null",
};

/** How texts of a format are written; of others their name is all there is to say. */
const FORMATS: Record<string, string> = {
  datetime: "write a date and time such as 2026-01-31T12:00:00Z",
  date: "write a date such as 2026-01-31",
  url: "write a complete URL such as https://api.example.com/v1",
  email: "write an e-mail address such as ada@example.com",
  regex: "is not written as it has to be",
};

type RawIssue = z.core.$ZodRawIssue;

/** The sentence of an issue. @returns never empty */
export function schemaMessage(issue: RawIssue): string {
  const missing = issue.input === undefined ? "is missing; " : "";
  switch (issue.code) {
    case "invalid_type":
      return `${missing}expected ${nameOf(issue.expected)}${missing === "" ? `, got ${kindOf(issue.input)}` : ""}`;
    case "invalid_value":
      return `${missing}write ${oneOf(issue.values)}`;
    case "invalid_format":
      return FORMATS[issue.format] ?? `expected text of the format ${issue.format}`;
    case "too_big":
      return `${bound("at most", issue.origin, Number(issue.maximum), issue.inclusive)}`;
    case "too_small":
      return `${bound("at least", issue.origin, Number(issue.minimum), issue.inclusive)}`;
    case "not_multiple_of":
      return `expected a multiple of ${issue.divisor}`;
    case "unrecognized_keys":
      return `there is nothing called ${issue.keys.map((key) => JSON.stringify(key)).join(", ")} here`;
    case "invalid_union":
      return `${missing}${alternatives(issue)}`;
    default:
      return `${missing}is not what is expected here`;
  }
}

z.config({ localeError: schemaMessage });

function nameOf(type: string): string {
  return NAMES[type] ?? type;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number" && !Number.isInteger(value) && Number.isFinite(value)) return "a fraction";
  return nameOf(typeof value);
}

function oneOf(values: readonly unknown[]): string {
  return `${values.length > 1 ? "one of " : ""}${values.map(String).join(", ")}`;
}

/** A bound of a number, of a text's characters, or of how much a list or an object holds. */
function bound(side: string, origin: string, limit: number, inclusive: boolean | undefined): string {
  if (origin === "string") return `has to have ${side} ${limit} character${limit === 1 ? "" : "s"}`;
  if (["array", "set", "map", "object"].includes(origin)) {
    return `has to have ${side} ${limit} element${limit === 1 ? "" : "s"}`;
  }
  if (inclusive !== false) return `has to be ${side} ${limit}`;
  return `has to be ${side === "at most" ? "less" : "more"} than ${limit}`;
}

/** What a value may be instead, of a union none of whose branches takes it. */
function alternatives(issue: Extract<RawIssue, { code: "invalid_union" }>): string {
  if (Array.isArray(issue.options) && issue.options.length > 0) return `write ${oneOf(issue.options)}`;
  const possible = issue.errors.flatMap((issues) => {
    const own = issues.find(({ path }) => path.length === 0);
    if (own?.code === "invalid_type") return [nameOf(own.expected)];
    if (own?.code === "invalid_value") return [oneOf(own.values)];
    return [];
  });
  return possible.length === 0
    ? "is none of what may stand here"
    : `expected ${[...new Set(possible)].join(", or ")}`;
}
