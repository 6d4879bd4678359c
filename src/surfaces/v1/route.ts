import type { Json } from "../../domain/json";
import type { Principal } from "../../domain/principal";
import type { Scope } from "../../domain/scope";
import type { CallAuthority } from "../../operations/access/authenticate-call";
import type { Credentials } from "../../operations/access/credentials";
import type { HeaderFields } from "../../operations/incoming-call";
import type { Payload } from "../../operations/payload";
import type { V1Services } from "./services";

/*
 * A route of the v1 API is a value in one of the files beside this one in `routes/`, listed in `routes/index.ts`:
 *
 *     export const readSchema = defineV1Route({
 *       method: "GET",
 *       path: "/v1/schema",                     // `/v1/record/{uuid?}`: a last segment that may be missing
 *       summary: "Get the schema",
 *       authority: "interface",                 // or "apikey", "organization", "none"
 *       scope: "schema.read",
 *       parameters: { uuid: UUID },             // what clients send as a header or in the URL; see parameters.ts
 *       body: "none",
 *       async handle(call) {
 *         const schema = await readSchema(call.services, call.principal.environment);
 *         return ok(schemaOnWire(schema), "Schema structure is retrieving successfully", { lastModified: schema.updatedAt });
 *       },
 *     });
 *
 * The frame does the rest: credentials, scope, address list, rate limit, parameters, reading the body, JSON or XML,
 * `?fields=`, ETag and 304, HEAD, OPTIONS, 404, 405, errors, and the OpenAPI document.
 */

export type V1Method = "GET" | "POST" | "PUT" | "DELETE";

/** A parameter in the spellings that clients send. */
export interface V1Parameter {
  /** Header names, lower case; the first that has a value counts. */
  headers: readonly string[];
  /** Names in the URL or in a form body; likewise. */
  url: readonly string[];
  description: string;
  required?: boolean;
}

/**
 * What a route does with a body:
 * - `none`: it takes no data; form fields in the body of a GET, or under a form's content type, are parameters;
 * - `data`: parsed, if it is of a kind that the route `accepts`, else answered 415; may be missing unless `bodyRequired`;
 * - `bytes`: kept as it came, never parsed.
 */
export type V1Body = "none" | "data" | "bytes";

export interface V1Call<P extends string = string> {
  method: V1Method;
  /** Complete, with its query. Never put it into a message or a log without `maskedUrl`. */
  url: string;
  /** Segments of the path, decoded; `undefined` for one that is missing. */
  path: Readonly<Record<string, string | undefined>>;
  /** The route's own parameters, trimmed; an empty one counts as missing. */
  parameters: Readonly<Record<P, string | undefined>>;
  headers: HeaderFields;
  /** The body; for `bytes` its kind is `bytes`, with the bytes and the content type. */
  body: Payload;
  principal: Principal;
  credentials: Credentials;
  /** The client's address, as the platform tells it. */
  client: string;
  /** Whether `Cache-Control: no-cache` asks for the truth instead of a copy. */
  fresh: boolean;
  /** How the answer will be written, and which fields of it (`?fields=`). */
  format: V1Format;
  fields: readonly string[] | undefined;
  signal: AbortSignal;
  services: V1Services;
}

export type V1Format = "json" | "xml" | "text";

interface Common {
  status?: number;
  headers?: Record<string, string>;
  /** When what is answered last changed, in milliseconds since 1970. Without it there is an ETag alone to compare. */
  lastModified?: number | undefined;
}

/** What a route answers; see the helpers below. */
export type V1Answer =
  | (Common & { kind: "envelope"; id?: string | number; resource: Json; message: string })
  | (Common & { kind: "value"; value: Json })
  | (Common & { kind: "text"; text: string; contentType: string })
  | (Common & { kind: "bytes"; bytes: Uint8Array; contentType: string });

export interface V1Route<P extends string = string> {
  method: V1Method;
  /** With `{names}` in braces; `{name?}` only as the last segment. */
  path: string;
  summary: string;
  /** Heading in the OpenAPI document. */
  tag: string;
  authority: CallAuthority;
  /** The scope that a call needs, unless it comes with an API key alone. */
  scope?: Scope;
  parameters?: Readonly<Record<P, V1Parameter>>;
  body: V1Body;
  /** Kinds of `data` that the route reads; JSON, XML and form fields unless it says otherwise. */
  accepts?: readonly Exclude<Payload["kind"], "none">[];
  /** A `data` body that is missing is answered 400. */
  bodyRequired?: boolean;
  /** Bytes of a body where other routes' `MAX_BODY_BYTES` are too few; it then comes as it is, under any Content-Encoding. */
  maxBytes?: { bytes: number; limit: string };
  /** Name of the member that holds the list when the answer is a page; `?fields=` selects in its entries. */
  listIn?: string;
  /** Also writes `text/plain`, for values that are text (keystores). */
  textOut?: boolean;
  /** Changes nothing, so it may run while its permit is asked for. A GET is so unless it says otherwise. */
  safe?: boolean;
  /** Adds to what the environment stores: refused when that is full. */
  stores?: boolean;
  /** `false`: calls are not counted (webhooks, which have limits of their own). */
  limited?: boolean;
  handle(call: V1Call<P>): Promise<V1Answer>;
}

/** Gives a route its types. */
export function defineV1Route<const P extends string = never>(route: V1Route<P>): V1Route {
  return route as unknown as V1Route;
}

/** `{ id: "ok", code: 200, … }` */
export function ok(resource: Json, message: string, more: Common & { id?: string | number } = {}): V1Answer {
  return { kind: "envelope", resource, message, ...more };
}

/** `{ id: "created", code: 201, … }` */
export function created(resource: Json, message: string, more: Common = {}): V1Answer {
  return { kind: "envelope", status: 201, resource, message, ...more };
}

/** A value without the envelope: tables, environments, keystores. */
export function bare(value: Json, more: Common = {}): V1Answer {
  return { kind: "value", value, ...more };
}

/** Text as it is; `contentType` defaults to plain text. */
export function plain(
  text: string,
  { contentType = "text/plain; charset=utf-8", ...more }: Common & { contentType?: string } = {},
): V1Answer {
  return { kind: "text", text, contentType, ...more };
}
