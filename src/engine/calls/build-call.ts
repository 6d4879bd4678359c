import { isHeaderValue } from "../../domain/http-header";
import type { Json } from "../../domain/json";
import { MAX_CALL_BODY_BYTES, MAX_CALL_URL_CHARS } from "../../domain/limits";
import { FlowError } from "../errors";
import { formats } from "../formats";
import type { Frame } from "../frame";
import { asText } from "../value";
import { builtAuth } from "./auth";
import type { BuiltCall, PreparedBody, PreparedCall } from "./prepared-call";

/**
 * Works out a call for one item. Everything is evaluated here, before anything waits, since the frame serves one item at
 * a time.
 * @throws FlowError, ExpressionError, FormatError when a value cannot be sent
 */
export function buildCall(call: PreparedCall, frame: Frame): BuiltCall {
  const headers: BuiltCall["headers"] = new Map();
  for (const { name, value } of call.headers) {
    const given = value.constant === undefined ? value.evaluate(frame) : value.constant;
    if (given === undefined || given === null) continue;
    headers.set(name.toLowerCase(), {
      name,
      value: headerValue(name, scalarText(given, `the header "${name}"`)),
    });
  }
  const body = call.body === undefined ? undefined : bodyOf(call.body, frame);
  if (call.body !== undefined && !headers.has("content-type")) {
    headers.set("content-type", { name: "Content-Type", value: call.body.contentType });
  }
  return {
    call,
    method: call.method,
    url: urlOf(call, frame),
    headers,
    body,
    auth: call.auth === undefined ? undefined : builtAuth(call.auth, frame),
  };
}

/** @throws FlowError for CR, LF and whatever else could begin another header */
export function headerValue(name: string, value: string): string {
  if (isHeaderValue(value)) return value;
  throw new FlowError(
    "header_value",
    `the header "${name}" has a value with line breaks, control characters or characters beyond Latin-1; encode it first`,
  );
}

function scalarText(value: Json, what: string): string {
  if (typeof value === "object" && value !== null) {
    throw new FlowError(
      "not_a_text",
      `${what} is ${Array.isArray(value) ? "a list" : "an object"}; make a text of it`,
    );
  }
  return asText(value);
}

/** A name or value of a query, percent-encoded; half a surrogate pair has no encoding. */
export function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

function urlOf(call: PreparedCall, frame: Frame): URL {
  let path = "";
  for (const { text, parameter } of call.path) {
    path += text;
    if (parameter === undefined) continue;
    const given = parameter.value.evaluate(frame);
    const part = given === undefined ? "" : scalarText(given, `the path parameter "${parameter.name}"`);
    if (part === "") {
      throw new FlowError("path_parameter", `the path parameter "${parameter.name}" is empty`);
    }
    path += encoded(part);
  }
  // Dots would lead out of the path that the integration names.
  if (/(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i.test(path)) {
    throw new FlowError("path_parameter", "a path parameter is . or .., which would call another path");
  }
  const query: string[] = [];
  for (const { name, value } of call.query) {
    const given = value.evaluate(frame);
    for (const each of Array.isArray(given) ? given : [given]) {
      if (each === undefined || each === null) continue;
      query.push(`${encoded(name)}=${encoded(scalarText(each, `the query parameter "${name}"`))}`);
    }
  }
  const text = call.base + path + (query.length === 0 ? "" : `?${query.join(call.querySeparator)}`);
  if (text.length > MAX_CALL_URL_CHARS) {
    throw new FlowError(
      "url_too_long",
      `the URL is longer than ${MAX_CALL_URL_CHARS} characters (MAX_CALL_URL_CHARS)`,
    );
  }
  const url = URL.parse(text);
  if (url === null || url.host !== call.hosts[0]) {
    throw new FlowError(
      "path_parameter",
      "the path and its parameters make no URL of the integration's host",
    );
  }
  return url;
}

function bodyOf({ kind, value, root }: PreparedBody, frame: Frame): string | Uint8Array {
  const given = value.evaluate(frame);
  const body = writtenBody(kind, given, root);
  const length = typeof body === "string" ? body.length : body.byteLength;
  if (length > MAX_CALL_BODY_BYTES) {
    throw new FlowError(
      "body_too_large",
      `the body is larger than ${MAX_CALL_BODY_BYTES} bytes (MAX_CALL_BODY_BYTES)`,
    );
  }
  return body;
}

function writtenBody(kind: PreparedBody["kind"], given: Json | undefined, root: string | undefined) {
  switch (kind) {
    case "json":
      return JSON.stringify(given ?? null);
    case "form":
      return formats.form.format(given ?? {}, {}, "the body");
    case "xml":
      return formats.xml.format(given ?? null, { declaration: true, root }, "the body");
    case "text":
      return scalarText(given ?? "", "the body");
    case "base64":
      return bytesOf(scalarText(given ?? "", "the body"));
  }
}

function bytesOf(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    throw new FlowError("not_base64", "the body is not base64");
  }
}
