import { z } from "zod";
import { checkValue, expiryOf, type KeystoreRef, valueOfJson } from "../domain/keystore";
import type { Item } from "../engine/item";
import type { KeystoreWrite, WriteOutcome } from "../engine/keystore-port";
import type { NodeRun } from "../engine/node-run";
import type { PrepareContext } from "../engine/prepare-context";
import type { Value } from "../engine/value";
import { defineNode } from "./define-node";
import {
  asFlowError,
  askKeystore,
  ExpiresSetting,
  KeySetting,
  KeystoreSetting,
  keyOf,
  prepareExpires,
  prepareKeystore,
  writeOnce,
} from "./keystore-settings";
import { AnyValue } from "./settings";

const WriteConfig = z.strictObject({
  keystore: KeystoreSetting,
  key: KeySetting,
  value: AnyValue.default("=item").describe(
    "What to store. A raw keystore keeps texts as they are, and anything else as JSON.",
  ),
  expires: ExpiresSetting,
});

interface Prepared {
  keystore: string;
  key: Value;
  value: Value;
  expires: (node: NodeRun, item: Item) => number | undefined;
}

function prepareWrite(config: z.output<typeof WriteConfig>, context: PrepareContext): Prepared {
  return {
    keystore: prepareKeystore(config.keystore, context),
    key: context.value(config.key, ["key"]),
    value: context.value(config.value, ["value"]),
    expires: prepareExpires(config.expires, context),
  };
}

/** The items whose writes were made, with what became of them. All are one call, and once for a step. */
async function writeItems(
  node: NodeRun<Prepared>,
  kind: "insert" | "put",
): Promise<{ item: Item; outcome: WriteOutcome }[]> {
  const { keystore, key, value, expires } = node.config;
  const items: Item[] = [];
  const wanted: ((store: KeystoreRef) => KeystoreWrite)[] = [];
  // Which form a value has depends on the keystore, so it is opened before the items are looked at.
  const type = await askKeystore(node, keystore, async (_, { definition }) => definition.type);
  node.each(node.items, (item) => {
    const name = keyOf(key, node, item);
    const stored = asFlowError(() => checkValue(valueOfJson(type, value.evaluate(node.at(item)) ?? null)));
    const lives = expires(node, item);
    items.push(item);
    wanted.push(({ definition }) => ({
      kind,
      key: name,
      value: stored,
      expiresAt: expiryOf(definition, node.run.host.now(), lives),
    }));
  });
  if (items.length === 0) return [];
  const outcomes = await askKeystore(node, keystore, (keystores, store) =>
    writeOnce(
      node,
      keystores,
      store,
      wanted.map((write) => write(store)),
    ),
  );
  return items.map((item, index) => ({ item, outcome: outcomes[index] as WriteOutcome }));
}

export const keystoreSet = defineNode({
  type: "keystore.set",
  summary:
    "Writes to a keystore, whether a key is there or not, and passes its items on. All items of a set are written together, in order.",
  example: {
    type: "keystore.set",
    keystore: "weather",
    key: "=item.city",
    value: { temp: "=item.temp" },
    next: "end",
  },
  config: WriteConfig,
  effects: "batch",
  results: () => [{ name: "ok", description: "The items, unchanged." }],
  prepare: prepareWrite,
  async run(node) {
    const written = await writeItems(node, "put");
    node.emit(
      "ok",
      written.map(({ item }) => item),
    );
  },
});

export const keystoreInsert = defineNode({
  type: "keystore.insert",
  summary:
    "Writes keys to a keystore that are not there yet. Of any number of inserts of one key, from wherever they come, exactly one succeeds.",
  example: {
    type: "keystore.insert",
    keystore: "sessions",
    key: "=item.id",
    expires: "1h",
    results: { ok: "end", exists: "end" },
  },
  config: WriteConfig,
  effects: "batch",
  results: () => [
    { name: "ok", description: "Items whose keys were written, unchanged." },
    { name: "exists", description: "Items whose keys were there already, unchanged." },
  ],
  prepare: prepareWrite,
  async run(node) {
    const written = await writeItems(node, "insert");
    const by = (taken: boolean) =>
      written.filter(({ outcome }) => (outcome.kind === "exists") === taken).map(({ item }) => item);
    node.emit("ok", by(false));
    node.emit("exists", by(true));
  },
});
