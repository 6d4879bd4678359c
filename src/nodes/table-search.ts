import { z } from "zod";
import { MAX_NODE_ROWS } from "../domain/limits";
import type { TablePage } from "../domain/table-search";
import { FlowError } from "../engine/errors";
import type { Item } from "../engine/item";
import { defineNode } from "./define-node";
import { asking } from "./table-batches";
import {
  addressOf,
  evaluateSearch,
  IntoSetting,
  PageSettings,
  searchOf,
  TableSetting,
  tableOf,
  WhereSetting,
  withResult,
} from "./table-settings";

export const tableSearch = defineNode({
  type: "table.search",
  summary:
    "Finds rows of a table. Each row becomes an item, or with `into` all of them go into a field of the item that asked. Items that ask the same are answered with one statement.",
  example: {
    type: "table.search",
    table: "companies",
    where: { field: "onboarded", operator: ">=", value: "=input.json.since" },
    order_field: "name",
    results: { rows: "end", none: "end" },
  },
  config: z.strictObject({
    table: TableSetting,
    where: WhereSetting.optional(),
    ...PageSettings,
    into: IntoSetting.describe(
      "Field of the item that takes the list of rows; without it, each row is an item.",
    ),
  }),
  effects: "none",
  results: () => [
    { name: "rows", description: "A row each, or the items with their lists of rows." },
    { name: "none", description: "Items that found no row, unchanged.", optional: true },
  ],
  prepare: (config, context) => {
    const model = tableOf(context, config.table);
    return {
      search: searchOf(context, model, config),
      limited: config.limit !== undefined,
      into: config.into,
    };
  },
  async run(node) {
    const { search, limited, into } = node.config;
    const address = addressOf(node, search.model);
    const asked: Item[] = [];
    const searches: ReturnType<typeof evaluateSearch>[] = [];
    await node.each(node.items, (item) => {
      searches.push(evaluateSearch(search, node.at(item)));
      asked.push(item);
    });
    const pages = await asking(() => node.run.host.services.tables.search(address, searches));
    const rows: Item[] = [];
    const none: Item[] = [];
    await node.each(asked, (item, index) => {
      const page = pages[index] as TablePage;
      if (!limited && page.matches > page.rows.length + (searches[index]?.offset ?? 0)) {
        throw new FlowError(
          "too_many_rows",
          `more than ${MAX_NODE_ROWS} rows match (MAX_NODE_ROWS); set a limit, or ask for fewer`,
        );
      }
      const found = page.rows.map((row) => address.model.present(row));
      if (found.length === 0) none.push(item);
      else if (into !== undefined) rows.push(withResult(node, item, into, found));
      else for (const row of found) rows.push(node.derive(item, row));
    });
    node.emit("rows", rows);
    node.emit("none", none);
  },
});
