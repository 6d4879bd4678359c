import { expect, test } from "vitest";
import { storeChaos } from "../chaos/stores.mjs";

test("writes of durable runs into tables and keystores happen once, however often the runtime is killed (the short form of npm run chaos)", async () => {
  const counts = await storeChaos({ kills: 3 });
  expect(counts).toMatchObject({ kills: 3, unfinished: 0, wrong: 0, rows_wrong: 0, keys_wrong: 0 });
  expect(counts.accepted).toBeGreaterThan(20);
}, 300_000);
