import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exactNumber } from "../../src/domain/decimal";

describe("exactNumber", () => {
  it.each([
    ["0", 0],
    ["-0.0", -0],
    ["12", 12],
    ["007", 7],
    ["1.50", 1.5],
    ["1e3", 1000],
    ["1000000000000000000000", 1e21],
    ["9007199254740992", 2 ** 53],
    [`1${"0".repeat(300)}`, 1e300],
  ])("reads %s", (text, number) => {
    expect(exactNumber(text)).toBe(number);
  });

  it.each([
    "",
    "-",
    ".5",
    "5.",
    "1e",
    "+1",
    " 1",
    "1 ",
    "0x1",
    "NaN",
    "1_000",
    "9007199254740993",
    "0.12345678901234567891",
    "1e400",
    "1e-400",
    "9".repeat(500),
  ])("does not read %j", (text) => {
    expect(exactNumber(text)).toBeUndefined();
  });

  it("reads back every double as it is written", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        expect(exactNumber(String(number))).toBe(number === 0 ? 0 : number);
      }),
    );
  });
});
