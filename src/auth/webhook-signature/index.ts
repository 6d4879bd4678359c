import { parseDuration } from "../../domain/duration";
import { DEFAULT_TOLERANCE_MS } from "../../domain/limits";
import type { WebhookSignature } from "../../domain/webhook";
import { type Claim, type Refusal, refused, type SignedRequest, utf8 } from "./claim";
import { github } from "./github";
import { hmac } from "./hmac";
import { sameBytes } from "./same-bytes";
import { slack } from "./slack";
import { standard, standardKey, svix } from "./standard";
import { stripe } from "./stripe";
import { twilio } from "./twilio";

export type { SignedRequest };

/** A request that was signed with one of the secrets, and what identifies it. */
export interface Verified {
  kind: "verified";
  /** The delivery's id, as the scheme's header says it. */
  id: string | undefined;
  /** SHA-256 of what was signed, in hexadecimal digits: the same for the same delivery sent again as it was. */
  content: string;
}

type Scheme = WebhookSignature["scheme"];
type Reader = (request: SignedRequest, settings: never) => Claim | Refusal | Promise<Claim | Refusal>;

/** How each scheme reads a request. */
const READERS: Record<Scheme, Reader> = { github, stripe, slack, twilio, standard, svix, hmac };

/**
 * Checks who sent a webhook's request: the digest over the exact bytes with one of the secrets, and, where the scheme
 * says when it was signed, that this is no longer ago, and no further ahead, than the tolerance.
 * @param secrets the webhook's secrets, in the order in which they are tried
 * @param now milliseconds since 1970
 */
export async function verifySignature(
  request: SignedRequest,
  settings: WebhookSignature,
  secrets: readonly string[],
  now: number,
): Promise<Verified | Refusal> {
  const claim = await READERS[settings.scheme](request, settings as never);
  if (claim.kind === "refused") return claim;
  const { signedAt } = claim;
  if (signedAt !== undefined) {
    const given = "tolerance" in settings ? parseDuration(settings.tolerance) : undefined;
    const tolerance = given ?? DEFAULT_TOLERANCE_MS;
    if (signedAt < now - tolerance) return refused(`it was signed more than ${tolerance} ms ago`);
    if (signedAt > now + tolerance) return refused(`it was signed more than ${tolerance} ms in the future`);
  }
  const content = joined(claim.content);
  const keyOf = settings.scheme === "standard" || settings.scheme === "svix" ? standardKey : utf8;
  for (const secret of secrets) {
    const key = keyOf(secret);
    // An empty key would let anyone sign.
    if (key.length === 0) continue;
    const digest = await digestOf(claim, key, content);
    // Every signature is compared: which one is right is not told by the time it takes.
    let right = false;
    for (const signature of claim.signatures) right = sameBytes(signature, digest) || right;
    if (right) return { kind: "verified", id: claim.id, content: await hexSha256(content) };
  }
  return refused("no signature was made with this webhook's secret over exactly these bytes");
}

async function digestOf(
  claim: Claim,
  key: Uint8Array<ArrayBuffer>,
  content: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: claim.hash }, false, [
    "sign",
  ]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, content));
}

/** The parts as one; a single part as it is, since a large body need not be copied. */
function joined(parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

async function hexSha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
