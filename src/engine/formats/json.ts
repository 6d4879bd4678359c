import { z } from "zod";
import { type Json, parseJson } from "../../domain/json";

/** JSON has nothing to set when it is read. */
export const JsonParseOptions = z.strictObject({});
export type JsonParseOptions = z.output<typeof JsonParseOptions>;

export const JsonFormatOptions = z.strictObject({
  indent: z.int().min(0).max(8).default(0).describe("Spaces per level; 0 writes everything on one line."),
});
export type JsonFormatOptions = z.output<typeof JsonFormatOptions>;

/** Reads JSON as every request body is read; see `parseJson`. */
export function parseJsonText(text: string, _options: JsonParseOptions = {}, what = "the JSON"): Json {
  return parseJson(text, what);
}

/** Writes a value as JSON. */
export function formatJson(value: Json, options: JsonFormatOptions): string {
  return options.indent === 0 ? JSON.stringify(value) : JSON.stringify(value, null, options.indent);
}
