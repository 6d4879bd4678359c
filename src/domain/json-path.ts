import type { Json, JsonObject } from "./json";

/** Steps from a document to a value in it: field names and list indexes. */
export type JsonPath = readonly (string | number)[];

const STEP = /\.([\p{L}_$][\p{L}\p{N}_$-]*)|\[(\d{1,9})\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]/uy;

/**
 * Parses the part of JSONPath (RFC 9535) that names one place: `$`, `$.orders`, `$['my orders'].list`, `$.pages[0].rows`. A last
 * `[*]` may be written and changes nothing. Returns `undefined` for anything else: filters, slices and `..` name many.
 */
export function parseJsonPath(source: string): JsonPath | undefined {
  if (!source.startsWith("$")) return undefined;
  const text = source.endsWith("[*]") ? source.slice(0, -3) : source;
  const path: (string | number)[] = [];
  STEP.lastIndex = 1;
  while (STEP.lastIndex < text.length) {
    const match = STEP.exec(text);
    if (match === null) return undefined;
    const [, field, index, single, double] = match;
    if (index !== undefined) path.push(Number(index));
    else path.push(field ?? (single ?? double ?? "").replace(/\\(.)/gu, "$1"));
  }
  return path;
}

/** The value at `path`; `undefined` when there is none. Own properties only. */
export function valueAt(document: Json | undefined, path: JsonPath): Json | undefined {
  let value: Json | undefined = document;
  for (const step of path) {
    if (typeof step === "number") value = Array.isArray(value) ? value[step] : undefined;
    else if (
      typeof value === "object" &&
      value !== null &&
      !Array.isArray(value) &&
      Object.hasOwn(value, step)
    ) {
      value = (value as JsonObject)[step];
    } else return undefined;
  }
  return value;
}

/** A JSON Pointer (RFC 6901) of the given steps. */
export function pointer(...steps: readonly (string | number)[]): string {
  let text = "";
  for (const step of steps) text += `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`;
  return text;
}
