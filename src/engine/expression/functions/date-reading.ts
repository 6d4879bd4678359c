import { ExpressionError } from "../errors";
import { EXPRESSION_LIMITS } from "../limits";
import { compileInternal, type Engine } from "../regex";
import type { Runtime } from "../runtime";
import { componentOf, DAY_MS, DAYS, MONTHS } from "./calendar";
import { type DateComponent, type DatePart, isComponent, readDatePicture } from "./date-picture";
import { integerReader } from "./integer-picture";

/** How one part of a picture is found in a timestamp, and read. */
interface PartReader {
  component: string;
  pattern: string;
  read?: (text: string) => number | undefined;
}

interface DateReader {
  engine: Engine;
  parts: readonly PartReader[];
}

/** Pictures recur: the last few dozen stay compiled. */
const READERS = new Map<string, DateReader>();
const READERS_KEPT = 64;

function readerFor(picture: string): DateReader {
  let reader = READERS.get(picture);
  if (!reader) {
    const parts = readDatePicture(picture).map(partReader);
    const pattern = `^${parts.map((part) => `(${part.pattern})`).join("")}$`;
    reader = { engine: compileInternal(new RegExp(pattern, "gi")), parts };
    if (READERS.size >= READERS_KEPT) READERS.clear();
    READERS.set(picture, reader);
  }
  return reader;
}

function partReader(part: DatePart): PartReader {
  if (!isComponent(part))
    return { component: "", pattern: part.literal.replace(/[.*+?^${}()|[\]\\]/g, "\\$&") };
  const { component } = part;
  if (component === "Z" || component === "z") return offsetReader(part);
  if (component === "f") {
    return {
      component,
      pattern: "[0-9]+",
      read: (text) => Number.parseFloat(`0.${text.slice(0, 3)}`) * 1000,
    };
  }
  if (part.integer) return { component, ...integerReader(part.integer) };
  const names = namesOf(part);
  return { component, pattern: "[a-zA-Z]+", read: (text) => names.get(text) };
}

function namesOf(part: DateComponent): Map<string, number> {
  const cut = (name: string) => (part.maxWidth ? name.slice(0, part.maxWidth) : name);
  switch (part.component) {
    case "M":
    case "x":
      return new Map(MONTHS.map((name, index) => [cut(name), index + 1]));
    case "F":
      return new Map(DAYS.slice(1).map((name, index) => [cut(name), index + 1]));
    case "P":
      return new Map([
        ["am", 0],
        ["AM", 0],
        ["pm", 1],
        ["PM", 1],
      ]);
    default:
      throw new ExpressionError("D3133", { value: part.component });
  }
}

function offsetReader(part: DateComponent): PartReader {
  const prefix = part.component === "z" ? "GMT" : "";
  const separator = part.integer?.regular ? part.integer.separators[0]?.character : undefined;
  const escaped = separator?.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const pattern = `${prefix}[-+][0-9]+${escaped === undefined ? "" : `${escaped}[0-9]+`}`;
  const read = (text: string) => {
    const offset = text.slice(prefix.length);
    const at = separator === undefined ? (offset.length <= 3 ? offset.length : 3) : offset.indexOf(separator);
    const hours = Number.parseInt(offset.slice(0, at), 10);
    const minutes = Number.parseInt(offset.slice(at + (separator?.length ?? 0)) || "0", 10);
    return hours * 60 + minutes;
  };
  return { component: part.component, pattern, read };
}

/** Whether of the components found (in `order`) all are among `allowed`, and at least one is. */
function isMadeOf(found: ReadonlyMap<string, number>, order: string, allowed: string): boolean {
  const present = [...order].filter((component) => found.get(component));
  return present.length > 0 && present.every((component) => allowed.includes(component));
}

export function readDate(text: string, picture: string, rt: Runtime): number | undefined {
  if (text.length > EXPRESSION_LIMITS.pictureCharacters) {
    throw new ExpressionError("string_too_long", { value: text.length });
  }
  const { engine, parts } = readerFor(picture);
  const match = engine.exec(rt, text, 0);
  if (!match) return undefined;
  const found = new Map<string, number>();
  parts.forEach((part, index) => {
    if (part.read) found.set(part.component, part.read(match.groups[index] ?? "") as number);
  });
  if (found.size === 0) return undefined;
  return millisOf(found, rt);
}

/**
 * Dates come as year, month and day, or year and day of the year; times with 24 hours, or 12 and a half of the day.
 * What is greater than the greatest part given is taken from now, what is smaller than the smallest is zero (or the
 * first), and what is missing in between is an error.
 */
function millisOf(found: Map<string, number>, rt: Runtime): number {
  const dayOfYear = !isMadeOf(found, DATE_ORDER, "YMD") && isMadeOf(found, DATE_ORDER, "Yd");
  const monthWeek = isMadeOf(found, DATE_ORDER, "XxwF");
  const yearWeek = !monthWeek && isMadeOf(found, DATE_ORDER, "XWF");
  const halfDays = !isMadeOf(found, TIME_ORDER, "Hmsf") && isMadeOf(found, TIME_ORDER, "Phmsf");
  const date = dayOfYear ? "YD" : monthWeek ? "XxwF" : yearWeek ? "XWF" : "YMD";
  rt.now ??= Date.now();
  const now = new Date(rt.now);
  let begun = false;
  let ended = false;
  for (const component of date + (halfDays ? "Phmsf" : "Hmsf")) {
    if (found.get(component) !== undefined) {
      begun = true;
      if (ended) throw new ExpressionError("D3136");
    } else if (begun) {
      found.set(component, "MDd".includes(component) ? 1 : 0);
      ended = true;
    } else found.set(component, componentOf(now, component) as number);
  }
  if (monthWeek || yearWeek) throw new ExpressionError("D3136");
  const part = (component: string) => found.get(component) ?? Number.NaN;
  let month = part("M") > 0 ? part("M") - 1 : 0;
  let day = part("D");
  if (dayOfYear) {
    const derived = new Date(Date.UTC(part("Y"), 0) + (part("d") - 1) * DAY_MS);
    month = derived.getUTCMonth();
    day = derived.getUTCDate();
  }
  let hours = part("H");
  if (halfDays) hours = (part("h") === 12 ? 0 : part("h")) + (part("P") === 1 ? 12 : 0);
  const millis = Date.UTC(part("Y"), month, day, hours, part("m"), part("s"), part("f"));
  const offset = found.get("Z") || found.get("z");
  return offset ? millis - offset * 60_000 : millis;
}

/** The date components in the order of the reference's table; `W` and `d` are told apart by case. */
const DATE_ORDER = "YXMxWwdD";
const TIME_ORDER = "PHhmsf";
