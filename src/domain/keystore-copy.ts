import { sha256Hex } from "./digest";
import { type KeystoreEntry, utf8Length, type ValueFormat } from "./keystore";

/*
 * Copies of keystore entries in KV: the value to the letter, and what is known of it in the metadata. Only a keystore's
 * owner writes them. A key that is not there proves nothing: the owner is asked.
 */

/** Bytes of a keystore's key that stand in KV's own as they are; KV ends at 512, and the prefix needs room. */
const MAX_PLAIN_BYTES = 400;

/** The metadata of a copy: short names, since KV allows 1,024 bytes and counts them. */
export interface CopyMetadata {
  /** Version, time of the write, expiry. */
  v: number;
  u: number;
  x: number | null;
  f: ValueFormat;
}

/** The KV key of a keystore's key; a long one is named by its hash. */
export function copyKey(prefix: string, key: string): string | Promise<string> {
  if (key.length <= MAX_PLAIN_BYTES && utf8Length(key) <= MAX_PLAIN_BYTES) return `${prefix}=${key}`;
  return sha256Hex(key).then((hash) => `${prefix}#${hash}`);
}

export function copyMetadata({ version, updatedAt, expiresAt, format }: KeystoreEntry): CopyMetadata {
  return { v: version, u: updatedAt, x: expiresAt, f: format };
}

/** The entry that a copy tells of; `undefined` when it is none, or has expired. */
export function entryOfCopy(
  text: string | null | undefined,
  metadata: unknown,
  now: number,
): KeystoreEntry | undefined {
  if (typeof text !== "string" || typeof metadata !== "object" || metadata === null) return undefined;
  const { v, u, x, f } = metadata as CopyMetadata;
  if (typeof v !== "number" || (x !== null && x <= now)) return undefined;
  return { text, format: f, version: v, updatedAt: u, expiresAt: x };
}
