import { SluiceError } from "../domain/errors";

/** Shortest administrator's token that is accepted, in characters: 32 hexadecimal digits are 128 bits. */
export const MIN_ADMIN_TOKEN_CHARS = 32;

/** Name under which changes made with the administrator's token are recorded. */
export const ADMIN_USER = "admin";

/**
 * Checks the administrator's bearer token (RFC 6750).
 * @throws SluiceError not_configured when the deployment has none; unauthenticated
 */
export async function authenticateAdmin(
  authorization: string | null,
  expected: string | undefined,
): Promise<string> {
  if (expected === undefined || expected.length < MIN_ADMIN_TOKEN_CHARS) {
    throw new SluiceError(
      "not_configured",
      `The management API is closed: set the secret ADMIN_TOKEN to at least ${MIN_ADMIN_TOKEN_CHARS} characters.`,
    );
  }
  const token = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
  if (token === undefined) {
    throw new SluiceError("unauthenticated", "Send the administrator's token as `Authorization: Bearer …`.");
  }
  if (!(await sameText(token, expected))) {
    throw new SluiceError(
      "unauthenticated",
      "This is not the administrator's token, which is sent as `Authorization: Bearer …`.",
    );
  }
  return ADMIN_USER;
}

/** Compares two texts in a time that tells neither where they differ nor how long the expected one is. */
async function sameText(given: string, expected: string): Promise<boolean> {
  const encoder = new TextEncoder();
  const [left, right] = await Promise.all([
    crypto.subtle.digest("SHA-256", encoder.encode(given)),
    crypto.subtle.digest("SHA-256", encoder.encode(expected)),
  ]);
  const [a, b] = [new Uint8Array(left), new Uint8Array(right)];
  let difference = 0;
  for (let index = 0; index < a.length; index += 1) difference |= (a[index] as number) ^ (b[index] as number);
  return difference === 0;
}
