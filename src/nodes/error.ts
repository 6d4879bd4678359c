import { z } from "zod";
import { asText } from "../engine/value";
import { defineNode } from "./define-node";

export const error = defineNode({
  type: "error",
  summary: "Fails the item's record, for good: no `error` result takes it.",
  example: { type: "error", message: "order ${item.id} has no lines" },
  config: z.strictObject({
    message: z.string().min(1).max(2_000).describe("What the caller is told, with ${…} where wanted."),
    code: z
      .string()
      .regex(/^[a-z][a-z0-9_-]{0,63}$/, "a code has lower-case letters, digits, - and _")
      .default("flow_error")
      .describe("A stable code beside the message."),
  }),
  effects: "none",
  hasError: false,
  results: () => [],
  prepare: (config, context) => ({ message: context.value(config.message, ["message"]), code: config.code }),
  run(node) {
    const { message, code } = node.config;
    for (const item of node.items) {
      let text: string;
      try {
        text = asText(message.evaluate(node.at(item)));
      } catch (failed) {
        node.failRecord(item.record, node.describeFailure(failed));
        continue;
      }
      node.failRecord(item.record, { code, message: text, node: node.path });
    }
  },
});
