import { z } from "zod";
import { durationSchema, parseDuration } from "../domain/duration";
import { GraphDefinition } from "../domain/flow";
import type { Json } from "../domain/json";
import { MAX_DELAY_MS, MAX_TURNS } from "../domain/limits";
import { FlowError } from "../engine/errors";
import { enterLoop, type Item, newItem } from "../engine/item";
import { after, isPromise, type MaybePromise } from "../engine/maybe-promise";
import type { GraphResult, NodeRun } from "../engine/node-run";
import type { Graph } from "../engine/plan";
import { isTrue } from "../engine/truth";
import type { Value } from "../engine/value";
import { defineNode } from "./define-node";
import { ExpressionText } from "./settings";

/** Turns when the node does not say how many. */
const DEFAULT_TURNS = 10;
/** How much longer each pause is than the one before, unless the node says otherwise. */
const DEFAULT_FACTOR = 2;
/** Items that may be under way at once. */
const MAX_LOOP_CONCURRENCY = 16;

interface Prepared {
  body: Graph;
  until: Value;
  max: number;
  concurrency: number;
  /** Milliseconds between the first turn and the second; 0 for none. */
  wait: number;
  factor: number;
  longest: number;
}

export const repeat = defineNode({
  type: "repeat",
  summary:
    "Runs the nodes inside it again and again, until a condition holds or a number of turns is reached, with a growing pause between turns. What a turn hands back with `return` is the item of the next one. Inside, the loop's name gives `turn`, from 1, and `item`, the item that came to the loop.",
  example: {
    type: "repeat",
    until: "=item.state = 'done'",
    max: 5,
    backoff: { wait: "200ms", factor: 2, longest: "5s" },
    do: {
      start: "look",
      nodes: {
        look: { type: "calculate", set: { state: "=again.turn < 3 ? 'busy' : 'done'" }, next: "return" },
      },
    },
    results: { ok: "end", exhausted: "end" },
  },
  config: z.strictObject({
    until: ExpressionText.describe(
      "Looked at after each turn, with `item` as what the turn returned: when it holds, the item leaves by `ok`.",
    ),
    max: z
      .number()
      .int()
      .min(1)
      .max(MAX_TURNS, `at most ${MAX_TURNS} turns are allowed (MAX_TURNS)`)
      .default(DEFAULT_TURNS)
      .describe(
        "Turns at the most; after the last one an item for which the condition does not hold leaves by `exhausted`.",
      ),
    backoff: z
      .strictObject({
        wait: durationSchema(MAX_DELAY_MS).describe("The pause after the first turn."),
        factor: z
          .number()
          .min(1)
          .max(10)
          .default(DEFAULT_FACTOR)
          .describe("How much longer each pause is than the one before."),
        longest: durationSchema(MAX_DELAY_MS)
          .optional()
          .describe("No pause is longer. Default: the longest delay."),
      })
      .optional()
      .describe(
        "Pauses between turns; none without it. A run in memory pauses within its timeout, an asynchronous one holds no memory meanwhile.",
      ),
    concurrency: z
      .number()
      .int()
      .min(1)
      .max(MAX_LOOP_CONCURRENCY)
      .default(1)
      .describe(
        "Items that may be under way at once, where nodes wait. Results keep the order of the items.",
      ),
    do: GraphDefinition.describe(
      "The nodes of a turn. It returns one item, or none to go on with the one it was given.",
    ),
  }),
  effects: "none",
  results: () => [
    { name: "ok", description: "Items for which the condition held, as the last turn returned them." },
    { name: "exhausted", description: "Items for which it did not hold after the last turn." },
  ],
  prepare: (config, context): Prepared => ({
    body: context.loop(config.do, ["do"]),
    until: context.expression(config.until, ["until"]),
    max: config.max,
    concurrency: config.concurrency,
    wait: parseDuration(config.backoff?.wait) ?? 0,
    factor: config.backoff?.factor ?? DEFAULT_FACTOR,
    longest: parseDuration(config.backoff?.longest) ?? MAX_DELAY_MS,
  }),
  run(node) {
    const ended: ({ item: Item; held: boolean } | undefined)[] = [];
    const done = node.each(
      node.items,
      (item, position) => {
        const turns = new Turns(node, item, position);
        return after(turns.run(), (held) => {
          ended[position] = { item: node.derive(item, turns.value), held };
        });
      },
      node.config.concurrency,
    );
    return after(done, () => {
      const left = ended.filter((each) => each !== undefined);
      for (const [result, held] of [
        ["ok", true],
        ["exhausted", false],
      ] as const) {
        const items = left.filter((each) => each.held === held).map(({ item }) => item);
        if (items.length > 0) node.emit(result, items);
      }
      // A result that nothing left by is not live, but with no items at all the main one is.
      if (left.length === 0) node.emit("ok", []);
    });
  },
});

/** The turns of one item. */
class Turns {
  /** What the last turn returned. */
  value: Json;
  readonly #node: NodeRun<Prepared>;
  readonly #item: Item;
  readonly #position: number;
  #turn = 0;

  constructor(node: NodeRun<Prepared>, item: Item, position: number) {
    this.#node = node;
    this.#item = item;
    this.#position = position;
    this.value = item.value;
  }

  /** Takes turns, at once as long as nothing waits. @returns whether the condition held in the end */
  run(): MaybePromise<boolean> {
    for (;;) {
      const held = this.#next();
      if (isPromise(held)) return this.#later(held);
      if (held !== undefined) return held;
    }
  }

  async #later(first: Promise<boolean | undefined>): Promise<boolean> {
    for (let pending: MaybePromise<boolean | undefined> = first; ; pending = this.#next()) {
      const held = await pending;
      if (held !== undefined) return held;
    }
  }

  /** One turn and the pause before it. @returns `undefined` when another one is due */
  #next(): MaybePromise<boolean | undefined> {
    const node = this.#node;
    const { body, max } = node.config;
    if (this.#turn === max) return false;
    node.run.check();
    const turn = this.#turn;
    this.#turn += 1;
    const iteration = `[${this.#item.record}.${this.#position}.${turn}]`;
    const pause = turn === 0 ? 0 : this.#pause(turn);
    const waited =
      pause === 0 ? undefined : node.run.host.delay(node.step + iteration, pause, node.run.signal);
    return after(waited, () => {
      const way = enterLoop(this.#item.way, node.name, { turn: turn + 1, item: this.#item.value });
      const seed = newItem(this.value, this.#item.record, way);
      return after(node.graphs.loop(body, seed, node.name + iteration), (ended) => this.#judge(ended));
    });
  }

  /** Milliseconds before turn `turn`, counted from 0. */
  #pause(turn: number): number {
    const { wait, factor, longest } = this.#node.config;
    const most = Math.min(longest, this.#node.run.host.longestDelayMs);
    return Math.min(most, Math.round(wait * factor ** (turn - 1)));
  }

  #judge(ended: GraphResult): boolean | undefined {
    const failure = ended.failures.values().next().value;
    if (failure !== undefined) throw new FlowError(failure.code, `turn ${this.#turn}: ${failure.message}`);
    const [returned, more] = ended.returned;
    if (more !== undefined) {
      throw new FlowError(
        "several_returned",
        `turn ${this.#turn} returned ${ended.returned.length} items, and the next one takes one; put them together with aggregate`,
      );
    }
    if (returned !== undefined) this.value = returned.value;
    const at = this.#node.at(this.#node.derive(this.#item, this.value));
    return isTrue(this.#node.config.until.evaluate(at)) ? true : undefined;
  }
}
