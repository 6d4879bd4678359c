import { SluiceError } from "../../domain/errors";
import type { Json, JsonObject } from "../../domain/json";
import { formats } from "../../engine/formats";

/** Rows of a CSV file: the first line names columns, the others have a value for each. */
export function rowsFromCsv(text: string): Json {
  return formats.csv.parse(text, { header: true, delimiter: "," }, "The body");
}

/** Rows as CSV, with a column for each of the table's. */
export function rowsToCsv(rows: readonly JsonObject[], columns: readonly string[]): string {
  const options = { header: true, delimiter: ",", escapeFormulae: false, columns: [...columns] };
  return formats.csv.format([...rows], options, "The answer");
}

/** Whether a content type is that of CSV. */
export function isCsv(contentType: string): boolean {
  return /^text\/csv\b/i.test(contentType.trim());
}

/** Whether an `Accept` asks for CSV before anything else that we write. */
export function wantsCsv(accept: string | null): boolean {
  return accept !== null && /^\s*text\/csv\b/i.test(accept);
}

export function notCsv(): SluiceError {
  return new SluiceError(
    "unsupported_media_type",
    "The body's type is not taken here; send application/json, application/xml or text/csv.",
  );
}
