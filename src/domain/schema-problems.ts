import type { z } from "zod";
import type { Problem } from "./errors";
import { pointer } from "./json-path";
import { nearest } from "./nearest";
import "./schema-messages";

/** The parts of a zod schema's definition that are needed to find the schema of a place inside it. */
interface SchemaDef {
  type: string;
  shape?: Record<string, AnySchema>;
  element?: AnySchema;
  valueType?: AnySchema;
  innerType?: AnySchema;
  in?: AnySchema;
  getter?: () => AnySchema;
  options?: readonly AnySchema[];
}
interface AnySchema {
  _zod: { def: SchemaDef };
}

function unwrapped(schema: AnySchema): AnySchema {
  const { innerType, in: input, getter } = schema._zod.def;
  const inner = innerType ?? input ?? getter?.();
  return inner === undefined ? schema : unwrapped(inner);
}

/** The object schemas that stand at `path` inside `schema`. */
function objectsAt(schema: AnySchema, path: readonly PropertyKey[]): Record<string, AnySchema>[] {
  const plain = unwrapped(schema);
  const def = plain._zod.def;
  if (def.options !== undefined) return def.options.flatMap((option) => objectsAt(option, path));
  const [step, ...rest] = path;
  if (step === undefined) return def.shape === undefined ? [] : [def.shape];
  const field = String(step);
  const known = def.shape !== undefined && Object.hasOwn(def.shape, field) ? def.shape[field] : undefined;
  const next = known ?? def.element ?? def.valueType;
  return next === undefined ? [] : objectsAt(next, rest);
}

interface Issue {
  code?: string;
  path: readonly PropertyKey[];
  message: string;
  keys?: readonly string[];
  /** Of a union: what each branch found. */
  errors?: readonly (readonly Issue[])[];
  /** Of a wrong key: what its own schema found. */
  issues?: readonly Issue[];
  /** Of a value that is none of a list. */
  values?: readonly unknown[];
}

/**
 * What a zod schema found wrong, as problems with JSON Pointers. A field that the schema does not know comes with the
 * nearest one that it does.
 */
export function schemaProblems(
  schema: z.ZodType,
  error: z.ZodError,
  at: readonly (string | number)[] = [],
): Problem[] {
  const problems: Problem[] = [];
  const visit = (issue: Issue, base: readonly PropertyKey[]): void => {
    const path = [...base, ...issue.path];
    if (issue.code === "unrecognized_keys" && issue.keys !== undefined) {
      const known = objectsAt(schema as unknown as AnySchema, path).flatMap((shape) => Object.keys(shape));
      for (const key of issue.keys) {
        const closest = nearest(key, known);
        problems.push({
          path: pointer(...at, ...(path as (string | number)[]), key),
          reason: `there is no setting "${key}" here${known.length > 0 && known.length <= 12 ? `; known are ${known.join(", ")}` : ""}`,
          ...(closest === undefined ? {} : { nearest: closest }),
        });
      }
      return;
    }
    // Of a union the branch that came furthest says best what is wrong.
    if (issue.code === "invalid_union" && issue.errors !== undefined) {
      const furthest = issue.errors
        .flat()
        .filter(({ path: inner, code }) => inner.length > 0 || code === "unrecognized_keys")
        .sort((left, right) => right.path.length - left.path.length)[0];
      if (furthest !== undefined) {
        visit(furthest, path);
        return;
      }
    }
    const place = pointer(...at, ...(path as (string | number)[]));
    if (issue.code === "invalid_key" && issue.issues !== undefined) {
      for (const inner of issue.issues) problems.push(wrongKey(place, String(path.at(-1)), inner));
      return;
    }
    problems.push({ path: place, reason: issue.message });
  };
  for (const issue of error.issues as readonly Issue[]) visit(issue, []);
  return problems;
}

/** A key of a record that is none of the possible ones, or not formed as they are. */
function wrongKey(path: string, key: string, issue: Issue): Problem {
  if (issue.values === undefined) return { path, reason: issue.message };
  const known = issue.values.map(String);
  const closest = nearest(key, known);
  return {
    path,
    reason: `there is no "${key}" here; known are ${known.join(", ")}`,
    ...(closest === undefined ? {} : { nearest: closest }),
  };
}
