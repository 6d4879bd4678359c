import { SluiceError } from "../domain/errors";
import { type Json, type JsonObject, parseJson } from "../domain/json";
import { decodeText } from "../domain/text-encoding";
import { formats } from "../engine/formats";
import { bodyKind, multipart, textOf } from "./run-input";
import { readWireXml } from "./wire-xml";

/** A request's body, read as its content type says. */
export interface Payload {
  kind: "none" | "json" | "xml" | "form" | "multipart" | "text" | "bytes";
  contentType: string;
  /** As they came. */
  bytes: Uint8Array;
  /** What the body says: of JSON the value, of XML the root's content, of forms an object of fields. */
  value: Json | undefined;
  /** Name of the root element of an XML body. */
  root?: string;
  /** The body as text, unless it is multipart or no text at all. */
  text: string | undefined;
}

const WHAT = "The body";

/**
 * Reads a body. What its content type promises must be so. Without a content type, and under that of a form, which
 * `curl -d` sends unasked, a body that begins like JSON or XML is taken as that.
 * @throws FormatError, SluiceError
 */
export async function readPayload(bytes: Uint8Array, contentType: string): Promise<Payload> {
  if (bytes.length === 0) {
    return { kind: "none", contentType, bytes, value: undefined, text: "" };
  }
  const declared = bodyKind(contentType);
  if (declared === "multipart") {
    return {
      kind: "multipart",
      contentType,
      bytes,
      value: await multipart(bytes, contentType),
      text: undefined,
    };
  }
  if (declared === "other") {
    const text = textOf(bytes, contentType);
    if (text === undefined) return { kind: "bytes", contentType, bytes, value: undefined, text };
    if (contentType !== "") return { kind: "text", contentType, bytes, value: undefined, text };
    return sniffed(text, "text", { contentType, bytes });
  }
  const text = decodeText(bytes, contentType, WHAT);
  const base = { contentType, bytes, text };
  if (declared === "json") return { ...base, kind: "json", value: parseJson(text, WHAT) };
  if (declared === "xml") return { ...base, kind: "xml", ...readWireXml(text, WHAT) };
  return sniffed(text, "form", { contentType, bytes });
}

function sniffed(
  text: string,
  otherwise: "form" | "text",
  { contentType, bytes }: { contentType: string; bytes: Uint8Array },
): Payload {
  const base = { contentType, bytes, text };
  const [start] = text.trimStart();
  if (start === "{" || start === "[") return { ...base, kind: "json", value: parseJson(text, WHAT) };
  if (start === "<") return { ...base, kind: "xml", ...readWireXml(text, WHAT) };
  if (otherwise === "text") return { ...base, kind: "text", value: undefined };
  return { ...base, kind: "form", value: formats.form.parse(text, {}, WHAT) as JsonObject };
}

/**
 * The form fields in the body of a GET (seed: `curl -X GET -G … -d 'api_key=…'`, sent as a body by clients that take it
 * literally, even under `Content-Type: application/json`); nothing when the body is none.
 * @throws FormatError for broken escapes
 */
export function formFields(bytes: Uint8Array, contentType: string): Record<string, string | string[]> {
  if (bytes.length === 0) return {};
  if (bodyKind(contentType) === "multipart") return {};
  const text = decodeText(bytes, contentType, WHAT);
  const [start] = text.trimStart();
  if (start === undefined || start === "{" || start === "[" || start === "<") return {};
  return formats.form.parse(text.trim(), {}, WHAT) as Record<string, string | string[]>;
}

/** The media types that a route reads, for the message. */
export function unreadable(payload: Payload, taken: string): SluiceError {
  return new SluiceError(
    "unsupported_media_type",
    payload.contentType === ""
      ? `Say what the body is in Content-Type: ${taken}.`
      : `The body's type is not taken here; send ${taken}.`,
  );
}
