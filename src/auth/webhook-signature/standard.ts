import {
  type Claim,
  fromBase64,
  MAX_SIGNATURES,
  plainField,
  type Refusal,
  refused,
  type SignedRequest,
  unixSeconds,
  utf8,
} from "./claim";

/**
 * Standard Webhooks (github.com/standard-webhooks) and Svix, which it comes from: `<id>.<timestamp>.<body>`, and a list of
 * `v1,<base64>` separated by spaces, while secrets are changed. The three headers are `webhook-…` or `svix-…`.
 */
export function standard(request: SignedRequest): Claim | Refusal {
  return claimOf(request, "webhook");
}

/** Svix sends `svix-…`, or `webhook-…` where its customer asked for unbranded headers: all three of one family. */
export function svix(request: SignedRequest): Claim | Refusal {
  return claimOf(request, request.headers.get("svix-signature") === null ? "webhook" : "svix");
}

function claimOf({ headers, body }: SignedRequest, family: "webhook" | "svix"): Claim | Refusal {
  const id = plainField(headers.get(`${family}-id`));
  if (id === undefined)
    return refused(`${family}-id is missing, too long or has other than printable characters`);
  const time = headers.get(`${family}-timestamp`);
  const signedAt = unixSeconds(time);
  if (signedAt === undefined) return refused(`${family}-timestamp is missing or no Unix time`);
  const header = headers.get(`${family}-signature`);
  if (header === null) return refused(`${family}-signature is missing`);
  const signatures = header
    .split(" ", MAX_SIGNATURES)
    .flatMap((entry) => (entry.startsWith("v1,") ? (fromBase64(entry.slice(3)) ?? []) : []));
  if (signatures.length === 0) return refused(`${family}-signature has no signature of the scheme v1`);
  return {
    kind: "claim",
    hash: "SHA-256",
    content: [utf8(`${id}.${time}.`), body],
    signatures,
    signedAt,
    id,
  };
}

/** The key behind a secret: base64 after `whsec_`. A secret that is not base64 is taken as it is written. */
export function standardKey(secret: string): Uint8Array<ArrayBuffer> {
  const encoded = secret.startsWith("whsec_") ? secret.slice(6) : secret;
  return fromBase64(encoded) ?? utf8(secret);
}
