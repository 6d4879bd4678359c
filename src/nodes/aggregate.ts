import { z } from "zod";
import { type Json, type JsonObject, setOwn } from "../domain/json";
import type { Frame } from "../engine/frame";
import type { Item } from "../engine/item";
import type { Value } from "../engine/value";
import { type Accumulator, accumulators, FUNCTIONS, type FunctionName, summand } from "./accumulators";
import { defineNode } from "./define-node";
import { ExpressionText } from "./settings";

const Of = z.union([ExpressionText, z.literal(true)]).optional();

const Measure = z
  .strictObject(Object.fromEntries(FUNCTIONS.map((name) => [name, Of])) as Record<FunctionName, typeof Of>)
  .refine((measure) => Object.keys(measure).length === 1, `give one function: ${FUNCTIONS.join(", ")}`)
  .refine(
    (measure) => Object.entries(measure).every(([name, of]) => name === "count" || of !== true),
    "only `count` can count items without an expression (`count: true`)",
  );

interface Prepared {
  by: readonly { name: string; value: Value }[];
  set: readonly { name: string; fn: FunctionName; of: Value | undefined }[];
}

interface Group {
  key: JsonObject;
  items: Item[];
  accumulators: Accumulator[];
}

export const aggregate = defineNode({
  type: "aggregate",
  summary: "Makes one item of many, or one for each group: counts, sums, extremes, lists.",
  example: {
    type: "aggregate",
    by: { region: "=item.region" },
    set: { countries: { count: true }, area: { sum: "=item.area" }, names: { collect: "=item.name" } },
    next: "end",
  },
  config: z.strictObject({
    by: z
      .record(z.string().min(1).max(100), ExpressionText)
      .optional()
      .describe("Fields to group by. Without them all items make one, even when there is none."),
    set: z
      .record(z.string().min(1).max(100), Measure)
      .describe(
        `Fields of the result: \`field: { function: expression }\` with ${FUNCTIONS.join(", ")}. An expression that yields nothing is passed over; \`null\` is a value, but none to add up, and the last choice of min and max. \`count: true\` counts the items.`,
      ),
  }),
  effects: "none",
  startsWay: true,
  results: () => [{ name: "ok", description: "The groups, in the order in which they were met." }],
  prepare: (config, context): Prepared => {
    for (const name of Object.keys(config.by ?? {})) {
      if (Object.hasOwn(config.set, name)) {
        context.problem(
          ["set", name],
          `"${name}" is a field to group by already; name one of them otherwise`,
        );
      }
    }
    return {
      by: Object.entries(config.by ?? {}).map(([name, source]) => ({
        name,
        value: context.expression(source, ["by", name]),
      })),
      set: Object.entries(config.set).map(([name, measure]) => {
        const [fn, of] = Object.entries(measure)[0] as [FunctionName, string | true];
        return { name, fn, of: of === true ? undefined : context.expression(of, ["set", name, fn]) };
      }),
    };
  },
  run(node) {
    const { by, set } = node.config;
    const groups = new Map<string, Group>();
    const group = (key: JsonObject, id: string): Group => {
      const present = groups.get(id);
      if (present !== undefined) return present;
      const made: Group = { key, items: [], accumulators: set.map(({ fn, name }) => accumulators[fn](name)) };
      groups.set(id, made);
      return made;
    };
    const keyed = (frame: Frame): Group => {
      const key: JsonObject = {};
      for (const { name, value } of by) setOwn(key, name, value.evaluate(frame) ?? null);
      return group(key, JSON.stringify(key));
    };
    // Without groups there is one answer even about no items, as in SQL.
    const only = by.length === 0 ? group({}, "") : undefined;
    // All values of an item first: one that fails leaves no half of itself behind.
    const values: (Json | undefined)[] = new Array(set.length);
    const done = node.each(node.items, (item) => {
      const frame = node.at(item);
      for (let index = 0; index < set.length; index += 1) {
        const { of, fn, name } = set[index] as Prepared["set"][number];
        const value = of === undefined ? true : of.evaluate(frame);
        values[index] = value !== undefined && (fn === "sum" || fn === "avg") ? summand(value, name) : value;
      }
      const target = only ?? keyed(frame);
      for (let index = 0; index < values.length; index += 1) {
        const value = values[index];
        if (value !== undefined) target.accumulators[index]?.add(value);
      }
      target.items.push(item);
    });
    const combined: Item[] = [];
    for (const { key, items, accumulators: results } of groups.values()) {
      try {
        for (const [index, { name }] of set.entries())
          setOwn(key, name, (results[index] as Accumulator).result());
        combined.push(node.combine(items, key));
      } catch (error) {
        for (const item of items) node.fail(item, error);
      }
    }
    node.emit("ok", combined);
    return done;
  },
});
