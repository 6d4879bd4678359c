import { z } from "zod";
import { joinPath } from "./json";
import { MAX_SHAPE_DEPTH, MAX_SHAPE_FIELDS } from "./limits";
import { didYouMean } from "./nearest";

/** The names of types that a shape is written with. */
export const TYPE_NAMES = [
  "string",
  "number",
  "integer",
  "boolean",
  "date",
  "datetime",
  "object",
  "any",
] as const;
export type TypeName = (typeof TYPE_NAMES)[number];

/**
 * A declared shape as it is written down:
 * - a type name, with `?` for optional (may be absent or null) and `[]` for a list: `number`, `date?`, `string[]?`;
 * - `[shape]`, a list of that shape;
 * - an object of fields; a field name may end in `?`, which makes even a nested one optional.
 */
export type ShapeSource = string | ShapeSource[] | { [field: string]: ShapeSource };

/** A shape read once: what everything else about shapes works on. */
export type ShapeNode =
  | { readonly kind: TypeName; readonly optional: boolean }
  | { readonly kind: "list"; readonly optional: boolean; readonly item: ShapeNode }
  | { readonly kind: "fields"; readonly optional: boolean; readonly fields: readonly ShapeField[] };

export interface ShapeField {
  readonly name: string;
  readonly shape: ShapeNode;
}

export interface ShapeFault {
  readonly path: readonly (string | number)[];
  readonly reason: string;
}

/**
 * Reads a written shape. Faults are collected, not thrown, so that an author sees all of them at once; where there is
 * one, the node in its place stands for anything.
 */
export function readShape(source: unknown, faults: ShapeFault[]): ShapeNode {
  return new Reader(faults).read(source, [], 0);
}

const ANYTHING: ShapeNode = { kind: "any", optional: true };
const KINDS: ReadonlySet<string> = new Set(TYPE_NAMES);

class Reader {
  readonly #faults: ShapeFault[];
  #fields = 0;

  constructor(faults: ShapeFault[]) {
    this.#faults = faults;
  }

  read(source: unknown, path: readonly (string | number)[], depth: number): ShapeNode {
    if (depth > MAX_SHAPE_DEPTH) return this.#fault(path, `a shape has at most ${MAX_SHAPE_DEPTH} levels`);
    if (typeof source === "string") return this.#type(source, path, depth);
    if (Array.isArray(source)) {
      if (source.length !== 1) {
        return this.#fault(
          path,
          `a list is written as [shape], with the one shape of its items, not ${source.length}`,
        );
      }
      return { kind: "list", optional: false, item: this.read(source[0], [...path, 0], depth + 1) };
    }
    if (typeof source === "object" && source !== null) return this.#object(source, path, depth);
    return this.#fault(
      path,
      "a shape is a type name such as `string`, a list `[shape]` or an object of fields",
    );
  }

  #type(source: string, path: readonly (string | number)[], depth: number): ShapeNode {
    // Suffixes are read from the end, since the last one says what the whole is.
    let rest = source.trim();
    const optional = rest.endsWith("?");
    if (optional) rest = rest.slice(0, -1);
    if (rest.endsWith("[]")) {
      if (depth >= MAX_SHAPE_DEPTH) return this.#fault(path, `a shape has at most ${MAX_SHAPE_DEPTH} levels`);
      return { kind: "list", optional, item: this.#type(rest.slice(0, -2), path, depth + 1) };
    }
    if (KINDS.has(rest)) return { kind: rest as TypeName, optional };
    const shown = rest.length > 40 ? `${rest.slice(0, 40)}…` : rest;
    const hint = didYouMean(rest, TYPE_NAMES) || ` Types are ${TYPE_NAMES.join(", ")}.`;
    return this.#fault(path, `${JSON.stringify(shown)} is not a type.${hint}`);
  }

  #object(source: object, path: readonly (string | number)[], depth: number): ShapeNode {
    const fields: ShapeField[] = [];
    const names = new Set<string>();
    for (const [written, shape] of Object.entries(source)) {
      const here = [...path, written];
      if (++this.#fields > MAX_SHAPE_FIELDS) {
        // Said once; the remaining fields are not looked at.
        if (this.#fields === MAX_SHAPE_FIELDS + 1)
          this.#fault(path, `a shape has at most ${MAX_SHAPE_FIELDS} fields`);
        break;
      }
      const optional = written.endsWith("?");
      const name = optional ? written.slice(0, -1) : written;
      if (name === "") this.#fault(here, "a field needs a name");
      else if (names.has(name)) this.#fault(here, `the field ${JSON.stringify(name)} is declared twice`);
      names.add(name);
      const read = this.read(shape, here, depth + 1);
      fields.push({ name, shape: optional ? { ...read, optional: true } : read });
    }
    return { kind: "fields", optional: false, fields };
  }

  #fault(path: readonly (string | number)[], reason: string): ShapeNode {
    this.#faults.push({ path, reason });
    return ANYTHING;
  }
}

/** Where in a written shape, for a message: `order.lines[0].id`. */
export function faultPath(path: readonly (string | number)[]): string {
  return path.reduce<string>(
    (at, step) => (typeof step === "number" ? `${at}[${step}]` : joinPath(at, step)),
    "",
  );
}

// `unknown` plus a check, not a recursive union: a union would answer a misspelt type with one complaint per branch,
// and recursion in the schema library is not bounded.
const checked = z
  .unknown()
  .superRefine((value, context) => {
    const faults: ShapeFault[] = [];
    readShape(value, faults);
    for (const { path, reason } of faults) {
      context.addIssue({ code: "custom", message: reason, path: [...path] });
    }
  })
  .meta({
    id: "ShapeSource",
    description:
      "The shape of data: a type name (`string`, `number`, `integer`, `boolean`, `date`, `datetime`, `object`, `any`), " +
      "with `?` for optional and `[]` for a list; `[shape]` for a list; or an object of fields, whose names may end in `?`.",
    examples: [{ id: "string", "dueDate?": "date", lines: [{ amount: "number", tags: "string[]?" }] }],
  });

/** Schema of a written shape: bounded in depth and fields, with a message for each fault at its place. */
export const ShapeSource = checked as unknown as z.ZodType<ShapeSource, ShapeSource>;
