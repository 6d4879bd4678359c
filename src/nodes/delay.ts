import { z } from "zod";
import { durationSchema, parseDuration } from "../domain/duration";
import { MAX_DELAY_MS } from "../domain/limits";
import { FlowError } from "../engine/errors";
import type { Item } from "../engine/item";
import { after } from "../engine/maybe-promise";
import { isExpression } from "../engine/value";
import { defineNode } from "./define-node";
import { ExpressionText } from "./settings";

export const delay = defineNode({
  type: "delay",
  summary:
    "Holds its items for a while, then passes them on. Within a synchronous call the endpoint's timeout goes on running; an asynchronous run waits without holding any memory.",
  example: { type: "delay", for: "500ms", next: "end" },
  config: z.strictObject({
    for: z
      .union([
        ExpressionText.refine(isExpression, "either a duration or an expression"),
        durationSchema(MAX_DELAY_MS),
      ])
      .describe(
        "How long: a duration, or an expression that yields milliseconds or a duration. The longest of the items counts.",
      ),
  }),
  effects: "none",
  results: () => [{ name: "ok", description: "The items, unchanged." }],
  prepare: (config, context) => ({
    constant: isExpression(config.for) ? undefined : parseDuration(config.for),
    expression: isExpression(config.for) ? context.expression(config.for, ["for"]) : undefined,
  }),
  run(node) {
    const { constant, expression } = node.config;
    const held: Item[] = [];
    let longest = constant ?? 0;
    const known = node.each(node.items, (item) => {
      const ms = expression === undefined ? longest : parseDuration(expression.evaluate(node.at(item)));
      if (ms === undefined)
        throw new FlowError(
          "not_a_duration",
          "the delay is not a duration such as 500ms, 8s or a number of milliseconds",
        );
      const most = node.run.host.longestDelayMs;
      if (ms > most) {
        throw new FlowError(
          "delay_too_long",
          most < MAX_DELAY_MS
            ? `a run in memory is delayed for at most ${most} ms (MAX_LIGHT_DELAY_MS); make the endpoint asynchronous`
            : `a delay is at most ${most} ms (MAX_DELAY_MS)`,
        );
      }
      longest = Math.max(longest, ms);
      held.push(item);
    });
    return after(known, () => {
      const pass = () => node.emit("ok", held);
      return longest === 0 || held.length === 0
        ? pass()
        : after(node.run.host.delay(node.step, longest, node.run.signal), pass);
    });
  },
});
