import { describe, expect, it } from "vitest";
import { didYouMean, nearest } from "../../src/domain/nearest";

const TYPES = ["string", "number", "integer", "boolean", "date", "datetime"];

describe("nearest", () => {
  it.each([
    ["strnig", "string"],
    ["sting", "string"],
    ["Number", "number"],
    ["bool", undefined],
    ["boolen", "boolean"],
    ["int", undefined],
    ["integr", "integer"],
    ["dat", "date"],
    ["datetme", "datetime"],
    ["xyz", undefined],
    ["", undefined],
  ])("%j is nearest to %j", (name, expected) => {
    expect(nearest(name, TYPES)).toBe(expected);
  });

  it("prefers a name that differs in case only to one that is nearer otherwise", () => {
    expect(nearest("ORDERS", ["orders2", "Orders"])).toBe("Orders");
  });

  it("does not suggest one letter for another", () => {
    expect(nearest("x", ["y", "id"])).toBeUndefined();
  });

  it("does not compare names beyond 64 characters", () => {
    expect(nearest("a".repeat(64), [`${"a".repeat(63)}b`])).toBeDefined();
    expect(nearest("a".repeat(65), [`${"a".repeat(64)}b`])).toBeUndefined();
  });

  it("takes any iterable", () => {
    expect(nearest("ordr", new Map([["order", 1]]).keys())).toBe("order");
  });
});

describe("didYouMean", () => {
  it("is a piece of a sentence, or nothing", () => {
    expect(`No such type.${didYouMean("strin", TYPES)}`).toBe('No such type. Did you mean "string"?');
    expect(didYouMean("zzz", TYPES)).toBe("");
  });
});
