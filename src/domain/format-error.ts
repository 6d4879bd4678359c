import { type ErrorCode, SluiceError } from "./errors";

/** The notations that text is read from or written to. `text` is the step before: bytes to characters. */
export type FormatName = "json" | "xml" | "csv" | "form" | "text";

/**
 * What sort of complaint it is: `malformed` breaks the notation's own rules, `unsupported` is legal but refused here
 * (a DTD, a character set, a value that the notation cannot hold), `limit` passed a bound of `domain/limits.ts`.
 */
export type FormatFault = "malformed" | "unsupported" | "charset" | "limit";

export interface FormatErrorPlace {
  /** Where in the value: `orders[3].id`. */
  path?: string | undefined;
  /** Where in the text, both counted from 1; a column counts UTF-16 units. */
  line?: number | undefined;
  column?: number | undefined;
  /** Name of the constant in `domain/limits.ts` that was passed. */
  limit?: string | undefined;
}

const CODES: Record<FormatFault, ErrorCode> = {
  malformed: "invalid_request",
  unsupported: "invalid_request",
  charset: "unsupported_media_type",
  limit: "invalid_request",
};

/** Longest piece of the input that a message may quote, in characters. */
const MAX_QUOTE = 60;

/**
 * Text that cannot be read, or a value that cannot be written, in one of the formats. The message is one sentence
 * that says what to change; it quotes at most a short piece of the input.
 */
export class FormatError extends SluiceError {
  readonly format: FormatName;
  readonly kind: FormatFault;
  /** The complaint without the place: `a key must be in double quotes`. */
  readonly reason: string;
  readonly path?: string;
  readonly line?: number;
  readonly column?: number;

  /** @param what The thing that was read, to begin the sentence with: `the request body`. */
  constructor(
    format: FormatName,
    kind: FormatFault,
    what: string,
    reason: string,
    place: FormatErrorPlace = {},
  ) {
    const { path, line, column, limit } = place;
    super(CODES[kind], sentence(what, reason, place), {
      ...(path === undefined ? {} : { problems: [{ path, reason }] }),
      ...(limit === undefined ? {} : { limit }),
    });
    this.format = format;
    this.kind = kind;
    this.reason = reason;
    if (path !== undefined) this.path = path;
    if (line !== undefined) this.line = line;
    if (column !== undefined) this.column = column;
  }
}

function sentence(what: string, reason: string, { path, line, column, limit }: FormatErrorPlace): string {
  // The limit in words too: not every place that tells a message has a field for it.
  const places: string[] = limit === undefined ? [] : [limit];
  if (path !== undefined && path !== "") places.push(`at ${path}`);
  if (line !== undefined) places.push(`line ${line}`);
  if (column !== undefined) places.push(`column ${column}`);
  const where = places.length === 0 ? "" : ` (${places.join(", ")})`;
  return `${what}: ${reason}${where}.`;
}

/** A piece of the input for a message: in double quotes, control characters escaped, never long. */
export function quote(text: string): string {
  const short = text.length <= MAX_QUOTE ? text : `${text.slice(0, MAX_QUOTE - 1)}…`;
  // JSON's own escapes keep line breaks, NUL and lone surrogates out of headers, logs and terminals.
  return JSON.stringify(short);
}

/** Line and column, counted from 1, of an offset. Only called when there is a complaint, so it may walk the text. */
export function placeAt(text: string, offset: number): { line: number; column: number } {
  let line = 1;
  let start = 0;
  for (let next = text.indexOf("\n"); next !== -1 && next < offset; next = text.indexOf("\n", next + 1)) {
    line++;
    start = next + 1;
  }
  return { line, column: offset - start + 1 };
}
