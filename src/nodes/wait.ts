import { z } from "zod";
import { durationSchema, parseDuration } from "../domain/duration";
import { MAX_DELAY_MS } from "../domain/limits";
import { FlowError } from "../engine/errors";
import type { Item } from "../engine/item";
import { after } from "../engine/maybe-promise";
import { asText, isExpression } from "../engine/value";
import { defineNode } from "./define-node";
import { withField } from "./into";
import { ExpressionText } from "./settings";

/** How long a callback is waited for when the node does not say. */
const DEFAULT_TIMEOUT = "1d";

export const wait = defineNode({
  type: "wait",
  summary:
    "Holds its items until someone calls back: a person or another system, at a URL that is good for one call. Expressions before it find the URL as `run.callbacks.` and the node's name, so that the flow can send it to someone. The run must outlive its call.",
  example: {
    type: "wait",
    timeout: "2d",
    about: "Order ${item.id}: approve it?",
    results: { ok: "end", timeout: "end" },
  },
  config: z.strictObject({
    timeout: z
      .union([
        ExpressionText.refine(isExpression, "either a duration or an expression"),
        durationSchema(MAX_DELAY_MS),
      ])
      .default(DEFAULT_TIMEOUT)
      .describe(
        `How long it waits, from when the first item came: a duration, or an expression that yields milliseconds or a duration. The longest of the items counts. Default ${DEFAULT_TIMEOUT}.`,
      ),
    into: z
      .string()
      .min(1)
      .max(100)
      .default("callback")
      .describe(
        "Field of the item that takes what the call brought: `at`, `contentType`, `body`, `query`, `header`, and the body parsed as `json`, `form` or `xml`.",
      ),
    about: z
      .string()
      .max(2_000)
      .optional()
      .describe(
        "What is asked for: a GET of the URL shows it. An expression or template, of the first item.",
      ),
    reveal: z
      .boolean()
      .default(false)
      .describe(
        "Polls of the waiting run show the URL. Whoever may poll can then answer too, so leave it out where another person is to decide.",
      ),
  }),
  effects: "none",
  callback: true,
  inLoops: false,
  results: () => [
    { name: "ok", description: "Somebody called: the items, with what the call brought." },
    { name: "timeout", description: "Nobody called in time: the items, unchanged." },
  ],
  prepare: (config, context) => {
    if (!context.durable) {
      context.problem(
        [],
        "a run of this flow ends with its call, and nobody could wait for it; make the endpoint `mode: async`, or let it outlive its call with `onTimeout: handoff`",
      );
    }
    return {
      timeout: isExpression(config.timeout)
        ? context.expression(config.timeout, ["timeout"])
        : parseDuration(config.timeout),
      into: config.into,
      about: config.about === undefined ? undefined : context.value(config.about, ["about"]),
      reveal: config.reveal,
    };
  },
  run(node) {
    const { timeout, into, about, reveal } = node.config;
    const { callbacks, longestDelayMs } = node.run.host;
    const held: Item[] = [];
    let longest = 0;
    let notice: string | undefined;
    const known = node.each(node.items, (item, index) => {
      if (callbacks === undefined) {
        throw new FlowError(
          "not_durable",
          "this run lives in memory and ends with its call, so it cannot wait for a callback; call the flow from an asynchronous one",
        );
      }
      const frame = node.at(item);
      const ms = typeof timeout === "object" ? parseDuration(timeout.evaluate(frame)) : timeout;
      if (ms === undefined || ms > longestDelayMs) {
        throw new FlowError(
          "not_a_duration",
          `the timeout is not a duration such as 8s, 2d or a number of milliseconds, up to ${longestDelayMs} ms (MAX_DELAY_MS)`,
        );
      }
      if (index === 0 && about !== undefined) notice = asText(about.evaluate(frame));
      longest = Math.max(longest, ms);
      held.push(item);
    });
    return after(known, () => {
      if (callbacks === undefined || held.length === 0) return;
      return after(callbacks.wait(node.step, longest, { about: notice, reveal }), (call) => {
        if (call !== undefined) {
          return node.emit(
            "ok",
            held.map((item) => node.derive(item, withField(item.value, into, call))),
          );
        }
        node.run.message("warning", `Nobody called back within ${longest} ms`, { node: node.path });
        node.emit("timeout", held);
      });
    });
  },
});
