import { z } from "zod";
import { type JsonObject, setOwn } from "../domain/json";
import type { Item } from "../engine/item";
import { defineNode } from "./define-node";
import { ExpressionText } from "./settings";

export const split = defineNode({
  type: "split",
  summary: "Makes one item of each element of a list.",
  example: { type: "split", over: "=item.lines", results: { each: "end" } },
  config: z.strictObject({
    over: ExpressionText.describe(
      "The list. A single value counts as a list of one, nothing as an empty one.",
    ),
    into: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .describe(
        "Keep the item and put the element into this field of it; without it, the element is the new item.",
      ),
  }),
  effects: "none",
  results: () => [
    { name: "each", description: "One item for each element, in order." },
    { name: "empty", description: "Items whose list has no element.", optional: true },
  ],
  hidesItem: (config, isRouted) => config.into === undefined && !isRouted("empty"),
  prepare: (config, context) => ({ over: context.expression(config.over, ["over"]), into: config.into }),
  run(node) {
    const { over, into } = node.config;
    const elements: Item[] = [];
    const empty: Item[] = [];
    const done = node.each(node.items, (item) => {
      const found = over.evaluate(node.at(item));
      const list = Array.isArray(found) ? found : found === undefined || found === null ? [] : [found];
      if (list.length === 0) empty.push(item);
      for (const element of list) {
        if (into === undefined) {
          elements.push(node.derive(item, element));
          continue;
        }
        const whole = item.value;
        const value: JsonObject =
          typeof whole === "object" && whole !== null && !Array.isArray(whole)
            ? { ...whole }
            : { item: whole };
        setOwn(value, into, element);
        elements.push(node.derive(item, value));
      }
    });
    node.emit("each", elements);
    if (empty.length > 0) node.emit("empty", empty);
    return done;
  },
});
