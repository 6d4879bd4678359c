import { type Json, type JsonObject, setOwn } from "../domain/json";

/** A copy of an item with one field set; a value that is no object becomes the field `item` of one. */
export function withField(value: Json, field: string, content: Json): JsonObject {
  const whole: JsonObject =
    typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : { item: value };
  setOwn(whole, field, content);
  return whole;
}
