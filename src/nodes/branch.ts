import { z } from "zod";
import type { Item } from "../engine/item";
import { isTrue } from "../engine/truth";
import { defineNode } from "./define-node";
import { ExpressionText } from "./settings";

const CaseName = z
  .string()
  .min(1)
  .max(100)
  .refine(
    (name) => name !== "default" && name !== "error",
    "`default` and `error` are results of every branch; name the case otherwise",
  )
  // JSON puts integer keys first, whatever their place in the document, and the order of cases matters.
  .refine(
    (name) => !/^\d+$/.test(name),
    "a case cannot have a number as its name, since the order of cases would be lost",
  );

export const branch = defineNode({
  type: "branch",
  summary: "Sends each item the way of the first case whose condition is true, or by `default`.",
  example: {
    type: "branch",
    cases: { large: "=item.amount > 1000", small: "=item.amount > 0" },
    results: { large: "end", small: "end", default: "end" },
  },
  config: z.strictObject({
    cases: z
      .record(CaseName, ExpressionText)
      .refine((cases) => Object.keys(cases).length > 0, "a branch needs at least one case")
      .describe("Conditions by case name, tried in order; each name is a result."),
    match: z
      .enum(["first", "all"])
      .default("first")
      .describe("`all` sends an item by every case that is true."),
  }),
  effects: "none",
  results: (config) => [
    ...Object.keys(config.cases).map((name) => ({ name, description: `Items of the case "${name}".` })),
    { name: "default", description: "Items of no case." },
  ],
  prepare: (config, context) => ({
    all: config.match === "all",
    cases: Object.entries(config.cases).map(([name, when]) => ({
      name,
      when: context.expression(when, ["cases", name]),
    })),
  }),
  run(node) {
    const { cases, all } = node.config;
    const taken = new Map<string, Item[]>();
    const take = (result: string, item: Item) => {
      const items = taken.get(result);
      if (items === undefined) taken.set(result, [item]);
      else items.push(item);
    };
    const done = node.each(node.items, (item) => {
      const frame = node.at(item);
      const matching: string[] = [];
      for (const { name, when } of cases) {
        if (!isTrue(when.evaluate(frame))) continue;
        matching.push(name);
        if (!all) break;
      }
      for (const name of matching) take(name, item);
      if (matching.length === 0) take("default", item);
    });
    // Only ways that an item went are live, so that an aggregate behind another case does not answer for it.
    for (const [result, items] of taken) node.emit(result, items);
    return done;
  },
});
