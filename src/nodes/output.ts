import { z } from "zod";
import type { Json, JsonObject } from "../domain/json";
import { setOwn } from "../domain/json";
import { OutputName } from "../domain/names";
import { outputSink, RESPONSE_SINK } from "../engine/emission";
import { FlowError } from "../engine/errors";
import { fixedResponse, prepareResponse, ResponseSettings } from "../engine/fixed-response";
import type { Item } from "../engine/item";
import { defineNode } from "./define-node";
import { AnyValue } from "./settings";

export const output = defineNode({
  type: "output",
  summary:
    "Returns items as records of an output connection point, coerced to its declared shape. Only declared fields are returned.",
  example: { type: "output", to: "quote", set: { price: "=item.price" }, respond: { statusCode: 201 } },
  config: z.strictObject({
    to: OutputName.describe("The output, as declared under the flow's `outputs`."),
    set: z
      .record(z.string().min(1).max(100), AnyValue)
      .optional()
      .describe("Fields of the record, over those of the item."),
    value: AnyValue.optional().describe("The whole record, instead of the item."),
    respond: ResponseSettings.optional().describe("Also sets fixed output attributes, from the first item."),
  }),
  effects: "none",
  inLoops: false,
  results: () => [],
  outputs: (config) => [config.to],
  prepare: (config, context) => {
    if (config.value !== undefined && config.set !== undefined) {
      context.problem(["value"], "`value` is the whole record, so `set` has nothing to work on; keep one");
    }
    return {
      to: config.to,
      shape: context.outputShape(config.to, ["to"]),
      value: config.value === undefined ? undefined : context.value(config.value, ["value"]),
      set: Object.entries(config.set ?? {}).map(([name, source]) => ({
        name,
        value: context.value(source, ["set", name]),
      })),
      respond:
        config.respond === undefined ? undefined : prepareResponse(config.respond, context, ["respond"]),
    };
  },
  run(node) {
    const { to, shape, value, set, respond } = node.config;
    const records: Item[] = [];
    let answered = false;
    const done = node.each(node.items, (item) => {
      const frame = node.at(item);
      let record: Json = value === undefined ? item.value : (value.evaluate(frame) ?? null);
      if (set.length > 0) {
        const object: JsonObject =
          typeof record === "object" && record !== null && !Array.isArray(record) ? { ...record } : {};
        for (const field of set) {
          const computed = field.value.evaluate(frame);
          if (computed === undefined) delete object[field.name];
          else setOwn(object, field.name, computed);
        }
        record = object;
      }
      const coerced = shape?.coerce(record);
      if (coerced?.ok === false) {
        const [problem] = coerced.problems;
        throw new FlowError(
          "output_shape",
          `output "${to}"${problem === undefined || problem.path === "" ? "" : `, ${problem.path}`}: ${problem?.reason ?? "the record does not fit its declared shape"}`,
        );
      }
      if (respond !== undefined && !answered) {
        node.emit(RESPONSE_SINK, [node.derive(item, fixedResponse(respond, frame))]);
        answered = true;
      }
      records.push(node.derive(item, coerced === undefined ? record : coerced.value));
    });
    node.emit(outputSink(to), records);
    return done;
  },
});
