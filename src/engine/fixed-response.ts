import { z } from "zod";
import { type Json, type JsonObject, setOwn } from "../domain/json";
import type { FixedResponse } from "../domain/run";
import { FlowError } from "./errors";
import type { Frame } from "./frame";
import type { PrepareContext, Steps } from "./prepare-context";
import type { Value } from "./value";

/** The fixed output attributes, as a flow sets them (seed: body, headers, contentType and statusCode). */
export const ResponseSettings = z.strictObject({
  statusCode: z
    .union([z.number().int().min(200).max(599), z.string()])
    .optional()
    .describe("Status code, 200 to 599."),
  headers: z
    .union([z.record(z.string(), z.json()), z.string()])
    .optional()
    .describe(
      "Headers: an object (a list of values repeats the header), its JSON text, or lines of `Name: value`.",
    ),
  contentType: z
    .string()
    .optional()
    .describe("Content type. Without it, text for a string and JSON for everything else."),
  body: z.json().optional().describe("The body: a string is sent as it is, anything else as JSON."),
});

export interface PreparedResponse {
  statusCode: Value | undefined;
  headers: Value | undefined;
  contentType: Value | undefined;
  body: Value | undefined;
}

export function prepareResponse(
  settings: z.output<typeof ResponseSettings>,
  context: PrepareContext,
  at: Steps,
): PreparedResponse {
  /** What is known already is checked already. */
  const value = (name: keyof typeof settings, check?: (constant: Json) => unknown) => {
    if (settings[name] === undefined) return undefined;
    const compiled = context.value(settings[name], [...at, name]);
    try {
      if (compiled.constant !== undefined && compiled.constant !== null) check?.(compiled.constant);
    } catch (error) {
      if (!(error instanceof FlowError)) throw error;
      context.problem([...at, name], error.message);
    }
    return compiled;
  };
  return {
    statusCode: value("statusCode", statusCode),
    headers: value("headers", headerFields),
    contentType: value("contentType", (type) => headerValue("contentType", type)),
    body: value("body"),
  };
}

/** The attributes for one item. @throws FlowError for a status or header that HTTP does not have */
export function fixedResponse(prepared: PreparedResponse, frame: Frame): JsonObject {
  const response: FixedResponse = {};
  const status = prepared.statusCode?.evaluate(frame);
  if (status !== undefined && status !== null) response.statusCode = statusCode(status);
  const headers = prepared.headers?.evaluate(frame);
  if (headers !== undefined && headers !== null) response.headers = headerFields(headers);
  const type = prepared.contentType?.evaluate(frame);
  if (type !== undefined && type !== null && type !== "")
    response.contentType = headerValue("contentType", type);
  if (prepared.body !== undefined) response.body = prepared.body.evaluate(frame) ?? null;
  return response as JsonObject;
}

function statusCode(value: Json): number {
  const code = typeof value === "string" && /^\d{3}$/.test(value) ? Number(value) : value;
  if (typeof code === "number" && Number.isInteger(code) && code >= 200 && code <= 599) return code;
  throw new FlowError("response_status", "the answer's statusCode must be a whole number from 200 to 599");
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Headers that belong to the connection or to the body as it is really sent (RFC 9110, section 7.6.1); they are passed over. */
const CONNECTION_HEADERS = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "content-length",
  "content-encoding",
  "host",
  "expect",
  "date",
  "accept-encoding",
]);

function headerFields(value: Json): Record<string, string | string[]> {
  const fields: JsonObject = {};
  for (const [name, given] of headerEntries(value)) {
    if (!TOKEN.test(name))
      throw new FlowError("response_header", `"${name.slice(0, 60)}" is not a header name`);
    if (CONNECTION_HEADERS.has(name.toLowerCase())) continue;
    if (given === null) continue;
    const value = Array.isArray(given)
      ? given.map((each) => headerValue(name, each))
      : headerValue(name, given);
    setOwn(fields, name, value);
  }
  return fields as Record<string, string | string[]>;
}

function headerEntries(value: Json): [string, Json][] {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return Object.entries(value);
  if (typeof value !== "string")
    throw new FlowError("response_header", "the answer's headers must be an object or text");
  if (value.trimStart().startsWith("{")) {
    try {
      return Object.entries(JSON.parse(value) as JsonObject);
    } catch {
      throw new FlowError(
        "response_header",
        "the answer's headers look like JSON, but cannot be read as JSON",
      );
    }
  }
  return value
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const colon = line.indexOf(":");
      if (colon < 1)
        throw new FlowError("response_header", "write each header as `Name: value` on a line of its own");
      return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    });
}

/** A header's value; line breaks and other control characters would let a value forge headers. */
function headerValue(name: string, value: Json): string {
  if (typeof value === "object") {
    throw new FlowError("response_header", `the header "${name}" must be text or a number`);
  }
  const text = String(value);
  if (/[^\t\x20-\x7e\x80-\xff]/.test(text)) {
    throw new FlowError(
      "response_header",
      `the header "${name}" has a line break or a character that a header cannot carry`,
    );
  }
  return text;
}
