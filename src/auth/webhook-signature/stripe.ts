import {
  type Claim,
  fromHex,
  MAX_SIGNATURES,
  type Refusal,
  refused,
  type SignedRequest,
  unixSeconds,
  utf8,
} from "./claim";

/**
 * Stripe (docs.stripe.com, Verify webhook signatures): `Stripe-Signature: t=<seconds>,v1=<hex>,v1=<hex>` over
 * `<t>.<body>`. `v0`, which test events carry, is no signature to rely on and is not looked at.
 */
export function stripe({ headers, body }: SignedRequest): Claim | Refusal {
  const header = headers.get("stripe-signature");
  if (header === null) return refused("Stripe-Signature is missing");
  const times: string[] = [];
  const signatures: Uint8Array<ArrayBuffer>[] = [];
  for (const element of header.split(",", MAX_SIGNATURES * 2)) {
    const at = element.indexOf("=");
    const scheme = element.slice(0, at).trim();
    const value = element.slice(at + 1).trim();
    if (scheme === "t") times.push(value);
    if (scheme !== "v1") continue;
    const signature = fromHex(value);
    if (signature !== undefined) signatures.push(signature);
  }
  const [time] = times;
  const signedAt = unixSeconds(time);
  if (times.length !== 1 || signedAt === undefined)
    return refused("Stripe-Signature has not one timestamp `t`");
  if (signatures.length === 0) return refused("Stripe-Signature has no signature of the scheme v1");
  return { kind: "claim", hash: "SHA-256", content: [utf8(`${time}.`), body], signatures, signedAt };
}
