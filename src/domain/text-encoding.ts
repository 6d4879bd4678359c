import { FormatError, quote } from "./format-error";

/**
 * Labels that a charset parameter may have, and the decoder behind each. A closed list, because the platform's decoder
 * knows dozens more (some of which, such as UTF-7, let bytes mean what no filter before us saw), and because
 * `iso-8859-1` means windows-1252 on the web.
 */
const DECODERS: Record<string, string> = {
  "utf-8": "utf-8",
  utf8: "utf-8",
  "us-ascii": "utf-8",
  ascii: "utf-8",
  "iso-8859-1": "windows-1252",
  "iso8859-1": "windows-1252",
  latin1: "windows-1252",
  "windows-1252": "windows-1252",
  cp1252: "windows-1252",
  "utf-16le": "utf-16le",
  "utf-16be": "utf-16be",
};
const ASCII_ONLY = new Set(["us-ascii", "ascii"]);

/** Shared between calls: without `stream` a decoder keeps no state, and making one costs more than a small body. */
const shared = new Map<string, TextDecoder>();

function decoderFor(encoding: string): TextDecoder {
  let decoder = shared.get(encoding);
  if (decoder === undefined) {
    // Fatal, since a replacement character would silently change data; a byte order mark stays, so that the parser
    // behind decides about it.
    decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true });
    shared.set(encoding, decoder);
  }
  return decoder;
}

/**
 * A body's bytes as text: UTF-8 unless the content type's `charset` says otherwise.
 * @throws {FormatError} of kind `charset` when the character set is not one of ours, `malformed` when the bytes are
 * not what it promises.
 */
export function decodeText(bytes: Uint8Array, contentType: string | null, what = "the request body"): string {
  const charset = contentType === null ? undefined : charsetOf(contentType, what);
  const encoding =
    charset === undefined ? "utf-8" : Object.hasOwn(DECODERS, charset) ? DECODERS[charset] : undefined;
  if (encoding === undefined) {
    const reason = `has the unsupported charset ${quote(charset as string)}; send it as UTF-8`;
    throw new FormatError("text", "charset", what, reason);
  }
  if (charset !== undefined && ASCII_ONLY.has(charset) && bytes.some((byte) => byte > 0x7f)) {
    throw new FormatError(
      "text",
      "malformed",
      what,
      "is not US-ASCII as its content type says; declare charset=utf-8",
    );
  }
  try {
    return decoderFor(encoding).decode(bytes);
  } catch {
    const name = encoding === "utf-8" ? "UTF-8" : encoding;
    throw new FormatError(
      "text",
      "malformed",
      what,
      `is not valid ${name}; send it in that encoding or name another`,
    );
  }
}

/** The charset parameter in lower case; a quoted value is unwrapped, a `charset` inside another's value is not one. */
function charsetOf(contentType: string, what: string): string | undefined {
  // Nearly every request says one of these.
  if (contentType === "application/json" || !/charset/i.test(contentType)) return undefined;
  const parameter = /;[ \t]*([^\s;=]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))/g;
  let found: string | undefined;
  for (const [, name = "", quoted, token = ""] of contentType.matchAll(parameter)) {
    if (name.toLowerCase() !== "charset") continue;
    const value = (quoted ?? token).trim().toLowerCase();
    if (found !== undefined && found !== value) {
      throw new FormatError("text", "charset", what, "has a content type with two charsets; name one");
    }
    found = value;
  }
  return found;
}
