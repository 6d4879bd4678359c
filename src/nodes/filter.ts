import { z } from "zod";
import type { Item } from "../engine/item";
import { isTrue } from "../engine/truth";
import { defineNode } from "./define-node";
import { ExpressionText } from "./settings";

export const filter = defineNode({
  type: "filter",
  summary: "Keeps the items for which a condition is true.",
  example: { type: "filter", when: "=item.amount > 100", results: { kept: "end", dropped: "end" } },
  config: z.strictObject({ when: ExpressionText.describe("The condition, an expression.") }),
  effects: "none",
  results: () => [
    { name: "kept", description: "Items for which the condition is true." },
    { name: "dropped", description: "All others." },
  ],
  prepare: (config, context) => ({ when: context.expression(config.when, ["when"]) }),
  run(node) {
    const { when } = node.config;
    const kept: Item[] = [];
    const dropped: Item[] = [];
    const done = node.each(node.items, (item) => {
      (isTrue(when.evaluate(node.at(item))) ? kept : dropped).push(item);
    });
    node.emit("kept", kept);
    node.emit("dropped", dropped);
    return done;
  },
});
