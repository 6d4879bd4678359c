/** A text in Base64, as UTF-8. */
export function base64OfText(text: string): string {
  let binary = "";
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/**
 * Text out of Base64, with either alphabet, with or without padding and line breaks; `undefined` when it is not Base64 of
 * UTF-8.
 */
export function textOfBase64(text: string): string | undefined {
  const plain = text.replace(/\s+/g, "").replaceAll("-", "+").replaceAll("_", "/").replace(/=+$/, "");
  if (!/^[A-Za-z0-9+/]+$/.test(plain) || plain.length % 4 === 1) return undefined;
  try {
    const bytes = Uint8Array.from(atob(plain), (character) => character.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** JSON that came in Base64, as text; JSON that was not encoded is taken as it is. `undefined` when it is neither. */
export function encodedJson(text: string): string | undefined {
  const trimmed = text.trim();
  return trimmed.startsWith("{") || trimmed.startsWith("[") ? trimmed : textOfBase64(trimmed);
}
