/** The least text that is greater than every text with this prefix, by code points; none for the greatest of all. */
export function prefixEnd(prefix: string): string | undefined {
  const points = [...prefix].map((char) => char.codePointAt(0) as number);
  while (points.length > 0) {
    const last = points.pop() as number;
    if (last === 0x10ffff) continue;
    // Halves of surrogate pairs are no characters.
    points.push(last === 0xd7ff ? 0xe000 : last + 1);
    return points.map((point) => String.fromCodePoint(point)).join("");
  }
  return undefined;
}
