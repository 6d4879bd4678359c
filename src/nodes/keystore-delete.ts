import { z } from "zod";
import type { Item } from "../engine/item";
import type { KeystoreWrite } from "../engine/keystore-port";
import { defineNode } from "./define-node";
import { withField } from "./into";
import {
  askKeystore,
  IntoSetting,
  KeySetting,
  KeystoreSetting,
  keyOf,
  prepareKeystore,
  writeOnce,
} from "./keystore-settings";

export const keystoreDelete = defineNode({
  type: "keystore.delete",
  summary:
    "Deletes keys from a keystore, all items of a set together. A key that is not there is no failure.",
  example: { type: "keystore.delete", keystore: "sessions", key: "=item.id", next: "end" },
  config: z.strictObject({
    keystore: KeystoreSetting,
    key: KeySetting,
    into: IntoSetting.describe("Field of the item that says whether the key was there."),
  }),
  effects: "batch",
  results: () => [{ name: "ok", description: "The items." }],
  prepare: (config, context) => ({
    keystore: prepareKeystore(config.keystore, context),
    key: context.value(config.key, ["key"]),
    into: config.into,
  }),
  async run(node) {
    const { keystore, key, into } = node.config;
    const items: Item[] = [];
    const writes: KeystoreWrite[] = [];
    node.each(node.items, (item) => {
      writes.push({ kind: "delete", key: keyOf(key, node, item) });
      items.push(item);
    });
    if (items.length === 0) return node.emit("ok", []);
    const outcomes = await askKeystore(node, keystore, (keystores, store) =>
      writeOnce(node, keystores, store, writes),
    );
    const told = (item: Item, index: number): Item => {
      const wasThere = outcomes[index]?.kind === "deleted";
      return into === undefined ? item : node.derive(item, withField(item.value, into, wasThere));
    };
    node.emit("ok", items.map(told));
  },
});
