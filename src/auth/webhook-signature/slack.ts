import { type Claim, fromHex, type Refusal, refused, type SignedRequest, unixSeconds, utf8 } from "./claim";

/**
 * Slack (docs.slack.dev, Verifying requests from Slack): `X-Slack-Signature: v0=<hex>` over
 * `v0:<X-Slack-Request-Timestamp>:<body>`.
 */
export function slack({ headers, body }: SignedRequest): Claim | Refusal {
  const time = headers.get("x-slack-request-timestamp");
  const signedAt = unixSeconds(time);
  if (signedAt === undefined) return refused("X-Slack-Request-Timestamp is missing or no Unix time");
  const header = headers.get("x-slack-signature");
  if (header === null) return refused("X-Slack-Signature is missing");
  const signature = header.startsWith("v0=") ? fromHex(header.slice(3)) : undefined;
  if (signature === undefined) return refused("X-Slack-Signature is not v0= and 64 hexadecimal digits");
  return {
    kind: "claim",
    hash: "SHA-256",
    content: [utf8(`v0:${time}:`), body],
    signatures: [signature],
    signedAt,
  };
}
