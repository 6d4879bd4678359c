import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/domain/json";
import { compileSearch, parseSearch } from "../../src/domain/keystore-search";
import { lookupsOf } from "../../src/domain/keystore-terms";
import { MAX_KEYSTORE_INDEXED_PLACES } from "../../src/domain/limits";
import { lookupSql } from "../../src/durable/keystore/terms";
import type { KeystoreWrite } from "../../src/engine/keystore-port";

/** The search index of a keystore's owner. */

const PREFIX = "k/";
let stores = 0;

type Owner = ReturnType<typeof env.KEYSTORE_OWNER.getByName>;

interface Trial {
  owner: Owner;
  /** What the keystore must hold. */
  values: Map<string, unknown>;
}

const newTrial = (): Trial => {
  stores += 1;
  return { owner: env.KEYSTORE_OWNER.getByName(`e1/keystore/${900_000 + stores}`), values: new Map() };
};

async function put(
  { owner, values }: Trial,
  entries: readonly (readonly [string, unknown])[],
  expiresAt: number | null = null,
) {
  const writes: KeystoreWrite[] = entries.map(([key, value]) => ({
    kind: "put",
    key,
    value: { text: JSON.stringify(value), format: "json" },
    expiresAt,
  }));
  expect((await owner.write(PREFIX, writes, undefined)).kind).toBe("done");
  for (const [key, value] of entries) values.set(key, value);
}

async function remove({ owner, values }: Trial, keys: readonly string[]) {
  await owner.write(
    PREFIX,
    keys.map((key) => ({ kind: "delete", key }) as KeystoreWrite),
    undefined,
  );
  for (const key of keys) values.delete(key);
}

/** The stub's own type of this is too deep for the compiler. */
const find = (owner: Owner, searches: readonly ReturnType<typeof parseSearch>[]) =>
  (
    owner as unknown as { search(asked: typeof searches): Promise<{ kind: string; value?: JsonObject[][] }> }
  ).search(searches);

const city = (n: number) => ({
  city: `City ${n % 400}`,
  temp: { max: n % 2 === 0 ? n : String(n), note: `n${n}` },
  when: `2026-01-${String((n % 28) + 1).padStart(2, "0")}`,
});
const cities = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => [`k${from + index}`, city(from + index)] as const);

const rule = (field: string, operator: string, value: unknown) => ({
  where: { rules: [{ field, operator, value }] },
});
const SEARCHES = [
  rule("city", "=", "City 7"),
  rule("city", "LIKE", "city 39%"),
  rule("city", "LIKE", "CITY 12"),
  rule("temp.max", "=", 14),
  rule("temp.max", "=", "15"),
  rule("temp.max", ">", "1190"),
  rule("temp.max", "<=", 3),
  rule("when", ">=", "2026-01-27"),
  rule("key", "=", "k33"),
  rule("keystore.key", "LIKE", "k11%"),
  {
    where: {
      condition: "or",
      rules: [
        { field: "city", operator: "=", value: "City 1" },
        { field: "temp.max", operator: "=", value: 2 },
      ],
    },
  },
  { ...rule("city", "LIKE", "city 1%"), limit: 5, offset: 3 },
  rule("temp.missing", "=", "x"),
  rule("city", "LIKE", "%7"),
  rule("city", "!=", "City 7"),
];

/** Every search answers what comparing each value answers. */
async function expectRight({ owner, values }: Trial, searches: readonly object[] = SEARCHES) {
  const read = searches.map((search) => parseSearch(search));
  for (const search of read) {
    const { find: matched, offset, limit } = compileSearch(search);
    const all = [...values].flatMap(
      ([key, value]) => matched(key, { text: JSON.stringify(value), format: "json" }) ?? [],
    );
    const expected = all.slice(offset, limit === undefined ? undefined : offset + limit);
    const answer = await find(owner, [search]);
    expect([search.where, answer]).toEqual([search.where, { kind: "done", value: [expected] }]);
  }
  const together = await find(owner, read);
  expect(together.value?.length).toBe(read.length);
}

const rowsOf = ({ owner }: Trial, sql: string) =>
  runInDurableObject(owner, (_, state) =>
    state.storage.sql.exec<Record<string, SqlStorageValue>>(sql).toArray(),
  );

describe("a keystore of many entries", () => {
  test("is indexed from the first search of a place on, what was there before too, and stays right under writes", async () => {
    const trial = newTrial();
    await put(trial, cities(0, 1_300));
    expect(await rowsOf(trial, "SELECT * FROM places")).toEqual([]);
    await expectRight(trial);
    expect(await rowsOf(trial, "SELECT name FROM places WHERE built_to IS NULL")).toEqual(
      ['["city"]', '["temp","max"]', '["when"]', '"key"', '["temp","missing"]'].map((name) => ({ name })),
    );
    // Changed, deleted, put in again, and new ones.
    await put(trial, [
      ["k7", { city: "City 12" }],
      ["k12", "a text"],
      ["k14", { temp: { max: 15 } }],
      ["k15", null],
    ]);
    await remove(trial, ["k407", "k807", "k39"]);
    await put(trial, cities(1_300, 50));
    await put(trial, [["k39", city(7)]]);
    await expectRight(trial);
    await evictDurableObject(trial.owner);
    await put(trial, [["k1", { city: "City 7" }]]);
    await expectRight(trial);
    const [{ n } = { n: 0 }] = await rowsOf(
      trial,
      "SELECT count(*) AS n FROM terms WHERE entry NOT IN (SELECT id FROM entries)",
    );
    expect(n).toBe(0);
  });

  test("reads few rows for a selective search", async () => {
    const trial = newTrial();
    await put(trial, cities(0, 2_000));
    const where = { rules: [{ field: "city", operator: "=", value: "City 7" }] };
    await find(trial.owner, [parseSearch({ where })]);
    const [lookup] = lookupsOf(parseSearch({ where }).where as never, () => true) ?? [];
    const { sql, values } = lookupSql(lookup as never, 1);
    const { found, read } = await runInDurableObject(trial.owner, (_, state) => {
      const cursor = state.storage.sql.exec(sql, ...values);
      return { found: cursor.toArray().length, read: cursor.rowsRead };
    });
    expect(found).toBe(5);
    expect(read).toBeLessThanOrEqual(10);
  });

  test.each([
    ["=", "City 7", "terms_by_text"],
    ["=", 7, "terms_by_number"],
    [">", 7, "terms_by_number"],
    ["<=", "City 7", "terms_by_text"],
    ["LIKE", "city 7%", "terms_by_lower"],
  ])("looks %s %s up in an index", async (operator, value, index) => {
    const trial = newTrial();
    const where = parseSearch(rule("city", operator, value)).where;
    const lookups = lookupsOf(where as never, () => true) ?? [];
    const plans = await runInDurableObject(trial.owner, (_, state) =>
      lookups.flatMap((lookup) => {
        const { sql, values } = lookupSql(lookup, 1);
        return state.storage.sql.exec<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, ...values).toArray();
      }),
    );
    const details = plans.map(({ detail }) => detail);
    expect(details.join()).toContain(index);
    for (const detail of details) expect(detail).toMatch(/^SEARCH terms USING (?:COVERING )?INDEX/);
  });
});

describe("what an index costs", () => {
  test("a small keystore has none", async () => {
    const trial = newTrial();
    await put(trial, cities(0, 300));
    await expectRight(trial);
    expect(await rowsOf(trial, "SELECT * FROM places")).toEqual([]);
    expect(await rowsOf(trial, "SELECT * FROM terms")).toEqual([]);
  });

  test("a write at the most a row for each of a few places, whatever is searched", async () => {
    const trial = newTrial();
    await put(trial, cities(0, 600));
    for (let place = 0; place < 20; place += 1) await expectRight(trial, [rule(`p${place}`, "=", "x")]);
    expect((await rowsOf(trial, "SELECT * FROM places")).length).toBe(MAX_KEYSTORE_INDEXED_PLACES);
    const full = Object.fromEntries(Array.from({ length: 20 }, (_, place) => [`p${place}`, "x"]));
    await put(trial, [["full", full]]);
    expect((await rowsOf(trial, "SELECT * FROM terms")).length).toBe(MAX_KEYSTORE_INDEXED_PLACES);
    // Those beyond are looked through, and right.
    await expectRight(trial, [rule("p0", "=", "x"), rule("p19", "=", "x")]);
  });

  test("expired and dropped entries leave nothing behind", async () => {
    const trial = newTrial();
    await put(trial, cities(0, 600));
    await put(trial, [["brief", { city: "Soon" }]], Date.now() + 50);
    const search = parseSearch(rule("city", "=", "Soon"));
    await find(trial.owner, [search]);
    await new Promise((done) => setTimeout(done, 80));
    // Expired, whether it was swept or not.
    expect(await find(trial.owner, [search])).toEqual({ kind: "done", value: [[]] });
    await runDurableObjectAlarm(trial.owner);
    expect(await rowsOf(trial, "SELECT * FROM terms WHERE text = 'Soon'")).toEqual([]);
    await trial.owner.clear(PREFIX);
    expect(await rowsOf(trial, "SELECT entry FROM terms UNION ALL SELECT id FROM places")).toEqual([]);
    expect((await find(trial.owner, [search])).kind).toBe("dropped");
  });
});
