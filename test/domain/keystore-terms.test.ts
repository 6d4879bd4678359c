import { describe, expect, test } from "vitest";
import type { Json } from "../../src/domain/json";
import { compileSearch, type KeystoreSearch, Looked, parseSearch } from "../../src/domain/keystore-search";
import { type Lookup, lookupsOf, termAt } from "../../src/domain/keystore-terms";

/** An index may find too much, and never too little. */

const bytes = (text: string) => new TextEncoder().encode(text);
const order = (a: string | number, b: string | number): number =>
  typeof a === "number" || typeof b === "number" ? Number(a) - Number(b) : Buffer.compare(bytes(a), bytes(b));

/** What the database does with a lookup. */
function hits(lookup: Lookup, entry: Looked): boolean {
  const term = termAt(entry, JSON.parse(lookup.place));
  const value = term?.[lookup.field] ?? null;
  if (term === undefined || value === null || (lookup.noNumbers && term.number !== null)) return false;
  if (lookup.from !== undefined && order(value, lookup.from) < 0) return false;
  if (lookup.to === undefined) return true;
  return lookup.before ? order(value, lookup.to) < 0 : order(value, lookup.to) <= 0;
}

let seed = 7;
const random = (below: number) => {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
  return Math.floor((seed / 2_147_483_648) * below);
};
const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;

const LONG = "abcdefghij".repeat(10);
const TEXTS = [
  "",
  "a",
  "A",
  "London",
  "london",
  "LONDON",
  "lond%",
  "7",
  "007",
  "7.0",
  "-7",
  "1e2",
  "100",
  "1e999",
  "true",
  "false",
  "null",
  "Straße",
  "STRASSE",
  "İstanbul",
  "Σίσυφος",
  "2026-01-01",
  "2026-02-01",
  "\u{1f600}",
  "\u{1f600}b",
  "\uffff",
  "\ue000",
  "\ud800",
  "a\0b",
  LONG,
  `${LONG}x`,
  `${LONG}y`,
  LONG.slice(0, 99),
  `${LONG.slice(0, 99)}\u{1f600}`,
  `${LONG.slice(0, 99)}\u{1f600}z`,
  LONG.slice(0, 98),
  `${LONG.slice(0, 98)}\u{1f601}`,
];
const VALUES: Json[] = [...TEXTS, 0, -0, 7, 7.5, -7, 100, 1e21, true, false, null, [], [1], {}, { a: 1 }];
const OPERATORS = ["=", "!=", "<>", "<", ">", "<=", ">=", "LIKE"];
const operand = () => {
  const value = pick(VALUES);
  return typeof value === "object" && value !== null ? "x" : value;
};
const rule = () => {
  const operator = pick(OPERATORS);
  const value =
    operator === "LIKE" ? pick(["%", "", "_"]).concat(String(operand()), pick(["%", "", "%a%"])) : operand();
  return { field: pick(["a", "b.c", "b[0]", "key", "*", "$['a']"]), operator, value };
};
const group = (depth: number): { condition: string; rules: object[] } => ({
  condition: pick(["and", "or"]),
  rules: Array.from({ length: random(3) + 1 }, () =>
    depth > 0 && random(4) === 0 ? group(depth - 1) : rule(),
  ),
});
const entry = (): { key: string; text: string } => {
  const document = { a: pick(VALUES), b: pick([{ c: pick(VALUES) }, [pick(VALUES)], pick(VALUES)]) };
  return { key: pick(TEXTS), text: random(20) === 0 ? "no document" : JSON.stringify(document) };
};

test("of 20,000 random searches and entries, whatever matches is found by a lookup", () => {
  let matched = 0;
  let indexed = 0;
  for (let round = 0; round < 2_000; round += 1) {
    const search = parseSearch({ where: group(2) }) as KeystoreSearch & {
      where: NonNullable<KeystoreSearch["where"]>;
    };
    const lookups = lookupsOf(search.where, () => true);
    const { find } = compileSearch(search);
    for (let index = 0; index < 10; index += 1) {
      const { key, text } = entry();
      const value = { text, format: "json" as const };
      if (find(key, value) === undefined) continue;
      matched += 1;
      if (lookups === undefined) continue;
      indexed += 1;
      const looked = new Looked(key, value);
      if (!lookups.some((lookup) => hits(lookup, looked))) {
        expect({ where: search.where, key, text, lookups }).toBe("found");
      }
    }
  }
  expect(matched).toBeGreaterThan(2_000);
  expect(indexed).toBeGreaterThan(500);
});

describe("what is looked up", () => {
  const lookups = (where: object) => lookupsOf(parseSearch({ where }).where as never, () => true);
  const one = (field: string, operator: string, value: unknown) => ({ rules: [{ field, operator, value }] });

  test("a value, as text and as the number that it is", () => {
    expect(lookups(one("city", "=", "London"))).toMatchObject([
      { field: "text", from: "London", to: "London" },
    ]);
    expect(lookups(one("temp.max", "=", "25"))).toMatchObject([
      { place: '["temp","max"]', field: "text", from: "25" },
      { field: "number", from: 25, to: 25 },
    ]);
  });

  test("the beginning of a pattern, in lower case", () => {
    expect(lookups(one("city", "LIKE", "Lond%"))).toMatchObject([
      { field: "lower", from: "lond", to: "lone", before: true },
    ]);
  });

  test("nothing where every entry must be looked at", () => {
    for (const where of [
      one("city", "LIKE", "%don"),
      one("city", "!=", "x"),
      one("city", "=", null),
      one("*", "=", "x"),
      { rules: [] },
      {
        condition: "or",
        rules: [
          { field: "a", operator: "=", value: 1 },
          { field: "b", operator: "!=", value: 1 },
        ],
      },
    ]) {
      expect(lookups(where)).toBeUndefined();
    }
  });

  test("of what must hold together the part that finds least", () => {
    const where = {
      rules: [
        { field: "a", operator: ">", value: 1 },
        { field: "b", operator: "=", value: "x" },
        { field: "c", operator: "!=", value: "x" },
      ],
    };
    expect(lookups(where)).toMatchObject([{ place: '["b"]' }]);
    expect(lookups({ ...where, condition: "or" })).toBeUndefined();
  });
});
