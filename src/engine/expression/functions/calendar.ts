/** Components of a date in UTC, as date pictures name them. Weeks begin on Monday and belong where their Thursday is. */

export const DAY_MS = 86_400_000;

export const DAYS = ["", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
export const MONTHS = [
  ..."January February March April May June July August September October November December".split(" "),
];

interface YearMonth {
  year: number;
  month: number;
}

function shiftedMonth({ year, month }: YearMonth, by: number): YearMonth {
  const months = year * 12 + month + by;
  return { year: Math.floor(months / 12), month: ((months % 12) + 12) % 12 };
}

/** Midnight of the Monday that begins the first week of a month (of a year, for January). */
function firstWeek({ year, month }: YearMonth): number {
  const first = Date.UTC(year, month);
  const weekday = new Date(first).getUTCDay() || 7;
  return weekday > 4 ? first + (8 - weekday) * DAY_MS : first - (weekday - 1) * DAY_MS;
}

function weeksFrom(start: number, day: number): number {
  return (day - start) / (7 * DAY_MS) + 1;
}

/** The week of `today` counted from the period's first; days before it belong to the period before, days after its last to the next. */
function weekOf(today: number, period: YearMonth, months: 1 | 12): number {
  const week = weeksFrom(firstWeek(period), today);
  const last = months === 12 ? 52 : 4;
  if (week > last) return today >= firstWeek(shiftedMonth(period, months)) ? 1 : Math.floor(week);
  if (week < 1) return Math.floor(weeksFrom(firstWeek(shiftedMonth(period, -months)), today));
  return Math.floor(week);
}

/** The period that the week of this instant belongs to. */
function periodOfWeek(date: Date, period: YearMonth, months: 1 | 12): YearMonth {
  const now = date.getTime();
  const next = shiftedMonth(period, months);
  if (now < firstWeek(period)) return shiftedMonth(period, -months);
  return now >= firstWeek(next) ? next : period;
}

export function componentOf(date: Date, component: string): number | string | undefined {
  const year = date.getUTCFullYear();
  const month = date.getUTCMonth();
  const today = () => Date.UTC(year, month, date.getUTCDate());
  switch (component) {
    case "Y":
      return year;
    case "M":
      return month + 1;
    case "D":
      return date.getUTCDate();
    case "d":
      return (today() - Date.UTC(year, 0)) / DAY_MS + 1;
    case "F":
      return date.getUTCDay() || 7;
    case "W":
      return weekOf(today(), { year, month: 0 }, 12);
    case "w":
      return weekOf(today(), { year, month }, 1);
    case "X":
      return periodOfWeek(date, { year, month: 0 }, 12).year;
    case "x":
      return periodOfWeek(date, { year, month }, 1).month + 1;
    case "H":
      return date.getUTCHours();
    case "h":
      return date.getUTCHours() % 12 || 12;
    case "P":
      return date.getUTCHours() >= 12 ? "pm" : "am";
    case "m":
      return date.getUTCMinutes();
    case "s":
      return date.getUTCSeconds();
    case "f":
      return date.getUTCMilliseconds();
    case "C":
    case "E":
      return "ISO";
    default:
      return undefined;
  }
}
