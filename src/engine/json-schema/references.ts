import type { Problem } from "../../domain/errors";
import type { Json, JsonObject } from "../../domain/json";
import { pointer } from "../../domain/json-path";
import { MAX_SUBSCHEMAS } from "../../domain/limits";

/*
 * Where references of a draft-4 schema lead. Every schema has a base URI, which an `id` changes for it and all inside it;
 * `#/definitions/a` is a pointer from the schema that set the base, `#a` a name that some `id` gave. Nothing is ever
 * fetched: a reference that leads out of the document is refused.
 */

/** Base of a schema without an `id`: no address that anything could be fetched from. */
const OWN_BASE = "schema:///";

/** Keywords whose value is one schema, a list of them, or schemas by name. */
export const ONE = ["not"] as const;
export const LIST = ["allOf", "anyOf", "oneOf"] as const;
export const NAMED = ["definitions", "properties", "patternProperties"] as const;

export type Path = readonly (string | number)[];

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The schemas directly inside a schema, each with the way to it. */
export function* inside(schema: JsonObject): Generator<[Path, Json]> {
  const own = (key: string): Json | undefined => (Object.hasOwn(schema, key) ? schema[key] : undefined);
  for (const key of ONE) {
    const value = own(key);
    if (value !== undefined) yield [[key], value];
  }
  for (const key of LIST) {
    const value = own(key);
    if (Array.isArray(value)) for (const [index, each] of value.entries()) yield [[key, index], each];
  }
  for (const key of NAMED) {
    const value = own(key);
    if (isObject(value)) for (const [name, each] of Object.entries(value)) yield [[key, name], each];
  }
  for (const key of ["additionalProperties", "additionalItems"]) {
    const value = own(key);
    if (value !== undefined && typeof value !== "boolean") yield [[key], value];
  }
  const items = own("items");
  if (Array.isArray(items)) for (const [index, each] of items.entries()) yield [["items", index], each];
  else if (items !== undefined) yield [["items"], items];
  const dependencies = own("dependencies");
  if (isObject(dependencies)) {
    for (const [name, each] of Object.entries(dependencies)) {
      if (!Array.isArray(each)) yield [["dependencies", name], each];
    }
  }
}

/** The schemas of a document, and what references in them stand for. */
export class References {
  /** Base URI and place of each schema. */
  readonly #known = new Map<JsonObject, { base: string; path: Path }>();
  /** Schemas by absolute URI, with the fragment of those that an `id` names within a document. */
  readonly #byUri = new Map<string, JsonObject>();

  constructor(root: JsonObject, problems: Problem[]) {
    this.#byUri.set(OWN_BASE, root);
    this.add(root, OWN_BASE, [], problems);
  }

  /** Every schema found so far, with its place. */
  get schemas(): Iterable<[JsonObject, { path: Path }]> {
    return this.#known;
  }

  /** Takes a schema and all inside it. One that stands where no schema is looked for is added when it is referred to. */
  add(schema: JsonObject, outer: string, path: Path, problems: Problem[]): void {
    const waiting: { schema: JsonObject; outer: string; path: Path }[] = [{ schema, outer, path }];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (this.#known.has(next.schema)) continue;
      if (this.#known.size >= MAX_SUBSCHEMAS) {
        if (this.#known.size === MAX_SUBSCHEMAS) {
          problems.push({
            path: pointer(...next.path),
            reason: `a data schema has at most ${MAX_SUBSCHEMAS} schemas inside it (MAX_SUBSCHEMAS)`,
          });
        }
        return;
      }
      const base = this.#base(next.schema, next.outer);
      this.#known.set(next.schema, { base, path: next.path });
      for (const [step, child] of inside(next.schema)) {
        if (isObject(child)) waiting.push({ schema: child, outer: base, path: [...next.path, ...step] });
      }
    }
  }

  /** The schema that a reference stands for, or why it stands for none. */
  resolve(from: JsonObject, reference: string, problems: Problem[]): JsonObject | string {
    const base = this.#known.get(from)?.base ?? OWN_BASE;
    const target = absolute(reference, base);
    if (target === undefined) return `\`${reference}\` is no reference`;
    const { document, fragment } = split(target);
    const named = this.#byUri.get(fragment === "" ? document : `${document}#${fragment}`);
    if (named !== undefined) return named;
    const root = this.#byUri.get(document);
    if (root === undefined) {
      return `\`${reference}\` leads out of this schema; only references within it are followed, such as #/definitions/name, and nothing is fetched`;
    }
    const steps = fragment.startsWith("/") ? pointerSteps(fragment) : undefined;
    if (steps === undefined) return `\`${reference}\` leads nowhere in this schema`;
    return this.#walk(root, steps, problems) ?? `\`${reference}\` leads to no schema`;
  }

  #walk(root: JsonObject, steps: readonly string[], problems: Problem[]): JsonObject | undefined {
    let value: Json | undefined = root;
    let { base, path } = this.#known.get(root) ?? { base: OWN_BASE, path: [] };
    for (const step of steps) {
      if (Array.isArray(value)) value = /^(?:0|[1-9]\d*)$/.test(step) ? value[Number(step)] : undefined;
      else value = isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
      path = [...path, step];
      if (isObject(value)) base = this.#known.get(value)?.base ?? base;
    }
    if (!isObject(value)) return undefined;
    this.add(value, base, path, problems);
    return value;
  }

  #base(schema: JsonObject, outer: string): string {
    const id = Object.hasOwn(schema, "id") && !Object.hasOwn(schema, "$ref") ? schema.id : undefined;
    if (typeof id !== "string") return outer;
    const target = absolute(id, outer);
    if (target === undefined) return outer;
    const { document, fragment } = split(target);
    const uri = fragment === "" ? document : `${document}#${fragment}`;
    if (!this.#byUri.has(uri)) this.#byUri.set(uri, schema);
    return fragment === "" ? document : outer;
  }
}

function absolute(reference: string, base: string): string | undefined {
  return URL.parse(reference, base)?.href;
}

function split(uri: string): { document: string; fragment: string } {
  const at = uri.indexOf("#");
  if (at < 0) return { document: uri, fragment: "" };
  return { document: uri.slice(0, at), fragment: uri.slice(at + 1) };
}

/** Steps of a JSON Pointer in a URI's fragment (RFC 6901, 6). */
function pointerSteps(fragment: string): string[] | undefined {
  try {
    return fragment
      .slice(1)
      .split("/")
      .map((step) => decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~"));
  } catch {
    return undefined;
  }
}
