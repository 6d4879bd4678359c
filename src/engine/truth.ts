import type { Json } from "../domain/json";

/**
 * Whether a value counts as true, as JSONata's `$boolean` has it: not for nothing, `null`, `false`, 0, the empty string,
 * an empty object, and lists without a true element.
 */
export function isTrue(value: Json | undefined): boolean {
  if (typeof value === "boolean") return value;
  if (value === undefined || value === null) return false;
  if (typeof value === "number") return value !== 0;
  if (typeof value === "string") return value !== "";
  if (Array.isArray(value)) return value.some(isTrue);
  return Object.keys(value).length > 0;
}
