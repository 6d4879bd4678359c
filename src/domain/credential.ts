import { sha256Hex } from "./digest";
import { MAX_CREDENTIAL_CHARS } from "./limits";

/** Bytes of a generated key, token or secret: nobody guesses 256 bits. */
const CREDENTIAL_BYTES = 32;
/** Bytes of a client id, which is public and only has to be unique. */
const CLIENT_ID_BYTES = 16;

function randomHex(bytes: number): string {
  return [...crypto.getRandomValues(new Uint8Array(bytes))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

/** A new key, token or secret: 64 lower-case hexadecimal digits (seed: "consecutive strings of hex digits"). */
export function newCredential(): string {
  return randomHex(CREDENTIAL_BYTES);
}

export function newClientId(): string {
  return randomHex(CLIENT_ID_BYTES);
}

/** What is kept of a credential. Nothing is hashed that is too long to be one of ours. */
export async function credentialHash(credential: string): Promise<string | undefined> {
  return credential === "" || credential.length > MAX_CREDENTIAL_CHARS ? undefined : sha256Hex(credential);
}

/** The end of a credential, by which people tell theirs apart. */
export function credentialHint(credential: string): string {
  return credential.slice(-4);
}

/** Compares two hashes in a time that does not tell where they differ. */
export function sameHash(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let index = 0; index < a.length; index += 1) difference |= a.charCodeAt(index) ^ b.charCodeAt(index);
  return difference === 0;
}
