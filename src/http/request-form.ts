import { SluiceError } from "../domain/errors";
import { MAX_URL_CHARS } from "../domain/limits";

/** @throws SluiceError invalid_request for a URL that is too long to be looked at */
export function requireShortUrl(url: string): void {
  if (url.length <= MAX_URL_CHARS) return;
  const message = `The URL is longer than ${MAX_URL_CHARS} characters (MAX_URL_CHARS).`;
  throw new SluiceError("invalid_request", message, { limit: "MAX_URL_CHARS" });
}

/** @param what as the message calls it: `the body` @throws SluiceError unsupported_media_type for a compressed one */
export function requireUncompressed(headers: Pick<Headers, "get">, what: string): void {
  const encoding = headers.get("content-encoding");
  if (encoding === null || encoding.toLowerCase() === "identity") return;
  throw new SluiceError(
    "unsupported_media_type",
    `Send ${what} without Content-Encoding: compressed bodies are not taken.`,
  );
}
