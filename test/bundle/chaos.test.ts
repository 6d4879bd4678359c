import { expect, test } from "vitest";
import { chaos } from "../chaos/chaos.mjs";

test("runs survive a runtime that is killed at random moments (the short form of npm run chaos)", async () => {
  const counts = await chaos({ kills: 3, runs: 150 });
  expect(counts).toMatchObject({
    kills: 3,
    lost: 0,
    unfinished: 0,
    wrong: 0,
    repeated_steps: 0,
    repeated_messages: 0,
    twins: 0,
    taken_back: 0,
  });
  expect(counts.accepted).toBeGreaterThanOrEqual(150);
  expect(counts.kills_inside_a_step).toBeGreaterThan(0);
});
