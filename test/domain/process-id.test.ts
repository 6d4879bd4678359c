import { expect, test } from "vitest";
import {
  isRunId,
  MAX_SHARDS,
  newDurableRunId,
  newLightRunId,
  shardOf,
  timeOf,
  timePrefix,
} from "../../src/domain/process-id";

const NOW = Date.parse("2026-11-22T00:00:00Z");

test.each([0, 7, 35, 36, MAX_SHARDS - 1])("the id of a durable run names its shard %i", (shard) => {
  const id = newDurableRunId(NOW, shard);
  expect(shardOf(id)).toBe(shard);
  expect(isRunId(id)).toBe(true);
  expect(id.startsWith(timePrefix(NOW))).toBe(true);
});

test("the id of a light run names none, and neither does anything else", () => {
  const light = newLightRunId(NOW);
  expect([isRunId(light), shardOf(light)]).toEqual([true, undefined]);
  const durable = newDurableRunId(NOW, 3);
  for (const id of [
    "",
    durable.slice(1),
    `${durable}0`,
    durable.toUpperCase(),
    `${durable.slice(0, -1)}/`,
    `../${durable}`,
  ]) {
    expect([isRunId(id), shardOf(id)]).toEqual([false, undefined]);
  }
});

test("ids sort by the start of their runs, whoever hosts them", () => {
  const ids = [newDurableRunId(NOW, 9), newLightRunId(NOW + 1), newDurableRunId(NOW + 2, 0)];
  expect([...ids].reverse().sort()).toEqual(ids);
});

test("ids tell the time they were made at, and times past all that they can tell come after every id", () => {
  for (const time of [0, 1, 35, 36, NOW, Date.parse("5138-11-16")]) {
    expect([timeOf(newLightRunId(time)), timeOf(newDurableRunId(time, 1)), timeOf(timePrefix(time))]).toEqual(
      [time, time, time],
    );
  }
  expect(timePrefix(Date.parse("9999-12-31")) > newLightRunId(Date.parse("5138-11-16"))).toBe(true);
  expect(timePrefix(-1)).toBe(timePrefix(0));
  expect(timeOf("-")).toBeNaN();
});

test("no two ids of a moment are alike, however many are made", () => {
  const ids = new Set(Array.from({ length: 1_000 }, () => newLightRunId(NOW)));
  expect(ids.size).toBe(1_000);
  for (const id of ids) expect(isRunId(id)).toBe(true);
});
