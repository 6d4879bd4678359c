import { z } from "zod";

/** Header names and values as RFC 9110 (5.1, 5.5) allows them. What else a value holds could end the header and begin another. */

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,200}$/;
/** Visible characters, spaces, tabs and Latin-1: no CR, LF, NUL or other control characters. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Headers that belong to the connection; whoever sends the request sets them. */
const OF_THE_CONNECTION = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

export function isHeaderValue(value: string): boolean {
  return VALUE.test(value);
}

/** The name of a header that a flow or an integration may set. */
export const HeaderName = z
  .string()
  .regex(TOKEN, "a header name has only letters, digits and !#$%&'*+-.^_`|~")
  .refine(
    (name) => !OF_THE_CONNECTION.has(name.toLowerCase()),
    "this header belongs to the connection and is set by whoever sends the request; remove it",
  );

/** Headers that carry credentials by themselves, whatever their value. */
const CREDENTIALS = new Set([
  "authorization",
  "authentication",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "x-api-key",
  "x-apikey",
  "x-api-token",
  "x-auth-token",
  "api-key",
  "apikey",
]);

/** Whether a header, by its lower-case name, carries a credential. */
export function carriesCredentials(name: string): boolean {
  return CREDENTIALS.has(name);
}
