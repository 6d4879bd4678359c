import { z } from "zod";
import { FlowName } from "../domain/names";
import { outputSink, RESPONSE_SINK } from "../engine/emission";
import { FlowError } from "../engine/errors";
import type { Item } from "../engine/item";
import { then } from "../engine/maybe-promise";
import { defineNode } from "./define-node";
import { AnyValue } from "./settings";

export const flow = defineNode({
  type: "flow",
  summary:
    "Calls another flow of the project. Its outputs are the results of this node; a flow without outputs has the result `done`.",
  example: {
    type: "flow",
    flow: "quote-order",
    with: "=item.order",
    results: { quote: "end", problem: "end" },
  },
  config: z.strictObject({
    flow: FlowName.describe("The flow's name."),
    with: AnyValue.optional().describe("What the flow gets as its item; the item itself when not given."),
    handOver: z
      .boolean()
      .optional()
      .describe(
        "The flow's outputs and answer become those of this flow. Written shorter as the target `flow:name` of a result.",
      ),
  }),
  effects: "none",
  inLoops: true,
  results: (config, context) => {
    if (config.handOver === true) return [];
    const outputs = context.flowOutputs(config.flow) ?? [];
    return outputs.length === 0
      ? [{ name: "done", description: "Items for which the flow ended without failing." }]
      : outputs.map((name) => ({ name, description: `Records of the flow's output "${name}".` }));
  },
  outputs: (config, context) => (config.handOver === true ? (context.flowOutputs(config.flow) ?? []) : []),
  prepare: (config, context) => {
    context.flowExists(config.flow, ["flow"]);
    return {
      flow: config.flow,
      with: config.with === undefined ? undefined : context.value(config.with, ["with"]),
      handOver: config.handOver === true,
    };
  },
  run(node) {
    const { flow: name, with: given, handOver } = node.config;
    const callers: Item[] = [];
    const values: Item["value"][] = [];
    // Each item becomes a record of the called flow, so that a failure there comes back to its item alone.
    node.each(node.items, (item) => {
      const value = given === undefined ? item.value : (given.evaluate(node.at(item)) ?? null);
      callers.push(item);
      values.push(value);
    });
    if (callers.length === 0) return;
    return then(node.graphs.flow(name, values, node.path), (ended) => {
      const whole = ended.failures.get(-1);
      if (whole !== undefined) throw new FlowError(whole.code, `flow "${name}": ${whole.message}`);
      for (const [record, failure] of ended.failures) {
        node.fail(callers[record] as Item, new FlowError(failure.code, `flow "${name}": ${failure.message}`));
      }
      const back = (item: Item): Item => {
        const caller = callers[item.record];
        return caller === undefined ? node.combine(callers, item.value) : node.derive(caller, item.value);
      };
      for (const [output, items] of ended.outputs)
        node.emit(handOver ? outputSink(output) : output, items.map(back));
      if (handOver && ended.response !== undefined) node.emit(RESPONSE_SINK, [back(ended.response)]);
      if (ended.outputs.size === 0 && !handOver)
        node.emit(
          "done",
          callers.filter((_, record) => !ended.failures.has(record)),
        );
    });
  },
});
