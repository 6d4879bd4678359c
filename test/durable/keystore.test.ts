import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { DurableKeystores } from "../../src/adapters/durable/keystores";
import {
  KeystoreDefinition,
  type KeystoreRef,
  type KeystoreValue,
  keystoreObject,
  keystorePrefix,
} from "../../src/domain/keystore";
import { parseSearch } from "../../src/domain/keystore-search";
import type { Catalog } from "../../src/operations/ports";

/** Owners and KV as they are, asked through the adapter: one for each isolate that a test plays. */

// A key that is written often waits some seconds for its copy.
vi.setConfig({ testTimeout: 60_000 });

let stores = 1_000;

interface Isolate {
  keystores: DurableKeystores;
  /** Calls of owners, and reads of KV. */
  counts: { owner: number; kv: number };
}

function isolate(kv: KVNamespace = env.KEYSTORE): Isolate {
  const counts = { owner: 0, kv: 0 };
  const namespace = new Proxy(env.KEYSTORE_OWNER, {
    get(target, name) {
      if (name !== "getByName") return Reflect.get(target, name) as unknown;
      return (object: string) => {
        counts.owner += 1;
        return target.getByName(object);
      };
    },
  });
  const counted = new Proxy(kv, {
    get(target, name) {
      const member = Reflect.get(target, name) as unknown;
      if (typeof member !== "function") return member;
      return (...values: unknown[]) => {
        counts.kv += 1;
        return Reflect.apply(member, target, values) as unknown;
      };
    },
  });
  const catalog = { resource: () => undefined } as unknown as Catalog;
  const keystores = new DurableKeystores({ namespace, kv: counted, catalog, now: () => Date.now() });
  return { keystores, counts };
}

function newStore(more: object = {}): KeystoreRef {
  const definition = KeystoreDefinition.parse({ keystore: "trial", ...more });
  return { environmentId: 1, id: ++stores, definition };
}

const owner = (store: KeystoreRef) => env.KEYSTORE_OWNER.getByName(keystoreObject(store));
const json = (value: unknown): KeystoreValue => ({ text: JSON.stringify(value), format: "json" });
const put = (key: string, value: unknown, expiresAt: number | null = null) =>
  ({ kind: "put", key, value: json(value), expiresAt }) as const;
const insert = (key: string, value: unknown) =>
  ({ kind: "insert", key, value: json(value), expiresAt: null }) as const;

async function text(keystores: DurableKeystores, store: KeystoreRef, key: string, fresh = false) {
  const [entry] = await keystores.read(store, [key], { fresh });
  return entry?.text;
}

/** Waits until KV has the copy of a key. */
async function copied(store: KeystoreRef, key: string): Promise<void> {
  await expect
    .poll(() => env.KEYSTORE.get(`${keystorePrefix(store)}=${key}`), { timeout: 15_000, interval: 50 })
    .not.toBeNull();
}

describe("inserting", () => {
  test("of 200 at once exactly one succeeds, through any isolate", async () => {
    const store = newStore();
    const isolates = [isolate(), isolate(), isolate(), isolate()];
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        (isolates[index % 4] as Isolate).keystores.write(store, [insert("one", index)]),
      ),
    );
    const kinds = outcomes.map(([outcome]) => outcome?.kind);
    expect(kinds.filter((kind) => kind === "written")).toHaveLength(1);
    expect(kinds.filter((kind) => kind === "exists")).toHaveLength(199);
    const winner = kinds.indexOf("written");
    expect(await text(isolate().keystores, store, "one")).toBe(String(winner));
  });

  test("a set is one call and one transaction; a key that exists is passed over", async () => {
    const store = newStore();
    const { keystores, counts } = isolate();
    const kinds = (
      await keystores.write(store, [insert("a", 1), insert("a", 2), put("b", 3), insert("c", 4)])
    ).map(({ kind }) => kind);
    expect(kinds).toEqual(["written", "exists", "written", "written"]);
    expect(counts.owner).toBe(1);
    expect(await keystores.count(store)).toBe(3);
  });

  test("a read that creates many missing keys is one call, and creates each once", async () => {
    const store = newStore({ empty: { n: 0 } });
    const { keystores, counts } = isolate();
    const entries = await keystores.read(store, ["a", "b", "a"], { create: true });
    expect(entries.map((entry) => entry?.text)).toEqual(['{"n":0}', '{"n":0}', '{"n":0}']);
    expect([counts.owner, counts.kv]).toEqual([1, 1]);
    expect(await keystores.count(store)).toBe(2);
  });
});

describe("copies", () => {
  test("a read that finds its copy asks no owner; a set of them reads KV once", async () => {
    const store = newStore();
    await isolate().keystores.write(store, [put("a", 1), put("b", 2)]);
    await copied(store, "a");
    await copied(store, "b");
    const { keystores, counts } = isolate();
    expect(await text(keystores, store, "a")).toBe("1");
    expect(counts).toEqual({ owner: 0, kv: 1 });
    expect((await keystores.read(store, ["b", "a"], {})).map((entry) => entry?.text)).toEqual(["2", "1"]);
    expect(counts).toEqual({ owner: 0, kv: 2 });
    expect(await text(keystores, store, "a", true)).toBe("1");
    expect(counts).toEqual({ owner: 1, kv: 2 });
  });

  test("with a warm copy, a put and a deletion are seen at once, by every isolate, evicted owners too", async () => {
    const store = newStore();
    const writer = isolate().keystores;
    for (const evict of [false, true]) {
      await writer.write(store, [put("a", "old")]);
      await copied(store, "a");
      const reader = isolate().keystores;
      expect(await text(reader, store, "a")).toBe('"old"');
      if (evict) await evictDurableObject(owner(store));
      await writer.write(store, [put("a", "new")]);
      expect(await text(reader, store, "a")).toBe('"new"');
      await copied(store, "a");
      if (evict) await evictDurableObject(owner(store));
      await writer.write(store, [{ kind: "delete", key: "a" }]);
      expect(await text(reader, store, "a")).toBeUndefined();
      expect(await text(isolate().keystores, store, "a")).toBeUndefined();
      expect(await env.KEYSTORE.get(`${keystorePrefix(store)}=a`)).toBeNull();
    }
  });

  test("where KV goes on showing the value from before, the isolate that wrote knows better", async () => {
    const store = newStore();
    await isolate().keystores.write(store, [put("a", "old"), put("b", "old")]);
    await copied(store, "a");
    await copied(store, "b");
    const name = (key: string) => `${keystorePrefix(store)}=${key}`;
    const stale = new Map<string, KVNamespaceGetWithMetadataResult<string, unknown>>();
    for (const key of ["a", "b"]) {
      stale.set(name(key), await env.KEYSTORE.getWithMetadata(name(key), "text"));
    }
    const frozen = {
      getWithMetadata: async (keys: string | string[]) =>
        typeof keys === "string" ? stale.get(keys) : new Map(keys.map((key) => [key, stale.get(key)])),
    } as unknown as KVNamespace;
    const { keystores } = isolate(frozen);
    expect(await text(keystores, store, "a")).toBe('"old"');
    await keystores.write(store, [put("a", "new"), { kind: "delete", key: "b" }]);
    expect(await text(keystores, store, "a")).toBe('"new"');
    expect(await text(keystores, store, "b")).toBeUndefined();
  });

  test("of many that are written together, those are copied that someone reads", async () => {
    const store = newStore();
    const { keystores } = isolate();
    await keystores.write(
      store,
      Array.from({ length: 101 }, (_, index) => put(`k${index}`, index)),
    );
    expect(await text(keystores, store, "k7")).toBe("7");
    await copied(store, "k7");
    expect((await env.KEYSTORE.list({ prefix: keystorePrefix(store) })).keys).toHaveLength(1);
    await keystores.write(
      store,
      Array.from({ length: 101 }, (_, index) => put(`k${index}`, "new")),
    );
    expect(await text(isolate().keystores, store, "k7")).toBe('"new"');
  });

  test("a KV that does not answer: the owner does", async () => {
    const store = newStore();
    const broken = {
      getWithMetadata: async () => {
        throw new Error("KV is made to fail");
      },
    } as unknown as KVNamespace;
    const { keystores } = isolate(broken);
    await keystores.write(store, [put("a", 1)]);
    expect(await text(keystores, store, "a")).toBe("1");
  });
});

describe("what was acknowledged stays", () => {
  test("an owner that is thrown out of memory has everything, and its alarm", async () => {
    const store = newStore();
    const { keystores } = isolate();
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => keystores.write(store, [put(`k${index}`, index)])),
    );
    await evictDurableObject(owner(store));
    expect(await keystores.count(store)).toBe(50);
    expect(await text(keystores, store, "k49", true)).toBe("49");
    await copied(store, "k0");
  });

  test("an owner that breaks off between its commit and KV is woken, and brings KV to what is so", async () => {
    const store = newStore();
    const { keystores } = isolate();
    await keystores.write(store, [put("a", "old")]);
    await copied(store, "a");
    await runInDurableObject(owner(store), (_, { storage }) => {
      // As the commit leaves it: the new value, and what is due in KV.
      storage.sql.exec("UPDATE entries SET text = '\"new\"'");
      storage.sql.exec("UPDATE copies SET due = 1");
      void storage.setAlarm(Date.now() + 60_000);
    });
    await evictDurableObject(owner(store));
    await runDurableObjectAlarm(owner(store));
    expect(await text(isolate().keystores, store, "a")).toBe('"new"');
  });

  test("a step that comes again writes nothing, and is told the same, by a new owner too", async () => {
    const store = newStore();
    const { keystores } = isolate();
    const writes = [insert("a", 1), { kind: "delete", key: "b" } as const];
    const first = await keystores.write(store, writes, "run/step");
    await keystores.write(store, [put("a", 2)]);
    await evictDurableObject(owner(store));
    expect(await keystores.write(store, writes, "run/step")).toEqual(first);
    expect(await text(keystores, store, "a")).toBe("2");
    expect((await keystores.write(store, writes, "run/other"))[0]).toEqual({ kind: "exists" });
  });

  test("values round-trip to the letter: empty, Unicode, NUL, a byte order mark, 5 MB across parts", async () => {
    const store = newStore({ type: "raw" });
    const { keystores } = isolate();
    const values = [
      "",
      "\u0000a\u0000",
      "\ufeffmark",
      "𝄞é\u2028\r\n",
      `x${"𝄞".repeat(1_310_000)}y`,
      "z".repeat(5 * 1024 * 1024),
    ];
    for (const [index, value] of values.entries()) {
      const write = {
        kind: "put",
        key: `k${index}`,
        value: { text: value, format: "text" },
        expiresAt: null,
      } as const;
      await keystores.write(store, [write]);
      const read = await text(keystores, store, `k${index}`, true);
      expect(read === value, `value ${index}`).toBe(true);
    }
    await keystores.write(store, [
      { kind: "put", key: "k5", value: { text: "short", format: "text" }, expiresAt: null },
    ]);
    expect(await text(keystores, store, "k5", true)).toBe("short");
    await copied(store, "k4");
    expect((await text(isolate().keystores, store, "k4")) === values[4]).toBe(true);
  });
});

describe("expiry", () => {
  test("what has expired is not there, can be inserted again, and its row goes", async () => {
    const store = newStore();
    const { keystores } = isolate();
    const soon = Date.now() + 300;
    await keystores.write(store, [put("a", 1, soon), put("b", 1, Date.now() + 60_000), put("c", 1)]);
    expect(await text(keystores, store, "a", true)).toBe("1");
    await expect.poll(() => text(keystores, store, "a", true), { timeout: 5_000 }).toBeUndefined();
    await expect.poll(() => keystores.count(store), { timeout: 10_000 }).toBe(2);
    expect((await keystores.write(store, [insert("a", 2)]))[0]?.kind).toBe("written");
    const [b] = await keystores.read(store, ["b"], { fresh: true });
    expect(b?.expiresAt).toBeGreaterThan(Date.now());
  });

  test("an expired copy in KV is none", async () => {
    const store = newStore();
    const name = `${keystorePrefix(store)}=a`;
    await env.KEYSTORE.put(name, "1", { metadata: { v: 1, u: 1, x: Date.now() - 1, f: "json" } });
    expect(await text(isolate().keystores, store, "a")).toBeUndefined();
    await env.KEYSTORE.put(name, "1", { metadata: { v: 1, u: 1, x: Date.now() + 60_000, f: "json" } });
    expect(await text(isolate().keystores, store, "a")).toBe("1");
  });
});

describe("searching", () => {
  test("thousands of entries, in the order in which they were first written, while others write", async () => {
    const store = newStore();
    const { keystores } = isolate();
    await keystores.write(
      store,
      Array.from({ length: 5_000 }, (_, index) => put(`k${index}`, { index, odd: index % 2 === 1 })),
    );
    const where = { rules: [{ field: "odd", operator: "=", value: true }] };
    const search = parseSearch({ select: [{ field: "index", alias: "i" }], where });
    const [[rows]] = await Promise.all([
      keystores.search(store, [search]),
      keystores.write(store, [put("k9999", { index: 9_999, odd: false })]),
    ]);
    expect(rows).toHaveLength(2_500);
    expect(rows?.slice(0, 2)).toEqual([{ i: "1" }, { i: "3" }]);
    expect(rows?.at(-1)).toEqual({ i: "4999" });
    const paged = await keystores.search(store, [
      parseSearch({ select: [{ field: "index", alias: "i" }], where, limit: 2, offset: 1_500 }),
      parseSearch({ select: [{ field: "key" }], limit: 1 }),
    ]);
    expect(paged).toEqual([[{ i: "3001" }, { i: "3003" }], [{ key: "k0" }]]);
  });

  test("more than may be found at once is refused by name, never cut in silence", async () => {
    const store = newStore();
    const { keystores } = isolate();
    await keystores.write(
      store,
      Array.from({ length: 10_001 }, (_, index) => put(`k${index}`, 1)),
    );
    const select = [{ field: "key" }];
    await expect(keystores.search(store, [parseSearch({ select })])).rejects.toMatchObject({
      code: "payload_too_large",
      details: { limit: "MAX_KEYSTORE_FOUND" },
    });
    const [rows] = await keystores.search(store, [parseSearch({ select, limit: 10_000 })]);
    expect(rows).toHaveLength(10_000);
  });
});

describe("a dropped keystore", () => {
  test("forgets its entries and its copies, and takes no more", async () => {
    const store = newStore();
    const { keystores } = isolate();
    await keystores.write(store, [put("a", 1), put("b", 2)]);
    await copied(store, "a");
    await keystores.clear(store);
    expect(await keystores.count(store)).toBe(0);
    await expect
      .poll(async () => (await env.KEYSTORE.list({ prefix: keystorePrefix(store) })).keys, {
        timeout: 10_000,
      })
      .toEqual([]);
    await evictDurableObject(owner(store));
    await expect(keystores.write(store, [put("a", 1)])).rejects.toMatchObject({ code: "not_found" });
    await expect(keystores.read(store, ["a"], { create: true })).rejects.toMatchObject({ code: "not_found" });
  });
});

test("browsing: by prefix, in order, page after page", async () => {
  const store = newStore();
  const { keystores } = isolate();
  await keystores.write(store, [put("b/2", 1), put("a", 1), put("b/1", "é"), put("b/3", 1), put("c", 1)]);
  const first = await keystores.browse(store, "b/", undefined, 2);
  expect([first.entries.map(({ key, bytes }) => [key, bytes]), first.more]).toEqual([
    [
      ["b/1", 4],
      ["b/2", 1],
    ],
    true,
  ]);
  const second = await keystores.browse(store, "b/", "b/2", 2);
  expect([second.entries.map(({ key }) => key), second.more]).toEqual([["b/3"], false]);
  expect((await keystores.browse(store, "", undefined, 10)).entries).toHaveLength(5);
});
