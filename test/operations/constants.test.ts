import { describe, expect, test } from "vitest";
import { MAX_CONSTANTS, MAX_CONSTANTS_BYTES } from "../../src/domain/limits";
import { registry } from "../../src/nodes/registry";
import { checkBundle } from "../../src/operations/check-bundle";

/** Constants of a project: values by name that expressions read as `$constants.name`. */

const services = { registry, callTargets: { refusal: () => undefined } };
const check = (document: unknown) => checkBundle(document, "shop", services);
const lines = (document: unknown) =>
  check(document).problems.map(
    ({ path, reason, nearest }) => `${path}: ${reason}${nearest === undefined ? "" : ` [${nearest}]`}`,
  );

const reading = (value: unknown, more: Record<string, unknown> = {}) => ({
  flow: "f",
  outputs: { out: "any" },
  start: "out",
  nodes: { out: { type: "output", to: "out", value } },
  ...more,
});
const bundle = (value: unknown, constants: unknown, more: Record<string, unknown> = {}) => ({
  constants,
  flows: [reading(value)],
  ...more,
});
const stored = (document: unknown) => {
  const { problems, flows } = check(document);
  expect(problems).toEqual([]);
  return flows[0]?.stored.constants;
};

describe("a flow version keeps", () => {
  const constants = { limit: 10, currency: "EUR", shop: { name: "Ours", tags: ["a"] } };

  test("the constants that it reads, and no others", () => {
    expect(stored(bundle("=$constants.limit * 2", constants))).toEqual({ limit: 10 });
    expect(stored(bundle("${$constants.currency} ${$constants.shop.name}", constants))).toEqual({
      currency: "EUR",
      shop: { name: "Ours", tags: ["a"] },
    });
    expect(stored(bundle({ deep: ["=$uppercase($constants.currency)"] }, constants))).toEqual({
      currency: "EUR",
    });
    expect(stored(bundle("=item", constants))).toBeUndefined();
  });

  test("all of them where they are read as a whole, or under a name that means something else, too", () => {
    for (const source of [
      "=$constants",
      "=$keys($constants)",
      "=$constants.*",
      '=$lookup($constants, "limit")',
      "=($constants := $constants; $constants.limit)",
    ]) {
      expect([source, stored(bundle(source, constants))]).toEqual([source, constants]);
    }
  });

  test("those in predicates, functions and the exclusion group, too", () => {
    expect(stored(bundle("=item[$ > $constants.limit]", constants))).toEqual({ limit: 10 });
    expect(stored(bundle("=$map([1], function($n) { $n & $constants.currency })", constants))).toEqual({
      currency: "EUR",
    });
    const flow = reading("x", {
      endpoint: { exclusion: "=$constants.currency & input.json.id" },
    });
    expect(stored({ constants, flows: [flow] })).toEqual({ currency: "EUR" });
  });
});

describe("refused when the bundle is applied, by the place, is", () => {
  test("a constant that is not declared, with the nearest that is", () => {
    expect(lines(bundle("=$constants.limt", { limit: 10, other: 1 }))).toEqual([
      '/flows/0/nodes/out/value: the project has no constant "limt"; declare it under `constants` [limit]',
    ]);
    expect(lines(bundle("=$constants.limit", undefined))).toEqual([
      '/flows/0/nodes/out/value: the project has no constant "limit"; declare it under `constants`',
    ]);
    expect(lines(bundle("=$constants.toString", { limit: 1 }))).toHaveLength(1);
    expect(
      lines({
        constants: { host: "a" },
        flows: [reading("x")],
        integrations: [
          {
            integration: "api",
            baseUrl: "https://api.example.com",
            headers: { "X-Host": "${$constants.hots}" },
            endpoints: { get: { method: "GET", path: "/" } },
          },
        ],
      }),
    ).toEqual([
      '/integrations/0/headers/X-Host: the project has no constant "hots"; declare it under `constants` [host]',
    ]);
  });

  test("a field that a constant does not have, and a type that cannot do", () => {
    expect(lines(bundle("=$constants.shop.nmae", { shop: { name: "Ours" } }))).toEqual([
      expect.stringMatching(/^\/flows\/0\/nodes\/out\/value: there is no field nmae here.*\[name\]$/),
    ]);
    const deep = { shop: { address: { street: "High" } } };
    for (const source of [
      "=$constants.shop.address.stret",
      "at ${$constants.shop.address.stret}",
      "=($a := $constants.shop.address; $a.stret)",
      "=$map([1], function($n) { $constants.shop.address.stret & $n })",
    ]) {
      expect([source, lines(bundle(source, deep))]).toEqual([
        source,
        [expect.stringMatching(/there is no field stret here.*\[street\]$/)],
      ]);
    }
    // Elements of lists may differ.
    expect(lines(bundle("=$constants.shops.nmae", { shops: [{ name: "Ours" }, {}] }))).toEqual([]);
    expect(lines(bundle("=$constants.currency * 2", { currency: "EUR" }))).toEqual([
      expect.stringContaining("a number is wanted here"),
    ]);
    expect(lines(bundle("=$constants.limit * 2", { limit: 3 }))).toEqual([]);
    // Of an empty object nothing is known.
    expect(lines(bundle("=$constants.any.thing", { any: {} }))).toEqual([]);
  });

  test.each([
    ["a list", [1]],
    ["a text", "x"],
    ["a name with a dash", { "a-b": 1 }],
    ["a name that begins with a digit", { "1a": 1 }],
    ["an empty name", { "": 1 }],
    ["a name of 101 characters", { ["a".repeat(101)]: 1 }],
    ["constructor", { constructor: 1 }],
    ["__proto__", JSON.parse('{ "__proto__": 1 }')],
  ])("%s for constants, and says nothing of the flows that read them", (_what, constants) => {
    const found = lines(bundle("=$constants.limit", constants));
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^\/constants/);
  });

  test("too many of them, or too large ones; both sides of the bounds", () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`c${index}`, index]));
    expect(lines(bundle("x", many(MAX_CONSTANTS)))).toEqual([]);
    expect(lines(bundle("x", many(MAX_CONSTANTS + 1)))).toEqual([expect.stringContaining("MAX_CONSTANTS")]);
    const around = JSON.stringify({ a: "" }).length;
    expect(lines(bundle("x", { a: "x".repeat(MAX_CONSTANTS_BYTES - around) }))).toEqual([]);
    expect(lines(bundle("x", { a: "x".repeat(MAX_CONSTANTS_BYTES - around + 1) }))).toEqual([
      expect.stringContaining("MAX_CONSTANTS_BYTES"),
    ]);
    expect(lines(bundle("x", { a: "é".repeat(MAX_CONSTANTS_BYTES / 2) }))).toHaveLength(1);
  });
});
