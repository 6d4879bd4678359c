import { z } from "zod";
import { jsonOfValue } from "../domain/keystore";
import type { Item } from "../engine/item";
import { defineNode } from "./define-node";
import { withField } from "./into";
import {
  askKeystore,
  IntoSetting,
  KeySetting,
  KeystoreSetting,
  keyOf,
  prepareKeystore,
} from "./keystore-settings";

export const keystoreGet = defineNode({
  type: "keystore.get",
  summary:
    "Reads a keystore: each item gets the value of its key. All items of a set are read together. A key that is not there is created with the keystore's empty structure, unless `create` is false.",
  example: { type: "keystore.get", keystore: "weather", key: "=item.city", into: "weather", next: "end" },
  config: z.strictObject({
    keystore: KeystoreSetting,
    key: KeySetting,
    into: IntoSetting.describe(
      "Field of the item that takes the value; without it, the value is the new item.",
    ),
    create: z
      .boolean()
      .default(true)
      .describe(
        "`false`: nothing is created, and items whose keys are not there leave unchanged by `missing`.",
      ),
    fresh: z
      .boolean()
      .default(false)
      .describe(
        "`true`: ask the keystore's owner, so that the value is never one from before. Copies may be up to 60 seconds old in another region.",
      ),
  }),
  effects: "batch",
  results: ({ create }) => [
    { name: "ok", description: "The items with their values." },
    ...(create ? [] : [{ name: "missing", description: "Items whose keys are not there, unchanged." }]),
  ],
  prepare: (config, context) => ({
    keystore: prepareKeystore(config.keystore, context),
    key: context.value(config.key, ["key"]),
    into: config.into,
    create: config.create,
    fresh: config.fresh,
  }),
  async run(node) {
    const { keystore, key, into, create, fresh } = node.config;
    const wanted: { item: Item; key: string }[] = [];
    node.each(node.items, (item) => {
      wanted.push({ item, key: keyOf(key, node, item) });
    });
    const [found, missing]: [Item[], Item[]] = [[], []];
    if (wanted.length > 0) {
      const keys = wanted.map((each) => each.key);
      const entries = await askKeystore(node, keystore, (keystores, store) =>
        keystores.read(store, keys, { create, fresh }),
      );
      for (const [index, { item }] of wanted.entries()) {
        const entry = entries[index];
        if (entry === undefined) {
          missing.push(item);
          continue;
        }
        const value = jsonOfValue(entry);
        found.push(node.derive(item, into === undefined ? value : withField(item.value, into, value)));
      }
    }
    node.emit("ok", found);
    if (!create) node.emit("missing", missing);
  },
});
