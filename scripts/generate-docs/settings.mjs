import { code, table } from "./markdown.mjs";

/**
 * @typedef {Record<string, any>} Schema JSON Schema as zod writes it
 */

/** Names of shapes that have a section or page of their own. */
const LINKS = {
  NodeDefinition: "[node](#nodes)",
  EndpointSettings: "[endpoint](#endpoint)",
  InputDeclaration: "[input](#input)",
  ShapeSource: "[shape](shapes.md)",
  FlowDefinition: "[flow](#a-flow)",
};

/** Meanings of settings whose schemas leave them to be understood. */
const MEANINGS = {
  type: "The node type.",
  description: "What it is for, for people.",
  permissions: "Groups by name.",
  input: "What a caller must send.",
};

/** Lists of names and of paths, not of expressions. */
const PLAIN_TEXTS = new Set(["keep", "arrays"]);

/** Values that take more words than their schemas hold. */
const VALUES = {
  timeout: "duration: `500ms`, `8s`, `2m`, or milliseconds",
  for: "duration, or an [expression](values.md)",
};

/**
 * A table of an object's settings.
 * @param {Schema} root
 * @param {{ names?: string[] }} [options] only those, in this order
 */
export function settingsTable(root, { names } = {}) {
  const defs = root.$defs ?? {};
  // A schema with a name of its own is a reference to itself.
  const schema =
    root.properties === undefined && root.$ref !== undefined ? defs[root.$ref.split("/").at(-1)] : root;
  const required = new Set(schema.required ?? []);
  const shown = names ?? Object.keys(schema.properties ?? {});
  return table(
    ["setting", "value", "meaning"],
    shown.map((name) => {
      const setting = schema.properties[name];
      const fallback = setting.default;
      const always =
        fallback === undefined
          ? required.has(name)
            ? "**required**"
            : ""
          : isEmpty(fallback)
            ? ""
            : `default ${code(typeof fallback === "string" ? fallback : JSON.stringify(fallback))}`;
      const value = VALUES[/** @type {keyof typeof VALUES} */ (name)] ?? typeText(setting, defs, name);
      return [code(name), [value, always].filter(Boolean).join(", "), meaning(setting, defs, name)];
    }),
  );
}

/**
 * @param {Schema} schema
 * @param {Schema} defs
 * @param {string} name
 */
function meaning(schema, defs, name) {
  const { description = MEANINGS[/** @type {keyof typeof MEANINGS} */ (name)] ?? "" } = schema;
  const inner = Object.entries(membersOf(schema, defs)).map(
    ([name, member]) => `${code(name)}: ${lowerFirst(member.description ?? typeText(member, defs, name))}`,
  );
  return [description, inner.length === 0 ? "" : inner.join(" ")].filter(Boolean).join(" ");
}

/**
 * Members of an object that stands in a setting, so that they are told with it.
 * @param {Schema} schema
 * @param {Schema} defs
 * @returns {Record<string, Schema>}
 */
function membersOf(schema, defs) {
  if (schema.properties !== undefined) return schema.properties;
  if (schema.items !== undefined) return membersOf(schema.items, defs);
  const choices = schema.anyOf ?? schema.oneOf ?? [];
  for (const choice of choices) {
    const found = membersOf(choice, defs);
    if (Object.keys(found).length > 0) return found;
  }
  return {};
}

/**
 * A type in a few words.
 * @param {Schema} schema
 * @param {Schema} defs
 * @param {string} [name] of the setting
 * @returns {string}
 */
export function typeText(schema, defs, name = "") {
  if (schema.$ref !== undefined) {
    const target = schema.$ref.split("/").at(-1);
    if (target in LINKS) return LINKS[/** @type {keyof typeof LINKS} */ (target)];
    // A schema that refers to itself is that of any JSON.
    return target.startsWith("__schema") ? "[value](values.md)" : typeText(defs[target] ?? {}, defs, name);
  }
  if (schema.id in LINKS) return LINKS[/** @type {keyof typeof LINKS} */ (schema.id)];
  if (schema.const !== undefined) return code(String(schema.const));
  if (schema.enum !== undefined)
    return schema.enum.map((/** @type {unknown} */ each) => code(String(each))).join(" or ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) {
    if (choices.some((/** @type {Schema} */ choice) => choice.type === "null")) return "[value](values.md)";
    return [...new Set(choices.map((/** @type {Schema} */ choice) => typeText(choice, defs, name)))].join(
      " or ",
    );
  }
  switch (schema.type) {
    case "array":
      return `list of ${plural(typeText(schema.items ?? {}, defs, name))}`;
    case "object":
      if (schema.properties !== undefined) return "object";
      return typeof schema.additionalProperties === "object" &&
        Object.keys(schema.additionalProperties).length > 0
        ? byName(typeText(schema.additionalProperties, defs, name))
        : "object";
    case "integer":
    case "number":
      return range(schema.type === "integer" ? "whole number" : "number", schema);
    case "boolean":
      return "`true` or `false`";
    case "string":
      if (schema.description?.startsWith("A node, `node.port`")) return "target";
      // Of all texts, those alone are without an upper bound of their own.
      return schema.minLength === 1 &&
        schema.maxLength === undefined &&
        schema.pattern === undefined &&
        !PLAIN_TEXTS.has(name)
        ? "[expression](values.md)"
        : "text";
    default:
      return "[value](values.md)";
  }
}

/**
 * @param {string} kind
 * @param {Schema} schema
 */
function range(kind, { minimum, maximum }) {
  const low = minimum > Number.MIN_SAFE_INTEGER ? minimum : undefined;
  const high = maximum < Number.MAX_SAFE_INTEGER ? maximum : undefined;
  if (low !== undefined && high !== undefined) return `${kind}, ${low} to ${high}`;
  return low === undefined ? kind : `${kind}, at least ${low}`;
}

/** @param {string} text */
function byName(text) {
  if (text.endsWith("by name")) return text;
  return text.includes(" or ") ? `${text}, by name` : `${plural(text)} by name`;
}

/** @param {string} text */
function plural(text) {
  if (text.includes(" by name")) return text;
  if (text.startsWith("[")) return text.replace(/^\[([^\]]*[^s])\]/, (_, word) => `[${word}s]`);
  return text.replace(/^(text|object|target)\b/, "$1s");
}

/** @param {unknown} value */
function isEmpty(value) {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** @param {string} text */
function lowerFirst(text) {
  return /^[A-Z][a-z]/.test(text) ? (text[0] ?? "").toLowerCase() + text.slice(1) : text;
}
