import type { Json } from "../domain/json";

/** Kinds of values in the order in which they sort among each other. */
function rank(value: Json | undefined): number {
  if (typeof value === "boolean") return 0;
  if (typeof value === "number") return 1;
  if (typeof value === "string") return 2;
  return value === null || value === undefined ? 4 : 3;
}

/**
 * A total order over JSON: booleans, numbers, strings by code point, lists and objects by their JSON, nothing last.
 * Returns a negative number, 0 or a positive number.
 */
export function compareValues(left: Json | undefined, right: Json | undefined): number {
  const difference = rank(left) - rank(right);
  if (difference !== 0) return difference;
  if (typeof left === "number" || typeof left === "boolean") return Number(left) - Number(right);
  if (typeof left === "string") return left < (right as string) ? -1 : left > (right as string) ? 1 : 0;
  if (left === null || left === undefined) return 0;
  const [a, b] = [JSON.stringify(left), JSON.stringify(right)];
  return a < b ? -1 : a > b ? 1 : 0;
}
