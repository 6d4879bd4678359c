import { SluiceError } from "../../domain/errors";
import { type Json, type JsonObject, setOwn } from "../../domain/json";
import { MAX_SELECTED_FIELDS } from "../../domain/limits";

/**
 * `?fields=a,b.c` keeps only these fields of the answer's resource, of each entry where it is a list or a page. A dot leads
 * into a nested object; a field that there is not is left out.
 * @param listIn the member of a page that holds its entries
 */
export function selectFields(value: Json, fields: readonly string[], listIn?: string): Json {
  if (Array.isArray(value)) return value.map((entry) => selectFields(entry, fields));
  if (typeof value !== "object" || value === null) return value;
  if (listIn !== undefined && Object.hasOwn(value, listIn)) {
    return { ...value, [listIn]: selectFields(value[listIn] as Json, fields) };
  }
  const selected: JsonObject = {};
  for (const field of fields) copy(value, selected, field.split("."));
  return selected;
}

function copy(from: JsonObject, to: JsonObject, [step = "", ...rest]: string[]): void {
  if (!Object.hasOwn(from, step)) return;
  const value = from[step] as Json;
  if (rest.length === 0) {
    setOwn(to, step, value);
    return;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return;
  const inner = Object.hasOwn(to, step) ? (to[step] as JsonObject) : {};
  copy(value, inner, rest);
  setOwn(to, step, inner);
}

/** @throws SluiceError invalid_request when there are too many */
export function fieldNames(text: string | undefined): readonly string[] | undefined {
  if (text === undefined) return undefined;
  const names = text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  if (names.length > MAX_SELECTED_FIELDS) {
    throw new SluiceError(
      "invalid_request",
      `fields: at most ${MAX_SELECTED_FIELDS} may be named (MAX_SELECTED_FIELDS).`,
      { limit: "MAX_SELECTED_FIELDS" },
    );
  }
  return names.length === 0 ? undefined : names;
}
