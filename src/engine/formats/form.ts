import { z } from "zod";
import { FormatError, quote } from "../../domain/format-error";
import { type Json, type JsonObject, joinPath, setOwn } from "../../domain/json";
import { MAX_FORM_FIELDS } from "../../domain/limits";

/** `application/x-www-form-urlencoded`, the body of an HTML form. It has nothing to set. */
export const FormParseOptions = z.strictObject({});
export type FormParseOptions = z.output<typeof FormParseOptions>;
export const FormFormatOptions = z.strictObject({});
export type FormFormatOptions = z.output<typeof FormFormatOptions>;

/**
 * Reads form fields: an object of texts, a list of texts where a name is repeated. Stricter than a browser, which turns
 * broken escapes into other characters.
 * @throws {FormatError} for broken escapes and more than MAX_FORM_FIELDS fields.
 */
export function parseForm(
  text: string,
  _options: FormParseOptions = {},
  what = "the form",
): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = {};
  let count = 0;
  for (let start = 0; start < text.length; ) {
    // Not `split`: ten million `&` would become ten million strings before they could be counted.
    const found = text.indexOf("&", start);
    const end = found === -1 ? text.length : found;
    if (end > start) {
      if (++count > MAX_FORM_FIELDS) throw tooManyFields(what);
      addField(fields, text.slice(start, end), what);
    }
    start = end + 1;
  }
  return fields;
}

function addField(fields: Record<string, string | string[]>, pair: string, what: string): void {
  const equals = pair.indexOf("=");
  const name = decode(equals === -1 ? pair : pair.slice(0, equals), what);
  const value = equals === -1 ? "" : decode(pair.slice(equals + 1), what);
  const present = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (present === undefined) setOwn(fields, name, value);
  else if (typeof present === "string") setOwn(fields, name, [present, value]);
  else present.push(value);
}

function decode(text: string, what: string): string {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    const reason = `has a broken escape in ${quote(text)}; write % as %25 and other bytes as UTF-8`;
    throw new FormatError("form", "malformed", what, reason);
  }
}

function tooManyFields(what: string): FormatError {
  const reason = `has more fields than the limit of ${MAX_FORM_FIELDS}`;
  return new FormatError("form", "limit", what, reason, { limit: "MAX_FORM_FIELDS" });
}

/**
 * Writes an object as form fields: a list repeats its name, null is an empty value.
 * @throws {FormatError} for nested objects and lists, which forms cannot hold.
 */
export function formatForm(value: Json, _options: FormFormatOptions = {}, what = "the value"): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new FormatError("form", "unsupported", what, "is not an object of fields; wrap it in one");
  }
  const form = new URLSearchParams();
  let count = 0;
  for (const name of Object.keys(value)) {
    const field = (value as JsonObject)[name] as Json;
    for (const item of Array.isArray(field) ? field : [field]) {
      if (++count > MAX_FORM_FIELDS) throw tooManyFields(what);
      form.append(wellFormed(name, name, what), scalar(item, name, what));
    }
  }
  return form.toString();
}

function scalar(value: Json, name: string, what: string): string {
  if (value === null) return "";
  if (typeof value === "string") return wellFormed(value, name, what);
  if (typeof value !== "object") return String(value);
  const reason = "is nested, which a form cannot hold; write it as text or send JSON";
  throw new FormatError("form", "unsupported", what, reason, { path: joinPath("", name) });
}

function wellFormed(text: string, name: string, what: string): string {
  if (text.isWellFormed()) return text;
  const reason = "has half a surrogate pair, which UTF-8 cannot hold; remove it";
  throw new FormatError("form", "unsupported", what, reason, { path: joinPath("", name) });
}
