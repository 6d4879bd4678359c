import { describe, expect, test } from "vitest";
import {
  type Attempts,
  afterFailure,
  afterSuccess,
  FORGET_MS,
  FREE_FAILURES,
  KEEP_ADMITTED_MS,
  MAX_DELAY_MS,
  NO_ATTEMPTS,
  waitBefore,
} from "../../src/domain/attempts";
import { clientNetwork } from "../../src/domain/ip-range";

const NOW = 1_900_000_000_000;
const failed = (times: number, at = NOW): Attempts => {
  let attempts = NO_ATTEMPTS;
  for (let index = 0; index < times; index += 1) attempts = afterFailure(attempts, at);
  return attempts;
};

describe("waiting", () => {
  test("some failures cost nothing, then each doubles the wait, up to a bound", () => {
    expect(waitBefore(failed(FREE_FAILURES), "x", NOW)).toBe(0);
    expect([1, 2, 3, 4].map((more) => waitBefore(failed(FREE_FAILURES + more), "x", NOW))).toEqual([
      1_000, 2_000, 4_000, 8_000,
    ]);
    expect(waitBefore(failed(FREE_FAILURES + 500), "x", NOW)).toBe(MAX_DELAY_MS);
  });

  test("ends to the millisecond, and is forgotten after an hour without a failure", () => {
    const attempts = failed(FREE_FAILURES + 1);
    expect(waitBefore(attempts, "x", NOW + 999)).toBe(1);
    expect(waitBefore(attempts, "x", NOW + 1_000)).toBe(0);
    expect(afterFailure(attempts, NOW + FORGET_MS - 1).failures).toBe(FREE_FAILURES + 2);
    expect(afterFailure(attempts, NOW + FORGET_MS).failures).toBe(1);
  });

  test("a credential that was right before is not held up, another is; a success forgives no failure", () => {
    const attempts = afterSuccess(failed(FREE_FAILURES + 3), "right", NOW);
    expect(waitBefore(attempts, "right", NOW)).toBe(0);
    expect(waitBefore(attempts, "guess", NOW)).toBe(4_000);
    expect(waitBefore(failedOn(attempts, KEEP_ADMITTED_MS), "right", NOW + KEEP_ADMITTED_MS)).toBeGreaterThan(
      0,
    );
  });

  const failedOn = (attempts: Attempts, ms: number): Attempts => {
    let later = attempts;
    for (let index = 0; index <= FREE_FAILURES; index += 1) later = afterFailure(later, NOW + ms);
    return later;
  };

  test("few right credentials are remembered", () => {
    let attempts = NO_ATTEMPTS;
    for (let index = 0; index < 100; index += 1) attempts = afterSuccess(attempts, `h${index}`, NOW + index);
    expect(attempts.admitted.map(({ hash }) => hash)).toEqual(
      Array.from({ length: 16 }, (_, index) => `h${84 + index}`),
    );
  });
});

test.each([
  ["192.0.2.7", "192.0.2.7"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"],
  ["2001:db8:1:2::9", "2001:db8:1:2::"],
  ["junk", "unknown"],
  ["", "unknown"],
  ["x".repeat(10_000), "unknown"],
])("%s counts as %s", (address, network) => {
  expect(clientNetwork(address)).toBe(network);
});
