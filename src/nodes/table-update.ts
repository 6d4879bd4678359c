import { z } from "zod";
import type { Problem } from "../domain/errors";
import type { Json } from "../domain/json";
import { type CheckedRow, rowId } from "../domain/table-model";
import type { TableSearch } from "../domain/table-search";
import { FlowError } from "../engine/errors";
import type { Frame } from "../engine/frame";
import type { Item } from "../engine/item";
import type { NodeRun } from "../engine/node-run";
import type { PrepareContext } from "../engine/prepare-context";
import type { TableSelection } from "../engine/table-port";
import type { Value } from "../engine/value";
import { defineNode } from "./define-node";
import { writeTogether } from "./table-batches";
import {
  addressOf,
  evaluateSearch,
  evaluateValues,
  IdSetting,
  IntoSetting,
  PageSettings,
  type PreparedSearch,
  searchOf,
  TableSetting,
  tableOf,
  ValuesSetting,
  valuesOf,
  WhereSetting,
  withResult,
  wrong,
} from "./table-settings";

/** Statements of one transaction, where each item needs one of its own. */
const STATEMENTS_TOGETHER = 100;
/** Items that one statement serves, where all name rows by their ids. */
const IDS_TOGETHER = 5_000;

const Selection = {
  table: TableSetting,
  id: IdSetting.optional(),
  where: WhereSetting.optional(),
  ...PageSettings,
};

const Into = IntoSetting.describe(
  "Field of the item that takes the number of rows; without it the item stays as it is.",
);

interface SelectionSettings {
  id?: Json | undefined;
  where?: Json | undefined;
}

function named({ id, where }: SelectionSettings): boolean {
  return id !== undefined || where !== undefined;
}

const UNNAMED = "say which rows: give `id` or `where`";

export const tableUpdate = defineNode({
  type: "table.update",
  summary:
    "Changes rows of a table: the one with an id, or those that rules find. All items in one transaction.",
  example: {
    type: "table.update",
    table: "users",
    id: "=item.user",
    set: { age: "=item.age" },
    results: { ok: "end", missing: "end" },
  },
  config: z
    .strictObject({
      ...Selection,
      set: ValuesSetting.describe("Values by column; null takes a value away."),
      into: Into,
    })
    .refine(named, UNNAMED),
  effects: "batch",
  results: () => [
    { name: "ok", description: "Items for which rows were changed." },
    { name: "missing", description: "Items for which there was no row to change." },
  ],
  prepare: (config, context) => {
    const selection = selectionOf(context, config.table, config);
    if (Object.keys(config.set).length === 0) context.problem(["set"], "names no column to change");
    return {
      ...selection,
      set: valuesOf(context, selection.search.model, config.set, "set"),
      into: config.into,
    };
  },
  run(node) {
    const { set, search } = node.config;
    const address = addressOf(node, search.model);
    return writeSelected(
      node,
      (_item, frame) => {
        const problems: Problem[] = [];
        const values = address.model.checkRow(evaluateValues(set, frame), "change", "", problems, false);
        if (problems.length > 0) throw wrong("row", problems);
        if (values.size === 0) throw new FlowError("invalid_row", "the expressions yield no value to set");
        return values;
      },
      async (part, step) => [
        ...(await node.run.host.services.tables.update(
          address,
          part.map(({ rows, values }) => ({ rows, values })),
          step,
        )),
      ],
    );
  },
});

export const tableDelete = defineNode({
  type: "table.delete",
  summary:
    "Deletes rows of a table: the one with an id, or those that rules find. All items in one transaction.",
  example: { type: "table.delete", table: "users", id: "=item.user", results: { ok: "end", missing: "end" } },
  config: z.strictObject({ ...Selection, into: Into }).refine(named, UNNAMED),
  effects: "batch",
  results: () => [
    { name: "ok", description: "Items for which rows were deleted." },
    { name: "missing", description: "Items for which there was no row to delete." },
  ],
  prepare: (config, context) => ({ ...selectionOf(context, config.table, config), into: config.into }),
  run(node) {
    const address = addressOf(node, node.config.search.model);
    return writeSelected(
      node,
      () => new Map(),
      async (part, step) => [
        ...(await node.run.host.services.tables.delete(
          address,
          part.map(({ rows }) => rows),
          step,
        )),
      ],
    );
  },
});

interface PreparedSelection {
  id: Value | undefined;
  search: PreparedSearch;
}

function selectionOf(
  context: PrepareContext,
  table: string,
  settings: SelectionSettings & Parameters<typeof searchOf>[2],
): PreparedSelection {
  return {
    id: settings.id === undefined ? undefined : context.value(settings.id, ["id"]),
    search: searchOf(context, tableOf(context, table), settings),
  };
}

interface Write {
  item: Item;
  rows: TableSelection;
  values: CheckedRow;
}

async function writeSelected(
  node: NodeRun<PreparedSelection & { into: string | undefined }>,
  valuesFor: (item: Item, frame: Frame) => CheckedRow,
  write: (part: readonly Write[], step: string | undefined) => Promise<Json[]>,
): Promise<void> {
  const { id, search, into } = node.config;
  const entries: Write[] = [];
  const missing: Item[] = [];
  await node.each(node.items, (item) => {
    const frame = node.at(item);
    const values = valuesFor(item, frame);
    const found: TableSearch = evaluateSearch(search, frame);
    const given = id?.evaluate(frame);
    if (id !== undefined && typeof given !== "string" && typeof given !== "number") {
      throw new FlowError("not_an_id", "the id is neither a number nor a text");
    }
    if (id === undefined && found.where === undefined) {
      throw new FlowError("invalid_search", "the rules are empty, and every row would be meant");
    }
    const row = id === undefined ? undefined : rowId(String(given));
    if (id !== undefined && row === undefined) missing.push(item);
    else entries.push({ item, rows: { id: row, search: found }, values });
  });
  const ok: Item[] = [];
  const together = id !== undefined && search.where === undefined ? IDS_TOGETHER : STATEMENTS_TOGETHER;
  await writeTogether(node, entries, together, write, ({ item }, count) => {
    if (count === 0) missing.push(item);
    else ok.push(into === undefined ? item : withResult(node, item, into, count));
  });
  node.emit("ok", ok);
  const unmet = new Set(missing);
  node.emit(
    "missing",
    node.items.filter((item) => unmet.has(item)),
  );
}
