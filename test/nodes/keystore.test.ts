import { describe, expect, test } from "vitest";
import { SluiceError } from "../../src/domain/errors";
import type { Json } from "../../src/domain/json";
import { KeystoreDefinition } from "../../src/domain/keystore";
import { FakeHost } from "../support/fake-host";
import { FakeKeystores } from "../support/fake-keystores";
import { FakeStepStore } from "../support/fake-step-store";
import { type Ended, problemsOf, runLater, start, throughFlow } from "../support/trial";

const DEFINITIONS = [
  KeystoreDefinition.parse({ keystore: "weather", empty: { temp: null } }),
  KeystoreDefinition.parse({ keystore: "notes", type: "raw" }),
  KeystoreDefinition.parse({ keystore: "sessions", expires: "1h" }),
];
const uses = { keystore: Object.fromEntries(DEFINITIONS.map((each) => [each.keystore, each])) };

function world(): { host: FakeHost; keystores: FakeKeystores } {
  const host = new FakeHost();
  const keystores = new FakeKeystores(DEFINITIONS);
  host.services = { ...host.services, keystores };
  return { host, keystores };
}

// split → node → out, what fails → bad
function flow(node: Record<string, unknown>, results: Record<string, string>) {
  return throughFlow({
    split: { type: "split", over: "=item", results: { each: "node" } },
    node: { ...node, results: { error: "bad", ...results } },
  });
}

function over(
  item: Json,
  node: Record<string, unknown>,
  results: Record<string, string>,
  { host, keystores }: { host: FakeHost; keystores: FakeKeystores },
): Promise<Ended> {
  void keystores;
  return runLater(flow(node, results), { item, host, uses });
}

describe("keystore.get", () => {
  test("gives each item the value of its key; missing ones are created; one call for the whole set", async () => {
    const both = world();
    const items = [{ city: "Lund" }, { city: "Oslo" }, { city: 7 }];
    const node = { type: "keystore.get", keystore: "weather", key: "=item.city", into: "weather" };
    await over(
      [{ city: "Oslo" }],
      { type: "keystore.set", keystore: "weather", key: "=item.city" },
      { ok: "out" },
      both,
    );
    both.keystores.calls.length = 0;
    const { outputs } = await over(items, node, { ok: "out" }, both);
    expect(outputs.out).toEqual([
      { city: "Lund", weather: { temp: null } },
      { city: "Oslo", weather: { city: "Oslo" } },
      { city: 7, weather: { temp: null } },
    ]);
    expect(both.keystores.calls).toEqual(["read"]);
    expect([...(both.keystores.stores.get("weather")?.keys() ?? [])]).toEqual(["Oslo", "Lund", "7"]);
  });

  test("with `create: false` nothing is created, and what is missing leaves by `missing`", async () => {
    const both = world();
    const node = { type: "keystore.get", keystore: "weather", key: "=item", create: false };
    const { outputs } = await over(["a", "b"], node, { ok: "out", missing: "bad" }, both);
    expect(outputs.out).toEqual([]);
    expect(outputs.bad).toHaveLength(2);
    expect(both.keystores.stores.get("weather")?.size).toBe(0);
  });

  test.each([
    ["", "The key is empty; name one."],
    [null, "The key must be a text."],
    [{ a: 1 }, "The key must be a text."],
    ["a\0b", "The key has a NUL character; leave it out."],
    ["k".repeat(1_001), "The key is longer than 1000 characters (MAX_KEYSTORE_KEY_CHARS)."],
  ])("a key that is none fails its item alone: %j", async (key, message) => {
    const both = world();
    const node = { type: "keystore.get", keystore: "weather", key: "=item.key" };
    const { outputs } = await over([{ key }, { key: "good" }], node, { ok: "out" }, both);
    expect(outputs.out).toEqual([{ temp: null }]);
    expect(outputs.bad).toMatchObject([{ failed: message }]);
  });

  test("an empty set asks nobody", async () => {
    const both = world();
    const { outputs } = await over(
      [],
      { type: "keystore.get", keystore: "weather", key: "=item" },
      { ok: "out" },
      both,
    );
    expect(outputs.out).toEqual([]);
    expect(both.keystores.calls).toEqual([]);
  });
});

describe("keystore.set, insert and delete", () => {
  test("a hundred items are one call, and the last of one key wins", async () => {
    const both = world();
    const items = Array.from({ length: 100 }, (_, index) => ({ key: `k${index % 50}`, index }));
    const node = { type: "keystore.set", keystore: "weather", key: "=item.key", value: "=item.index" };
    const { outputs } = await over(items, node, { ok: "out" }, both);
    expect(outputs.out).toEqual(items);
    expect(both.keystores.calls).toEqual(["write"]);
    expect(both.keystores.stores.get("weather")?.get("k7")?.text).toBe("57");
  });

  test("insert tells the keys that exist, within a set too", async () => {
    const both = world();
    const node = { type: "keystore.insert", keystore: "weather", key: "=item.key" };
    const items = [
      { key: "a", n: 1 },
      { key: "a", n: 2 },
      { key: "b", n: 3 },
    ];
    const { outputs } = await over(items, node, { ok: "out", exists: "bad" }, both);
    expect(outputs.out).toEqual([items[0], items[2]]);
    expect(outputs.bad).toMatchObject([{ item: items[1] }]);
  });

  test("a raw keystore keeps texts as they are, and gives back what was put in", async () => {
    const both = world();
    const items = [
      { key: "text", value: "{not json" },
      { key: "object", value: { a: [1, null] } },
      { key: "null", value: null },
      { key: "empty", value: "" },
    ];
    const set = { type: "keystore.set", keystore: "notes", key: "=item.key", value: "=item.value" };
    await over(items, set, { ok: "out" }, both);
    expect(both.keystores.stores.get("notes")?.get("text")?.text).toBe("{not json");
    const get = { type: "keystore.get", keystore: "notes", key: "=item.key", into: "value" };
    expect((await over(items, get, { ok: "out" }, both)).outputs.out).toEqual(items);
  });

  test("expiry: of the node, of the item, of the keystore", async () => {
    const both = world();
    const expiries = async (keystore: string, more: object, item: object) => {
      const node = { type: "keystore.set", keystore, key: "=item.key", ...more };
      const { outputs } = await over([item] as Json, node, { ok: "out" }, both);
      const at = both.keystores.stores.get(keystore)?.get("k")?.expiresAt ?? null;
      return outputs.out?.length === 1 ? at && at - both.host.time : outputs.bad;
    };
    expect(await expiries("weather", {}, { key: "k" })).toBeNull();
    expect(await expiries("sessions", {}, { key: "k" })).toBe(3_600_000);
    expect(await expiries("sessions", { expires: "2m" }, { key: "k" })).toBe(120_000);
    expect(await expiries("weather", { expires: "=item.ttl" }, { key: "k", ttl: "5s" })).toBe(5_000);
    expect(await expiries("weather", { expires: "=item.ttl" }, { key: "k" })).toBeNull();
    expect(await expiries("weather", { expires: "=item.ttl" }, { key: "k", ttl: "soon" })).toMatchObject([
      { code: "not_a_duration" },
    ]);
  });

  test("a value that is too large fails its item", async () => {
    const both = world();
    const node = { type: "keystore.set", keystore: "notes", key: "=item.key", value: "=item.value" };
    const items = [
      { key: "a", value: "x".repeat(5 * 1024 * 1024) },
      { key: "b", value: "x".repeat(5 * 1024 * 1024 + 1) },
    ];
    const { outputs } = await over(items, node, { ok: "out" }, both);
    expect(outputs.out).toHaveLength(1);
    expect(outputs.bad).toMatchObject([{ code: "payload_too_large" }]);
  });

  test("delete says whether the key was there", async () => {
    const both = world();
    await over(["a"], { type: "keystore.set", keystore: "weather", key: "=item" }, { ok: "out" }, both);
    const node = { type: "keystore.delete", keystore: "weather", key: "=item", into: "deleted" };
    const { outputs } = await over(["a", "b"], node, { ok: "out" }, both);
    expect(outputs.out).toEqual([
      { item: "a", deleted: true },
      { item: "b", deleted: false },
    ]);
  });
});

describe("keystore.search", () => {
  const cities = [
    { key: "Madrid", temp: 24 },
    { key: "London", temp: 15 },
  ];
  const filled = async () => {
    const both = world();
    const node = {
      type: "keystore.set",
      keystore: "weather",
      key: "=item.key",
      value: { temp: "=item.temp" },
    };
    await over(cities, node, { ok: "out" }, both);
    both.keystores.calls.length = 0;
    return both;
  };

  test("each entry found is an item; the same search is asked once, all of a set in one call", async () => {
    const both = await filled();
    const node = {
      type: "keystore.search",
      keystore: "weather",
      select: [{ field: "key", alias: "city" }],
      where: { rules: [{ field: "temp", operator: ">", value: "=item" }] },
    };
    const { outputs } = await over([20, 10, 20, 99], node, { ok: "out", none: "bad" }, both);
    expect(outputs.out).toEqual(["Madrid", "Madrid", "London", "Madrid"].map((city) => ({ city })));
    expect(outputs.bad).toMatchObject([{ item: 99 }]);
    expect(both.keystores.calls).toEqual(["search"]);
  });

  test("`=` is an operator, not an expression; a value that yields nothing fails its item", async () => {
    const both = await filled();
    const where = { condition: "or", rules: [{ field: "key", operator: "=", value: "=item.key" }] };
    const node = { type: "keystore.search", keystore: "weather", where, select: [{ field: "key" }] };
    const { outputs } = await over([{ key: "London" }, {}], node, { ok: "out" }, both);
    expect(outputs.out).toEqual([{ key: "London" }]);
    expect(outputs.bad).toMatchObject([{ code: "no_value" }]);
  });

  test("`into` puts the list into the item", async () => {
    const both = await filled();
    const node = { type: "keystore.search", keystore: "weather", limit: 1, into: "found" };
    const { outputs } = await over([{ a: 1 }], node, { ok: "out" }, both);
    expect(outputs.out).toEqual([{ a: 1, found: [{ "keystore.key": "Madrid", "*": '{"temp":24}' }] }]);
  });

  test("a search that cannot be understood fails its item, or is found when the flow is applied", async () => {
    const both = await filled();
    const node = { type: "keystore.search", keystore: "weather", where: "=item", into: "found" };
    const { outputs } = await over([{ rules: "x" }, {}] as Json, node, { ok: "out" }, both);
    expect(outputs.bad).toMatchObject([{ code: "invalid_request" }, { code: "invalid_request" }]);
    const wrong = { rules: [{ field: "a", operator: "~", value: 1 }] };
    expect(problemsOf(flow({ ...node, where: wrong }, { ok: "out" }), { uses })).toEqual([
      "/nodes/node/where/rules/0/operator: an operator is one of = != <> < > <= >= LIKE",
    ]);
  });
});

describe("all of them", () => {
  test("a keystore that there is not is found when the flow is applied, with the nearest name", () => {
    for (const type of ["get", "set", "insert", "delete", "search"]) {
      const results = type === "insert" ? { ok: "out", exists: "end" } : { ok: "out" };
      const node = {
        type: `keystore.${type}`,
        keystore: "wether",
        ...(type === "search" ? {} : { key: "=item" }),
      };
      expect(problemsOf(flow(node, results), { uses })).toEqual([
        '/nodes/node/keystore: there is no keystore "wether" in this project',
      ]);
    }
  });

  test("a keystore that does not answer: a run in memory fails its items, a durable one is taken up again", async () => {
    const node = { type: "keystore.set", keystore: "weather", key: "=item" };
    const light = world();
    light.keystores.failure = new SluiceError("unavailable", "not now");
    const { outputs } = await over(["a"], node, { ok: "out" }, light);
    expect(outputs.bad).toMatchObject([{ code: "keystore_unavailable" }]);

    const durable = world();
    durable.host.steps = new FakeStepStore();
    durable.keystores.failure = new SluiceError("unavailable", "not now");
    const { outcome } = start(flow(node, { ok: "out" }), { item: ["a"], host: durable.host, uses });
    await expect(outcome).rejects.toMatchObject({ name: "RunInterrupted" });
    durable.keystores.failure = undefined;
    const again = start(flow(node, { ok: "out" }), { item: ["a"], host: durable.host, uses });
    expect((await again.outcome).outputs.out).toEqual(["a"]);
  });

  test("a step that is repeated writes nothing again, whether its answer was stored in the run or not", async () => {
    const node = { type: "keystore.insert", keystore: "weather", key: "=item" };
    const both = world();
    const source = flow(node, { ok: "out", exists: "bad" });
    const attempt = async (steps: FakeStepStore) => {
      both.host.steps = steps;
      return (await start(source, { item: ["a", "b"], host: both.host, uses }).outcome).outputs.out;
    };
    expect(await attempt(new FakeStepStore())).toEqual(["a", "b"]);
    // The run's shard died before it stored the answer: the owner knows the step.
    expect(await attempt(new FakeStepStore())).toEqual(["a", "b"]);
    expect(both.keystores.calls).toEqual(["write", "write"]);
    // It died after that: the owner is not even asked.
    const stored = new FakeStepStore();
    await attempt(stored);
    const effects = new FakeStepStore();
    for (const [key, answer] of stored.effects) effects.effects.set(key, answer);
    both.keystores.calls.length = 0;
    expect(await attempt(effects)).toEqual(["a", "b"]);
    expect(both.keystores.calls).toEqual([]);
  });
});
