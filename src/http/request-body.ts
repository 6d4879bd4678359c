import { SluiceError } from "../domain/errors";

/**
 * Reads a request's body up to a bound. What a sender declares is refused before it is read; what comes without a
 * declared length is counted while it comes.
 * @throws SluiceError payload_too_large, or invalid_request when the body breaks off
 */
export function readBody(request: Request, maxBytes: number, limit: string): Promise<Uint8Array> {
  const declared = request.headers.get("content-length");
  if (declared !== null && Number(declared) > maxBytes) return Promise.reject(tooLarge(maxBytes, limit));
  // Asked for only where it is needed: `request.body` makes a stream, which costs as much as reading a small body.
  if (declared !== null) return request.arrayBuffer().then(bytesOf, brokenOff);
  if (request.body === null) return Promise.resolve(new Uint8Array());
  return readCounted(request.body, maxBytes, limit).catch(brokenOff);
}

function bytesOf(buffer: ArrayBuffer): Uint8Array {
  return new Uint8Array(buffer);
}

function brokenOff(cause: unknown): never {
  if (cause instanceof SluiceError) throw cause;
  throw new SluiceError("invalid_request", "The body broke off before its end.", {}, { cause });
}

async function readCounted(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
  limit: string,
): Promise<Uint8Array> {
  const reader = body.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.byteLength;
    if (size > maxBytes) {
      await reader.cancel();
      throw tooLarge(maxBytes, limit);
    }
    parts.push(value);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

function tooLarge(maxBytes: number, limit: string): SluiceError {
  return new SluiceError(
    "payload_too_large",
    `The body is larger than ${maxBytes} bytes (${limit}). Send less at once.`,
    { limit },
  );
}
