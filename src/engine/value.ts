import { CONSTANTS_VARIABLE } from "../domain/constants";
import { type Json, type JsonObject, setOwn } from "../domain/json";
import { SECRETS_NAME } from "../domain/names";
import { compile, type Expression, type Reads } from "./expression";
import type { Frame } from "./frame";
import { addNames, type NamesRead, noNames } from "./plan";

/** A setting of a node, compiled: evaluates to JSON, or to `undefined` where an expression yields nothing. */
export interface Value {
  /** The JSON itself, when the setting holds no expression. */
  readonly constant: Json | undefined;
  readonly names: NamesRead;
  evaluate(frame: Frame): Json | undefined;
}

/** Where the steps to a part of a setting lead, and what was found there. */
export interface ValueListener {
  failed(steps: (string | number)[], error: Error): void;
  compiled?(steps: (string | number)[], expression: Expression, names: NamesRead): void;
  /** Values of the project's constants. */
  readonly constants?: Readonly<JsonObject> | undefined;
}

/** Functions and variables that are lent to expressions; unknown ones are reported when the flow is applied. */
const LENT = { functions: ["debug", "error"], variables: [CONSTANTS_VARIABLE] };

/** A secret as an expression names it; without a name it stands for all of them. */
const SECRET = new RegExp(
  `${SECRETS_NAME}(?:\\s*\\.\\s*(?:([\\p{L}_][\\p{L}\\p{N}_]*)|\`([^\`]+)\`))?`,
  "gu",
);

/** The names that one expression reads at the root, and of `input`. */
function namesRead(reads: Reads, source: string): NamesRead {
  const names = noNames();
  names.all = reads.all;
  // What reads everything names nothing, so the secrets in it are looked for in its text.
  if (reads.all)
    for (const [, plain, quoted] of source.matchAll(SECRET)) names.secrets.add(plain ?? quoted ?? "");
  for (const [root, field] of reads.paths) {
    if (root === undefined) continue;
    if (root === SECRETS_NAME) {
      names.secrets.add(field ?? "");
      continue;
    }
    names.roots.add(root);
    if (root !== "input") continue;
    if (field === undefined) names.all = true;
    else names.input.add(field);
  }
  return names;
}

class ExpressionValue implements Value {
  readonly constant = undefined;
  readonly names: NamesRead;
  readonly expression: Expression;
  /** What it sees of the project's constants, if it looks at them. */
  readonly #variables: { [CONSTANTS_VARIABLE]: Readonly<JsonObject> } | undefined;

  constructor(source: string, constants: Readonly<JsonObject>) {
    this.expression = compile(source, LENT);
    this.names = namesRead(this.expression.reads, source);
    for (const name of this.expression.fieldsOf(CONSTANTS_VARIABLE)) this.names.constants.add(name);
    this.#variables = this.names.constants.size === 0 ? undefined : { [CONSTANTS_VARIABLE]: constants };
  }

  evaluate({ scope, evaluation }: Frame): Json | undefined {
    return this.expression.evaluate(scope, evaluation, this.#variables) as Json | undefined;
  }
}

class ConstantValue implements Value {
  readonly names = noNames();
  readonly constant: Json;

  constructor(constant: Json) {
    this.constant = constant;
  }

  evaluate(): Json {
    return this.constant;
  }
}

class TemplateValue implements Value {
  readonly constant = undefined;
  readonly names = noNames();
  readonly #parts: readonly (string | Value)[];

  constructor(parts: readonly (string | Value)[]) {
    this.#parts = parts;
    for (const part of parts) if (typeof part !== "string") addNames(this.names, part.names);
  }

  evaluate(frame: Frame): Json {
    let text = "";
    for (const part of this.#parts) text += typeof part === "string" ? part : asText(part.evaluate(frame));
    return text;
  }
}

class ListValue implements Value {
  readonly constant = undefined;
  readonly names = noNames();
  readonly #elements: readonly Value[];

  constructor(elements: readonly Value[]) {
    this.#elements = elements;
    for (const element of elements) addNames(this.names, element.names);
  }

  evaluate(frame: Frame): Json {
    const list: Json[] = [];
    for (const element of this.#elements) {
      const value = element.evaluate(frame);
      if (value !== undefined) list.push(value);
    }
    return list;
  }
}

class ObjectValue implements Value {
  readonly constant = undefined;
  readonly names = noNames();
  readonly #fields: readonly (readonly [string, Value])[];

  constructor(fields: readonly (readonly [string, Value])[]) {
    this.#fields = fields;
    for (const [, value] of fields) addNames(this.names, value.names);
  }

  evaluate(frame: Frame): Json {
    const object: Record<string, Json> = {};
    for (const [key, field] of this.#fields) {
      const value = field.evaluate(frame);
      // A field whose expression yields nothing is absent, as in JSONata's own object constructor.
      if (value !== undefined) setOwn(object, key, value);
    }
    return object;
  }
}

/** A value as text inside a template: nothing and `null` are empty, objects are JSON. */
export function asText(value: Json | undefined): string {
  if (typeof value === "string") return value;
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Whether a setting is an expression rather than a literal or a template. */
export function isExpression(source: unknown): boolean {
  return typeof source === "string" && source.startsWith("=");
}

/**
 * Compiles a setting. Strings that start with `=` are JSONata expressions; others may hold `${…}` with an expression in
 * it (`$${` writes a literal `${`); objects and lists are compiled through and through. What cannot be compiled, an
 * expression or an unfinished `${`, is told to the listener.
 */
export function compileValue(source: unknown, listener: ValueListener): Value {
  return compileAt(source, [], listener);
}

function compileAt(source: unknown, at: (string | number)[], listener: ValueListener): Value {
  if (typeof source === "string") return compileText(source, at, listener);
  if (Array.isArray(source)) {
    const elements = source.map((element, index) => compileAt(element, [...at, index], listener));
    // A text that was unescaped is no longer what stands in the source.
    return elements.every(({ constant }, index) => constant !== undefined && constant === source[index])
      ? new ConstantValue(source as Json[])
      : new ListValue(elements);
  }
  if (typeof source === "object" && source !== null) {
    const fields = Object.entries(source).map(
      ([key, value]) => [key, compileAt(value, [...at, key], listener)] as const,
    );
    const written = source as Record<string, unknown>;
    return fields.every(([key, { constant }]) => constant !== undefined && constant === written[key])
      ? new ConstantValue(source as Json)
      : new ObjectValue(fields);
  }
  return new ConstantValue((source ?? null) as Json);
}

function compileText(source: string, at: (string | number)[], listener: ValueListener): Value {
  try {
    const expression = (text: string): Value => {
      const value = new ExpressionValue(text, listener.constants ?? {});
      listener.compiled?.(at, value.expression, value.names);
      return value;
    };
    if (isExpression(source)) return expression(source.slice(1));
    return source.includes("${") ? compileTemplate(source, expression) : new ConstantValue(source);
  } catch (error) {
    listener.failed(at, error instanceof Error ? error : new TypeError(String(error)));
    return new ConstantValue(null);
  }
}

/** `a ${expression} b`, parsed into its parts. */
function compileTemplate(source: string, expression: (text: string) => Value): Value {
  const parts: (string | Value)[] = [];
  let text = "";
  let position = 0;
  while (position < source.length) {
    const next = source.indexOf("${", position);
    if (next < 0) {
      text += source.slice(position);
      break;
    }
    if (next > position && source[next - 1] === "$") {
      text += `${source.slice(position, next - 1)}\${`;
      position = next + 2;
      continue;
    }
    text += source.slice(position, next);
    const end = expressionEnd(source, next + 2);
    if (end < 0) throw new TypeError("`${` without its `}`; write `$${` for a literal `${`");
    if (text !== "") parts.push(text);
    text = "";
    parts.push(expression(source.slice(next + 2, end)));
    position = end + 1;
  }
  if (parts.length === 0) return new ConstantValue(text);
  if (text !== "") parts.push(text);
  return new TemplateValue(parts);
}

/** What ends an operand: after it a slash divides, elsewhere it begins a regular expression. */
const OPERAND_END = /[\p{L}\p{N}_$)\]}"'`]/u;

/** Where the `}` of a template's expression stands; quotes, braces, comments and regular expressions are followed. */
function expressionEnd(source: string, from: number): number {
  let depth = 0;
  let before = "";
  for (let index = from; index < source.length; index += 1) {
    const char = source[index] as string;
    if (char === "/" && source[index + 1] === "*") {
      const end = source.indexOf("*/", index + 2);
      if (end < 0) return -1;
      index = end + 1;
      continue;
    }
    if (char === '"' || char === "'" || char === "`" || (char === "/" && !OPERAND_END.test(before))) {
      index = closing(source, index, char);
      if (index < 0) return -1;
    } else if (char === "{") depth += 1;
    else if (char === "}") {
      if (depth === 0) return index;
      depth -= 1;
    }
    if (char.trim() !== "") before = char;
  }
  return -1;
}

/** Where the text in quotes, or the regular expression, that opens at `from` closes. */
function closing(source: string, from: number, quote: string): number {
  // As in the language itself, a slash inside brackets does not end a regular expression.
  let depth = 0;
  for (let index = from + 1; index < source.length; index += 1) {
    const char = source[index] as string;
    if (char === "\\" && quote !== "`") index += 1;
    else if (char === quote && depth === 0) return index;
    else if (quote === "/" && "([{".includes(char)) depth += 1;
    else if (quote === "/" && ")]}".includes(char)) depth -= 1;
  }
  return -1;
}
