import { FormatError } from "../../domain/format-error";
import { type Json, setOwn } from "../../domain/json";
import { decodeText } from "../../domain/text-encoding";
import { formats } from "../formats";
import type { Exchange } from "./exchange";
import type { CallAnswer, PreparedCall, ReadAs } from "./prepared-call";

/** Reason phrases of the statuses that people meet (RFC 9110); of others the number says enough. */
const PHRASES: Record<number, string> = {
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  301: "Moved Permanently",
  302: "Found",
  304: "Not Modified",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

type Answered = Exchange & { kind: "answered" };

/**
 * An answer as expressions see it. Its body is what its content type promises: JSON, XML, form fields, text; anything else
 * is `{ base64, contentType }`.
 * @throws FormatError when the body of a success is not what its content type promises; of a failure it is text then
 */
export function readAnswer(
  { name, method, read }: PreparedCall,
  { status, headers, body }: Answered,
): CallAnswer {
  const contentType = headers.find(([header]) => header === "content-type")?.[1] ?? null;
  const bodiless = method === "HEAD" || body.length === 0;
  return {
    status,
    message: `${name} answered ${statusText(status)}`,
    headers: namedHeaders(headers),
    contentType,
    body: bodiless ? null : readBody(body, contentType, read, status, `the answer of ${name}`),
  };
}

export function statusText(status: number): string {
  const phrase = PHRASES[status];
  return phrase === undefined ? String(status) : `${status} ${phrase}`;
}

function namedHeaders(headers: readonly (readonly [string, string])[]): Record<string, string | string[]> {
  const named: Record<string, string | string[]> = {};
  for (const [name, value] of headers) {
    const present = Object.hasOwn(named, name) ? named[name] : undefined;
    if (present === undefined) setOwn(named, name, value);
    else if (typeof present === "string") setOwn(named, name, [present, value]);
    else present.push(value);
  }
  return named;
}

function readBody(
  bytes: Uint8Array,
  contentType: string | null,
  read: ReadAs,
  status: number,
  what: string,
): Json {
  const as = read === "auto" ? typeOf(contentType) : read;
  if (as === "base64") return binary(bytes, contentType);
  try {
    return readAs(as, bytes, contentType, what);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    // Pages of errors come from whatever stands in between, and rarely in the type that was asked for.
    if ((read === "auto" && contentType === null) || status < 200 || status >= 300)
      return textOrBinary(bytes, contentType);
    throw error;
  }
}

function readAs(
  as: Exclude<ReadAs, "auto" | "base64">,
  bytes: Uint8Array,
  contentType: string | null,
  what: string,
): Json {
  const text = decodeText(bytes, contentType, what);
  switch (as) {
    case "json":
      return formats.json.parse(text, {}, what);
    case "xml":
      return formats.xml.parse(text, { arrays: [], numbers: false }, what);
    case "form":
      return formats.form.parse(text, {}, what);
    case "text":
      return text;
  }
}

/** How a body of a content type is read; without one it is taken for text. */
function typeOf(contentType: string | null): Exclude<ReadAs, "auto"> {
  const type = (contentType ?? "text/plain").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (type === "application/json" || type === "text/json" || type.endsWith("+json")) return "json";
  if (type === "application/xml" || type === "text/xml" || type.endsWith("+xml")) return "xml";
  if (type === "application/x-www-form-urlencoded") return "form";
  if (type.startsWith("text/") || type === "application/javascript" || type === "application/yaml")
    return "text";
  return "base64";
}

function textOrBinary(bytes: Uint8Array, contentType: string | null): Json {
  try {
    return decodeText(bytes, null, "");
  } catch {
    return binary(bytes, contentType);
  }
}

/** Bytes that are handed to `String.fromCharCode` at once: more would be too many arguments. */
const CHUNK = 8_192;

function binary(bytes: Uint8Array, contentType: string | null): Json {
  let text = "";
  for (let start = 0; start < bytes.length; start += CHUNK) {
    text += String.fromCharCode(...bytes.subarray(start, start + CHUNK));
  }
  return { base64: btoa(text), contentType };
}
