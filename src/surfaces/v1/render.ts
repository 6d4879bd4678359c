import type { Json } from "../../domain/json";
import { writeWireXml } from "../../operations/wire-xml";
import { entityTag, notModified } from "./conditional";
import type { V1Failure } from "./errors";
import type { V1Answer, V1Format } from "./route";
import { selectFields } from "./select-fields";

const CONTENT_TYPE: Record<V1Format, string> = {
  json: "application/json; charset=utf-8",
  xml: "application/xml; charset=utf-8",
  text: "text/plain; charset=utf-8",
};

/** What the rendering must know of the request. */
export interface Asked {
  method: string;
  headers: { get(name: string): string | null };
  format: V1Format;
  fields: readonly string[] | undefined;
  listIn: string | undefined;
  /** The client's address, which the envelope repeats. */
  client: string;
  now: number;
}

/** `{ id, code, "request-ip", resource, message, error }` (contract, section 3). */
function envelope(answer: V1Answer & { kind: "envelope" }, status: number, asked: Asked): Json {
  return {
    id: answer.id ?? (status === 201 ? "created" : "ok"),
    code: status,
    "request-ip": asked.client,
    resource: selected(answer.resource, asked),
    message: answer.message,
    error: null,
  };
}

function selected(value: Json, { fields, listIn }: Asked): Json {
  return fields === undefined ? value : selectFields(value, fields, listIn);
}

/** An answer's bytes and their type. */
function bodyOf(answer: V1Answer, status: number, asked: Asked): [string | Uint8Array, string] {
  switch (answer.kind) {
    case "text":
      return [answer.text, answer.contentType];
    case "bytes":
      return [answer.bytes, answer.contentType];
    case "value":
      return [written(selected(answer.value, asked), asked.format), CONTENT_TYPE[asked.format]];
    case "envelope":
      return enveloped(envelope(answer, status, asked), asked.format);
  }
}

/** An envelope is no text, so it is JSON where text was asked for. */
function enveloped(value: Json, format: V1Format): [string, string] {
  const written_ = format === "text" ? "json" : format;
  return [written(value, written_), CONTENT_TYPE[written_]];
}

function written(value: Json, format: V1Format): string {
  if (format === "xml") return writeWireXml(value);
  return format === "text" && typeof value === "string" ? value : JSON.stringify(value);
}

/** Renders what a route answered; with 304 when the client has it already. */
export async function renderAnswer(answer: V1Answer, asked: Asked): Promise<Response> {
  const status = answer.status ?? 200;
  const [body, contentType] = bodyOf(answer, status, asked);
  const headers = new Headers({ vary: "Accept, Content-Type", ...answer.headers });
  const reads = asked.method === "GET" || asked.method === "HEAD";
  if (!reads || status >= 300) {
    if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  } else {
    const tag = await entityTag(body);
    headers.set("etag", tag);
    // Without a time of its own the answer is as of now, which no later question can be compared with.
    headers.set("last-modified", new Date(answer.lastModified ?? asked.now).toUTCString());
    if (!headers.has("cache-control")) headers.set("cache-control", "private, no-cache");
    // As the seed prints them: whoever keeps a copy asks again before using it.
    headers.set("expires", "Thu, 19 Nov 1981 08:52:00 GMT");
    headers.set("pragma", "no-cache");
    if (notModified(asked.headers, tag, answer.lastModified)) {
      headers.set("content-type", contentType);
      return new Response(null, { status: 304, headers });
    }
  }
  return withBody(body, contentType, status, headers, asked.method);
}

/** `id: "error"`, `resource: []`, `error: { code, message }` (contract, section 3). */
export function renderFailure(failure: V1Failure, asked: Asked, requestId: string): Response {
  const { status, error } = failure;
  const value: Json = {
    id: "error",
    code: status,
    "request-ip": asked.client,
    resource: [],
    message: error.message,
    error,
  };
  const [body, contentType] = enveloped(value, asked.format);
  const headers = new Headers({
    ...failure.headers,
    vary: "Accept, Content-Type",
    "x-request-id": requestId,
  });
  return withBody(body, contentType, status, headers, asked.method);
}

function withBody(
  body: string | Uint8Array,
  contentType: string,
  status: number,
  headers: Headers,
  method: string,
): Response {
  headers.set("content-type", contentType);
  headers.set("x-content-type-options", "nosniff");
  if (method !== "HEAD") return new Response(body, { status, headers });
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  headers.set("content-length", String(bytes.length));
  return new Response(null, { status, headers });
}
