const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?$/;

/** Longest text taken for a number, in characters: the shortest form of any double fits in 25. */
const MAX_NUMBER_CHARS = 400;

/**
 * The number that a text writes in decimal, if a double holds it without losing a digit: written again, it has the same
 * digits. `1.50` and `0.1` are exact in this sense, `12345678901234567890` is not.
 */
export function exactNumber(text: string): number | undefined {
  if (text.length > MAX_NUMBER_CHARS) return undefined;
  const written = significant(text);
  if (written === undefined) return undefined;
  const number = Number(text);
  return Number.isFinite(number) && significant(String(number)) === written ? number : undefined;
}

/** A decimal's sign, digits and exponent without the zeros that do not matter, to compare two spellings. */
function significant(text: string): string | undefined {
  const match = NUMBER.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  const digits = (whole + fraction).replace(/^0+/, "");
  const trimmed = digits.replace(/0+$/, "");
  if (trimmed === "") return "0";
  return `${sign}${trimmed}e${Number(exponent) - fraction.length + digits.length - trimmed.length}`;
}
