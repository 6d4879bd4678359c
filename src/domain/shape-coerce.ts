import type { Problem } from "./errors";
import { type Json, type JsonObject, joinPath, setOwn } from "./json";
import { MAX_SHAPE_PROBLEMS } from "./limits";
import { compileCheck, isObject, mismatch, ownField } from "./shape-check";
import type { ShapeNode } from "./shape-source";

/** What became of a value: it now has the shape, or the reasons why it cannot. */
export type Coerced = { ok: true; value: Json } | { ok: false; problems: Problem[] };

/** Makes a value fit where nothing is lost; see `Shape.coerce`. An absent optional value comes out as null. */
export function coerceValue(node: ShapeNode, value: unknown, path: string): Coerced {
  const problems: Problem[] = [];
  const coerced = coerce(node, value, path, problems);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: coerced ?? null };
}

/** The value in its shape; undefined when it is absent or a problem was found. */
function coerce(node: ShapeNode, value: unknown, path: string, problems: Problem[]): Json | undefined {
  if (problems.length >= MAX_SHAPE_PROBLEMS) return undefined;
  if (node.optional && (value === undefined || value === null)) return value;
  if (node.kind === "list") return coerceList(node, value, path, problems);
  if (node.kind === "fields" && isObject(value)) {
    if (node.fields.length === 0) return value as JsonObject;
    const kept: JsonObject = {};
    for (const { name, shape } of node.fields) {
      const field = coerce(shape, ownField(value, name), joinPath(path, name), problems);
      if (field !== undefined) setOwn(kept, name, field);
    }
    return kept;
  }
  const scalar = coerceScalar(node, value);
  if (scalar === undefined) problems.push({ path, reason: mismatch(node, value) });
  return scalar;
}

function coerceList(
  node: ShapeNode & { kind: "list" },
  value: unknown,
  path: string,
  problems: Problem[],
): Json | undefined {
  // Expressions yield nothing for no match and the thing itself for one match; the declared shape tells them apart.
  if (value === undefined) return [];
  if (value === null && !node.item.optional) {
    problems.push({ path, reason: mismatch(node, value) });
    return undefined;
  }
  if (!Array.isArray(value)) return [coerce(node.item, value, path, problems) ?? null];
  const list: Json[] = [];
  for (let i = 0; i < value.length; i++) {
    if (problems.length >= MAX_SHAPE_PROBLEMS) break;
    list.push(coerce(node.item, value[i], `${path}[${i}]`, problems) ?? null);
  }
  return list;
}

const STRICT = new Map<ShapeNode["kind"], (value: unknown) => boolean>();

/** Whether a scalar has its type already. */
function fits(kind: ShapeNode["kind"], value: unknown): boolean {
  let check = STRICT.get(kind);
  if (check === undefined) {
    check = compileCheck({ kind, optional: false } as ShapeNode);
    STRICT.set(kind, check);
  }
  return check(value);
}

function coerceScalar(node: ShapeNode, value: unknown): Json | undefined {
  const { kind } = node;
  if (kind === "fields") return undefined;
  if (fits(kind, value)) return value as Json;
  if (
    kind === "string" &&
    ((typeof value === "number" && Number.isFinite(value)) || typeof value === "boolean")
  ) {
    return String(value);
  }
  if ((kind === "number" || kind === "integer") && typeof value === "string") {
    const number = exactNumber(value);
    return number !== undefined && fits(kind, number) ? number : undefined;
  }
  return undefined;
}

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?$/;

/** Longest text taken for a number, in characters: the shortest form of any double fits in 25. */
const MAX_NUMBER_CHARS = 400;

/**
 * The number that a text writes, if a double holds it without losing a digit. `1.50` is exact, `12345678901234567890`
 * is not.
 */
export function exactNumber(text: string): number | undefined {
  if (text.length > MAX_NUMBER_CHARS) return undefined;
  const written = significant(text);
  if (written === undefined) return undefined;
  const number = Number(text);
  return Number.isFinite(number) && significant(String(number)) === written ? number : undefined;
}

/** A decimal's sign, digits and exponent without the zeros that do not matter, to compare two spellings. */
function significant(text: string): string | undefined {
  const match = NUMBER.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  const digits = (whole + fraction).replace(/^0+/, "");
  const trimmed = digits.replace(/0+$/, "");
  if (trimmed === "") return "0";
  return `${sign}${trimmed}e${Number(exponent) - fraction.length + digits.length - trimmed.length}`;
}

/** Reads what travels as text only: query parameters and form fields. See `Shape.coerceStrings`. */
export function coerceFields(
  node: ShapeNode,
  given: Readonly<Record<string, string | readonly string[]>>,
  path: string,
): Coerced {
  const problems: Problem[] = [];
  const value: JsonObject = {};
  for (const name of Object.keys(given)) {
    const text = given[name] as string | readonly string[];
    setOwn(value, name, typeof text === "string" ? text : [...text]);
  }
  if (node.kind !== "fields") {
    const ok = node.kind === "object" || node.kind === "any";
    return ok ? { ok, value } : { ok, problems: [{ path, reason: mismatch(node, value) }] };
  }
  for (const { name, shape } of node.fields) {
    if (problems.length >= MAX_SHAPE_PROBLEMS) break;
    const read = readText(shape, ownField(value, name), joinPath(path, name), problems);
    if (read === undefined) delete value[name];
    else setOwn(value, name, read);
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value };
}

function readText(node: ShapeNode, given: unknown, path: string, problems: Problem[]): Json | undefined {
  if (problems.length >= MAX_SHAPE_PROBLEMS) return undefined;
  // A form sends its empty fields too.
  if (
    node.optional &&
    (given === undefined || (given === "" && node.kind !== "string" && node.kind !== "any"))
  ) {
    return undefined;
  }
  if (node.kind === "list") {
    const texts = given === undefined ? [] : Array.isArray(given) ? given : [given];
    return texts.map((text, i) => readText(node.item, text, `${path}[${i}]`, problems) ?? null);
  }
  if (Array.isArray(given) && node.kind !== "any") {
    problems.push({ path, reason: `is given ${given.length} times; give it once` });
    return undefined;
  }
  if (node.kind === "boolean" && (given === "true" || given === "false")) return given === "true";
  const scalar = coerceScalar(node, given);
  if (scalar === undefined) problems.push({ path, reason: mismatch(node, given) });
  return scalar;
}
