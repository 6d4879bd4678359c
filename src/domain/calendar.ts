const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** The digits from `start` up to `end` as a number; NaN when one of them is no digit. */
function digits(text: string, start: number, end: number): number {
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

function startsWithDate(text: string): boolean {
  if (text.charCodeAt(4) !== 0x2d || text.charCodeAt(7) !== 0x2d) return false;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 7);
  const day = digits(text, 8, 10);
  // Written so that NaN fails.
  if (!(year >= 0 && month >= 1 && month <= 12 && day >= 1)) return false;
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= (DAYS[month - 1] as number) + (leap ? 1 : 0);
}

/** Whether a text is a day of the calendar as `YYYY-MM-DD` (full-date of RFC 3339). Runs on every record, so no regex. */
export function isDate(text: string): boolean {
  return text.length === 10 && startsWithDate(text);
}

/**
 * Whether a text is a date-time of RFC 3339, such as `2026-02-28T09:30:00Z` or `…T09:30:00.5+02:00`. The offset is
 * required, since without it the moment is unknown. Second 60 is allowed; which minutes had one is not checked.
 */
export function isDateTime(text: string): boolean {
  const { length } = text;
  if (length < 20 || !startsWithDate(text)) return false;
  const separator = text.charCodeAt(10);
  if (separator !== 0x54 && separator !== 0x74) return false;
  if (text.charCodeAt(13) !== 0x3a || text.charCodeAt(16) !== 0x3a) return false;
  if (!(digits(text, 11, 13) <= 23 && digits(text, 14, 16) <= 59 && digits(text, 17, 19) <= 60)) return false;
  let at = 19;
  if (text.charCodeAt(at) === 0x2e) {
    const start = ++at;
    while (at < length && text.charCodeAt(at) >= 0x30 && text.charCodeAt(at) <= 0x39) at++;
    if (at === start) return false;
  }
  const zone = text.charCodeAt(at);
  if (zone === 0x5a || zone === 0x7a) return at + 1 === length;
  if ((zone !== 0x2b && zone !== 0x2d) || at + 6 !== length || text.charCodeAt(at + 3) !== 0x3a) return false;
  return digits(text, at + 1, at + 3) <= 23 && digits(text, at + 4, at + 6) <= 59;
}
