import { ExpressionError } from "../errors";
import { EXPRESSION_LIMITS } from "../limits";
import { type IntegerFormat, readIntegerPicture } from "./integer-picture";

/** A date picture taken apart: text to copy, and components such as the year to write or read. */
export type DatePart = { literal: string } | DateComponent;

export interface DateComponent {
  component: string;
  /** How the component is written: as a number, or by name in this case. */
  names?: "upper" | "lower" | "title";
  integer?: IntegerFormat;
  minWidth?: number | undefined;
  maxWidth?: number | undefined;
  hasWidth: boolean;
  /** The second modifier: `t` writes a zero offset as Z, `o` asks for an ordinal. */
  modifier?: string;
  /** Digits that a year is cut to; -1 for none. */
  yearDigits: number;
}

/** How each component is written when the picture does not say. */
const DEFAULTS: Record<string, string> = {
  Y: "1",
  M: "1",
  D: "1",
  d: "1",
  F: "n",
  W: "1",
  w: "1",
  X: "1",
  x: "1",
  H: "1",
  h: "1",
  P: "n",
  m: "01",
  s: "01",
  f: "1",
  Z: "01:01",
  z: "01:01",
  C: "n",
  E: "n",
};

const NUMERIC = "YMDdFWwXxHhmsf";

export function isComponent(part: DatePart): part is DateComponent {
  return "component" in part;
}

/** Pictures recur: the last few dozen stay taken apart. */
const PICTURES = new Map<string, readonly DatePart[]>();
const PICTURES_KEPT = 64;

export function readDatePicture(picture: string): readonly DatePart[] {
  let parts = PICTURES.get(picture);
  if (!parts) {
    parts = takeApart(picture);
    if (PICTURES.size >= PICTURES_KEPT) PICTURES.clear();
    PICTURES.set(picture, parts);
  }
  return parts;
}

function takeApart(picture: string): DatePart[] {
  if (picture.length > EXPRESSION_LIMITS.pictureCharacters) {
    throw new ExpressionError("string_too_long", { value: picture.length });
  }
  const parts: DatePart[] = [];
  const addLiteral = (text: string) => {
    if (text.length > 0) parts.push({ literal: text.replaceAll("]]", "]") });
  };
  let start = 0;
  let at = 0;
  while (at < picture.length) {
    if (picture[at] !== "[") {
      at++;
      continue;
    }
    addLiteral(picture.slice(start, at));
    if (picture[at + 1] === "[") {
      parts.push({ literal: "[" });
      at += 2;
    } else {
      const end = picture.indexOf("]", at);
      if (end === -1) throw new ExpressionError("D3135");
      addComponent(parts, picture.slice(at + 1, end).replace(/\s+/g, ""));
      at = end + 1;
    }
    start = at;
  }
  addLiteral(picture.slice(start));
  return parts;
}

function widthOf(text: string | undefined): number | undefined {
  if (text === undefined || text === "*") return undefined;
  return Number.parseInt(text, 10);
}

function addComponent(parts: DatePart[], marker: string): void {
  const component = marker.charAt(0);
  const part: DateComponent = { component, hasWidth: false, yearDigits: -1 };
  const comma = marker.lastIndexOf(",");
  let presentation = comma === -1 ? marker.slice(1) : marker.slice(1, comma);
  if (comma !== -1) {
    const width = marker.slice(comma + 1);
    const dash = width.indexOf("-");
    part.hasWidth = true;
    part.minWidth = widthOf(dash === -1 ? width : width.slice(0, dash));
    part.maxWidth = dash === -1 ? undefined : widthOf(width.slice(dash + 1));
  }
  if (presentation.length > 1 && "atco".includes(presentation.at(-1) as string)) {
    part.modifier = presentation.at(-1) as string;
    presentation = presentation.slice(0, -1);
  } else if (presentation.length === 0) {
    const usual = Object.hasOwn(DEFAULTS, component) ? DEFAULTS[component] : undefined;
    if (usual === undefined) throw new ExpressionError("D3132", { value: component });
    presentation = usual;
  }
  if (presentation[0] === "n") part.names = "lower";
  else if (presentation[0] === "N") part.names = presentation[1] === "n" ? "title" : "upper";
  else if (component !== "" && NUMERIC.includes(component)) addNumber(part, presentation, parts.at(-1));
  if (component === "Z" || component === "z") part.integer = readIntegerPicture(presentation);
  parts.push(part);
}

function addNumber(part: DateComponent, presentation: string, previous: DatePart | undefined): void {
  const format = readIntegerPicture(part.modifier ? `${presentation};${part.modifier}` : presentation);
  part.integer = format;
  if (part.minWidth !== undefined && format.mandatory < part.minWidth) format.mandatory = part.minWidth;
  if (part.component === "Y") {
    if (part.maxWidth !== undefined) {
      part.yearDigits = part.maxWidth;
      format.mandatory = part.maxWidth;
    } else if (format.mandatory + format.optional >= 2) part.yearDigits = format.mandatory + format.optional;
  }
  // Two numbers with nothing between: when read, the first ends after its mandatory digits.
  if (previous && isComponent(previous) && previous.integer)
    previous.integer.width = previous.integer.mandatory;
}
