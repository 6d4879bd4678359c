import { hostileText } from "./hostile";
import type { Random } from "./random";

/** What the fuzzer reads of a JSON Schema in the OpenAPI document. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
}

/** Depth at which optional parts are left out, so that recursive schemas come to an end. */
const DEEP = 6;

/**
 * Values that a schema describes, more or less.
 * @param known right values of a property or parameter, by its name
 */
export function fromSchema(
  schema: Schema,
  name: string,
  random: Random,
  components: Record<string, Schema>,
  known: (name: string) => unknown,
  depth = 0,
): unknown {
  const next = (part: Schema, called: string) =>
    fromSchema(part, called, random, components, known, depth + 1);
  if (depth > DEEP * 2) return null;
  if (schema.$ref !== undefined) {
    const target = components[schema.$ref.split("/").at(-1) ?? ""];
    return target === undefined ? null : next(target, name);
  }
  if ("const" in schema) return schema.const;
  if (schema.enum !== undefined) return random.pick(schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined && choices.length > 0) return next(random.pick(choices), name);
  if (schema.allOf !== undefined) {
    const parts = schema.allOf.map((part) => next(part, name));
    return parts.every((part) => typeof part === "object" && part !== null)
      ? Object.assign({}, ...parts)
      : parts[0];
  }
  const type = Array.isArray(schema.type) ? random.pick(schema.type) : schema.type;
  if (type === "object") {
    const wanted = Object.entries(schema.properties ?? {}).filter(
      ([key]) => schema.required?.includes(key) === true || (depth < DEEP && random.percent(50)),
    );
    const more: [string, unknown][] =
      typeof schema.additionalProperties === "object" && depth < DEEP
        ? [["extra", next(schema.additionalProperties, "extra")]]
        : [];
    return Object.fromEntries([...wanted.map(([key, part]) => [key, next(part, key)] as const), ...more]);
  }
  if (type === "array") {
    const count = depth < DEEP ? random.below(3) : 0;
    return Array.from({ length: count }, () => next(schema.items ?? {}, name));
  }
  const right = known(name);
  if (right !== undefined) return right;
  if (type === "integer" || type === "number") {
    return random.pick([schema.minimum ?? 1, schema.maximum ?? 100, 0, 1, 2, 10]);
  }
  if (type === "boolean") return random.percent(50);
  if (type === "null") return null;
  if (schema.format === "date-time")
    return random.pick(["2030-01-01T00:00:00Z", "2000-01-01T00:00:00+02:00"]);
  if (type === "string") return random.percent(80) ? `name-${random.below(20)}` : hostileText(random);
  return random.pick([null, 1, "text", { a: 1 }, [1]]);
}
