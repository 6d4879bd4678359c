import { expect, test } from "vitest";
import { recordChaos } from "../chaos/records.mjs";

test("records survive a runtime that is killed right after the 201 (the short form of npm run chaos)", async () => {
  const counts = await recordChaos({ kills: 3 });
  expect(counts).toMatchObject({ kills: 3, lost: 0, torn: 0, wrong: 0, twins: 0 });
  expect(counts.accepted).toBeGreaterThanOrEqual(3 * 6);
  // What only the sweeper could start was among them.
  expect(counts.left_due + counts.left_scheduled).toBeGreaterThan(0);
}, 240_000);
