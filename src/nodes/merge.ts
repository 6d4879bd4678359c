import { z } from "zod";
import type { Json, JsonObject } from "../domain/json";
import { MAX_ITEMS } from "../domain/limits";
import { RunStopped } from "../engine/errors";
import type { Item } from "../engine/item";
import { defineNode } from "./define-node";
import { ExpressionText } from "./settings";

export const merge = defineNode({
  type: "merge",
  summary: "Joins two streams by key: each pair of items with equal keys becomes one item `{ left, right }`.",
  example: {
    type: "merge",
    on: { left: "=item.customerId", right: "=item.id" },
    results: { matched: "end", left: "end", right: "end" },
  },
  config: z.strictObject({
    on: z
      .strictObject({
        left: ExpressionText.describe("Key of the items at the input `left`."),
        right: ExpressionText.describe("Key of the items at the input `right`."),
      })
      .describe("The keys. Items without a key match nothing."),
  }),
  ports: ["left", "right"],
  effects: "none",
  startsWay: true,
  results: () => [
    {
      name: "matched",
      description: "One item `{ left, right }` for each pair with equal keys, in the order of the left ones.",
    },
    { name: "left", description: "Left items without a partner.", optional: true },
    { name: "right", description: "Right items without a partner.", optional: true },
  ],
  prepare: (config, context) => ({
    left: context.expression(config.on.left, ["on", "left"]),
    right: context.expression(config.on.right, ["on", "right"]),
  }),
  run(node) {
    const { left, right } = node.config;
    const partners = new Map<string, { item: Item; taken: boolean }[]>();
    const rightAlone: Item[] = [];
    node.each(node.port("right"), (item) => {
      const key = keyOf(right.evaluate(node.at(item)));
      if (key === undefined) {
        rightAlone.push(item);
        return;
      }
      const present = partners.get(key);
      if (present === undefined) partners.set(key, [{ item, taken: false }]);
      else present.push({ item, taken: false });
    });
    const matched: Item[] = [];
    const leftAlone: Item[] = [];
    const done = node.each(node.port("left"), (item) => {
      const key = keyOf(left.evaluate(node.at(item)));
      const found = key === undefined ? undefined : partners.get(key);
      if (found === undefined) {
        leftAlone.push(item);
        return;
      }
      if (matched.length + found.length > MAX_ITEMS) {
        throw new RunStopped(
          "limit",
          "too_many_items",
          `merge "${node.path}" makes more than ${MAX_ITEMS} pairs (MAX_ITEMS)`,
        );
      }
      for (const partner of found) {
        partner.taken = true;
        const value: JsonObject = { left: item.value, right: partner.item.value };
        matched.push(node.combine([item, partner.item], value));
      }
    });
    for (const found of partners.values())
      for (const { item, taken } of found) if (!taken) rightAlone.push(item);
    node.emit("matched", matched);
    node.emit("left", leftAlone);
    node.emit("right", rightAlone);
    return done;
  },
});

/** Keys are equal when their JSON is: 1 and "1" are two keys. */
function keyOf(value: Json | undefined): string | undefined {
  return value === undefined || value === null ? undefined : JSON.stringify(value);
}
