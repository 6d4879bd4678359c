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
    schema.$defs.NodeDefinition = { oneOf: [...registry.values()].map(nodeSchema) };
    made = { ...schema, title: "Sluice bundle" };
  }
  return made;
}

function nodeSchema(type: { type: string; summary: string; config: z.ZodType }): Schema {
  const own = z.toJSONSchema(type.config, { io: "input", unrepresentable: "any" }) as Schema;
  const shared = z.toJSONSchema(NodeDefinition, { io: "input", unrepresentable: "any" }) as Schema;
  const { $schema: _, ...settings } = own;
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
