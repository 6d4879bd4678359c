import { ExpressionError } from "../errors";
import type { Runtime } from "../runtime";
import { boundString, charge } from "../values";
import { componentOf, DAYS, MONTHS } from "./calendar";
import { type DateComponent, isComponent, readDatePicture } from "./date-picture";
import { formatInteger, type IntegerFormat, writeInteger } from "./integer-picture";

const ISO = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]";

interface Offset {
  hours: number;
  minutes: number;
}

/** `+hhmm`, read as one number, so that the sign is in both parts. */
function offsetOf(timezone: string | undefined): Offset {
  if (timezone === undefined) return { hours: 0, minutes: 0 };
  const number = Number.parseInt(timezone, 10);
  return { hours: Math.floor(number / 100), minutes: number % 100 };
}

export function writeDate(
  millis: number,
  picture: string | undefined,
  timezone: string | undefined,
  rt: Runtime,
): string {
  const offset = offsetOf(timezone);
  const date = new Date(millis + (60 * offset.hours + offset.minutes) * 60_000);
  let written = "";
  for (const part of readDatePicture(picture ?? ISO)) {
    charge(rt, 1);
    written += isComponent(part) ? writeComponent(date, part, offset, rt) : part.literal;
    boundString(rt, written.length);
  }
  return written;
}

function cased(name: string, part: DateComponent): string {
  const text =
    part.names === "upper" ? name.toUpperCase() : part.names === "lower" ? name.toLowerCase() : name;
  return part.maxWidth !== undefined && text.length > part.maxWidth ? text.slice(0, part.maxWidth) : text;
}

function writeComponent(date: Date, part: DateComponent, offset: Offset, rt: Runtime): string {
  const { component } = part;
  const value = componentOf(date, component);
  if (component === "Z" || component === "z") return writeOffset(part, offset, rt);
  if (component === "P") return part.names === "upper" ? String(value).toUpperCase() : String(value);
  if (typeof value !== "number") return String(value);
  if (!Number.isFinite(value)) throw new ExpressionError("D1001", { value });
  if (part.names && component !== "f") {
    if (component === "M" || component === "x") return cased(MONTHS[value - 1] as string, part);
    if (component === "F") return cased(DAYS[value] as string, part);
    throw new ExpressionError("D3133", { value: component });
  }
  const shown = component === "Y" && part.yearDigits !== -1 ? value % 10 ** part.yearDigits : value;
  return writeInteger(shown, part.integer as IntegerFormat, rt);
}

function writeOffset(part: DateComponent, { hours, minutes }: Offset, rt: Runtime): string {
  const format = part.integer as IntegerFormat;
  const offset = hours * 100 + minutes;
  if (offset === 0 && part.modifier === "t") return "Z";
  let text: string;
  if (format.regular) text = writeInteger(offset, format, rt);
  else {
    const digits = format.mandatory;
    if (digits === 1 || digits === 2) {
      text = writeInteger(hours, format, rt);
      if (minutes !== 0) text += `:${formatInteger(minutes, "00", rt)}`;
    } else if (digits === 3 || digits === 4) text = writeInteger(offset, format, rt);
    else throw new ExpressionError("D3134", { value: digits });
  }
  if (offset >= 0) text = `+${text}`;
  return part.component === "z" ? `GMT${text}` : text;
}
