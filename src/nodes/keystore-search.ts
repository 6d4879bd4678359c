import { z } from "zod";
import { SluiceError } from "../domain/errors";
import type { Json, JsonObject } from "../domain/json";
import { type KeystoreSearch, parseSearch } from "../domain/keystore-search";
import { MAX_KEYSTORE_FOUND, MAX_KEYSTORE_SELECT } from "../domain/limits";
import type { Item } from "../engine/item";
import { defineNode } from "./define-node";
import { withField } from "./into";
import { asFlowError, askKeystore, IntoSetting, KeystoreSetting, prepareKeystore } from "./keystore-settings";
import { AnyValue } from "./settings";

export const keystoreSearch = defineNode({
  type: "keystore.search",
  summary:
    "Searches in a keystore, once for each item, all of a set in one call. Each entry found becomes an item; with `into`, each item gets the list of them.",
  example: {
    type: "keystore.search",
    keystore: "weather",
    select: [
      { field: "keystore.key", alias: "city" },
      { field: "temp.max", alias: "max" },
    ],
    where: { rules: [{ field: "temp.max", operator: ">", value: "=item.limit" }] },
    next: "end",
  },
  config: z.strictObject({
    keystore: KeystoreSetting,
    select: z
      .array(AnyValue)
      .min(1)
      .max(MAX_KEYSTORE_SELECT)
      .optional()
      .describe(
        "What to tell of each entry found: `field` is `keystore.key`, `*` (the whole value) or a path such as `temp.max`; `alias` renames it. Key and value when not given.",
      ),
    where: AnyValue.optional().describe(
      "Which entries: `condition` (`and`, `or`) and `rules` with `field`, `operator` (= != < > <= >= LIKE), `value`; a rule may be such a group itself. All entries when not given.",
    ),
    limit: AnyValue.optional().describe(`Entries at most, up to ${MAX_KEYSTORE_FOUND}.`),
    offset: AnyValue.optional().describe("Entries to pass over."),
    into: IntoSetting.describe("Field of the item that takes the list of what was found."),
  }),
  effects: "batch",
  results: ({ into }) => [
    { name: "ok", description: into === undefined ? "What was found." : "The items with what was found." },
    ...(into === undefined
      ? [{ name: "none", description: "Items for which nothing was found, unchanged.", optional: true }]
      : []),
  ],
  prepare({ keystore, into, ...settings }, context) {
    const search = Object.entries(settings)
      .filter(([, setting]) => setting !== undefined)
      .map(([name, setting]) => ({ name, value: context.value(setting, [name]) }));
    const constant: JsonObject = {};
    for (const { name, value } of search) if (value.constant !== undefined) constant[name] = value.constant;
    checkConstant(constant, (name, reason) => context.problem([name], reason));
    return { keystore: prepareKeystore(keystore, context), search, into };
  },
  async run(node) {
    const { keystore, search, into } = node.config;
    const items: Item[] = [];
    /** Each search once, however many items ask the same. */
    const searches = new Map<string, { search: KeystoreSearch; index: number }>();
    const asked: number[] = [];
    node.each(node.items, (item) => {
      const source: JsonObject = {};
      for (const { name, value } of search) {
        const found = value.evaluate(node.at(item));
        if (found !== undefined) source[name] = found;
      }
      const text = JSON.stringify(source);
      let known = searches.get(text);
      if (known === undefined) {
        known = { search: asFlowError(() => parseSearch(source)), index: searches.size };
        searches.set(text, known);
      }
      items.push(item);
      asked.push(known.index);
    });
    const found =
      items.length === 0
        ? []
        : await askKeystore(node, keystore, (keystores, store) =>
            keystores.search(
              store,
              [...searches.values()].map((each) => each.search),
            ),
          );
    const [emitted, none]: [Item[], Item[]] = [[], []];
    for (const [index, item] of items.entries()) {
      const rows = (found[asked[index] as number] ?? []) as Json[];
      if (into !== undefined) emitted.push(node.derive(item, withField(item.value, into, rows)));
      else if (rows.length === 0) none.push(item);
      else for (const row of rows) emitted.push(node.derive(item, row));
    }
    node.emit("ok", emitted);
    if (into === undefined) node.emit("none", none);
  },
});

/** What is written out in full is checked when the flow is applied. */
function checkConstant(constant: JsonObject, report: (name: string, reason: string) => void): void {
  for (const [name, value] of Object.entries(constant)) {
    try {
      parseSearch({ [name]: value });
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      const [problem] = error.details.problems ?? [];
      report(name, problem === undefined ? error.message : `${problem.path.slice(1)}: ${problem.reason}`);
    }
  }
}
