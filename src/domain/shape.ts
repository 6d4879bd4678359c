import type { Problem } from "./errors";
import type { JsonObject } from "./json";
import { MAX_SHAPE_PROBLEMS } from "./limits";
import { compileCheck, explain } from "./shape-check";
import { type Coerced, coerceFields, coerceValue } from "./shape-coerce";
import { describeShape, shapeSchema } from "./shape-schema";
import { faultPath, readShape, type ShapeFault, type ShapeNode, ShapeSource } from "./shape-source";

export { type Coerced, ShapeSource };

/** A declared shape, compiled once and used on every call. */
export interface Shape {
  /** Whether the whole may be absent or null. */
  readonly optional: boolean;
  /**
   * Whether a value has the shape, strict about JSON types; fields that are not declared are allowed. When it has not,
   * the problems are appended until there are `limit` of them (default MAX_SHAPE_PROBLEMS).
   * @param path Where the value is, to begin the problems' paths with: `input.companies`, or empty.
   */
  validate(value: unknown, path: string, problems: Problem[], limit?: number): boolean;
  /**
   * Makes a flow's result fit the shape where nothing is lost: a number or boolean becomes a string, a numeric string a
   * number, one thing a list of it, nothing an empty list. Of an object only the declared fields are kept, if any are
   * declared. Digits are never lost: a string that no number holds exactly is a problem.
   */
  coerce(value: unknown, path?: string): Coerced;
  /**
   * Reads query parameters or form fields, where everything is text: `"12"` becomes 12 where a number is declared,
   * repeated names a list. An empty text counts as absent where the field is optional and no string. Fields that are
   * not declared stay as they are.
   */
  coerceStrings(fields: Readonly<Record<string, string | readonly string[]>>, path?: string): Coerced;
  /** JSON Schema 2020-12, for OpenAPI. */
  toJsonSchema(): JsonObject;
  /** The shape in one short line: `{ id: string, dueDate?: date, tags: string[] }`. */
  describe(): string;
}

/**
 * Compiles a written shape into closures.
 * @param source A shape that passed `ShapeSource`.
 * @throws {TypeError} when it did not: that is a bug of the caller.
 */
export function compileShape(source: ShapeSource): Shape {
  const faults: ShapeFault[] = [];
  const node = readShape(source, faults);
  const fault = faults[0];
  if (fault) throw new TypeError(`invalid shape at ${faultPath(fault.path) || "its root"}: ${fault.reason}`);
  return shapeOf(node);
}

function shapeOf(node: ShapeNode): Shape {
  const check = compileCheck(node);
  return {
    optional: node.optional,
    validate(value, path, problems, limit = MAX_SHAPE_PROBLEMS) {
      if (check(value)) return true;
      explain(node, value, path, problems, limit);
      return false;
    },
    coerce: (value, path = "") => coerceValue(node, value, path),
    coerceStrings: (fields, path = "") => coerceFields(node, fields, path),
    toJsonSchema: () => shapeSchema(node),
    describe: () => describeShape(node),
  };
}
