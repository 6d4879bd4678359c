import { z } from "zod";
import { type Json, type JsonObject, setOwn } from "../domain/json";
import { FlowError } from "../engine/errors";
import type { Value } from "../engine/value";
import { defineNode } from "./define-node";
import { AnyValue, FieldPath } from "./settings";

const CalculateConfig = z
  .strictObject({
    value: AnyValue.optional().describe("Replaces the whole item. Then nothing else may be given."),
    rename: z
      .record(FieldPath, FieldPath)
      .optional()
      .describe("Fields to rename, old name to new; done first."),
    set: z
      .record(FieldPath, AnyValue)
      .optional()
      .describe(
        "Fields to set; a dotted name leads into nested objects. An expression that yields nothing leaves its field out.",
      ),
    drop: z.array(FieldPath).optional().describe("Fields to remove."),
    keep: z.array(z.string().min(1)).optional().describe("Top-level fields to keep; all others are removed."),
  })
  .refine(
    (config) => config.value === undefined || !changesFields(config),
    "`value` replaces the whole item, so `set`, `rename`, `drop` and `keep` have nothing to work on",
  )
  .refine(
    (config) => config.value !== undefined || changesFields(config),
    "give at least one of `value`, `set`, `rename`, `drop`, `keep`",
  );

function changesFields({ set, rename, drop, keep }: Record<string, unknown>): boolean {
  return (set ?? rename ?? drop ?? keep) !== undefined;
}

interface Field {
  path: readonly string[];
  value: Value;
}

interface Calculation {
  value: Value | undefined;
  rename: readonly { from: readonly string[]; to: readonly string[] }[];
  set: readonly Field[];
  drop: readonly (readonly string[])[];
  keep: ReadonlySet<string> | undefined;
}

export const calculate = defineNode({
  type: "calculate",
  summary: "Computes, sets, renames and removes fields of each item, or replaces the item.",
  example: {
    type: "calculate",
    set: { total: "=item.price * item.quantity" },
    drop: ["internal"],
    next: "end",
  },
  config: CalculateConfig,
  effects: "none",
  results: () => [{ name: "ok", description: "The changed items." }],
  hidesItem: (config) => config.value !== undefined,
  prepare: (config, context): Calculation => ({
    value: config.value === undefined ? undefined : context.value(config.value, ["value"]),
    rename: Object.entries(config.rename ?? {}).map(([from, to]) => ({
      from: from.split("."),
      to: to.split("."),
    })),
    set: Object.entries(config.set ?? {}).map(([name, source]) => ({
      path: name.split("."),
      value: context.value(source, ["set", name]),
    })),
    drop: (config.drop ?? []).map((name) => name.split(".")),
    keep: config.keep === undefined ? undefined : new Set(config.keep),
  }),
  run(node) {
    const { value: replacement, rename, set, drop, keep } = node.config;
    node.map("ok", (item) => {
      const frame = node.at(item);
      if (replacement !== undefined) return node.derive(item, replacement.evaluate(frame) ?? null);
      if (typeof item.value !== "object" || item.value === null || Array.isArray(item.value)) {
        throw new FlowError(
          "not_an_object",
          "only an object has fields to set, and this item is none; use `value` to replace it",
        );
      }
      const value: JsonObject = { ...item.value };
      if (rename.length > 0) renameFields(value, rename);
      for (const field of set) {
        const computed = field.value.evaluate(frame);
        if (computed === undefined) take(value, field.path);
        else put(value, field.path, computed);
      }
      for (const path of drop) take(value, path);
      if (keep !== undefined) for (const name of Object.keys(value)) if (!keep.has(name)) delete value[name];
      return node.derive(item, value);
    });
  },
});

/** All at once, so that two fields can swap their names. */
function renameFields(object: JsonObject, rename: Calculation["rename"]): void {
  const found = rename.map(({ from }) => take(object, from));
  for (const [index, { to }] of rename.entries()) {
    const value = found[index];
    if (value !== undefined) put(object, to, value);
  }
}

/** Sets a nested field; objects on the way are copied, since items are shared, and made where there are none. */
function put(object: JsonObject, path: readonly string[], value: Json): void {
  const [step, ...rest] = path as [string, ...string[]];
  if (rest.length === 0) {
    setOwn(object, step, value);
    return;
  }
  const inner = Object.hasOwn(object, step) ? object[step] : undefined;
  const copy: JsonObject =
    typeof inner === "object" && inner !== null && !Array.isArray(inner) ? { ...inner } : {};
  put(copy, rest, value);
  setOwn(object, step, copy);
}

/** Removes a nested field and returns its value. */
function take(object: JsonObject, path: readonly string[]): Json | undefined {
  const [step, ...rest] = path as [string, ...string[]];
  if (!Object.hasOwn(object, step)) return undefined;
  const inner = object[step];
  if (rest.length === 0) {
    delete object[step];
    return inner;
  }
  if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return undefined;
  const copy = { ...inner };
  const taken = take(copy, rest);
  setOwn(object, step, copy);
  return taken;
}
