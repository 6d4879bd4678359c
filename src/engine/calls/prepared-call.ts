import type { CallAuth, CallLog, CallMethod, RetrySettings, SignedPart } from "../../domain/integration";
import type { Json } from "../../domain/json";
import type { Value } from "../value";

/** A call as its node prepared it when the flow was compiled: what is known before any item. */
export interface PreparedCall {
  /** `fx.getRate`, as messages name it. */
  name: string;
  integration: string;
  method: CallMethod;
  /** Base URL without a slash at its end. */
  base: string;
  /** Hosts that may be called, with their ports: the base URL's own first. */
  hosts: readonly string[];
  path: readonly PathPiece[];
  headers: readonly NamedValue[];
  query: readonly NamedValue[];
  querySeparator: string;
  body: PreparedBody | undefined;
  auth: PreparedAuth | undefined;
  timeoutMs: number;
  retry: Retry | undefined;
  redirects: number;
  responseLimit: number;
  /** Header that carries the idempotency key; `undefined` sends none. */
  idempotencyHeader: string | undefined;
  /** Whether twice is as good as once: the method says so, or the key tells the other side. */
  repeatable: boolean;
  pool: { size: number; waitMs: number } | undefined;
  log: CallLog;
  /** How the body of an answer is read. */
  read: ReadAs;
  paging: Paging | undefined;
  /** Names of the secrets that its values take. */
  secrets: readonly string[];
}

export const READ_AS = ["auto", "json", "xml", "form", "text", "base64"] as const;
export type ReadAs = (typeof READ_AS)[number];

export interface PathPiece {
  text: string;
  parameter?: { name: string; value: Value };
}

export interface NamedValue {
  name: string;
  value: Value;
}

export interface PreparedBody {
  kind: "json" | "form" | "xml" | "text" | "base64";
  value: Value;
  /** Root element of an XML body. */
  root: string | undefined;
  contentType: string;
}

/** The settings of `CallAuth` with their texts compiled. */
export interface PreparedAuth {
  settings: CallAuth;
  /** The compiled texts, by the name of the setting. */
  values: Readonly<Record<string, Value>>;
}

export type Retry = Omit<RetrySettings, "backoff" | "maxBackoff"> & {
  backoffMs: number;
  maxBackoffMs: number;
};

export type Paging =
  | { by: "link"; max: number; items: readonly string[] }
  | { by: "cursor"; max: number; items: readonly string[]; cursor: readonly string[]; parameter: string }
  | {
      by: "offset" | "page";
      max: number;
      items: readonly string[];
      parameter: string;
      start: number;
      size: number;
      sizeParameter: string | undefined;
    };

/** A request with every value worked out for one item. */
export interface BuiltCall {
  call: PreparedCall;
  method: string;
  url: URL;
  /** By lower-case name. */
  headers: Map<string, { name: string; value: string }>;
  body: string | Uint8Array | undefined;
  auth: BuiltAuth | undefined;
  /** What was sent at the last try, for the run's messages. */
  sent?: Request;
}

/** A request on its way: what is sent, and where. */
export interface Request {
  method: string;
  url: URL;
  headers: readonly (readonly [string, string])[];
  body: string | Uint8Array | undefined;
}

export type BuiltAuth =
  | { type: "header"; name: string; value: string }
  | { type: "query"; name: string; value: string }
  | {
      type: "oauth2";
      tokenUrl: string;
      clientId: string;
      clientSecret: string;
      credentials: "basic" | "body";
      scope?: string;
      audience?: string;
    }
  | {
      type: "hmac";
      secret: string;
      algorithm: "sha1" | "sha256" | "sha512";
      sign: readonly SignedPart[];
      separator: string;
      encoding: "hex" | "base64";
      header: string;
      prefix: string;
      timestampHeader: string | undefined;
      nonceHeader: string | undefined;
    };

/** What a call came to: the result that its item leaves by, and what the item is then or why it failed. */
export interface CallOutcome {
  /** A status (`200`), `error`, `timeout` or `max-connection`. */
  result: string;
  answer?: CallAnswer;
  failure?: { code: string; message: string };
}

/** An answer as expressions see it. */
export interface CallAnswer {
  status: number;
  /** `fx.getRate answered 404 Not Found`. */
  message: string;
  /** By lower-case name; a list for one that repeats. */
  headers: Record<string, string | string[]>;
  contentType: string | null;
  body: Json;
  /** Of joined pages: how many, and whether there were no more. */
  pages?: number;
  complete?: boolean;
}
