import { expect, test } from "vitest";
import { webhookChaos } from "../chaos/webhooks.mjs";

test("deliveries survive a runtime that is killed right after the 201 (the short form of npm run chaos)", async () => {
  const counts = await webhookChaos({ kills: 3 });
  expect(counts).toMatchObject({ kills: 3, lost: 0, wrong: 0, twins: 0 });
  expect(counts.accepted).toBeGreaterThanOrEqual(3 * 6);
});
