import type { Json, JsonObject } from "../../domain/json";
import { boundedPattern } from "../expression";
import type { Check } from "./checking";
import type { Compiler } from "./compile";
import { isObject, type Path } from "./references";

/** What the keywords of a schema share: how each is made into a check, and how their values are read. */

/** Characters of a text or number that are shown in a reason. */
const SHOWN_CHARS = 60;

/** Makes the check of one keyword; nothing when there is nothing to check. */
export type Keyword = (value: Json, context: KeywordContext) => Check | undefined;

export interface KeywordContext {
  schema: JsonObject;
  path: Path;
  compiler: Compiler;
}

/** The checks of a list of schemas. */
export function listOf(value: Json, { path, compiler }: KeywordContext): Check[] {
  if (!Array.isArray(value) || value.length === 0) {
    compiler.complain(path, `\`${path.at(-1)}\` is a list of at least one schema`);
    return [];
  }
  return value.map((each, index) => compiler.schema(each, [...path, index]));
}

/** Complains of what is no object of schemas by name. @returns something when it is one */
export function group(value: Json | undefined, { path, compiler }: KeywordContext): Check | undefined {
  if (value === undefined) return undefined;
  if (!isObject(value)) compiler.complain(path, `\`${path.at(-1)}\` has a schema for each name`);
  return isObject(value) ? () => true : undefined;
}

/** Complains of what is neither true nor false. */
export function flag(value: Json, { path, compiler }: KeywordContext): undefined {
  if (typeof value !== "boolean") {
    compiler.complain(path, `in draft 4 \`${path.at(-1)}\` is true or false`);
  }
  return undefined;
}

/** Complains of what is no text. */
export function text(value: Json, { path, compiler }: KeywordContext): undefined {
  if (typeof value !== "string") compiler.complain(path, `\`${path.at(-1)}\` is a text`);
  return undefined;
}

/** Whether a text matches a pattern, in bounded time. */
export function patternOf(
  source: Json,
  path: Path,
  compiler: Compiler,
): (given: string) => boolean | "too_long" {
  const pattern = typeof source === "string" ? boundedPattern(source) : { refused: "is no text" };
  if ("test" in pattern) return (given) => pattern.test(given);
  compiler.complain(path, `the pattern ${pattern.refused}`);
  return () => true;
}

/** A list of names, each once. */
export function namesOf(value: Json): string[] | undefined {
  if (!Array.isArray(value) || !value.every((name) => typeof name === "string")) return undefined;
  return new Set(value).size === value.length ? (value as string[]) : undefined;
}

/** As much of a text as a reason shows. */
export function shown(source: string): string {
  return source.length <= SHOWN_CHARS ? source : `${source.slice(0, SHOWN_CHARS)}…`;
}
