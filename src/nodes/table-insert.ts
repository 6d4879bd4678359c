import { z } from "zod";
import type { Problem } from "../domain/errors";
import type { Json, JsonObject } from "../domain/json";
import { MAX_TABLE_ROWS } from "../domain/limits";
import type { CheckedRow, StoredRow, TableModel } from "../domain/table-model";
import type { Stored } from "../domain/table-value";
import { FlowError } from "../engine/errors";
import type { Frame } from "../engine/frame";
import type { Item } from "../engine/item";
import { defineNode } from "./define-node";
import { writeTogether } from "./table-batches";
import {
  addressOf,
  columnOf,
  evaluateValues,
  IntoSetting,
  type PreparedValues,
  TableSetting,
  tableOf,
  ValuesSetting,
  valuesOf,
  withResult,
  wrong,
} from "./table-settings";

const Values = ValuesSetting.optional().describe(
  "Values by column; an expression that yields nothing leaves its column to the default. Without it the item is the row.",
);

export const tableInsert = defineNode({
  type: "table.insert",
  summary:
    "Inserts a row for each item, all in one transaction. An item whose unique value is taken fails, and the others go in.",
  example: {
    type: "table.insert",
    table: "users",
    values: { username: "=item.name", age: "=item.age" },
    next: "end",
  },
  config: z.strictObject({ table: TableSetting, values: Values, into: IntoSetting }),
  effects: "batch",
  results: () => [{ name: "ok", description: "The stored rows, with their ids; or the items with them." }],
  prepare: (config, context) => {
    const model = tableOf(context, config.table);
    const values =
      config.values === undefined ? undefined : valuesOf(context, model, config.values, "values");
    if (config.values !== undefined) {
      for (const { name, required, default: fallback } of model?.declared ?? []) {
        if (required && fallback === null && !Object.hasOwn(config.values, name)) {
          context.problem(["values"], `the required column "${name}" gets no value`);
        }
      }
    }
    return { model, values, into: config.into };
  },
  async run(node) {
    const { model, values, into } = node.config;
    const address = addressOf(node, model);
    const entries: { item: Item; row: CheckedRow }[] = [];
    await node.each(node.items, (item) => {
      const row = rowOf(address.model, values, item, node.at(item));
      if (row.has("id")) {
        throw new FlowError(
          "invalid_row",
          "the row is wrong: id: the table numbers its rows; `table.upsert` takes ids",
        );
      }
      entries.push({ item, row });
    });
    const inserted: Item[] = [];
    await writeTogether(
      node,
      entries,
      MAX_TABLE_ROWS,
      async (part, step) => {
        const { ids, at } = await node.run.host.services.tables.insert(
          address,
          part.map(({ row }) => row),
          step,
        );
        return ids.map((id) => [id, at]);
      },
      ({ item, row }, answer) => {
        const [id, at] = answer as [number, string];
        const stored: Record<string, Stored> = { id, date_created: at, date_updated: at };
        for (const { name } of address.model.declared) stored[name] = row.get(name) ?? null;
        inserted.push(withResult(node, item, into, address.model.present(stored as StoredRow)));
      },
    );
    node.emit("ok", inserted);
  },
});

export const tableUpsert = defineNode({
  type: "table.upsert",
  summary:
    "Inserts a row for each item, or changes the row with the same values in the columns `on`, all in one transaction.",
  example: {
    type: "table.upsert",
    table: "users",
    on: ["username"],
    values: { username: "=item.name", age: "=item.age" },
    next: "end",
  },
  config: z.strictObject({
    table: TableSetting,
    on: z.array(z.string()).min(1).max(8).describe("`id`, or unique columns of the table."),
    values: Values,
    into: IntoSetting,
  }),
  effects: "batch",
  results: () => [
    {
      name: "ok",
      description: "The ids of the rows with the values that were written; or the items with them.",
    },
  ],
  prepare: (config, context) => {
    const model = tableOf(context, config.table);
    for (const [index, name] of config.on.entries()) columnOf(context, model, name, ["on", index]);
    const on = model?.keys.find(
      (key) => key.length === config.on.length && key.every((name) => config.on.includes(name)),
    );
    if (model !== undefined && on === undefined) {
      const keys = model.keys.map((key) => key.join(", ")).join("; ");
      context.problem(
        ["on"],
        `these columns are not unique together in table "${model.name}"; unique are: ${keys}`,
      );
    }
    const { id, ...rest } = config.values ?? {};
    return {
      model,
      on: on ?? [],
      id: id === undefined ? undefined : context.value(id, ["values", "id"]),
      values: config.values === undefined ? undefined : valuesOf(context, model, rest, "values"),
      into: config.into,
    };
  },
  async run(node) {
    const { model, on, id: idValue, values, into } = node.config;
    const address = addressOf(node, model);
    const entries: { item: Item; row: CheckedRow }[] = [];
    await node.each(node.items, (item) => {
      const frame = node.at(item);
      const id = idValue?.evaluate(frame);
      const row = rowOf(address.model, values, item, frame, id === undefined ? {} : { id });
      for (const name of on) {
        if ((row.get(name) ?? null) === null) {
          throw new FlowError(
            "invalid_row",
            `the row is wrong: ${name}: has no value, and rows are matched by it`,
          );
        }
      }
      entries.push({ item, row });
    });
    const written: Item[] = [];
    await writeTogether(
      node,
      entries,
      MAX_TABLE_ROWS,
      async (part, step) => {
        const rows = part.map(({ row }) => row);
        return [...(await node.run.host.services.tables.upsert(address, rows, on, step)).ids];
      },
      ({ item, row }, id) => {
        const shown: JsonObject = { id: String(id) };
        const values_: Record<string, Stored> = {};
        for (const { name } of address.model.columns) values_[name] = row.get(name) ?? null;
        const presented = address.model.present(values_ as StoredRow);
        for (const name of row.keys()) if (name !== "id") shown[name] = presented[name] as Json;
        written.push(withResult(node, item, into, shown));
      },
    );
    node.emit("ok", written);
  },
});

/** The row that an item writes, checked against the columns. */
function rowOf(
  model: TableModel,
  values: PreparedValues | undefined,
  item: Item,
  frame: Frame,
  more: JsonObject = {},
): CheckedRow {
  const problems: Problem[] = [];
  const source = values === undefined ? item.value : { ...more, ...evaluateValues(values, frame) };
  if (typeof source !== "object" || source === null || Array.isArray(source)) {
    throw new FlowError("not_an_object", "the item is no object, so it is no row; give `values`");
  }
  const row = model.checkRow(source, "insert", "", problems, false);
  if (problems.length > 0) throw wrong("row", problems);
  return row;
}
