import { z } from "zod";
import { MESSAGE_LEVELS } from "../domain/run";
import { asText } from "../engine/value";
import { defineNode } from "./define-node";
import { AnyValue } from "./settings";

export const debug = defineNode({
  type: "debug",
  summary: "Adds a message to the run's console and passes the item on.",
  example: { type: "debug", message: "order ${item.id} is here", details: "=item", next: "end" },
  config: z.strictObject({
    message: z.string().max(2_000).default("debug").describe("The text, with ${…} where wanted."),
    details: AnyValue.optional().describe("A value to keep with it, cut when it is long."),
    level: z.enum(MESSAGE_LEVELS).default("debug").describe("How much it matters."),
  }),
  effects: "none",
  results: () => [{ name: "ok", description: "The items, unchanged.", optional: true }],
  prepare: (config, context) => ({
    message: context.value(config.message, ["message"]),
    details: config.details === undefined ? undefined : context.value(config.details, ["details"]),
    level: config.level,
  }),
  run(node) {
    const { message, details, level } = node.config;
    node.map("ok", (item) => {
      const frame = node.at(item);
      node.run.message(level, asText(message.evaluate(frame)), { details: details?.evaluate(frame) });
      return item;
    });
  },
});
