import { type JsonObject, setOwn } from "./json";
import type { ShapeNode, TypeName } from "./shape-source";

const SCHEMAS: Record<TypeName, () => { type?: string; format?: string }> = {
  string: () => ({ type: "string" }),
  number: () => ({ type: "number" }),
  integer: () => ({ type: "integer" }),
  boolean: () => ({ type: "boolean" }),
  date: () => ({ type: "string", format: "date" }),
  datetime: () => ({ type: "string", format: "date-time" }),
  object: () => ({ type: "object" }),
  any: () => ({}),
};

/** A shape as JSON Schema 2020-12. What is optional may be null, and its field is not among the required ones. */
export function shapeSchema(node: ShapeNode): JsonObject {
  const schema = requiredSchema(node);
  if (node.optional && typeof schema.type === "string") schema.type = [schema.type, "null"];
  return schema;
}

function requiredSchema(node: ShapeNode): JsonObject {
  if (node.kind === "list") return { type: "array", items: shapeSchema(node.item) };
  if (node.kind !== "fields") return { ...SCHEMAS[node.kind]() } as JsonObject;
  const properties: JsonObject = {};
  for (const { name, shape } of node.fields) setOwn(properties, name, shapeSchema(shape));
  const required = node.fields.filter((field) => !field.shape.optional).map((field) => field.name);
  return { type: "object", properties, ...(required.length > 0 ? { required } : {}) };
}

/** Longest description of a shape, in characters: it stands in one line of a message or a list. */
const MAX_DESCRIPTION = 200;

/** A shape in one short line, in its own notation. */
export function describeShape(node: ShapeNode): string {
  const text = describe(node);
  return text.length <= MAX_DESCRIPTION ? text : `${text.slice(0, MAX_DESCRIPTION - 1)}…`;
}

function describe(node: ShapeNode): string {
  const optional = node.optional ? "?" : "";
  if (node.kind === "list") return `${describe(node.item)}[]${optional}`;
  if (node.kind !== "fields") return node.kind + optional;
  if (node.fields.length === 0) return `{}${optional}`;
  const fields = node.fields.map(({ name, shape }) => {
    const required = describe({ ...shape, optional: false });
    return `${name}${shape.optional ? "?" : ""}: ${required}`;
  });
  return `{ ${fields.join(", ")} }${optional}`;
}
