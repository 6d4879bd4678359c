import type { CallEndpoint, CallParameter, IntegrationDefinition } from "../../domain/integration";
import type { Json } from "../../domain/json";
import { nearest } from "../../domain/nearest";
import type { PrepareContext, Steps } from "../prepare-context";
import type { CallSettings } from "./prepare-call";
import type { NamedValue, PreparedBody } from "./prepared-call";

/** What a node gives of its endpoint's parameters, as far as it is known before any item. */
interface Given {
  steps: Steps;
  /** Absent where an expression works it out. */
  constant: Json | undefined;
}

/**
 * Compares what a call gives with the parameters that its endpoint lists: required ones must be there, constants must be of
 * their type, and where the list is complete no other query parameter may be.
 */
export function checkParameters(
  context: PrepareContext,
  integration: IntegrationDefinition,
  endpoint: CallEndpoint,
  settings: CallSettings,
  headers: readonly NamedValue[],
  query: readonly NamedValue[],
  body: PreparedBody | undefined,
): void {
  const given = new Map<string, Given>();
  const add = (place: CallParameter["in"], name: string, steps: Steps, constant: Json | undefined) =>
    given.set(keyOf(place, name), { steps, constant });
  const steps = (place: "headers" | "query", name: string) =>
    Object.hasOwn(settings[place] ?? {}, name) ? [place, name] : ["call"];
  for (const { name, value } of headers) add("header", name, steps("headers", name), value.constant);
  for (const { name, value } of query) add("query", name, steps("query", name), value.constant);
  // What evaluates to nothing is no constant, so a path parameter's steps are enough.
  for (const [name, source] of Object.entries(settings.params ?? {})) {
    add("path", name, ["params", name], isLiteral(source) ? (source as Json) : undefined);
  }
  const { auth } = integration;
  if (auth?.type === "apiKey") add(auth.in, auth.name, ["call"], undefined);
  const { paging } = settings;
  for (const name of [paging?.parameter, paging?.sizeParameter]) {
    if (name !== undefined) add("query", name, ["paging"], undefined);
  }
  const fields = bodyFields(settings, body);
  for (const [name, source] of Object.entries(fields ?? {})) {
    add("body", name, ["body", body?.kind ?? "json", name], isLiteral(source) ? (source as Json) : undefined);
  }

  const { parameters = [] } = endpoint;
  for (const parameter of parameters) {
    const { in: place, name, required } = parameter;
    const found = given.get(keyOf(place, name));
    if (found === undefined) {
      // A missing path parameter is reported by the path, and fields of a body are known only where it is an object.
      if (required !== true || place === "path" || (place === "body" && fields === undefined)) continue;
      context.problem(place === "body" ? ["body"] : [], `the endpoint needs ${described(parameter)}`);
    } else if (found.constant !== undefined && found.constant !== null) {
      const wrong = mismatch(parameter, found.constant);
      if (wrong !== undefined) context.problem(found.steps, `${described(parameter)} is ${wrong}`);
    }
  }
  if ((endpoint.otherParameters ?? integration.otherParameters) !== false) return;
  const known = parameters.filter((each) => each.in === "query").map(({ name }) => name);
  for (const name of Object.keys(settings.query ?? {})) {
    if (known.includes(name) || Object.hasOwn({ ...integration.query, ...endpoint.query }, name)) continue;
    context.problem(
      ["query", name],
      `the endpoint has no query parameter "${name}"; add it to its \`parameters\`, or allow others with \`otherParameters: true\``,
      nearest(name, known),
    );
  }
}

const PLACES: Record<CallParameter["in"], string> = {
  path: "path parameter",
  query: "query parameter",
  header: "header",
  body: "field of the body",
};

function described({ in: place, name }: CallParameter): string {
  return `the ${PLACES[place]} "${name}"`;
}

function keyOf(place: CallParameter["in"], name: string): string {
  return `${place} ${place === "header" ? name.toLowerCase() : name}`;
}

/** The fields of a body that is written as an object; `undefined` when there is none, or an expression makes it. */
function bodyFields(
  settings: CallSettings,
  body: PreparedBody | undefined,
): Record<string, unknown> | undefined {
  const source = body?.kind === "json" || body?.kind === "form" ? settings.body?.[body.kind] : undefined;
  return typeof source === "object" && source !== null && !Array.isArray(source)
    ? (source as Record<string, unknown>)
    : undefined;
}

/** Whether a setting stands for itself: no expression, no template. */
function isLiteral(source: unknown): boolean {
  if (typeof source === "string") return !source.startsWith("=") && !source.includes("${");
  return typeof source === "number" || typeof source === "boolean";
}

/** What a parameter has to be that a constant is not. Texts stand for numbers and booleans everywhere but in JSON. */
function mismatch({ in: place, type, enum: choices }: CallParameter, constant: Json): string | undefined {
  if (Array.isArray(constant)) {
    if (place === "body") return type === undefined || type === "array" ? undefined : oneOf(type);
    for (const each of constant) {
      const wrong = mismatch({ in: place, name: "", type, enum: choices }, each);
      if (wrong !== undefined && type !== "array") return wrong;
    }
    return undefined;
  }
  if (typeof constant === "object" || type === "array" || type === "object") return undefined;
  const text = String(constant);
  if (choices !== undefined && !choices.some((choice) => String(choice) === text)) {
    const shown = choices.slice(0, MAX_CHOICES_SHOWN).map((choice) => JSON.stringify(choice));
    return `${shown.join(", ")}${choices.length > shown.length ? " …" : ""}, not ${JSON.stringify(constant)}`;
  }
  if (type === undefined || FITS[type](place === "body" ? constant : text)) return undefined;
  return `${oneOf(type)}, not ${JSON.stringify(constant)}`;
}

/** Values of a list that a message names. */
const MAX_CHOICES_SHOWN = 10;

const FITS: Record<"string" | "number" | "integer" | "boolean", (value: unknown) => boolean> = {
  string: (value) => typeof value === "string",
  number: (value) =>
    typeof value === "string" ? /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(value) : isNumber(value),
  integer: (value) => (typeof value === "string" ? /^-?\d+$/.test(value) : Number.isInteger(value)),
  boolean: (value) => typeof value === "boolean" || value === "true" || value === "false",
};

function isNumber(value: unknown): boolean {
  return typeof value === "number";
}

function oneOf(type: string): string {
  return `${/^[aeiou]/.test(type) ? "an" : "a"} ${type}`;
}
