/** Characters of one JSON parameter: a D1 value ends at 2 MB, and a character may take three bytes. */
const MAX_PARAMETER_CHARS = 500_000;

/**
 * JSON arrays of the rows, each of a size that one bound parameter holds: how many rows go in with one statement, since
 * D1 binds 100 values at the most.
 */
export function jsonChunks(rows: readonly unknown[]): Generator<string> {
  return textChunks(rows, (row) => JSON.stringify(row), MAX_PARAMETER_CHARS);
}

/**
 * JSON arrays of elements that `textOf` writes, each of at most `maxChars` characters of them; an element that is longer
 * makes one of its own.
 */
export function* textChunks<T>(
  rows: readonly T[],
  textOf: (row: T) => string,
  maxChars: number,
): Generator<string> {
  let part: string[] = [];
  let size = 0;
  for (const row of rows) {
    const text = textOf(row);
    if (part.length > 0 && size + text.length > maxChars) {
      yield `[${part.join(",")}]`;
      part = [];
      size = 0;
    }
    part.push(text);
    size += text.length;
  }
  if (part.length > 0) yield `[${part.join(",")}]`;
}
