/** Whole numbers as Roman numerals and as letters (a, b, … z, aa, ab …), both ways. */

const ROMAN: readonly (readonly [number, string])[] = [
  [1000, "m"],
  [900, "cm"],
  [500, "d"],
  [400, "cd"],
  [100, "c"],
  [90, "xc"],
  [50, "l"],
  [40, "xl"],
  [10, "x"],
  [9, "ix"],
  [5, "v"],
  [4, "iv"],
  [1, "i"],
];

const ROMAN_VALUES: Record<string, number> = { M: 1000, D: 500, C: 100, L: 50, X: 10, V: 5, I: 1 };

export function toRoman(value: number): string {
  let rest = value;
  let made = "";
  for (const [worth, numeral] of ROMAN) {
    const count = Math.floor(rest / worth);
    if (count === 0) continue;
    made += numeral.repeat(count);
    rest -= count * worth;
  }
  return made;
}

/** Read from the right: a numeral smaller than one already read is taken away. */
export function fromRoman(numerals: string): number {
  let sum = 0;
  let greatest = 1;
  for (let at = numerals.length - 1; at >= 0; at--) {
    const worth = ROMAN_VALUES[numerals[at] as string] ?? Number.NaN;
    if (worth < greatest) sum -= worth;
    else {
      greatest = worth;
      sum += worth;
    }
  }
  return sum;
}

export function toLetters(value: number, first: string): string {
  const start = first.charCodeAt(0);
  let made = "";
  for (let rest = value; rest > 0; rest = Math.floor((rest - 1) / 26)) {
    made = String.fromCharCode(((rest - 1) % 26) + start) + made;
  }
  return made;
}

export function fromLetters(letters: string, first: string): number {
  const start = first.charCodeAt(0);
  let sum = 0;
  for (let at = 0; at < letters.length; at++) {
    sum += (letters.charCodeAt(letters.length - at - 1) - start + 1) * 26 ** at;
  }
  return sum;
}
