import { z } from "zod";
import { durationSchema, parseDuration } from "../domain/duration";
import { MAX_DELAY_MS } from "../domain/limits";
import { parseMoment } from "../domain/moment";
import { FlowError } from "../engine/errors";
import type { Item } from "../engine/item";
import { after } from "../engine/maybe-promise";
import { isExpression, type Value } from "../engine/value";
import { defineNode } from "./define-node";
import { ExpressionText } from "./settings";

const MOMENT_FORM =
  "write a date and time with its offset, such as 2026-12-24T18:00:00+01:00 or 2026-12-24T17:00:00Z, a date, or milliseconds since 1970";

const readers = { for: parseDuration, until: parseMoment } as const;

const wrong = {
  for: {
    code: "not_a_duration",
    message: "the delay is not a duration such as 500ms, 8s or a number of milliseconds",
  },
  until: { code: "not_a_moment", message: `the delay's \`until\` is no moment; ${MOMENT_FORM}` },
} as const;

interface Prepared {
  /** `for`: milliseconds to wait; `until`: milliseconds since 1970. */
  kind: "for" | "until";
  constant: number | undefined;
  expression: Value | undefined;
}

export const delay = defineNode({
  type: "delay",
  summary:
    "Holds its items for a while, or until a moment, then passes them on. Within a synchronous call the endpoint's timeout goes on running; an asynchronous run waits without holding any memory.",
  example: { type: "delay", for: "500ms", next: "end" },
  config: z
    .strictObject({
      for: z
        .union([
          ExpressionText.refine(isExpression, "either a duration or an expression"),
          durationSchema(MAX_DELAY_MS),
        ])
        .optional()
        .describe(
          "How long: a duration, or an expression that yields milliseconds or a duration. The longest of the items counts.",
        ),
      until: z
        .union([z.string(), z.number()])
        .refine((source) => isExpression(source) || parseMoment(source) !== undefined, MOMENT_FORM)
        .optional()
        .describe(
          "Instead of `for`, the moment: a date-time with its offset, a date (midnight UTC), milliseconds since 1970, or an expression that yields one of them. The latest of the items counts; one that has passed holds nothing.",
        ),
    })
    .refine((settings) => (settings.for === undefined) !== (settings.until === undefined), {
      error: "a delay has either `for` or `until`",
    }),
  effects: "none",
  results: () => [{ name: "ok", description: "The items, unchanged." }],
  prepare: (config, context): Prepared => {
    const kind = config.until === undefined ? "for" : "until";
    const source = config[kind];
    if (isExpression(source)) {
      return { kind, constant: undefined, expression: context.expression(source, [kind]) };
    }
    return { kind, constant: readers[kind](source), expression: undefined };
  },
  run(node) {
    const { kind, constant, expression } = node.config;
    const held: Item[] = [];
    const now = node.run.host.now();
    let longest = 0;
    const known = node.each(node.items, (item) => {
      const value = expression === undefined ? undefined : expression.evaluate(node.at(item));
      const given = expression === undefined ? constant : readers[kind](value);
      if (given === undefined) throw new FlowError(wrong[kind].code, wrong[kind].message);
      const ms = kind === "until" ? Math.max(0, given - now) : given;
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
