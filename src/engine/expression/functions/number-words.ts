/** Whole numbers in English words, both ways. */

const SMALL = [
  ..."Zero One Two Three Four Five Six Seven Eight Nine Ten Eleven Twelve".split(" "),
  ..."Thirteen Fourteen Fifteen Sixteen Seventeen Eighteen Nineteen".split(" "),
];
const SMALL_ORDINALS = [
  ..."Zeroth First Second Third Fourth Fifth Sixth Seventh Eighth Ninth Tenth Eleventh Twelfth".split(" "),
  ..."Thirteenth Fourteenth Fifteenth Sixteenth Seventeenth Eighteenth Nineteenth".split(" "),
];
const TENS = "Twenty Thirty Forty Fifty Sixty Seventy Eighty Ninety".split(" ");
const GREAT = "Thousand Million Billion Trillion".split(" ");

/** `Twenty` becomes `Twentieth`. */
function ordinalOfTens(word: string): string {
  return `${word.slice(0, -1)}ieth`;
}

export function toWords(value: number, ordinal: boolean): string {
  return words(value, "", ordinal);
}

/** `joint` goes before the words when something greater has been said: ", " or " and ". */
function words(value: number, joint: string, ordinal: boolean): string {
  const before = (other: string) => (joint === "" ? "" : other);
  if (value <= 19) return before(" and ") + (ordinal ? SMALL_ORDINALS : SMALL)[value];
  if (value < 100) {
    const tens = TENS[Math.floor(value / 10) - 2] as string;
    const rest = value % 10;
    if (rest > 0) return `${before(" and ")}${tens}-${words(rest, "", ordinal)}`;
    return before(" and ") + (ordinal ? ordinalOfTens(tens) : tens);
  }
  if (value < 1000) {
    const head = `${before(", ")}${SMALL[Math.floor(value / 100)]} Hundred`;
    return head + remainder(value % 100, ordinal);
  }
  const step = Math.min(Math.floor(Math.log10(value) / 3), GREAT.length);
  const unit = 10 ** (step * 3);
  const count = Math.floor(value / unit);
  const head = `${before(", ")}${words(count, "", false)} ${GREAT[step - 1]}`;
  return head + remainder(value - count * unit, ordinal);
}

function remainder(rest: number, ordinal: boolean): string {
  if (rest > 0) return words(rest, "more", ordinal);
  return ordinal ? "th" : "";
}

const VALUES: ReadonlyMap<string, number> = new Map<string, number>([
  ...SMALL.map((word, index): [string, number] => [word.toLowerCase(), index]),
  ...SMALL_ORDINALS.map((word, index): [string, number] => [word.toLowerCase(), index]),
  ...[...TENS, "Hundred"].flatMap((word, index): [string, number][] => [
    [word.toLowerCase(), (index + 2) * 10],
    [ordinalOfTens(word).toLowerCase(), (index + 2) * 10],
  ]),
  ["hundredth", 100],
  ...GREAT.flatMap((word, index): [string, number][] => [
    [word.toLowerCase(), 1000 ** (index + 1)],
    [`${word.toLowerCase()}th`, 1000 ** (index + 1)],
  ]),
]);

/** A pattern for any run of such words, in lower case. */
export const WORDS_PATTERN = `(?:${[...VALUES.keys(), "and", "[\\-, ]"].join("|")})+`;

/** Not a number when a word is unknown. */
export function fromWords(text: string): number {
  const segments = [0];
  for (const word of text.toLowerCase().split(/,\s|\sand\s|[\s\\-]/)) {
    const value = VALUES.get(word) ?? Number.NaN;
    const last = segments.pop() as number;
    if (value < 100) {
      if (last >= 1000) segments.push(last, value);
      else segments.push(last + value);
    } else segments.push(last * value);
  }
  return segments.reduce((sum, segment) => sum + segment, 0);
}
