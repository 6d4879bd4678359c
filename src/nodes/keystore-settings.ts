import { z } from "zod";
import { durationSchema, parseDuration } from "../domain/duration";
import { SluiceError } from "../domain/errors";
import type { Json } from "../domain/json";
import { checkKey, type KeystoreRef } from "../domain/keystore";
import { MAX_KEYSTORE_EXPIRY_MS } from "../domain/limits";
import { ResourceName } from "../domain/names";
import { FlowError, RunInterrupted } from "../engine/errors";
import type { Item } from "../engine/item";
import type { KeystorePort, KeystoreWrite, WriteOutcome } from "../engine/keystore-port";
import type { NodeRun } from "../engine/node-run";
import type { PrepareContext } from "../engine/prepare-context";
import { isExpression, type Value } from "../engine/value";
import { AnyValue, ExpressionText } from "./settings";

/** What the nodes that use keystores share: settings, and how a keystore is asked for a whole set of items at once. */

export const KeystoreSetting = ResourceName.describe("The keystore's name.");
export const KeySetting = AnyValue.describe(
  "The key of each item: a text, or a number, which is written as text.",
);
export const IntoSetting = z.string().min(1).max(100).optional();
export const ExpiresSetting = z
  .union([
    ExpressionText.refine(isExpression, "either a duration or an expression"),
    durationSchema(MAX_KEYSTORE_EXPIRY_MS),
  ])
  .optional()
  .describe(
    "How long the entry lives: a duration, or an expression that yields one or milliseconds. The keystore's own `expires` when not given.",
  );

/** Reports a keystore that there is not. */
export function prepareKeystore(name: string, context: PrepareContext): string {
  context.resource("keystore", name, ["keystore"]);
  return name;
}

/** How long entries live, for each item: milliseconds, or `undefined` for the keystore's default. */
export function prepareExpires(
  source: string | number | undefined,
  context: PrepareContext,
): (node: NodeRun, item: Item) => number | undefined {
  if (source === undefined) return () => undefined;
  if (!isExpression(source)) return () => parseDuration(source);
  const expression = context.expression(source, ["expires"]);
  return (node, item) => {
    const found = expression.evaluate(node.at(item));
    if (found === undefined || found === null) return undefined;
    const ms = parseDuration(found);
    if (ms === undefined || ms < 1 || ms > MAX_KEYSTORE_EXPIRY_MS) {
      throw new FlowError(
        "not_a_duration",
        `\`expires\` is a duration such as 30s, 15m, 7d or a number of milliseconds, at most ${MAX_KEYSTORE_EXPIRY_MS} ms (MAX_KEYSTORE_EXPIRY_MS)`,
      );
    }
    return ms;
  };
}

/** An item's key. @throws FlowError when it is none */
export function keyOf(key: Value, node: NodeRun, item: Item): string {
  const found: Json | undefined = key.evaluate(node.at(item));
  return asFlowError(() => checkKey(typeof found === "number" ? String(found) : (found ?? null)));
}

/** Runs a check of the domain on one item: what it complains of fails the item. */
export function asFlowError<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw error instanceof SluiceError ? new FlowError(error.code, error.message, { cause: error }) : error;
  }
}

/**
 * Asks a keystore for all items of a node. One that does not answer is no failure of a durable run, which is taken up
 * again later; a run in memory fails the items.
 */
export async function askKeystore<T>(
  node: NodeRun,
  name: string,
  ask: (keystores: KeystorePort, store: KeystoreRef) => Promise<T>,
): Promise<T> {
  const { host, environmentId } = node.run;
  const { keystores } = host.services;
  try {
    const store = await keystores.find(environmentId, name);
    if (store === undefined)
      throw new FlowError("keystore_missing", `there is no keystore "${name}" any more`);
    return await ask(keystores, store);
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    if (error.code === "unavailable" && host.steps !== undefined) {
      throw new RunInterrupted(`the keystore "${name}" did not answer`, { cause: error });
    }
    throw new FlowError(
      error.code === "unavailable" ? "keystore_unavailable" : error.code,
      `keystore "${name}": ${error.message}`,
      { cause: error },
    );
  }
}

/**
 * Writes once for this step. A run in memory is never repeated, so its owner need not remember what it answered.
 */
export async function writeOnce(
  node: NodeRun,
  keystores: KeystorePort,
  store: KeystoreRef,
  writes: readonly KeystoreWrite[],
): Promise<WriteOutcome[]> {
  if (node.run.host.steps === undefined) return keystores.write(store, writes);
  const outcomes = await node.once("write", (step) => keystores.write(store, writes, step));
  return outcomes as unknown as WriteOutcome[];
}
