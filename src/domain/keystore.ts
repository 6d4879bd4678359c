import { z } from "zod";
import { AnyJson } from "./any-json";
import { durationSchema, parseDuration } from "./duration";
import { SluiceError } from "./errors";
import { type Json, parseJson } from "./json";
import { MAX_KEYSTORE_EXPIRY_MS, MAX_KEYSTORE_KEY_CHARS, MAX_KEYSTORE_VALUE_BYTES } from "./limits";
import { ResourceName } from "./names";

/** What a keystore holds: `json` values are JSON, `raw` ones any text. */
export const KEYSTORE_TYPES = ["json", "raw"] as const;
export type KeystoreType = (typeof KEYSTORE_TYPES)[number];

/** A store of values by key (seed: Keystore). */
export const KeystoreDefinition = z
  .strictObject({
    keystore: ResourceName,
    description: z.string().max(10_000).optional(),
    type: z
      .enum(KEYSTORE_TYPES, { error: "`type` is json or raw" })
      .default("json")
      .describe("`json`: values are JSON. `raw`: values are texts of any kind, kept to the letter."),
    empty: AnyJson.optional().describe(
      "What a key gets that is read before it was written: any JSON, `{}` by default; a text for a raw keystore, empty by default.",
    ),
    expires: durationSchema(MAX_KEYSTORE_EXPIRY_MS)
      .optional()
      .describe(
        "How long an entry lives after it was written, unless the write says otherwise. For good by default.",
      ),
  })
  .refine(({ type, empty }) => type !== "raw" || empty === undefined || typeof empty === "string", {
    path: ["empty"],
    message: "a raw keystore holds texts, so its `empty` is a text",
  })
  .refine(({ empty }) => utf8Length(JSON.stringify(empty) ?? "") <= MAX_KEYSTORE_VALUE_BYTES, {
    path: ["empty"],
    message: `a value has at most ${MAX_KEYSTORE_VALUE_BYTES} bytes (MAX_KEYSTORE_VALUE_BYTES)`,
  })
  .meta({ id: "KeystoreDefinition" });
export type KeystoreDefinition = z.output<typeof KeystoreDefinition>;

/**
 * How a value was written. `json` stands in every keystore, `text` and `xml` in raw ones only: XML that comes into a
 * JSON keystore becomes JSON first.
 */
export type ValueFormat = "json" | "text" | "xml";

/** A value as it is kept: the text to the letter, and what it is. */
export interface KeystoreValue {
  text: string;
  format: ValueFormat;
}

/** A value with what is known of it. */
export interface KeystoreEntry extends KeystoreValue {
  /** Grows with every write of the key. */
  version: number;
  /** Milliseconds since 1970. */
  updatedAt: number;
  /** When it is gone; `null` for never. */
  expiresAt: number | null;
}

/** Where a keystore's data is. Its id is never given to another one, so what a dropped one leaves behind is not found again. */
export interface KeystoreRef {
  environmentId: number;
  id: number;
  definition: KeystoreDefinition;
}

/** What every KV key of a keystore begins with. */
export function keystorePrefix({ environmentId, id }: Pick<KeystoreRef, "environmentId" | "id">): string {
  return `e${environmentId}/k${id}/`;
}

/** Name of the object that owns a keystore. */
export function keystoreObject({ environmentId, id }: Pick<KeystoreRef, "environmentId" | "id">): string {
  return `e${environmentId}/keystore/${id}`;
}

/** @throws SluiceError invalid_request, saying what a key may be */
export function checkKey(key: unknown): string {
  const refuse = (reason: string, limit?: string): never => {
    throw new SluiceError("invalid_request", `The key ${reason}.`, {
      problems: [{ path: "key", reason }],
      ...(limit === undefined ? {} : { limit }),
    });
  };
  if (typeof key !== "string") return refuse("must be a text");
  if (key === "") return refuse("is empty; name one");
  if (key.length > MAX_KEYSTORE_KEY_CHARS) {
    const reason = `is longer than ${MAX_KEYSTORE_KEY_CHARS} characters (MAX_KEYSTORE_KEY_CHARS)`;
    return refuse(reason, "MAX_KEYSTORE_KEY_CHARS");
  }
  if (key.includes("\0")) return refuse("has a NUL character; leave it out");
  if (!key.isWellFormed()) return refuse("has half of a surrogate pair; leave it out");
  return key;
}

/** @throws SluiceError payload_too_large, invalid_request */
export function checkValue(value: KeystoreValue): KeystoreValue {
  const { text } = value;
  if (text.length > MAX_KEYSTORE_VALUE_BYTES || utf8Length(text) > MAX_KEYSTORE_VALUE_BYTES) {
    throw new SluiceError(
      "payload_too_large",
      `A keystore's value has at most ${MAX_KEYSTORE_VALUE_BYTES} bytes (MAX_KEYSTORE_VALUE_BYTES).`,
      { limit: "MAX_KEYSTORE_VALUE_BYTES" },
    );
  }
  if (!text.isWellFormed()) {
    throw new SluiceError(
      "invalid_request",
      "The value has half of a surrogate pair, which no encoding can keep; leave it out.",
    );
  }
  return value;
}

/** JSON as a value of a keystore: texts stand in a raw one as they are. */
export function valueOfJson(type: KeystoreType, json: Json): KeystoreValue {
  if (type === "raw" && typeof json === "string") return { text: json, format: "text" };
  return { text: JSON.stringify(json), format: "json" };
}

/** A value as JSON: texts and XML as strings. */
export function jsonOfValue({ text, format }: KeystoreValue): Json {
  return format === "json" ? parseJson(text, "the stored value") : text;
}

/** What a key gets that is read before it was written. */
export function emptyValue({ type, empty }: KeystoreDefinition): KeystoreValue {
  return valueOfJson(type, empty ?? (type === "raw" ? "" : {}));
}

/** When an entry that is written at `now` expires. @param own milliseconds that the write asks for */
export function expiryOf(definition: KeystoreDefinition, now: number, own?: number): number | null {
  const ms = own ?? (definition.expires === undefined ? undefined : parseDuration(definition.expires));
  return ms === undefined ? null : now + ms;
}

/** Bytes of a text in UTF-8, without encoding it. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0x80) bytes += 1;
    else if (code < 0x800) bytes += 2;
    else if (code >= 0xd800 && code <= 0xdbff) {
      bytes += 4;
      index += 1;
    } else bytes += 3;
  }
  return bytes;
}
