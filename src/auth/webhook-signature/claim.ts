/**
 * A webhook request as its signature is checked: the exact bytes that came, and nothing that was parsed.
 */
export interface SignedRequest {
  /** Complete, with the query, as it was called. */
  url: string;
  headers: { get(name: string): string | null };
  body: Uint8Array<ArrayBuffer>;
}

export type HashName = "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512";

/** What a sender claims: that one of these signatures was made over `content` with a secret that it shares with us. */
export interface Claim {
  kind: "claim";
  hash: HashName;
  /** What was signed, in parts: the bytes before the body, the body, the bytes after it. */
  content: Uint8Array<ArrayBuffer>[];
  /** Signatures, decoded; one that is right is enough. */
  signatures: Uint8Array<ArrayBuffer>[];
  /** When it was signed, in milliseconds since 1970; absent for a scheme that does not say. */
  signedAt?: number | undefined;
  /** The delivery's id, as the sender's header says. */
  id?: string | undefined;
}

/** The request lacks what the scheme asks for. The reason is for the log: it names headers, never their values. */
export interface Refusal {
  kind: "refused";
  reason: string;
}

export const refused = (reason: string): Refusal => ({ kind: "refused", reason });

/** Signatures of one request that are looked at. Senders send two or three while a secret is changed; each costs a comparison. */
export const MAX_SIGNATURES = 10;

/** Longest text of a timestamp or an id that is taken from a header, in characters. */
const MAX_FIELD_CHARS = 256;

/** Time as most senders write it: whole seconds since 1970. Milliseconds since 1970, or `undefined` for anything else. */
export function unixSeconds(text: string | null | undefined): number | undefined {
  return text != null && /^\d{1,12}$/.test(text) ? Number(text) * 1_000 : undefined;
}

/** A header that must be there, be short and have nothing but printable ASCII; `undefined` otherwise. */
export function plainField(text: string | null): string | undefined {
  if (text === null || text === "" || text.length > MAX_FIELD_CHARS) return undefined;
  return /^[\x21-\x7e]+$/.test(text) ? text : undefined;
}

const encoder = new TextEncoder();

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text) as Uint8Array<ArrayBuffer>;
}

/** Bytes of hexadecimal digits, in any case; `undefined` when they are none. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length === 0 || text.length % 2 !== 0 || text.length > MAX_FIELD_CHARS) return undefined;
  if (!/^[0-9a-f]+$/i.test(text)) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let index = 0; index < bytes.length; index += 1) {
    bytes[index] = Number.parseInt(text.slice(index * 2, index * 2 + 2), 16);
  }
  return bytes;
}

/** Bytes of base64, with or without padding, in the URL's alphabet too; `undefined` when it is none. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text === "" || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return undefined;
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/").replace(/=+$/, ""));
    const bytes = new Uint8Array(binary.length);
    for (let index = 0; index < binary.length; index += 1) bytes[index] = binary.charCodeAt(index);
    return bytes;
  } catch {
    return undefined;
  }
}
