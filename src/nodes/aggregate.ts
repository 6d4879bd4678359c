import { z } from "zod";
import { type Json, type JsonObject, setOwn } from "../domain/json";
import { FlowError } from "../engine/errors";
import type { Item } from "../engine/item";
import { compareValues } from "../engine/order";
import type { Value } from "../engine/value";
import { defineNode } from "./define-node";
import { ExpressionText } from "./settings";

const FUNCTIONS = ["count", "sum", "avg", "min", "max", "first", "last", "collect", "distinct"] as const;
type FunctionName = (typeof FUNCTIONS)[number];

const Measure = z
  .partialRecord(z.enum(FUNCTIONS), z.union([ExpressionText, z.literal(true)]))
  .refine((measure) => Object.keys(measure).length === 1, `give one function: ${FUNCTIONS.join(", ")}`)
  .refine(
    (measure) => Object.entries(measure).every(([name, of]) => name === "count" || of !== true),
    "only `count` can count items without an expression (`count: true`)",
  );

/** Takes values one by one and tells the result. `undefined` values are passed over, as in SQL. */
interface Accumulator {
  add(value: Json): void;
  result(): Json;
}

const accumulators: Record<FunctionName, (name: string) => Accumulator> = {
  count: () => {
    let count = 0;
    return { add: () => void (count += 1), result: () => count };
  },
  sum: (name) => {
    let sum = 0;
    return { add: (value) => void (sum += Number(value)), result: () => finite(sum, name) };
  },
  avg: (name) => {
    let sum = 0;
    let count = 0;
    return {
      add: (value) => {
        sum += Number(value);
        count += 1;
      },
      result: () => (count === 0 ? null : finite(sum / count, name)),
    };
  },
  min: () => extreme(-1),
  max: () => extreme(1),
  first: () => {
    let first: Json | undefined;
    return { add: (value) => void (first ??= value), result: () => first ?? null };
  },
  last: () => {
    let last: Json = null;
    return { add: (value) => void (last = value), result: () => last };
  },
  collect: () => {
    const values: Json[] = [];
    return { add: (value) => void values.push(value), result: () => values };
  },
  distinct: () => {
    const values = new Map<string, Json>();
    return {
      add: (value) => {
        const key = JSON.stringify(value);
        if (!values.has(key)) values.set(key, value);
      },
      result: () => [...values.values()],
    };
  },
};

function extreme(sign: 1 | -1): Accumulator {
  let found: Json | undefined;
  return {
    add: (value) => {
      if (value === null) return;
      if (found === undefined || compareValues(value, found) * sign > 0) found = value;
    },
    result: () => found ?? null,
  };
}

function asNumber(value: Json, name: string): number {
  if (typeof value === "number") return value;
  throw new FlowError(
    "not_a_number",
    `"${name}" adds up numbers, and one value is ${value === null ? "null" : `a ${typeof value}`}`,
  );
}

function finite(value: number, name: string): number {
  if (Number.isFinite(value)) return value;
  throw new FlowError("number_overflow", `"${name}" is larger than a number can be`);
}

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
        `Fields of the result: \`field: { function: expression }\` with ${FUNCTIONS.join(", ")}. Nothing is passed over; \`count: true\` counts the items.`,
      ),
  }),
  effects: "none",
  startsWay: true,
  results: () => [{ name: "ok", description: "The groups, in the order in which they were met." }],
  prepare: (config, context): Prepared => ({
    by: Object.entries(config.by ?? {}).map(([name, source]) => ({
      name,
      value: context.expression(source, ["by", name]),
    })),
    set: Object.entries(config.set).map(([name, measure]) => {
      const [fn, of] = Object.entries(measure)[0] as [FunctionName, string | true];
      return { name, fn, of: of === true ? undefined : context.expression(of, ["set", name, fn]) };
    }),
  }),
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
    // Without groups there is one answer even about no items, as in SQL.
    if (by.length === 0) group({}, "");
    const done = node.each(node.items, (item) => {
      const frame = node.at(item);
      const key: JsonObject = {};
      for (const { name, value } of by) setOwn(key, name, value.evaluate(frame) ?? null);
      // All values first: an item that fails leaves no half of itself behind.
      const values = set.map(({ of, fn, name }) => {
        const value = of === undefined ? true : of.evaluate(frame);
        return value !== undefined && (fn === "sum" || fn === "avg") ? asNumber(value, name) : value;
      });
      const target = group(key, by.length === 0 ? "" : JSON.stringify(key));
      for (const [index, value] of values.entries())
        if (value !== undefined) target.accumulators[index]?.add(value);
      target.items.push(item);
    });
    const combined: Item[] = [];
    for (const { key, items, accumulators: results } of groups.values()) {
      if (items.length === 0 && by.length > 0) continue;
      const value = key;
      for (const [index, { name }] of set.entries())
        setOwn(value, name, (results[index] as Accumulator).result());
      combined.push(node.combine(items, value));
    }
    node.emit("ok", combined);
    return done;
  },
});
