import { type Json, type JsonObject, setOwn } from "../../domain/json";
import { isObject } from "./references";

/** References followed one after the other: more is no help to anyone. */
const MAX_HOPS = 20;

/**
 * A value that came as XML, where everything is text, as its schema means it: numbers and booleans out of their texts,
 * lists out of a single element, empty objects and lists out of an empty one. What the schema does not say stays text.
 */
export function coerceTexts(value: Json, schema: Json, root: Json = schema): Json {
  const at = referred(schema, root);
  if (at === undefined) return value;
  const types = [at.type].flat();
  if (types.includes("array") && !Array.isArray(value)) {
    if (value === "" || value === null) return types.includes("null") && value === null ? null : [];
    return coerceTexts([value], schema, root);
  }
  if (Array.isArray(value)) {
    return value.map((each, index) => {
      const item = Array.isArray(at.items) ? (at.items[index] ?? at.additionalItems) : at.items;
      return item === undefined ? each : coerceTexts(each, item, root);
    });
  }
  if (types.includes("object") && (value === "" || value === null)) return {};
  if (isObject(value)) {
    const coerced: JsonObject = {};
    for (const [name, field] of Object.entries(value)) {
      const properties = isObject(at.properties) ? at.properties : {};
      const own = Object.hasOwn(properties, name) ? properties[name] : at.additionalProperties;
      setOwn(coerced, name, own === undefined ? field : coerceTexts(field, own, root));
    }
    return coerced;
  }
  return typeof value === "string" || value === null ? scalar(value ?? "", types) : value;
}

function scalar(text: string, types: readonly (Json | undefined)[]): Json {
  if (types.includes("string")) return text;
  const trimmed = text.trim();
  if (
    (types.includes("number") || types.includes("integer")) &&
    /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(trimmed)
  ) {
    const number = Number(trimmed);
    if (Number.isFinite(number)) return number;
  }
  if (types.includes("boolean") && (trimmed === "true" || trimmed === "false")) return trimmed === "true";
  if (types.includes("null") && trimmed === "") return null;
  return text;
}

/** The schema itself, or the one that its `$ref` within the document stands for. */
function referred(schema: Json, root: Json): JsonObject | undefined {
  let at: Json | undefined = schema;
  for (let hop = 0; hop < MAX_HOPS && isObject(at); hop += 1) {
    if (typeof at.$ref !== "string") return at;
    if (!at.$ref.startsWith("#")) return undefined;
    let target: Json | undefined = root;
    for (const step of at.$ref.slice(1).split("/").slice(1)) {
      const name = step.replaceAll("~1", "/").replaceAll("~0", "~");
      if (Array.isArray(target)) target = target[Number(name)];
      else target = isObject(target) && Object.hasOwn(target, name) ? target[name] : undefined;
    }
    at = target;
  }
  return undefined;
}
