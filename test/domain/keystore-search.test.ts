import { describe, expect, test } from "vitest";
import type { Json } from "../../src/domain/json";
import { compileSearch, parseSearch } from "../../src/domain/keystore-search";

/** Values by key, searched through. */
const VALUES: Record<string, Json> = {
  Madrid: {
    city: "Madrid",
    temp: { max: 31, average: 26.5 },
    tags: ["dry", { wind: "N" }],
    sunny: true,
    code: "007",
  },
  London: { city: "London", temp: { max: 15, average: 12 }, tags: [], sunny: false, code: "7", note: null },
  "100% wool": { "odd key": 1, "a.b": 2, key: "inner", 'quo"te': 3, "50%": "x" },
  list: [{ name: "first" }, { name: "second" }],
  scalar: "lone text",
};

function search(source: unknown): Json[] {
  const { find } = compileSearch(parseSearch(source));
  return Object.entries(VALUES).flatMap(([key, value]) => {
    const row = find(key, { text: JSON.stringify(value), format: "json" });
    return row === undefined ? [] : [row];
  });
}

/** Keys of what one rule finds. */
function keys(field: string, operator: string, value: unknown): unknown[] {
  const found = search({
    select: [{ field: "key", alias: "k" }],
    where: { rules: [{ field, operator, value }] },
  });
  return found.map((row) => (row as { k: string }).k);
}

describe("select", () => {
  test.each<[string, string, unknown]>([
    ["temp.max", "Madrid", "31"],
    ["$.temp.max", "Madrid", "31"],
    ["$['temp']['max']", "Madrid", "31"],
    ["sunny", "London", "false"],
    ["note", "London", null],
    ["missing.path", "London", null],
    ["tags", "Madrid", '["dry",{"wind":"N"}]'],
    ["tags[1].wind", "Madrid", "N"],
    ["tags.1.wind", "Madrid", "N"],
    ["odd key", "100% wool", "1"],
    ["$['a.b']", "100% wool", "2"],
    ["$.key", "100% wool", "inner"],
    ["key", "100% wool", "100% wool"],
    ["keystore.key", "100% wool", "100% wool"],
    ["$['quo\"te']", "100% wool", "3"],
    ["*", "scalar", '"lone text"'],
    ["constructor", "Madrid", null],
    ["__proto__", "Madrid", null],
    ["temp.__proto__.toString", "Madrid", null],
    ["city.length", "Madrid", null],
    ["toString", "list", null],
  ])("%s of %s is %j", (field, key, expected) => {
    const rows = search({
      select: [
        { field: "keystore.key", alias: "k" },
        { field, alias: "found" },
      ],
    }) as { k: string; found: unknown }[];
    expect(rows.find(({ k }) => k === key)?.found).toBe(expected);
  });

  test("names are the alias, else the field as it was written; key and value without `select`", () => {
    expect(search({ select: [{ field: "temp.max" }, { field: "city", alias: "__proto__" }] })[0]).toEqual(
      JSON.parse('{"temp.max":"31","__proto__":"Madrid"}'),
    );
    expect(search({})[4]).toEqual({ "keystore.key": "scalar", "*": '"lone text"' });
  });
});

describe("where", () => {
  test.each<[string, string, unknown, string[]]>([
    ["temp.max", ">", "25", ["Madrid"]],
    ["temp.max", ">", 15, ["Madrid"]],
    ["temp.max", ">=", "15", ["Madrid", "London"]],
    ["temp.max", "<", "100", ["Madrid", "London"]],
    ["temp.average", "=", "26.5", ["Madrid"]],
    ["temp.average", "<=", 12, ["London"]],
    ["city", "=", "Madrid", ["Madrid"]],
    ["city", "=", "madrid", []],
    ["city", "!=", "Madrid", ["London"]],
    ["city", "<>", "Madrid", ["London"]],
    ["city", ">", "London", ["Madrid"]],
    ["sunny", "=", true, ["Madrid"]],
    ["sunny", "=", "true", ["Madrid"]],
    ["code", "=", "7", ["London"]],
    ["code", "=", 7, ["Madrid", "London"]],
    ["key", "=", "list", ["list"]],
    ["*", "LIKE", "%wind%", ["Madrid"]],
    ["$.key", "=", "inner", ["100% wool"]],
    ["constructor", "!=", "x", []],
    ["note", "=", null, Object.keys(VALUES)],
    ["city", "!=", null, ["Madrid", "London"]],
    ["$[1].name", "=", "second", ["list"]],
  ])("%s %s %j", (field, operator, value, expected) => {
    expect(keys(field, operator, value)).toEqual(expected);
  });

  test.each<[string, string[]]>([
    ["lond%", ["London"]],
    ["%ON%", ["London"]],
    ["%don", ["London"]],
    ["london", ["London"]],
    ["lon", []],
    ["%", ["Madrid", "London"]],
    ["l%n%n", ["London"]],
    ["lo%on%don", []],
    ["_ondon", []],
    ["%%o%%", ["London"]],
    [`%${"x".repeat(51)}%`, []],
    [`${"%".repeat(999)}n`, ["London"]],
  ])("LIKE %#", (pattern, expected) => {
    expect(keys("city", "like", pattern)).toEqual(expected);
  });

  test("groups, `and` by default, in any case", () => {
    const rules = [
      { field: "city", operator: "=", value: "Madrid" },
      { field: "city", operator: "=", value: "London" },
    ];
    expect(search({ where: { rules } })).toEqual([]);
    expect(search({ where: { condition: "And", rules } })).toEqual([]);
    expect(search({ where: { condition: "OR", rules } })).toHaveLength(2);
    expect(search({ where: { rules: [{ condition: "or", rules }, rules[0]] } })).toHaveLength(1);
    expect(search({ where: { rules: [] } })).toHaveLength(5);
  });

  test("a long pattern over a long text takes no time to speak of", () => {
    const { find } = compileSearch(
      parseSearch({ where: { rules: [{ field: "*", operator: "LIKE", value: `${"%a".repeat(490)}%b` }] } }),
    );
    expect(find("k", { text: "a".repeat(1_000_000), format: "text" })).toBeUndefined();
  });
});

test("texts that are JSON objects or lists have paths too; others have none", () => {
  const { find } = compileSearch(parseSearch({ select: [{ field: "a" }] }));
  expect(find("k", { text: ' {"a": "b"}', format: "text" })).toEqual({ a: "b" });
  expect(find("k", { text: "{broken", format: "text" })).toEqual({ a: null });
  expect(find("k", { text: "<a>b</a>", format: "xml" })).toEqual({ a: null });
});

const rule = { field: "a", operator: "=", value: 1 };
const nested = (depth: number): object => ({ rules: depth === 1 ? [rule] : [nested(depth - 1)] });

describe("what cannot be understood is refused with its place", () => {
  test.each<[unknown, RegExp]>([
    [null, /The search/],
    [[], /The search/],
    ["x", /The search/],
    [{ were: {} }, /there is no setting "were"/],
    [{ select: "key" }, /\/select: `select` is a list/],
    [{ select: [] }, /at least one field/],
    [{ select: [{ alias: "x" }] }, /\/select\/0\/field: a field is a text/],
    [{ select: [{ field: "" }] }, /cannot be empty/],
    [{ select: [{ field: "a" }, { field: "b", alias: "a" }] }, /the same name/],
    [{ select: [{ field: "a", alias: "" }] }, /an alias cannot be empty/],
    [{ select: Array.from({ length: 101 }, (_, i) => ({ field: `f${i}` })) }, /MAX_KEYSTORE_SELECT/],
    [{ where: [] }, /\/where/],
    [{ where: {} }, /`rules` is a list/],
    [{ where: { rules: {} } }, /`rules` is a list/],
    [{ where: { rules: [1] } }, /\/where\/rules\/0/],
    [{ where: { rules: [{ field: "a", operator: "=" }] } }, /a value is a text, a number/],
    [{ where: { rules: [{ ...rule, value: {} }] } }, /a value is a text, a number/],
    [
      { where: { rules: [{ ...rule, operator: "REGEXP" }] } },
      /\/where\/rules\/0\/operator: an operator is one of/,
    ],
    [{ where: { rules: [{ ...rule, operator: "= 1 OR 1" }] } }, /an operator is one of/],
    [{ where: { condition: "xor", rules: [rule] } }, /a condition is `and` or `or`/],
    [{ where: { rules: [{ rules: [{ ...rule, operator: 1 }] }] } }, /\/where\/rules\/0\/rules\/0\/operator/],
    [{ where: nested(11) }, /MAX_KEYSTORE_RULE_DEPTH/],
    [{ where: nested(100) }, /MAX_KEYSTORE_RULE_DEPTH/],
    [{ where: { rules: Array(101).fill(rule) } }, /MAX_KEYSTORE_RULES/],
    [{ where: { rules: Array(5_000).fill(rule) } }, /MAX_KEYSTORE_RULES/],
    [{ where: { rules: [{ ...rule, value: "x".repeat(1_001) }] } }, /MAX_KEYSTORE_TERM_CHARS/],
    [{ limit: -1 }, /`limit` is a whole number/],
    [{ limit: 10_001 }, /from 0 to 10000/],
    [{ limit: "ten" }, /`limit` is a whole number/],
    [{ offset: 1e9 }, /`offset`/],
  ])("%#", (source, message) => {
    expect(() => parseSearch(source)).toThrowError(message);
  });

  test.each([
    "$..a",
    "a..b",
    ".a",
    "a.",
    "a[*]",
    "*.a",
    "a'b",
    'a"b',
    "a[b]",
    "a[-1]",
    "$",
    "$.a[*]",
    "a\\b",
    "a\nb",
    "a[?(@.b)]",
    "$x",
  ])("field %j", (field) => {
    expect(() => parseSearch({ select: [{ field }] })).toThrowError(/a field is `keystore.key`/);
    expect(() => parseSearch({ where: { rules: [{ ...rule, field }] } })).toThrowError(/a field is/);
  });

  test("on the other side of each bound it is taken", () => {
    expect(() =>
      parseSearch({
        select: Array.from({ length: 100 }, (_, i) => ({ field: `f${i}` })),
        where: { rules: [nested(9), ...Array(90).fill({ ...rule, value: "x".repeat(1_000) })] },
        limit: "10000",
        offset: 0,
      }),
    ).not.toThrow();
  });
});
