import { describe, expect, it } from "vitest";
import { countCalls, type RateWindow } from "../../src/domain/rate-window";

const rate = { limit: 100, windowMs: 1_000 };

/** Asks for `wanted` again and again until nothing is granted. */
function all(wanted: number): number[] {
  const granted: number[] = [];
  let window: RateWindow | undefined;
  for (;;) {
    const counted = countCalls(window, rate, 5_000, wanted);
    window = counted.window;
    if (counted.decision.granted === 0) return granted;
    granted.push(counted.decision.granted);
  }
}

describe("calls of a window", () => {
  it("are granted up to the limit, however many are wanted at once", () => {
    for (const wanted of [1, 2, 7, 32, 1_000]) {
      expect(all(wanted).reduce((sum, granted) => sum + granted, 0)).toBe(rate.limit);
    }
  });

  it("are granted ahead while much is left, and one by one near the limit", () => {
    const granted = all(32);
    expect(granted[0]).toBe(5);
    expect(granted.slice(-20)).toEqual(Array.from({ length: 20 }, () => 1));
  });

  it("are as many as are wanted, and never fewer than one", () => {
    expect(countCalls(undefined, rate, 0, 3).decision).toEqual({
      granted: 3,
      remaining: 97,
      resetMs: 1_000,
      startedAt: 0,
    });
    expect(countCalls(undefined, { limit: 2, windowMs: 10 }, 0, 8).decision.granted).toBe(1);
  });

  it("end with their window, and a clock that is set back makes none longer", () => {
    const { window } = countCalls(undefined, { limit: 1, windowMs: 1_000 }, 5_000, 1);
    const at = (now: number) => countCalls(window, { limit: 1, windowMs: 1_000 }, now, 1).decision.granted;
    expect([at(5_999), at(6_000), at(4_999)]).toEqual([0, 1, 1]);
  });
});
