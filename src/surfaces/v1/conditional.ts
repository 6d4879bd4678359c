import { sha256Hex } from "../../domain/digest";

/** Characters of an entity tag: as long as the seed's. */
const TAG_CHARS = 32;

/** A strong entity tag of an answer's bytes, as in the seed: 32 hexadecimal digits in quotes. */
export async function entityTag(body: string | Uint8Array): Promise<string> {
  const text =
    typeof body === "string" ? body : Array.from(body, (byte) => String.fromCharCode(byte)).join("");
  return `"${(await sha256Hex(text)).slice(0, TAG_CHARS)}"`;
}

/**
 * Whether the client has this answer already (RFC 9110, 13.2.2): `If-None-Match` decides where it is given, else
 * `If-Modified-Since`, where it is known when the answer last changed.
 */
export function notModified(
  headers: { get(name: string): string | null },
  tag: string,
  lastModified: number | undefined,
): boolean {
  const known = headers.get("if-none-match");
  if (known !== null) {
    const tags = known.split(",").map((each) => each.trim().replace(/^W\//, ""));
    return tags.includes(tag) || tags.includes("*");
  }
  const since = headers.get("if-modified-since");
  if (since === null || lastModified === undefined) return false;
  const time = Date.parse(since);
  return !Number.isNaN(time) && Math.floor(lastModified / 1_000) * 1_000 <= time;
}
