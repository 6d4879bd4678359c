import { createHash, timingSafeEqual } from "node:crypto";

/** Shortest administrator's token that is accepted, in characters: 32 hexadecimal digits are 128 bits. */
export const MIN_ADMIN_TOKEN_CHARS = 32;

/** Name under which changes made with the administrator's token are recorded. */
export const ADMIN_USER = "admin";

/** Whether a deployment has a token that can be used. */
export function isUsableAdminToken(token: string | undefined): token is string {
  return token !== undefined && token.length >= MIN_ADMIN_TOKEN_CHARS;
}

/** Compares two texts in a time that tells neither where they differ nor how long the expected one is. */
export function sameText(given: string, expected: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
