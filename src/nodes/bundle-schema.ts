import { z } from "zod";
import { Bundle } from "../domain/bundle";
import { NodeDefinition } from "../domain/flow";
import { registry } from "./registry";

type Schema = Record<string, unknown>;

let made: Schema | undefined;

/** The JSON Schema (2020-12) of a bundle, for editors: the shared parts, and each node type's own settings. */
export function bundleSchema(): Schema {
  if (made === undefined) {
    const schema = z.toJSONSchema(Bundle, { io: "input", unrepresentable: "any" }) as Schema & {
      $defs: Record<string, Schema>;
    };
    schema.$defs.NodeDefinition = {
      oneOf: [...registry.values()].map((type) => nodeSchema(type, schema.$defs)),
    };
    made = { ...schema, title: "Sluice bundle" };
  }
  return made;
}

/** @param definitions takes the definitions that the node's own schema refers to, since references start at the root */
function nodeSchema(
  type: { type: string; summary: string; config: z.ZodType },
  definitions: Record<string, Schema>,
): Schema {
  const shared = z.toJSONSchema(NodeDefinition, { io: "input", unrepresentable: "any" }) as Schema;
  const own = JSON.stringify(z.toJSONSchema(type.config, { io: "input", unrepresentable: "any" }));
  // Unnamed schemas are numbered in each document by itself, so they get the node type's name before them.
  const named = own.replace(/(#\/\$defs\/)(__schema\d+)/g, `$1${type.type}$2`);
  const { $schema: _, $defs, ...settings } = JSON.parse(named) as Schema & { $defs?: Record<string, Schema> };
  for (const [name, definition] of Object.entries($defs ?? {})) {
    definitions[name.startsWith("__schema") ? type.type + name : name] ??= definition;
  }
  return {
    ...settings,
    title: type.type,
    description: type.summary,
    properties: {
      ...(shared.properties as Schema),
      type: { const: type.type },
      ...(settings.properties as Schema),
    },
    required: ["type", ...((settings.required as string[] | undefined) ?? [])],
  };
}
