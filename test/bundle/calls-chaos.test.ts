import { expect, test } from "vitest";
import { callChaos } from "../chaos/calls.mjs";

test("calls that a killed runtime cuts off are repeated where that is safe, and told where it is not (the short form of npm run chaos)", async () => {
  const counts = await callChaos({ kills: 2 });
  expect(counts).toMatchObject({
    kills: 2,
    lost: 0,
    unfinished: 0,
    wrong: 0,
    repeated_after_storing: 0,
    repeated_unsafely: 0,
    other_keys: 0,
    left_out: 0,
    untold: 0,
  });
  expect(counts.kills_inside_a_call).toBeGreaterThan(0);
  expect(counts.stored).toBeGreaterThan(0);
  expect(counts.repeated).toBeGreaterThan(0);
}, 180_000);
