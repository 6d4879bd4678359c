import { SluiceError } from "../domain/errors";
import { MAX_TIMEOUT_MS } from "../domain/limits";

/** Header fields by name, in any case. */
export interface HeaderFields extends Iterable<[string, string]> {
  get(name: string): string | null;
}

/** An HTTP request as an operation takes it. */
export interface IncomingCall {
  method: string;
  /** Complete, with the query. */
  url: string;
  /** The path part of `url`'s query, decoded. */
  query: URLSearchParams;
  headers: HeaderFields;
  /** The client's address, as the platform tells it. */
  client: string;
  /** Reads the body, once. @throws SluiceError when it is larger than a trigger's may be */
  readBody(): Promise<Uint8Array>;
  /** Aborted when the caller has gone. Asked for only by runs that wait: the platform makes it on demand. */
  readonly signal: AbortSignal;
}

/** Headers that carry credentials, in lower case. Flows do not see them, logs mask them. */
const CREDENTIAL_HEADERS = new Set([
  "authorization",
  "authentication",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "x-apikey",
  "x-api-key",
  "x-api-token",
  "x-auth-token",
  "accesstoken",
  "client_secret",
  "client-secret",
  "x-client-secret",
  "refresh_token",
  "refresh-token",
  "x-refresh-token",
  "x-app",
  "api_key",
  "app_key",
  "cf-access-jwt-assertion",
  "cf-access-client-secret",
]);

/** Query parameters that carry credentials. */
const CREDENTIAL_PARAMETERS = new Set([
  "api_key",
  "apikey",
  "app_key",
  "access_token",
  "refresh_token",
  "token",
  "client_secret",
  "password",
  "secret",
  "signature",
  "sig",
]);

export const MASK = "[masked]";

export function isCredentialHeader(name: string): boolean {
  return CREDENTIAL_HEADERS.has(name);
}

/** Headers for a log: credentials are masked. */
export function maskedHeaders(headers: Iterable<[string, string]>): Record<string, string> {
  const masked: Record<string, string> = {};
  for (const [name, value] of headers) masked[name] = isCredentialHeader(name.toLowerCase()) ? MASK : value;
  return masked;
}

/** A URL for a log: user info and credentials among the parameters are masked. */
export function maskedUrl(source: string): string {
  let url: URL;
  try {
    url = new URL(source);
  } catch {
    return "[not a URL]";
  }
  if (url.username !== "" || url.password !== "") {
    url.username = "";
    url.password = "";
  }
  for (const name of new Set(url.searchParams.keys())) {
    if (CREDENTIAL_PARAMETERS.has(name.toLowerCase())) url.searchParams.set(name, MASK);
  }
  return url.toString();
}

/** Shared by all calls without a query; nobody writes to a call's parameters. */
export const NO_QUERY = new URLSearchParams();

/** The URL parameter `timeout` in milliseconds (seed, Timeout); `undefined` when it is not given. */
export function timeoutParameter(query: URLSearchParams): number | undefined {
  if (query === NO_QUERY) return undefined;
  const given = query.getAll("timeout");
  if (given.length === 0) return undefined;
  const [text] = given;
  const value = Number(text);
  if (given.length > 1 || text === undefined || !/^\d{1,15}$/.test(text) || value < 1) {
    throw new SluiceError(
      "invalid_request",
      "The URL parameter `timeout` is one whole number of milliseconds, at least 1.",
      {
        problems: [{ path: "timeout", reason: "expected one positive whole number" }],
      },
    );
  }
  if (value > MAX_TIMEOUT_MS) {
    throw new SluiceError(
      "invalid_request",
      `The URL parameter \`timeout\` is at most ${MAX_TIMEOUT_MS} ms (MAX_TIMEOUT_MS).`,
      {
        limit: "MAX_TIMEOUT_MS",
      },
    );
  }
  return value;
}
