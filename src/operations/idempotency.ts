import { sha256Hex } from "../domain/digest";
import type { IdempotencyMark } from "../domain/durable-run";
import { SluiceError } from "../domain/errors";
import { MAX_IDEMPOTENCY_KEY_CHARS } from "../domain/limits";
import type { IncomingCall } from "./incoming-call";
import type { HttpRunInput } from "./run-input";

/** The `Idempotency-Key` of a call; `undefined` when it has none. @throws SluiceError invalid_request */
export function idempotencyKey(call: IncomingCall): string | undefined {
  const key = call.headers.get("idempotency-key");
  if (key === null) return undefined;
  if (key.trim() === "" || key.length > MAX_IDEMPOTENCY_KEY_CHARS) {
    throw new SluiceError(
      "invalid_request",
      `An Idempotency-Key has 1 to ${MAX_IDEMPOTENCY_KEY_CHARS} characters (MAX_IDEMPOTENCY_KEY_CHARS).`,
      { limit: "MAX_IDEMPOTENCY_KEY_CHARS", problems: [{ path: "Idempotency-Key", reason: "wrong length" }] },
    );
  }
  return key;
}

/**
 * What a shard remembers of a key. It is the user's own, and of one endpoint: another user's same key finds nothing. The
 * same request is one of the same method, query, content type and body; how long the caller waits is not part of it.
 */
export async function idempotencyMark(
  key: string,
  flowId: number,
  user: string,
  call: IncomingCall,
  input: HttpRunInput,
): Promise<IdempotencyMark> {
  const query = new URLSearchParams(call.query);
  query.delete("timeout");
  return {
    key: await sha256([String(flowId), user, key]),
    fingerprint: await sha256([call.method, query.toString(), input.contentType, input.body]),
  };
}

/** As JSON, so that parts cannot run into each other. */
function sha256(parts: string[]): Promise<string> {
  return sha256Hex(JSON.stringify(parts));
}
