import { z } from "zod";
import { GraphDefinition } from "../domain/flow";
import type { Json } from "../domain/json";
import { MAX_ITEMS } from "../domain/limits";
import { FlowError, RunStopped } from "../engine/errors";
import type { Item } from "../engine/item";
import { enterLoop, newItem } from "../engine/item";
import { after, eachConcurrently } from "../engine/maybe-promise";
import { defineNode } from "./define-node";
import { withField } from "./into";
import { ExpressionText } from "./settings";

/** Elements of one list that may be under way at once. */
const MAX_LOOP_CONCURRENCY = 16;

export const forEach = defineNode({
  type: "for-each",
  summary:
    "Runs the nodes inside it once for each element of a list, and collects what they hand back with `return`. Inside, `item` is the element, and the loop's name gives `index` and `item`, the item around.",
  example: {
    type: "for-each",
    over: "=item.lines",
    into: "lines",
    do: {
      start: "total",
      nodes: { total: { type: "calculate", set: { total: "=item.price * item.quantity" }, next: "return" } },
    },
    next: "end",
  },
  config: z.strictObject({
    over: ExpressionText.describe(
      "The list. A single value counts as a list of one, nothing as an empty one.",
    ),
    into: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .describe("Field of the item that takes the list of results; without it, the list is the new item."),
    concurrency: z
      .number()
      .int()
      .min(1)
      .max(MAX_LOOP_CONCURRENCY)
      .default(1)
      .describe(
        "Elements that may be under way at once, where nodes wait. Results keep the order of the list.",
      ),
    onError: z
      .enum(["fail", "skip"])
      .default("fail")
      .describe("`fail`: an element that fails fails the item. `skip`: it is left out, and a warning tells."),
    do: GraphDefinition.describe("The nodes to run for each element; what leads to `return` is a result."),
  }),
  effects: "none",
  results: () => [{ name: "ok", description: "The items with their results." }],
  prepare: (config, context) => ({
    over: context.expression(config.over, ["over"]),
    into: config.into,
    concurrency: config.concurrency,
    skip: config.onError === "skip",
    body: context.loop(config.do, ["do"]),
  }),
  run(node) {
    const { over, into, body, concurrency, skip } = node.config;
    const turned: (Item | undefined)[] = [];
    const done = node.each(node.items, (item, position) => {
      const found = over.evaluate(node.at(item));
      const list: Json[] = Array.isArray(found)
        ? found
        : found === undefined || found === null
          ? []
          : [found];
      const results: Json[][] = new Array(list.length);
      let returned = 0;
      const turn = (element: Json, index: number) => {
        node.run.check();
        const way = enterLoop(item.way, node.name, { index, item: item.value });
        const iteration = `${node.name}[${item.record}.${position}.${index}]`;
        return after(node.graphs.loop(body, newItem(element, item.record, way), iteration), (ended) => {
          const failure = ended.failures.values().next().value;
          if (failure !== undefined) {
            const message = `element ${index}: ${failure.message}`;
            if (!skip) throw new FlowError(failure.code, message);
            node.at(item);
            node.run.message("warning", `${message} (left out)`);
          }
          results[index] = ended.returned.map(({ value }) => value);
          returned += ended.returned.length;
          if (returned > MAX_ITEMS) throw tooMany(node.path);
        });
      };
      return after(eachConcurrently(list, concurrency, turn), () => {
        turned[position] = node.derive(item, withResults(item.value, into, results.flat()));
      });
    });
    return after(done, () =>
      node.emit(
        "ok",
        turned.filter((item) => item !== undefined),
      ),
    );
  },
});

function tooMany(path: string): RunStopped {
  const message = `the loop "${path}" collects more than ${MAX_ITEMS} items (MAX_ITEMS)`;
  return new RunStopped("limit", "too_many_items", message);
}

function withResults(value: Json, into: string | undefined, results: Json[]): Json {
  return into === undefined ? results : withField(value, into, results);
}
