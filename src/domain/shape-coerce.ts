import { exactNumber } from "./decimal";
import type { Problem } from "./errors";
import { type Json, type JsonObject, joinPath, setOwn } from "./json";
import { MAX_SHAPE_PROBLEMS } from "./limits";
import { isObject, mismatch, ownField, SCALARS } from "./shape-check";
import type { ShapeNode } from "./shape-source";

/** What became of a value: it now has the shape, or the reasons why it cannot. */
export type Coerced = { ok: true; value: Json } | { ok: false; problems: Problem[] };

/** Makes a value fit where nothing is lost; see `Shape.coerce`. An absent optional value comes out as null. */
export function coerceValue(node: ShapeNode, value: unknown, path: string): Coerced {
  // Nearly every value fits, so the first pass builds no paths and stops at the first problem; only then a second one
  // walks again to word them all.
  const coerced = coerce(node, value, undefined);
  if (coerced !== MISFIT) return { ok: true, value: coerced ?? null };
  const report: Report = { path, problems: [] };
  coerce(node, value, report);
  return { ok: false, problems: report.problems };
}

/** Stands for a value that cannot be made to fit. */
const MISFIT = Symbol("misfit");

/** Where problems go, and where in the value we are. Absent in the first pass. */
interface Report {
  readonly path: string;
  readonly problems: Problem[];
}

function misfit(node: ShapeNode, value: unknown, report: Report | undefined): typeof MISFIT {
  if (report && report.problems.length < MAX_SHAPE_PROBLEMS) {
    report.problems.push({ path: report.path, reason: mismatch(node, value) });
  }
  return MISFIT;
}

/** The value in its shape; undefined when it is absent. */
function coerce(
  node: ShapeNode,
  value: unknown,
  report: Report | undefined,
): Json | undefined | typeof MISFIT {
  if (node.optional && (value === undefined || value === null)) return value;
  if (node.kind === "list") return coerceList(node, value, report);
  if (node.kind === "fields") return coerceObject(node, value, report);
  const scalar = coerceScalar(node, value);
  return scalar === undefined ? misfit(node, value, report) : scalar;
}

type Fields = ShapeNode & { kind: "fields" };
type List = ShapeNode & { kind: "list" };

function coerceObject(node: Fields, value: unknown, report: Report | undefined): Json | typeof MISFIT {
  if (!isObject(value)) return misfit(node, value, report);
  if (node.fields.length === 0) return value as JsonObject;
  const kept: JsonObject = {};
  let fits = true;
  for (const { name, shape } of node.fields) {
    const inside = report && { ...report, path: joinPath(report.path, name) };
    const field = coerce(shape, ownField(value, name), inside);
    if (field === MISFIT) {
      if (!canGoOn(report)) return MISFIT;
      fits = false;
    } else if (field !== undefined) setOwn(kept, name, field);
  }
  return fits ? kept : MISFIT;
}

function coerceList(node: List, value: unknown, report: Report | undefined): Json | typeof MISFIT {
  // Expressions yield nothing for no match and the thing itself for one match; the declared shape tells them apart.
  if (value === undefined) return [];
  if (value === null && !node.item.optional) return misfit(node, value, report);
  if (!Array.isArray(value)) {
    const only = coerce(node.item, value, report);
    return only === MISFIT ? MISFIT : [only ?? null];
  }
  const list: Json[] = [];
  let fits = true;
  for (let i = 0; i < value.length; i++) {
    const item = coerce(node.item, value[i], report && { ...report, path: `${report.path}[${i}]` });
    if (item === MISFIT) {
      if (!canGoOn(report)) return MISFIT;
      fits = false;
    } else list.push(item ?? null);
  }
  return fits ? list : MISFIT;
}

/** Whether there is more to say after a problem. */
function canGoOn(report: Report | undefined): boolean {
  return report !== undefined && report.problems.length < MAX_SHAPE_PROBLEMS;
}

/** A scalar of its type, undefined when there is no lossless way to it. */
function coerceScalar(node: ShapeNode, value: unknown): Json | undefined {
  const { kind } = node;
  if (kind === "fields" || kind === "list") return undefined;
  const fits = SCALARS[kind];
  if (fits(value)) return value as Json;
  if (
    kind === "string" &&
    ((typeof value === "number" && Number.isFinite(value)) || typeof value === "boolean")
  ) {
    return String(value);
  }
  if ((kind === "number" || kind === "integer") && typeof value === "string") {
    const number = exactNumber(value);
    return number !== undefined && fits(number) ? number : undefined;
  }
  return undefined;
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
