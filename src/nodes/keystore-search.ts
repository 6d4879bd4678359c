import { z } from "zod";
import { SluiceError } from "../domain/errors";
import type { Json, JsonObject } from "../domain/json";
import { type KeystoreSearch, parseSearch } from "../domain/keystore-search";
import { MAX_KEYSTORE_FOUND, MAX_KEYSTORE_SELECT } from "../domain/limits";
import { FlowError } from "../engine/errors";
import type { Frame } from "../engine/frame";
import type { Item } from "../engine/item";
import type { PrepareContext, Steps } from "../engine/prepare-context";
import { isExpression } from "../engine/value";
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
      .array(z.strictObject({ field: z.string(), alias: z.string().optional() }))
      .min(1)
      .max(MAX_KEYSTORE_SELECT)
      .optional()
      .describe(
        "What to tell of each entry found: `field` is `keystore.key`, `*` (the whole value) or a path such as `temp.max`; `alias` renames it. Key and value when not given.",
      ),
    where: z
      .json()
      .optional()
      .describe(
        "Which entries: `condition` (`and`, `or`) and `rules` with `field`, `operator` (= != < > <= >= LIKE) and `value`, which may be an expression; a rule may be such a group itself. Or an expression that yields all that. All entries when not given.",
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
  prepare({ keystore, into, select, where, limit, offset }, context) {
    const made = {
      where: where === undefined ? undefined : prepareWhere(where, ["where"], context),
      limit: limit === undefined ? undefined : prepareValue(limit, ["limit"], context),
      offset: offset === undefined ? undefined : prepareValue(offset, ["offset"], context),
    };
    const written: JsonObject = {};
    if (select !== undefined) written.select = select as unknown as Json;
    for (const [name, part] of Object.entries(made))
      if (part?.sample !== undefined) written[name] = part.sample;
    checkWritten(written, context);
    const parts = Object.entries(made).flatMap(([name, part]) =>
      part === undefined ? [] : [{ name, part }],
    );
    return { keystore: prepareKeystore(keystore, context), select: written.select, parts, into };
  },
  async run(node) {
    const { keystore, select, parts, into } = node.config;
    const items: Item[] = [];
    /** Each search once, however many items ask the same. */
    const searches = new Map<string, { search: KeystoreSearch; index: number }>();
    const asked: number[] = [];
    node.each(node.items, (item) => {
      const frame = node.at(item);
      const source: JsonObject = select === undefined ? {} : { select };
      for (const { name, part } of parts) source[name] = part.evaluate(frame);
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

/** A part of a search that is made for each item. */
interface Part {
  /** How it looks when it is written out, with something in the place of expressions; `undefined` when it is one itself. */
  sample: Json | undefined;
  evaluate(frame: Frame): Json;
}

function prepareValue(source: unknown, at: Steps, context: PrepareContext): Part {
  const value = context.value(source, at);
  return {
    sample: value.constant,
    evaluate(frame) {
      const found = value.evaluate(frame);
      if (found === undefined)
        throw new FlowError("no_value", `\`${at.join(".")}\` yields nothing to search for`);
      return found;
    },
  };
}

/** Of a rule only the value is computed: `=` is an operator there, and no expression. */
function prepareWhere(source: Json, at: Steps, context: PrepareContext): Part {
  if (isExpression(source)) return prepareValue(source, at, context);
  if (typeof source !== "object" || source === null || Array.isArray(source)) return constantly(source);
  const fields: [string, Part][] = Object.entries(source).map(([name, field]) => {
    const inside = [...at, name];
    if (name === "rules" && Array.isArray(field)) {
      const rules = field.map((rule, index) => prepareWhere(rule, [...inside, index], context));
      return [
        name,
        {
          sample: rules.map(({ sample }) => sample ?? null),
          evaluate: (frame) => rules.map((rule) => rule.evaluate(frame)),
        },
      ];
    }
    if (name !== "value") return [name, constantly(field)];
    const value = prepareValue(field, inside, context);
    return [name, { sample: value.sample ?? "", evaluate: value.evaluate }];
  });
  return {
    sample: Object.fromEntries(fields.map(([name, { sample }]) => [name, sample as Json])),
    evaluate: (frame) => Object.fromEntries(fields.map(([name, part]) => [name, part.evaluate(frame)])),
  };
}

function constantly(value: Json): Part {
  return { sample: value, evaluate: () => value };
}

/** What is written out is checked when the flow is applied. */
function checkWritten(written: JsonObject, context: PrepareContext): void {
  try {
    parseSearch(written);
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    const problems = error.details.problems ?? [{ path: "/where", reason: error.message }];
    for (const { path, reason, nearest } of problems) {
      const steps = path.slice(1).split("/");
      context.problem(
        steps.map((step) => (/^\d+$/.test(step) ? Number(step) : step)),
        reason,
        nearest,
      );
    }
  }
}
