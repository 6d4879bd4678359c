import type { HmacSignature } from "../../domain/webhook";
import {
  type Claim,
  fromBase64,
  fromHex,
  type HashName,
  MAX_SIGNATURES,
  plainField,
  type Refusal,
  refused,
  type SignedRequest,
  unixSeconds,
  utf8,
} from "./claim";

const HASHES: Record<HmacSignature["algorithm"], HashName> = {
  sha1: "SHA-1",
  sha256: "SHA-256",
  sha384: "SHA-384",
  sha512: "SHA-512",
};

/** Milliseconds since 1970 below which a number is one of seconds: 1e11 seconds is the year 5138, in milliseconds 1973. */
const LEAST_MILLISECONDS = 100_000_000_000;

/** A sender of no scheme that has a name: which header, which digest, over what, is what the webhook says. */
export function hmac(request: SignedRequest, settings: HmacSignature): Claim | Refusal {
  const { headers, body } = request;
  const header = headers.get(settings.header);
  if (header === null) return refused(`${settings.header} is missing`);
  const decode = settings.encoding === "hex" ? fromHex : fromBase64;
  const signatures = header.split(",", MAX_SIGNATURES).flatMap((entry) => {
    const text = entry.trim();
    return text.startsWith(settings.prefix) ? (decode(text.slice(settings.prefix.length)) ?? []) : [];
  });
  if (signatures.length === 0) {
    return refused(`${settings.header} has no signature as ${settings.prefix}<${settings.encoding}>`);
  }
  let time = "";
  let signedAt: number | undefined;
  if (settings.timestamp !== undefined) {
    time = headers.get(settings.timestamp) ?? "";
    signedAt = /^\d{1,15}$/.test(time) ? milliseconds(time) : undefined;
    if (signedAt === undefined) return refused(`${settings.timestamp} is missing or no Unix time`);
  }
  let id: string | undefined;
  if (settings.id !== undefined) {
    id = plainField(headers.get(settings.id));
    if (id === undefined)
      return refused(`${settings.id} is missing, too long or has other than printable characters`);
  }
  const fill = (text: string): string =>
    text.replace(/\{(timestamp|id)\}/g, (_, name: string) => (name === "id" ? (id ?? "") : time));
  const [before = "", after = ""] = settings.content.split("{body}");
  const content = [utf8(fill(before)), body, utf8(fill(after))].filter((part) => part.length > 0);
  return { kind: "claim", hash: HASHES[settings.algorithm], content, signatures, signedAt, id };
}

function milliseconds(text: string): number {
  const number = Number(text);
  return number < LEAST_MILLISECONDS ? (unixSeconds(text) as number) : number;
}
