import { z } from "zod";
import type { Json } from "../domain/json";
import { FlowName } from "../domain/names";
import type { Shape } from "../domain/shape";
import { outputSink, RESPONSE_SINK } from "../engine/emission";
import { FlowError } from "../engine/errors";
import { type Item, type ItemFailure, WHOLE_SET } from "../engine/item";
import { after } from "../engine/maybe-promise";
import type { NodeRun } from "../engine/node-run";
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
    const handOver = config.handOver === true;
    const outputs = context.flowExists(config.flow, ["flow"]) ? context.flowOutputs(config.flow) : [];
    if (handOver && context.inLoop) {
      context.problem(["handOver"], "inside a loop a flow cannot take over; lead its results to `return`");
    }
    return {
      flow: config.flow,
      with: config.with === undefined ? undefined : context.value(config.with, ["with"]),
      /** By output of the called flow, where its records go: to a result, or to an output of this flow and its shape. */
      ways: new Map(
        outputs.map((output) =>
          handOver
            ? [output, { result: outputSink(output), shape: context.outputShape(output, ["flow"]) }]
            : [output, { result: output, shape: undefined }],
        ),
      ) as ReadonlyMap<string, Way>,
      handOver,
    };
  },
  run(node) {
    const { flow: name, with: given, ways, handOver } = node.config;
    const callers: Item[] = [];
    const values: Json[] = [];
    // Each item becomes a record of the called flow, so that a failure there comes back to its item alone.
    node.each(node.items, (item) => {
      const value = given === undefined ? item.value : (given.evaluate(node.at(item)) ?? null);
      callers.push(item);
      values.push(value);
    });
    if (callers.length === 0) {
      // Nothing to call for: what follows runs on empty sets, as it does behind every other node.
      for (const { result } of ways.values()) node.emit(result, []);
      if (ways.size === 0 && !handOver) node.emit("done", []);
      return;
    }
    return after(node.graphs.flow(name, values, callers, node.path), (ended) => {
      const failed = ({ code, message }: ItemFailure) => new FlowError(code, `flow "${name}": ${message}`);
      const whole = ended.failures.get(WHOLE_SET);
      for (const [record, caller] of callers.entries()) {
        const failure = whole ?? ended.failures.get(record);
        if (failure !== undefined) node.fail(caller, failed(failure));
      }
      if (whole !== undefined) return;
      const back = (item: Item): Item => {
        const caller = callers[item.record];
        return caller === undefined ? node.combine(callers, item.value) : node.derive(caller, item.value);
      };
      for (const [output, items] of ended.outputs) {
        const way = ways.get(output);
        if (way !== undefined) deliver(node, name, output, way, items.map(back));
        else for (const item of items) node.fail(back(item), changed(name, `has the output "${output}"`));
      }
      if (handOver && ended.response !== undefined) node.emit(RESPONSE_SINK, [back(ended.response)]);
      if (ended.outputs.size > 0 || handOver) return;
      if (ways.size > 0) throw changed(name, "has no outputs");
      node.emit(
        "done",
        callers.filter((caller) => !node.hasFailed(caller)),
      );
    });
  },
});

interface Way {
  result: string;
  shape: Shape | undefined;
}

/** Sends the records of an output on; at an output of this flow they take the shape that it declares. */
function deliver(node: NodeRun<unknown>, flow: string, output: string, way: Way, items: Item[]): void {
  const { shape } = way;
  if (shape === undefined) {
    node.emit(way.result, items);
    return;
  }
  const records: Item[] = [];
  for (const item of items) {
    const coerced = shape.coerce(item.value);
    if (coerced.ok) {
      records.push({ ...item, value: coerced.value });
      continue;
    }
    const [problem] = coerced.problems;
    const where = problem === undefined || problem.path === "" ? "" : `, ${problem.path}`;
    const reason = problem?.reason ?? "the record does not fit its declared shape";
    node.fail(item, new FlowError("output_shape", `output "${output}" of flow "${flow}"${where}: ${reason}`));
  }
  node.emit(way.result, records);
}

/** The called flow was published with other outputs after this flow was checked: its records have no way to go. */
function changed(flow: string, now: string): FlowError {
  return new FlowError(
    "flow_changed",
    `flow "${flow}" ${now} now, which this flow was published without; publish this flow again`,
  );
}
