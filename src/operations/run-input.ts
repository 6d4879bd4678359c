import type { StoredInput } from "../domain/durable-run";
import { SluiceError } from "../domain/errors";
import { FormatError } from "../domain/format-error";
import { type Json, type JsonObject, parseJson, setOwn } from "../domain/json";
import { MAX_PARTS } from "../domain/limits";
import { decodeText } from "../domain/text-encoding";
import { formats } from "../engine/formats";
import type { MaybePromise } from "../engine/maybe-promise";
import type { NamesRead } from "../engine/plan";
import type { RunInput } from "../engine/run-context";
import { type IncomingCall, isCredentialHeader } from "./incoming-call";

/** A stored request has no caller that could go away. */
const NOBODY_LEAVES = new AbortController().signal;

export type BodyKind = "json" | "xml" | "form" | "multipart" | "other";

/**
 * The request behind a run. The seed's four input attributes are strings (body, headers, contentType, url); beside them
 * expressions see the same request parsed. Fields of the view are made only when a plan reads them.
 */
export class HttpRunInput implements RunInput {
  readonly view: Record<string, unknown> = {};
  readonly #call: IncomingCall;
  readonly #kind: BodyKind;
  /** Whether a body that is not what its content type promises is taken all the same. */
  readonly #loose: boolean;
  readonly body: string;
  readonly contentType: string;
  #json: Json | undefined;
  #jsonRead = false;
  #needed: NamesRead | undefined;
  #xml: Json | undefined;
  #form: JsonObject | undefined;

  private constructor(call: IncomingCall, body: string, contentType: string, kind: BodyKind, loose = false) {
    this.#call = call;
    this.body = body;
    this.contentType = contentType;
    this.#kind = kind;
    this.#loose = loose;
  }

  /**
   * Reads and checks a request's body. What its content type promises must be so: malformed JSON or XML is refused
   * whether or not the flow would have looked at it.
   * @throws FormatError, SluiceError
   */
  static read(call: IncomingCall): Promise<HttpRunInput> {
    const encoding = call.headers.get("content-encoding");
    if (encoding !== null && encoding.toLowerCase() !== "identity") {
      throw new SluiceError(
        "unsupported_media_type",
        "Send the body without Content-Encoding: compressed bodies are not taken.",
      );
    }
    return call.readBody().then((bytes) => HttpRunInput.#of(call, bytes));
  }

  static #of(call: IncomingCall, bytes: Uint8Array): MaybePromise<HttpRunInput> {
    const contentType = call.headers.get("content-type") ?? "";
    const kind = bodyKind(contentType);
    const text =
      kind === "multipart" || kind === "other"
        ? looseText(bytes, contentType)
        : decodeText(bytes, contentType);
    const input = new HttpRunInput(call, text, contentType, kind);
    if (kind === "json") input.#readJson();
    else if (kind === "xml") input.#readXml();
    else if (kind === "form") input.#readForm();
    else if (kind === "multipart") {
      return multipart(bytes, contentType).then((form) => {
        input.#form = form;
        return input;
      });
    }
    return input;
  }

  /**
   * A request whose body is taken as it is, such as a webhook's: parsed views of a body that is not what its content type
   * promises are absent, and bytes that are no text come as base64.
   */
  static async loose(call: Omit<IncomingCall, "readBody">, bytes: Uint8Array): Promise<HttpRunInput> {
    const contentType = call.headers.get("content-type") ?? "";
    const text = attempt(() => decodeText(bytes, contentType));
    const kind = text === undefined ? "other" : (attempt(() => bodyKind(contentType)) ?? "other");
    const whole: IncomingCall = { ...call, signal: NOBODY_LEAVES, readBody: () => Promise.resolve(bytes) };
    const input = new HttpRunInput(whole, text ?? base64(bytes), contentType, kind, true);
    // Files among the parts may be no text, so the whole is none either.
    if (/^\s*multipart\/form-data\s*;/i.test(contentType)) {
      input.#form = await multipart(bytes, contentType).catch(() => undefined);
    }
    return input;
  }

  /** The request as it was read before and kept: it was checked then. */
  static restore(stored: StoredInput): HttpRunInput {
    const url = new URL(stored.url);
    const call: IncomingCall = {
      method: stored.method,
      url: stored.url,
      query: url.searchParams,
      headers: new Map(stored.headers) as unknown as IncomingCall["headers"],
      client: stored.client,
      signal: NOBODY_LEAVES,
      readBody: () => Promise.reject(new Error("the body of a stored request was read when it came")),
    };
    if (stored.loose === true) {
      const kind = attempt(() => bodyKind(stored.contentType)) ?? "other";
      const loose = new HttpRunInput(call, stored.body, stored.contentType, kind, true);
      loose.#form = stored.form;
      return loose;
    }
    const kind = bodyKind(stored.contentType);
    const input = new HttpRunInput(call, stored.body, stored.contentType, kind);
    if (kind === "json") input.#readJson();
    else if (kind === "xml") input.#readXml();
    else if (kind === "form") input.#readForm();
    else if (kind === "multipart") input.#form = stored.form;
    return input;
  }

  /** What a durable run keeps of the request: all that a plan may read, and no credentials. */
  store(): StoredInput {
    return {
      method: this.#call.method,
      url: this.#call.url,
      headers: Object.entries(headerFields(this.#call)) as [string, string][],
      contentType: this.contentType,
      client: this.#call.client,
      body: this.body,
      form: this.#kind === "multipart" || this.#loose ? this.#form : undefined,
      ...(this.#loose ? { loose: true } : {}),
    };
  }

  get query(): URLSearchParams {
    return this.#call.query;
  }

  /** The JSON body, or JSON that came without its content type, as `curl -d` sends it; `undefined` when there is none. */
  get json(): Json | undefined {
    if (!this.#jsonRead) {
      this.#jsonRead = true;
      const start = this.body.trimStart()[0];
      const likely = (this.#loose && this.#kind === "json") || start === "{" || start === "[";
      if (this.#kind !== "xml" && this.#kind !== "multipart" && likely) {
        try {
          this.#json = parseJson(this.body, "the request body");
        } catch {
          // Not promised to be JSON, so it is none.
        }
      }
    }
    return this.#json;
  }

  /** Whether the body says that it is JSON. */
  get saysJson(): boolean {
    return this.#kind === "json";
  }

  need(names: NamesRead): void {
    if (names === this.#needed) return;
    this.#needed = names;
    for (const field of names.all ? ALL_FIELDS : names.input) {
      if (field in this.view || !Object.hasOwn(makers, field)) continue;
      const value = (makers[field] as Maker)(this, this.#call);
      if (value !== undefined) this.view[field] = value;
    }
  }

  get xml(): Json | undefined {
    if (this.#loose && this.#kind === "xml" && this.#xml === undefined) attempt(() => this.#readXml());
    return this.#xml;
  }

  get form(): JsonObject | undefined {
    if (this.#loose && this.#kind === "form" && this.#form === undefined) attempt(() => this.#readForm());
    return this.#form;
  }

  #readJson(): void {
    // A GET that only says which content type it would have is fine; a POST that says JSON and has none is a mistake.
    if (this.body !== "" || this.#call.method !== "GET")
      this.#json = parseJson(this.body, "the request body");
    this.#jsonRead = true;
  }

  #readXml(): void {
    if (this.body === "" && this.#call.method === "GET") return;
    this.#xml = formats.xml.parse(this.body, { arrays: [], numbers: false }, "the request body");
  }

  #readForm(): void {
    // `curl -d '{…}'` calls its JSON a form.
    const start = this.body.trimStart()[0];
    if (start === "{" || start === "[") return;
    this.#form = formats.form.parse(this.body, {}, "the request body") as JsonObject;
  }
}

/** What `read` gives; `undefined` when it finds that the text is not what it should be. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof SluiceError) return undefined;
    throw error;
  }
}

type Maker = (input: HttpRunInput, call: IncomingCall) => unknown;

const makers: Record<string, Maker> = {
  body: (input) => input.body,
  contentType: (input) => input.contentType,
  headers: (_input, call) => headersText(call),
  url: (_input, call) => call.url,
  method: (_input, call) => call.method,
  json: (input) => input.json,
  xml: (input) => input.xml,
  form: (input) => input.form,
  query: (_input, call) => queryFields(call.query),
  header: (_input, call) => headerFields(call),
};
const ALL_FIELDS = Object.keys(makers);

/** The record that enters a flow when records do not travel one by one: the seed's four attributes. */
export function attributes(input: HttpRunInput): JsonObject {
  return {
    body: input.view.body as string,
    headers: input.view.headers as string,
    contentType: input.view.contentType as string,
    url: input.view.url as string,
  };
}

function headerFields(call: IncomingCall): JsonObject {
  const fields: JsonObject = {};
  for (const [name, value] of call.headers)
    if (!isCredentialHeader(name)) setOwn(fields, name.toLowerCase(), value);
  return fields;
}

/** The `headers` attribute: all headers but credentials, as the text of a JSON object with lower-case names. */
function headersText(call: IncomingCall): string {
  return JSON.stringify(headerFields(call));
}

/** Query parameters by name; a repeated one is a list. */
export function queryFields(query: URLSearchParams): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = {};
  for (const name of new Set(query.keys())) {
    const values = query.getAll(name);
    setOwn(fields as JsonObject, name, values.length === 1 ? (values[0] as string) : values);
  }
  return fields;
}

export function bodyKind(contentType: string): BodyKind {
  // Nearly every request says just this.
  if (contentType === "application/json") return "json";
  const type = contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (type === "application/json" || type === "text/json" || type.endsWith("+json")) return "json";
  if (type === "application/xml" || type === "text/xml" || type.endsWith("+xml")) return "xml";
  if (type === "application/x-www-form-urlencoded") return "form";
  if (type === "multipart/form-data") return "multipart";
  if (contentType !== "" && !/^[\w!#$&^.+*'|~-]+\/[\w!#$&^.+*'|~-]+$/.test(type)) {
    throw new SluiceError(
      "unsupported_media_type",
      "The Content-Type header is not a media type such as application/json.",
    );
  }
  return "other";
}

/** Text of a body that need not be text: bytes that are none come as base64. */
function looseText(bytes: Uint8Array, contentType: string): string {
  return textOf(bytes, contentType) ?? base64(bytes);
}

/** @throws FormatError for a character set that is not taken */
export function textOf(bytes: Uint8Array, contentType: string | null): string | undefined {
  try {
    return decodeText(bytes, contentType);
  } catch (error) {
    if (error instanceof FormatError && error.kind === "charset") throw error;
    return undefined;
  }
}

/** Bytes turned into characters at once: as many arguments as a call surely takes. */
const BYTES_AT_ONCE = 8_192;

function base64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += BYTES_AT_ONCE) {
    binary += String.fromCharCode(...bytes.subarray(at, at + BYTES_AT_ONCE));
  }
  return btoa(binary);
}

export async function multipart(bytes: Uint8Array, contentType: string): Promise<JsonObject> {
  let data: FormData;
  try {
    data = await new Response(bytes, { headers: { "content-type": contentType } }).formData();
  } catch (cause) {
    throw new SluiceError(
      "invalid_request",
      "The multipart body is incomplete or does not match the boundary in its Content-Type.",
      {},
      { cause },
    );
  }
  const fields: JsonObject = {};
  let parts = 0;
  for (const [name, value] of data as unknown as Iterable<[string, string | Blob]>) {
    parts += 1;
    if (parts > MAX_PARTS) {
      throw new SluiceError(
        "payload_too_large",
        `A multipart body has at most ${MAX_PARTS} parts (MAX_PARTS).`,
        {
          limit: "MAX_PARTS",
        },
      );
    }
    const field = typeof value === "string" ? value : await uploaded(value as File);
    const present = Object.hasOwn(fields, name) ? fields[name] : undefined;
    setOwn(fields, name, present === undefined ? field : [present, field].flat());
  }
  return fields;
}

/** A file of a form. Bytes that are no text come as base64, as a whole body's do, so that none are lost. */
async function uploaded(file: File): Promise<JsonObject> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const about = { name: file.name, type: file.type, size: file.size };
  const text = textOf(bytes, null);
  return text === undefined ? { ...about, base64: base64(bytes) } : { ...about, text };
}
