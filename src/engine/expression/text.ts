import { ExpressionError } from "./errors";
import { EXPRESSION_LIMITS } from "./limits";
import type { Runtime } from "./runtime";
import { boundString, charge, isNumeric, MARKS, OUTER, type PlainObject } from "./values";

/** A value as text, as `$string` and `&` see it: numbers to 15 digits, functions empty, the rest JSON. */
export function textOf(rt: Runtime, value: unknown, pretty: boolean): string {
  switch (typeof value) {
    case "string":
      return value;
    case "boolean":
      return value ? "true" : "false";
    case "function":
      return "";
    case "number":
      if (value - value !== 0) throw new ExpressionError("D3001", { value });
      return numberText(value);
    default: {
      const marked = value as { [MARKS]?: number; 0?: unknown };
      const whole = Array.isArray(value) && ((marked[MARKS] ?? 0) & OUTER) !== 0 ? marked[0] : value;
      const parts: string[] = [];
      const writer = { rt, parts, length: 0, pretty };
      write(writer, whole, 0);
      boundString(rt, writer.length);
      return parts.join("");
    }
  }
}

function numberText(value: number): string {
  return Number.isInteger(value) ? String(value === 0 ? 0 : value) : String(Number(value.toPrecision(15)));
}

interface Writer {
  rt: Runtime;
  parts: string[];
  length: number;
  pretty: boolean;
}

function put(writer: Writer, text: string): void {
  writer.length += text.length;
  if (writer.length > EXPRESSION_LIMITS.stringCharacters) boundString(writer.rt, writer.length);
  writer.parts.push(text);
}

function newLine(writer: Writer, depth: number): void {
  if (writer.pretty) put(writer, `\n${"  ".repeat(depth)}`);
}

/** Written by hand rather than by `JSON.stringify`, to stop at the limit and not after it. */
function write(writer: Writer, value: unknown, depth: number): void {
  if (depth > EXPRESSION_LIMITS.valueDepth) throw new ExpressionError("depth_exceeded");
  charge(writer.rt, 1);
  if (value === null || value === undefined) put(writer, "null");
  else if (typeof value === "string") put(writer, JSON.stringify(value));
  else if (typeof value === "number") put(writer, isNumeric(value) ? numberText(value) : "null");
  else if (typeof value === "boolean") put(writer, value ? "true" : "false");
  else if (typeof value === "function") put(writer, '""');
  else if (Array.isArray(value)) {
    put(writer, "[");
    for (let i = 0; i < value.length; i++) {
      if (i > 0) put(writer, ",");
      newLine(writer, depth + 1);
      write(writer, value[i], depth + 1);
    }
    if (value.length > 0) newLine(writer, depth);
    put(writer, "]");
  } else writeObject(writer, value as PlainObject, depth);
}

function writeObject(writer: Writer, object: PlainObject, depth: number): void {
  let any = false;
  put(writer, "{");
  for (const key of Object.keys(object)) {
    if (object[key] === undefined) continue;
    if (any) put(writer, ",");
    any = true;
    newLine(writer, depth + 1);
    put(writer, `${JSON.stringify(key)}${writer.pretty ? ": " : ":"}`);
    write(writer, object[key], depth + 1);
  }
  if (any) newLine(writer, depth);
  put(writer, "}");
}
