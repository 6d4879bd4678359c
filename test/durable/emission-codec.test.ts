import { expect, test } from "vitest";
import { EmissionCodec } from "../../src/durable/emission-codec";
import type { Emission } from "../../src/engine/emission";
import { type Item, newItem, type Way } from "../../src/engine/item";
import { SmallMap } from "../../src/engine/small-map";

function emission(results: Record<string, Item[]>): Emission {
  return { results: SmallMap.of(Object.entries(results)), failures: [] };
}

/** A run's stored steps, and a codec as it is after a restart. */
function store() {
  const texts = new Map<string, string>();
  return { texts, codec: () => new EmissionCodec((path) => texts.get(path)) };
}

test("what is shared among items and steps is stored once, and is shared again", () => {
  const { texts, codec } = store();
  const first = codec();
  const big = { text: "x".repeat(1_000) };
  const way: Way = { node: "one", value: big, before: undefined };
  const items = [newItem(big, 0, way), newItem({ n: 1 }, 0, way)];
  texts.set("one", first.encode("one", emission({ ok: items })));
  const next: Way = { node: "two", value: big, before: way };
  texts.set("two", first.encode("two", emission({ ok: [newItem(big, 0, next)], error: [] })));
  expect(texts.get("one")?.match(/x{1000}/g)).toHaveLength(1);
  expect(texts.get("two")).not.toContain("xxx");

  const later = codec();
  const one = later.decode("one", texts.get("one") as string).results.get("ok");
  const two = later.decode("two", texts.get("two") as string).results;
  expect(one).toEqual(items);
  expect(two.get("error")).toEqual([]);
  expect(two.get("ok")?.[0]).toEqual(newItem(big, 0, next));
  expect(two.get("ok")?.[0]?.value).toBe(one?.[0]?.value);
  expect(two.get("ok")?.[0]?.way?.before).toBe(one?.[0]?.way);
  expect(one?.[0]?.way).toBe(one?.[1]?.way);

  // A step that is written after a restart refers to what was read.
  const third = later.encode("three", emission({ ok: [...(two.get("ok") ?? [])] }));
  expect(third.length).toBeLessThan(100);
});

test("a step is read although the steps that it refers to have not been", () => {
  const { texts, codec } = store();
  const first = codec();
  const value = { a: [1, null, "é", { b: true }] };
  texts.set("a", first.encode("a", emission({ ok: [newItem(value, 0)] })));
  texts.set(
    "b",
    first.encode("b", emission({ ok: [newItem(value, 3, { node: "a", value, before: undefined })] })),
  );
  const read = codec()
    .decode("b", texts.get("b") as string)
    .results.get("ok");
  expect(read).toEqual([newItem(value, 3, { node: "a", value, before: undefined })]);
  texts.delete("a");
  expect(() => codec().decode("b", texts.get("b") as string)).toThrow('step "a"');
});

test("failures, live results without items, and items of no record come back", () => {
  const { texts, codec } = store();
  const failure = { code: "flow_error", message: "no", node: "x" };
  const given: Emission = {
    results: SmallMap.of<Item[]>([
      ["none", []],
      ["error", [{ value: null, record: -1, way: undefined, failure }]],
    ]),
    failures: [{ record: 2, ...failure }],
  };
  texts.set("x", codec().encode("x", given));
  expect(codec().decode("x", texts.get("x") as string)).toEqual(given);
});

test("a long way takes no recursion", () => {
  const { codec } = store();
  let way: Way | undefined;
  for (let step = 0; step < 20_000; step += 1) way = { node: `n${step}`, value: step, before: way };
  const text = codec().encode("long", emission({ ok: [newItem(1, 0, way)] }));
  const read = codec().decode("long", text).results.get("ok")?.[0]?.way;
  expect([read?.node, read?.before?.value]).toEqual(["n19999", 19_998]);
});
