import type { CallParameter } from "../domain/integration";
import { dereferenced, OpenApiSchema } from "../domain/openapi-document";

/** Schemas that stand inside each other by `allOf` and are looked into: descriptions nest two or three. */
const MAX_ALL_OF = 5;
/** Values of an enumeration that are kept, and characters of one: longer lists are documentation. */
const MAX_CHOICES = 50;
const MAX_CHOICE_CHARS = 100;

type Typed = Pick<CallParameter, "type" | "enum">;

/** Types that a parameter may have; whatever else a schema says of it is the other side's to check. */
const TYPES = new Set<string>(["string", "number", "integer", "boolean", "array", "object"]);

/** The type of a parameter and the values it may have, as far as its schema says so in so many words. */
export function typeOf(document: unknown, source: unknown): Typed {
  const parsed = OpenApiSchema.safeParse(dereferenced(document, source));
  if (!parsed.success) return {};
  const { type, enum: choices } = parsed.data;
  // Since OpenAPI 3.1 a type may be a list; `null` in it only says that the value may be left out.
  const types = [type ?? []].flat().filter((each) => each !== "null");
  const [only] = types;
  const kept =
    choices !== undefined && choices.length <= MAX_CHOICES && choices.every(isChoice) ? choices : undefined;
  return {
    ...(types.length === 1 && only !== undefined && TYPES.has(only)
      ? { type: only as CallParameter["type"] }
      : {}),
    ...(kept === undefined ? {} : { enum: kept as CallParameter["enum"] }),
  };
}

function isChoice(value: unknown): boolean {
  return (
    (typeof value === "string" && value.length <= MAX_CHOICE_CHARS) ||
    typeof value === "number" ||
    typeof value === "boolean"
  );
}

/** The fields that the object behind a schema must have, with their types; parts that `allOf` joins are looked into. */
export function requiredFields(document: unknown, source: unknown, depth = 0): ({ name: string } & Typed)[] {
  const parsed = OpenApiSchema.safeParse(dereferenced(document, source));
  if (!parsed.success || depth > MAX_ALL_OF) return [];
  const { required = [], properties = {}, allOf = [] } = parsed.data;
  const fields = new Map<string, { name: string } & Typed>();
  for (const part of allOf) {
    for (const field of requiredFields(document, part, depth + 1)) fields.set(field.name, field);
  }
  for (const name of required) {
    const schema = Object.hasOwn(properties, name) ? properties[name] : undefined;
    fields.set(name, { name, ...typeOf(document, schema) });
  }
  return [...fields.values()];
}
