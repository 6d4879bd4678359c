import type { GithubSignature } from "../../domain/webhook";
import { type Claim, fromHex, plainField, type Refusal, refused, type SignedRequest } from "./claim";

/**
 * GitHub (docs.github.com, Validating webhook deliveries): `X-Hub-Signature-256: sha256=<hex>` over the body. The older
 * `X-Hub-Signature: sha1=<hex>` counts only where the webhook allows it, and never when the newer one was sent too.
 */
export function github({ headers, body }: SignedRequest, { allowSha1 }: GithubSignature): Claim | Refusal {
  const id = plainField(headers.get("x-github-delivery"));
  const strong = headers.get("x-hub-signature-256");
  if (strong !== null) {
    const signature = strong.startsWith("sha256=") ? fromHex(strong.slice(7)) : undefined;
    if (signature === undefined)
      return refused("X-Hub-Signature-256 is not sha256= and 64 hexadecimal digits");
    return { kind: "claim", hash: "SHA-256", content: [body], signatures: [signature], id };
  }
  const weak = headers.get("x-hub-signature");
  if (weak === null) return refused("X-Hub-Signature-256 is missing");
  if (!allowSha1) {
    return refused("only X-Hub-Signature (SHA-1) was sent, which this webhook does not allow (allowSha1)");
  }
  const signature = weak.startsWith("sha1=") ? fromHex(weak.slice(5)) : undefined;
  if (signature === undefined) return refused("X-Hub-Signature is not sha1= and 40 hexadecimal digits");
  return { kind: "claim", hash: "SHA-1", content: [body], signatures: [signature], id };
}
