import type { TwilioSignature } from "../../domain/webhook";
import {
  type Claim,
  fromBase64,
  fromHex,
  plainField,
  type Refusal,
  refused,
  type SignedRequest,
  utf8,
} from "./claim";
import { sameBytes } from "./same-bytes";

/**
 * Twilio (twilio.com/docs/usage/webhooks/webhooks-security): `X-Twilio-Signature: <base64>` of HMAC-SHA1 over the public URL and,
 * of a form, its fields: sorted by name, each name directly followed by its value; of a repeated field each different
 * value in order. Any other body is bound to the URL by its parameter `bodySHA256`. There is no time in it.
 */
export async function twilio(
  request: SignedRequest,
  { url: publicUrl }: TwilioSignature,
): Promise<Claim | Refusal> {
  const { headers, body } = request;
  const header = headers.get("x-twilio-signature");
  const signature = header === null ? undefined : fromBase64(header);
  if (signature === undefined) return refused("X-Twilio-Signature is missing or not base64");
  const url = calledUrl(request.url, publicUrl);
  const hash = new URL(url).searchParams.getAll("bodySHA256");
  const id = plainField(headers.get("i-twilio-idempotency-token"));
  const claim = (content: string): Claim => ({
    kind: "claim",
    hash: "SHA-1",
    content: [utf8(content)],
    signatures: [signature],
    id,
  });
  if (hash.length > 0) {
    const expected = hash.length === 1 ? fromHex(hash[0] as string) : undefined;
    const actual = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
    if (expected === undefined || !sameBytes(expected, actual)) {
      return refused("bodySHA256 in the URL is not the SHA-256 of the body");
    }
    return claim(url);
  }
  const type = headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  if (type === "application/x-www-form-urlencoded") {
    const fields = formFields(body);
    return fields === undefined ? refused("the form is not UTF-8") : claim(url + fields);
  }
  if (body.length === 0) return claim(url);
  return refused("the body is no form, and the URL has no bodySHA256 that would bind it");
}

/** The URL that Twilio called: the request's own, or, behind a proxy that changes it, the declared one with the request's query. */
function calledUrl(url: string, publicUrl: string | undefined): string {
  if (publicUrl === undefined) return url;
  const query = url.indexOf("?");
  return query < 0 ? publicUrl : publicUrl + url.slice(query);
}

function formFields(body: Uint8Array): string | undefined {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return undefined;
  }
  const fields = new Map<string, Set<string>>();
  for (const [name, value] of new URLSearchParams(text)) {
    const values = fields.get(name);
    if (values === undefined) fields.set(name, new Set([value]));
    else values.add(value);
  }
  let signed = "";
  for (const name of [...fields.keys()].sort()) {
    for (const value of [...(fields.get(name) as Set<string>)].sort()) signed += name + value;
  }
  return signed;
}
