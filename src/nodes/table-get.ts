import { z } from "zod";
import { rowId } from "../domain/table-model";
import { FlowError } from "../engine/errors";
import type { Item } from "../engine/item";
import { defineNode } from "./define-node";
import { asking } from "./table-batches";
import { addressOf, IdSetting, IntoSetting, TableSetting, tableOf, withResult } from "./table-settings";

export const tableGet = defineNode({
  type: "table.get",
  summary: "Reads the row with an id from a table, for all items at once.",
  example: {
    type: "table.get",
    table: "users",
    id: "=item.user",
    into: "user",
    results: { found: "end", missing: "end" },
  },
  config: z.strictObject({ table: TableSetting, id: IdSetting, into: IntoSetting }),
  effects: "none",
  results: () => [
    { name: "found", description: "The row, or the item with the row." },
    { name: "missing", description: "Items for whose id there is no row, unchanged." },
  ],
  prepare: (config, context) => ({
    model: tableOf(context, config.table),
    id: context.value(config.id, ["id"]),
    into: config.into,
  }),
  async run(node) {
    const { model, id, into } = node.config;
    const address = addressOf(node, model);
    const asked: { item: Item; id: number | undefined }[] = [];
    await node.each(node.items, (item) => {
      const given = id.evaluate(node.at(item));
      if (typeof given !== "string" && typeof given !== "number") {
        throw new FlowError("not_an_id", "the id is neither a number nor a text");
      }
      asked.push({ item, id: rowId(String(given)) });
    });
    const ids = [...new Set(asked.flatMap((each) => (each.id === undefined ? [] : [each.id])))];
    const rows = await asking(() => node.run.host.services.tables.get(address, ids));
    const found: Item[] = [];
    const missing: Item[] = [];
    for (const { item, id: wanted } of asked) {
      const row = wanted === undefined ? undefined : rows.get(wanted);
      if (row === undefined) missing.push(item);
      else found.push(withResult(node, item, into, address.model.present(row)));
    }
    node.emit("found", found);
    node.emit("missing", missing);
  },
});
