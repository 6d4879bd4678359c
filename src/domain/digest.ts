/** The SHA-256 of a text's UTF-8 bytes, as 64 lower-case hexadecimal digits. */
export function sha256Hex(text: string): Promise<string> {
  return digestHex(new TextEncoder().encode(text));
}

/** The SHA-256 of bytes, as 64 lower-case hexadecimal digits. */
export async function digestHex(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  let hex = "";
  for (const byte of new Uint8Array(digest)) hex += HEX[byte];
  return hex;
}

/** Two digits for each byte: every call with a credential is hashed, and most answers are. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
