import { z } from "zod";
import type { Json } from "../domain/json";
import type { Item } from "../engine/item";
import { compareValues } from "../engine/order";
import { defineNode } from "./define-node";
import { ExpressionText } from "./settings";

const SortKey = z.union([
  ExpressionText,
  z.strictObject({
    key: ExpressionText.describe("The value to sort by."),
    order: z.enum(["asc", "desc"]).default("asc").describe("Ascending or descending."),
  }),
]);

export const sort = defineNode({
  type: "sort",
  summary: "Puts items in order. Items that compare equal keep theirs; those without a value come last.",
  example: {
    type: "sort",
    by: ["=item.region", { key: "=item.area", order: "desc" }],
    limit: 10,
    next: "end",
  },
  config: z.strictObject({
    by: z
      .union([SortKey, z.array(SortKey).min(1).max(20)])
      .describe("One key or several, the most important first."),
    limit: z.number().int().positive().optional().describe("Keep only so many items from the start."),
    offset: z.number().int().nonnegative().default(0).describe("Pass over so many items first."),
  }),
  effects: "none",
  results: () => [{ name: "ok", description: "The items in order." }],
  prepare: (config, context) => {
    const keys = Array.isArray(config.by) ? config.by : [config.by];
    return {
      keys: keys.map((key, index) => {
        const at = Array.isArray(config.by) ? ["by", index] : ["by"];
        return typeof key === "string"
          ? { value: context.expression(key, at), sign: 1 }
          : { value: context.expression(key.key, [...at, "key"]), sign: key.order === "desc" ? -1 : 1 };
      }),
      offset: config.offset,
      limit: config.limit,
    };
  },
  run(node) {
    const { keys, offset, limit } = node.config;
    const rows: { item: Item; values: (Json | undefined)[] }[] = [];
    const done = node.each(node.items, (item) => {
      const frame = node.at(item);
      rows.push({ item, values: keys.map(({ value }) => value.evaluate(frame)) });
    });
    rows.sort((left, right) => {
      for (const [index, { sign }] of keys.entries()) {
        const [a, b] = [left.values[index] ?? null, right.values[index] ?? null];
        // Missing values stay last in both directions.
        if (a === null || b === null) {
          if (a === b) continue;
          return a === null ? 1 : -1;
        }
        const difference = compareValues(a, b);
        if (difference !== 0) return difference * sign;
      }
      return 0;
    });
    const page = rows.slice(offset, limit === undefined ? undefined : offset + limit);
    node.emit(
      "ok",
      page.map(({ item }) => item),
    );
    return done;
  },
});
