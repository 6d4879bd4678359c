import { sha256Hex } from "../domain/digest";
import { type Json, type JsonObject, setOwn } from "../domain/json";
import { MAX_CONCURRENT_CALLS } from "../domain/limits";
import { buildCall } from "../engine/calls/build-call";
import { interruptedCall, type PerformedCall, performCall } from "../engine/calls/perform-call";
import { prepareCall } from "../engine/calls/prepare-call";
import type { CallAnswer, CallOutcome, PreparedCall } from "../engine/calls/prepared-call";
import { FlowError } from "../engine/errors";
import type { Item } from "../engine/item";
import { after } from "../engine/maybe-promise";
import { ApiConfig } from "./api-settings";
import { defineNode } from "./define-node";

/** Digits of an idempotency key: a digest tells the other side nothing of the run, whose id opens its answer. */
const KEY_DIGITS = 32;

export const api = defineNode({
  type: "api",
  summary:
    "Calls an endpoint of an integration, once for each item, up to six at a time. The answer is the new item: `status`, `headers`, `contentType`, `body`, `message`. Each item leaves by the result of its status (`404`), of its class (`4xx`), or by `other`.",
  example: {
    type: "api",
    call: "fx.getRate",
    query: { base: "=item.currency" },
    results: {
      "200": "end",
      other: "end",
      error: "end",
      timeout: "end",
      "max-connection": "end",
    },
  },
  config: ApiConfig,
  effects: "item",
  takesSecrets: true,
  hasError: false,
  results: () => [
    { name: "200", description: "Items whose call was answered 200 OK." },
    {
      name: "other",
      description: "Items whose call was answered with a status that has no result of its own.",
    },
    {
      name: "error",
      description:
        "Items whose call could not be made or brought no answer: a refused target, a broken connection, an answer that is too large or not what its type promises. `last.message` says why.",
    },
    { name: "timeout", description: "Items whose call was not answered in time." },
    { name: "max-connection", description: "Items that found all connections of the integration in use." },
  ],
  allowsResult(name) {
    if (/^[1-5](?:\d\d|xx)$/.test(name)) return true;
    const lower = name.toLowerCase();
    if (lower !== name && /^(?:[1-5]xx|other|error|timeout|max-connection)$/.test(lower)) {
      return `results of calls are written in lower case: "${lower}"`;
    }
    return `"${name}" is no result of a call; it has status codes such as "404", classes such as "4xx", and other, error, timeout and max-connection`;
  },
  prepare: (config, context) => ({ call: prepareCall(config, context), into: config.into }),
  run(node) {
    const { call, into } = node.config;
    const { run } = node;
    if (call === undefined) throw new FlowError("no_call", "the call is not defined");
    // Only a run that may be taken up again has to come to the same key twice.
    const resumed = run.host.steps !== undefined;
    const outcomes: (CallOutcome | undefined)[] = new Array(node.items.length);
    const caller = (item: Item) => ({ path: node.path, record: item.record });
    const called = after(run.reveal(call.secrets), () =>
      node.each(
        node.items,
        (item, index) => {
          const built = buildCall(call, node.at(item));
          const answered = node.once(
            String(index),
            async (key) => {
              const idempotencyKey = resumed ? (await sha256Hex(key)).slice(0, KEY_DIGITS) : randomKey();
              return (await performCall(run, built, idempotencyKey, caller(item))) as unknown as Json;
            },
            call.repeatable ? undefined : () => interruptedCall(built) as unknown as Json,
          );
          return after(answered, (answer) => {
            const { outcome, line } = answer as unknown as PerformedCall;
            outcomes[index] = outcome;
            if (line === undefined) return;
            node.at(item);
            run.message(line.level, line.text, { details: line.details });
          });
        },
        concurrencyOf(call),
      ),
    );
    return after(called, () => {
      const leaving = new Map<string, Item[]>();
      for (const [index, outcome] of outcomes.entries()) {
        const item = node.items[index] as Item;
        if (outcome === undefined) continue;
        const { result, failure, answer } = outcome;
        if (failure !== undefined && result === "error") {
          node.fail(item, new FlowError(failure.code, failure.message));
          continue;
        }
        const name = answer === undefined ? result : routeOf(answer.status, (each) => node.isRouted(each));
        const left =
          failure === undefined
            ? node.derive(item, emittedValue(item.value, answer as CallAnswer, into))
            : node.failedItem(item, failure.code, failure.message);
        const items = leaving.get(name);
        if (items === undefined) leaving.set(name, [left]);
        else items.push(left);
      }
      for (const [result, items] of leaving) node.emit(result, items);
    });
  },
});

/** A key that nobody guesses, of as many digits as the others. */
function randomKey(): string {
  return crypto.randomUUID().replaceAll("-", "");
}

/** A pool that is smaller than what a run may have open: one set of items does not get in its own way. */
function concurrencyOf({ pool }: PreparedCall): number {
  return Math.min(MAX_CONCURRENT_CALLS, pool?.size ?? MAX_CONCURRENT_CALLS);
}

/** The result of a status: its own where that leads somewhere, then its class's, then `other`. */
function routeOf(status: number, isRouted: (result: string) => boolean): string {
  const name = String(status);
  if (isRouted(name)) return name;
  const all = `${name[0]}xx`;
  return isRouted(all) ? all : "other";
}

function emittedValue(value: Json, answer: CallAnswer, into: string | undefined): Json {
  const answered = answer as unknown as Json;
  if (into === undefined) return answered;
  const whole: JsonObject =
    typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : { item: value };
  setOwn(whole, into, answered);
  return whole;
}
