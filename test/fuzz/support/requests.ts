import { fromSchema, type Schema } from "./from-schema";
import { hostileText, hostileValue, rawJson, spoiled } from "./hostile";
import type { Random } from "./random";
import { right, rightBody } from "./samples";

/** Requests made from the OpenAPI document: right ones, and right ones with something spoiled. */

interface Parameter {
  in: string;
  name: string;
  required?: boolean;
  schema?: Schema;
}
export interface OpenApi {
  paths: Record<
    string,
    Record<
      string,
      {
        parameters?: Parameter[];
        security?: Record<string, unknown>[];
        requestBody?: { content?: Record<string, { schema?: Schema }> };
        responses?: Record<string, unknown>;
      }
    >
  >;
  components: { schemas: Record<string, Schema> };
}

export interface Operation {
  method: string;
  path: string;
  parameters: readonly Parameter[];
  security: readonly string[][];
  bodies: Record<string, Schema>;
  statuses: readonly string[];
}

export function operationsOf({ paths }: OpenApi): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters, security, requestBody, responses }]) => ({
      method: method.toUpperCase(),
      path,
      parameters: parameters ?? [],
      security: (security ?? []).map((form) => Object.keys(form)),
      bodies: Object.fromEntries(
        Object.entries(requestBody?.content ?? {}).map(([type, { schema }]) => [type, schema ?? {}]),
      ),
      statuses: Object.keys(responses ?? {}),
    })),
  );
}

export interface FuzzedRequest {
  operation: Operation;
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Uint8Array | undefined;
}

const UTF8 = new TextEncoder();

/** How many ids of a collection are remembered. */
const REMEMBERED = 40;

/** Words that answers gave as ids, by the path that gave them; later requests name them. */
export class Learned {
  readonly #ids = new Map<string, string[]>();

  from({ path }: Operation, text: string): void {
    for (const [, field, token] of text.matchAll(
      /"(?:id|\$id|processId|process_id|runId|data_record_id|uuid|next_cursor|cursor)":\s*"?([\w:.-]{1,200})|(?<=\/callback\/)([\w.-]+)/g,
    )) {
      const id = field ?? token ?? "";
      for (const collection of [`${path}/`, ""]) {
        const known = this.#ids.get(collection) ?? [];
        this.#ids.set(collection, [...known, id].slice(-REMEMBERED));
      }
    }
  }

  /** An id for a parameter of a path: mostly one that its collection gave. */
  pick({ path }: Operation, parameter: string, random: Random): string | undefined {
    const own = this.#ids.get(path.slice(0, Math.max(0, path.indexOf(`{${parameter}}`))));
    const known = own !== undefined && random.percent(80) ? own : this.#ids.get("");
    return known === undefined ? undefined : random.pick(known);
  }
}

const JUNK_HEADERS: readonly [string, string][] = [
  ["accept", "application/xml"],
  ["accept", "text/csv"],
  ["accept", "*/*;q=banana"],
  ["accept-language", ",,,;q=2"],
  ["range", "bytes=5-1"],
  ["range", "bytes=-0,1-2,x"],
  ["if-none-match", '"a", W/"b'],
  ["if-modified-since", "yesterday"],
  ["if-match", '"'],
  ["content-encoding", "gzip"],
  ["content-encoding", "zstd, br"],
  ["cookie", "=;;a=b;__proto__=1"],
  ["x-request-id", "x".repeat(500)],
  ["x-forwarded-for", "::1, junk"],
  ["idempotency-key", "'"],
  ["idempotency-key", "k".repeat(300)],
  ["x-environment", "1 OR 1=1"],
  ["x-environment", "999999999999999999999"],
  ["x-scopes", "*, record , ,"],
  ["x-http-method-override", "TRACE"],
  ["cache-control", "no-cache, max-age=x"],
  ["origin", "null"],
  ["prefer", "wait=-1, respond-async; x"],
  ["webhook-signature", "v1,AAAA v1a,"],
  ["webhook-timestamp", "1e99"],
  ["webhook-id", ""],
];

export class RequestMaker {
  readonly #schemas: Record<string, Schema>;

  constructor(
    readonly operations: readonly Operation[],
    document: OpenApi,
    readonly learned: Learned,
  ) {
    this.#schemas = document.components.schemas;
  }

  /** @param credentials headers for one of the operation's forms of credentials */
  make(random: Random, credentials: (operation: Operation) => Record<string, string>): FuzzedRequest {
    const operation = random.pick(this.operations);
    // Most requests have one thing spoiled, so that what lies behind the first check is met.
    const spoil = random.pick(["path", "query", "header", "body", "body", "body", "nothing"]);
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(credentials(operation))) headers[name] = value;
    const query: [string, string][] = [];
    let path = operation.path;
    for (const parameter of operation.parameters) {
      const spoilt = parameter.in === spoil && random.percent(60);
      const value = spoilt ? hostileText(random) : String(this.#right(operation, parameter, random));
      if (parameter.in === "path") {
        path = path.replace(`{${parameter.name}}`, () => segment(value, spoilt, random));
      } else if (parameter.in === "query" && (spoilt || parameter.required === true || random.percent(35))) {
        query.push([parameter.name, value]);
        if (spoilt && random.percent(20)) query.push([parameter.name, hostileText(random)]);
      } else if (parameter.in === "header" && (spoilt || parameter.required === true || random.percent(60))) {
        headers[parameter.name] = headerText(value);
      }
    }
    if (spoil === "query" && random.percent(40)) query.push([hostileText(random), hostileText(random)]);
    if (spoil === "header") {
      const [name, value] = random.pick(JUNK_HEADERS);
      headers[name] = random.percent(80) ? value : headerText(hostileText(random));
    }
    const body = this.#body(operation, spoil === "body", headers, random);
    const method =
      spoil === "nothing" && random.percent(8)
        ? random.pick(["HEAD", "OPTIONS", "PATCH", "PUT", "DELETE", "PROPFIND"])
        : operation.method;
    return {
      operation,
      method,
      path: `${path}${queryText(query, random)}`,
      headers,
      body: method === "GET" || method === "HEAD" ? undefined : body,
    };
  }

  #right(operation: Operation, parameter: Parameter, random: Random): unknown {
    const isId = /^(?:id|.*id|key|token|cursor|uuid)$/i.test(parameter.name);
    if (isId && random.percent(50)) {
      const id = this.learned.pick(operation, parameter.name, random);
      if (id !== undefined) return id;
    }
    return this.#made(parameter.schema ?? {}, parameter.name, random);
  }

  #made(schema: Schema, name: string, random: Random): unknown {
    return fromSchema(schema, name, random, this.#schemas, (named) => right(named, random));
  }

  #body(
    operation: Operation,
    spoil: boolean,
    headers: Record<string, string>,
    random: Random,
  ): Uint8Array | undefined {
    const types = Object.keys(operation.bodies);
    if (types.length === 0) {
      if (!spoil || random.percent(70)) return undefined;
      headers["content-type"] = "application/json";
      return UTF8.encode(JSON.stringify(hostileValue(random)));
    }
    const type = random.percent(60) ? (types[0] as string) : random.pick(types);
    const sample = rightBody(`${operation.method} ${operation.path}`, random);
    let value =
      sample !== undefined && random.percent(80)
        ? sample
        : this.#made(operation.bodies[type] ?? {}, "body", random);
    if (spoil && random.percent(70)) {
      value = spoiled(value, random);
      if (random.percent(25)) value = spoiled(value, random);
      return this.#written(type, value, headers);
    }
    if (!spoil) return this.#written(type, value, headers);
    return brokenBytes(this.#written(type, value, headers), headers, random);
  }

  #written(type: string, value: unknown, headers: Record<string, string>): Uint8Array {
    headers["content-type"] = type === "*/*" ? "application/octet-stream" : type;
    if (type === "application/x-www-form-urlencoded") {
      return UTF8.encode(
        new URLSearchParams(
          Object.entries(value ?? {}).map(([name, field]) => [name, textOf(field).toWellFormed()]),
        ).toString(),
      );
    }
    if (type === "application/xml") return UTF8.encode(`<body>${xml(value)}</body>`);
    if (type === "multipart/form-data") {
      headers["content-type"] = "multipart/form-data; boundary=b";
      const parts = Object.entries(value ?? {}).map(
        ([name, field]) =>
          `--b\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${textOf(field)}\r\n`,
      );
      return UTF8.encode(`${parts.join("")}--b--\r\n`);
    }
    return UTF8.encode(rawJson(JSON.stringify(value) ?? ""));
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

function xml(value: unknown, depth = 0): string {
  if (depth > 50) return "";
  if (Array.isArray(value)) return value.map((item) => `<item>${xml(item, depth + 1)}</item>`).join("");
  if (typeof value === "object" && value !== null) {
    return Object.entries(value)
      .map(([name, held]) => `<${name}>${xml(held, depth + 1)}</${name}>`)
      .join("");
  }
  return String(value).replaceAll("&", "&amp;");
}

const XML_ATTACKS = [
  '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
  '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;">]><a>&c;</a>',
  "<a>".repeat(5_000),
  `<a ${Array.from({ length: 2_000 }, (_, index) => `b${index}="1"`).join(" ")}/>`,
  "<__proto__><polluted>1</polluted></__proto__>",
  "<a><b></a></b>",
  '<?xml version="1.0" encoding="utf-16"?><a/>',
  "<a>&#0;&#xd800;&#x110000;</a>",
  "<a><![CDATA[",
  "",
];

const TYPES = [
  "application/json",
  "application/json; charset=utf-7",
  "application/json; charset=utf-16",
  "application/xml",
  "text/xml; charset=junk",
  "application/x-www-form-urlencoded",
  "multipart/form-data",
  "multipart/form-data; boundary=",
  "multipart/form-data; boundary=b",
  "text/csv",
  "text/plain",
  "application/yaml",
  "application/octet-stream",
  "junk",
  "/",
  "application/json;;;=",
  "",
];

/** Bytes of another kind than their type says, cut, or with something in between. */
function brokenBytes(bytes: Uint8Array, headers: Record<string, string>, random: Random): Uint8Array {
  const how = random.below(9);
  if (how === 0) return bytes.slice(0, random.below(bytes.length + 1));
  if (how === 1) {
    const copy = bytes.slice();
    if (copy.length > 0) copy[random.below(copy.length)] = random.below(256);
    return copy;
  }
  if (how === 2) return new Uint8Array([0xef, 0xbb, 0xbf, ...bytes.slice(0, 20_000)]);
  if (how === 3) {
    headers["content-type"] = random.pick(["application/xml", "text/xml"]);
    return UTF8.encode(random.pick(XML_ATTACKS));
  }
  if (how === 4) {
    headers["content-type"] = "application/json";
    return UTF8.encode(rawJson(JSON.stringify(hostileValue(random))));
  }
  if (how === 5) {
    headers["content-encoding"] = random.pick(["gzip", "deflate", "br", "identity", "x"]);
    return bytes;
  }
  if (how === 6) {
    headers["content-type"] = "application/yaml";
    return UTF8.encode(
      random.pick(["a: &a [*a]", "a: !!js/function x", "? {", "- &b [1]\n- [*b, *b]", "a: 1\na: 2", "\t"]),
    );
  }
  headers["content-type"] = random.pick(TYPES);
  return how === 7
    ? bytes
    : UTF8.encode(random.pick(["--b\r\n\r\nx", "a=%zz&=&a[b]=1&a=2", "{", "[1,", 'a,b\n"', "\0"]));
}

/** A header that a client can send: no line breaks, no NUL; ASCII, since the runtime warns of each that is not. */
function headerText(text: string): string {
  return [...text]
    .filter((character) => !"\0\r\n".includes(character))
    .map((character) => (character > "~" ? "?" : character))
    .join("")
    .slice(0, 4_000);
}

function segment(value: string, spoilt: boolean, random: Random): string {
  if (spoilt && random.percent(35)) {
    return random.pick([
      "%",
      "%zz",
      "%00",
      "%2e%2e",
      "%2F",
      "..%2f..%2f",
      "%ff%fe",
      "%ED%A0%80",
      "%25%32%65",
      "a%20b",
      ";a=b",
      "%3F",
      "",
      "a/b/c",
    ]);
  }
  return encodeURIComponent(value.toWellFormed().slice(0, 3_000));
}

function queryText(query: readonly (readonly [string, string])[], random: Random): string {
  if (query.length === 0) return random.percent(2) ? "?%zz=%ff&&=&a" : "";
  const text = query
    .map(([name, value]) =>
      [name, value].map((part) => encodeURIComponent(part.toWellFormed().slice(0, 3_000))).join("="),
    )
    .join("&");
  return `?${text}`;
}
