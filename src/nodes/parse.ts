import { z } from "zod";
import { type Json, type JsonObject, setOwn } from "../domain/json";
import { schemaProblems } from "../domain/schema-problems";
import { FlowError } from "../engine/errors";
import { FORMATS, type Format, formats } from "../engine/formats";
import type { PrepareContext } from "../engine/prepare-context";
import { defineNode } from "./define-node";
import { AnyValue } from "./settings";

const Options = z.record(z.string(), z.json());

export const parse = defineNode({
  type: "parse",
  summary: "Reads JSON, XML, CSV or form fields from a text.",
  example: { type: "parse", format: "csv", from: "=item.body", options: { delimiter: ";" }, next: "end" },
  config: z.strictObject({
    format: z.enum(FORMATS).describe("The notation of the text."),
    from: AnyValue.default("=item").describe("The text."),
    into: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .describe("Field of the item that takes the value; without it, the value is the new item."),
    options: Options.default({}).describe("Options of the format."),
  }),
  effects: "none",
  results: () => [{ name: "ok", description: "The items with what was read." }],
  prepare: (config, context) => ({
    format: config.format,
    from: context.value(config.from, ["from"]),
    into: config.into,
    options: checkedOptions(config.format, "parseOptions", config.options, context),
  }),
  run(node) {
    const { format, from, into, options } = node.config;
    node.map("ok", (item) => {
      const text = from.evaluate(node.at(item));
      if (typeof text !== "string") {
        throw new FlowError(
          "not_text",
          `\`from\` must be a text to read as ${format}, and it is ${kindOf(text)}`,
        );
      }
      return node.derive(
        item,
        placed(item.value, into, formats[format].parse(text, options as never, `node "${node.path}"`)),
      );
    });
  },
});

export const format = defineNode({
  type: "format",
  summary: "Writes a value as the text of a JSON, XML, CSV or form document.",
  example: {
    type: "format",
    format: "xml",
    value: "=item",
    into: "body",
    options: { root: "order" },
    next: "end",
  },
  config: z.strictObject({
    format: z.enum(FORMATS).describe("The notation to write."),
    value: AnyValue.default("=item").describe("What to write."),
    into: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .describe("Field of the item that takes the text; without it, the text is the new item."),
    options: Options.default({}).describe("Options of the format."),
  }),
  effects: "none",
  results: () => [{ name: "ok", description: "The items with the text." }],
  prepare: (config, context) => ({
    format: config.format,
    value: context.value(config.value, ["value"]),
    into: config.into,
    options: checkedOptions(config.format, "formatOptions", config.options, context),
  }),
  run(node) {
    const { format: notation, value, into, options } = node.config;
    node.map("ok", (item) => {
      const written = formats[notation].format(
        value.evaluate(node.at(item)) ?? null,
        options as never,
        `node "${node.path}"`,
      );
      return node.derive(item, placed(item.value, into, written));
    });
  },
});

/** Options as the format's own schema reads them; an unknown one is a mistake, not to be passed over. */
function checkedOptions(
  notation: Format,
  which: "parseOptions" | "formatOptions",
  given: JsonObject,
  context: PrepareContext,
): unknown {
  const schema = formats[notation][which] as unknown as z.ZodObject;
  const parsed = schema.strict().safeParse(given);
  if (parsed.success) return parsed.data;
  for (const { path, reason, nearest } of schemaProblems(schema, parsed.error)) {
    context.problem(["options", ...path.split("/").slice(1)], reason, nearest);
  }
  return {};
}

function placed(item: Json, into: string | undefined, value: Json): Json {
  if (into === undefined) return value;
  const whole: JsonObject =
    typeof item === "object" && item !== null && !Array.isArray(item) ? { ...item } : { item };
  setOwn(whole, into, value);
  return whole;
}

function kindOf(value: Json | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
