import Papa from "papaparse";
import { z } from "zod";
import { FormatError, quote } from "../../domain/format-error";
import { type Json, type JsonObject, setOwn } from "../../domain/json";
import { MAX_CSV_COLUMNS, MAX_CSV_ROWS } from "../../domain/limits";

const Delimiter = z
  .string()
  .length(1, "a delimiter is one character")
  .refine((char) => !'"\r\n\ufeff'.includes(char), "a delimiter is neither a quote nor a line break")
  .default(",")
  .describe("Character between the fields of a row: `,`, `;`, a tab …");

/** CSV as RFC 4180 has it. Values are always text: whether `007` is a number is for a declared shape to say. */
export const CsvParseOptions = z.strictObject({
  header: z
    .boolean()
    .default(true)
    .describe(
      "The first row names the columns and every other row becomes an object. Without it rows become lists.",
    ),
  delimiter: Delimiter,
});
export type CsvParseOptions = z.output<typeof CsvParseOptions>;

export const CsvFormatOptions = z.strictObject({
  columns: z
    .array(z.string())
    .min(1)
    .max(MAX_CSV_COLUMNS)
    .refine((names) => new Set(names).size === names.length, "each column is named once")
    .optional()
    .describe(
      "Fields to write, in this order. Without it: every field of any row, in order of first appearance.",
    ),
  header: z.boolean().default(true).describe("Begin with a row of column names."),
  delimiter: Delimiter,
  escapeFormulae: z
    .boolean()
    .default(false)
    .describe(
      "Put `'` before values that begin with = + - @, a tab or a carriage return, so that a spreadsheet shows them instead of computing them. It changes the data (`-5` too), so it is for files that people open.",
    ),
});
export type CsvFormatOptions = z.output<typeof CsvFormatOptions>;

/**
 * Reads CSV: a list of objects, or of lists without a header. Blank lines are skipped, except in a text of one column,
 * where they are empty values.
 * @throws {FormatError} for rows of different lengths, unclosed quotes, empty or repeated column names, and limits.
 */
export function parseCsv(text: string, options: CsvParseOptions, what = "the CSV"): Json {
  // Excel writes a byte order mark, and RFC 4180 files have no other use for one.
  if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
  if (text.length > MAX_CSV_ROWS) guardSize(text, options.delimiter, what);
  const { data: rows, errors } = Papa.parse<string[]>(text, {
    delimiter: options.delimiter,
    quoteChar: '"',
    header: false,
  });
  const fault = errors.find((error) => error.type === "Quotes");
  if (fault) {
    const reason =
      fault.code === "MissingQuotes"
        ? "has a quoted value that is never closed; add the quote"
        : "has a quote inside a quoted value; double it";
    throw new FormatError("csv", "malformed", what, reason, { line: lineOf(rows, fault.row ?? 0) });
  }
  if (isBlank(rows.at(-1))) rows.pop();
  return options.header ? readObjects(rows, what) : readLists(rows, what);
}

function isBlank(row: string[] | undefined): boolean {
  return row !== undefined && row.length === 1 && row[0] === "";
}

function readLists(rows: string[][], what: string): Json {
  const width = rows.find((row) => !isBlank(row))?.length ?? 1;
  if (width > MAX_CSV_COLUMNS) throw tooManyColumns(what);
  if (rows.length > MAX_CSV_ROWS) throw tooManyRows(what);
  const lists: string[][] = [];
  for (const [i, row] of rows.entries()) {
    if (width > 1 && isBlank(row)) continue;
    if (row.length !== width) throw ragged(rows, i, width, what);
    lists.push(row);
  }
  return lists;
}

function readObjects(rows: string[][], what: string): Json {
  const first = rows.findIndex((row) => !isBlank(row));
  const header = rows[first];
  if (header === undefined)
    throw new FormatError("csv", "malformed", what, "is empty where a header row was expected");
  if (header.length > MAX_CSV_COLUMNS) throw tooManyColumns(what);
  if (rows.length - first - 1 > MAX_CSV_ROWS) throw tooManyRows(what);
  const seen = new Set<string>();
  for (const name of header) {
    const reason =
      name === ""
        ? "has a column without a name; name every column"
        : `has the column ${quote(name)} twice; rename one`;
    if (name === "" || seen.has(name))
      throw new FormatError("csv", "malformed", what, reason, { line: lineOf(rows, first) });
    seen.add(name);
  }
  const objects: JsonObject[] = [];
  for (let i = first + 1; i < rows.length; i++) {
    const row = rows[i] as string[];
    if (header.length > 1 && isBlank(row)) continue;
    if (row.length !== header.length) throw ragged(rows, i, header.length, what);
    const object: JsonObject = {};
    for (let column = 0; column < header.length; column++) {
      setOwn(object, header[column] as string, row[column] as string);
    }
    objects.push(object);
  }
  return objects;
}

/** The line, counted from 1, on which a row begins: quoted values may hold line breaks. */
function lineOf(rows: readonly string[][], index: number): number {
  let line = 1 + index;
  for (const row of rows.slice(0, index)) {
    for (const value of row) line += value.split("\n").length - 1;
  }
  return line;
}

function ragged(rows: readonly string[][], index: number, width: number, what: string): FormatError {
  const reason = `has a row with ${(rows[index] as string[]).length} values where ${width} are due; quote values that hold the delimiter`;
  return new FormatError("csv", "malformed", what, reason, { line: lineOf(rows, index) });
}

function tooManyRows(what: string): FormatError {
  const reason = `has more rows than the limit of ${MAX_CSV_ROWS}; send it in parts`;
  return new FormatError("csv", "limit", what, reason, { limit: "MAX_CSV_ROWS" });
}

function tooManyColumns(what: string): FormatError {
  const reason = `has more columns than the limit of ${MAX_CSV_COLUMNS}`;
  return new FormatError("csv", "limit", what, reason, { limit: "MAX_CSV_COLUMNS" });
}

/**
 * Refuses a large text that is over a limit before the parser makes a string of every field: ten million commas would
 * not fit into memory. Quoted text is skipped; so a text over no limit is never refused.
 */
function guardSize(text: string, delimiter: string, what: string): void {
  const separator = delimiter.charCodeAt(0);
  let quoted = false;
  let columns = 1;
  let breaks = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x22) quoted = !quoted;
    else if (quoted) continue;
    else if (code === separator) {
      if (++columns > MAX_CSV_COLUMNS) throw tooManyColumns(what);
    } else if (code === 0x0a || code === 0x0d) {
      if (code === 0x0d && text.charCodeAt(i + 1) === 0x0a) i++;
      columns = 1;
      // Twice, since blank lines and the header do not count as rows; these are at least bounded by it.
      if (++breaks > 2 * MAX_CSV_ROWS) throw tooManyRows(what);
    }
  }
}

/**
 * Writes a list of objects, or of lists, as CSV with CRLF line ends. Null and absent fields are empty; objects and
 * lists inside a row are written as JSON text.
 * @throws {FormatError} for a value that is no list of rows, and limits.
 */
export function formatCsv(value: Json, options: CsvFormatOptions, what = "the value"): string {
  if (!Array.isArray(value))
    throw new FormatError("csv", "unsupported", what, "is not a list of rows; wrap it in a list");
  if (value.length > MAX_CSV_ROWS) throw tooManyRows(what);
  const lists = value.length > 0 && value.every((row) => Array.isArray(row));
  const columns = options.columns ?? (lists ? [] : columnsOf(value, what));
  const data = value.map((row, i) => {
    if (Array.isArray(row) && lists) return row.map(cell);
    if (typeof row !== "object" || row === null || Array.isArray(row)) {
      throw new FormatError("csv", "unsupported", what, "has a row that is no object like the others", {
        path: `[${i}]`,
      });
    }
    return columns.map((name) => cell(Object.hasOwn(row, name) ? row[name] : undefined));
  });
  const { delimiter, escapeFormulae } = options;
  const rows = options.header && columns.length > 0 ? [columns, ...data] : data;
  return rows.length === 0
    ? ""
    : `${Papa.unparse(rows, { delimiter, newline: "\r\n", escapeFormulae, header: false })}\r\n`;
}

function columnsOf(rows: Json[], what: string): string[] {
  const names = new Set<string>();
  for (const row of rows) {
    if (typeof row !== "object" || row === null) continue;
    for (const name of Object.keys(row)) names.add(name);
    if (names.size > MAX_CSV_COLUMNS) throw tooManyColumns(what);
  }
  return [...names];
}

function cell(value: Json | undefined): string {
  if (typeof value === "string") return value;
  return value === undefined || value === null
    ? ""
    : typeof value === "object"
      ? JSON.stringify(value)
      : String(value);
}
