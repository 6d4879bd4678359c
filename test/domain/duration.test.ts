import { describe, expect, test } from "vitest";
import { durationSchema, parseDuration } from "../../src/domain/duration";

describe("a duration", () => {
  test.each([
    ["500ms", 500],
    ["8s", 8_000],
    ["8 s", 8_000],
    [" 2m ", 120_000],
    ["1h", 3_600_000],
    ["3d", 259_200_000],
    ["8", 8],
    ["250", 250],
    [250, 250],
    [0, 0],
  ])("%j", (source, ms) => {
    expect(parseDuration(source)).toBe(ms);
  });

  test.each([
    "",
    "soon",
    "-1s",
    "1.5s",
    "1e3",
    "8S",
    "8s 1",
    -1,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1e300,
    null,
    {},
  ])("%j", (source) => {
    expect(parseDuration(source)).toBeUndefined();
  });

  test("in a definition is at least 1 ms and at most what is allowed", () => {
    const schema = durationSchema(1_000);
    expect([1, "1s", "1000"].map((source) => schema.safeParse(source).success)).toEqual([true, true, true]);
    expect([0, "0s", "1001ms", 1001, "x", true].map((source) => schema.safeParse(source).success)).toEqual(
      Array(6).fill(false),
    );
  });
});
