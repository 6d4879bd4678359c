import { expect, test } from "vitest";
import { chaos } from "../chaos/chaos.mjs";
import { dependencyChaos } from "../chaos/dependency.mjs";
import { exclusiveStorm, holderChaos } from "../chaos/exclusive.mjs";
import { orderChaos } from "../chaos/order.mjs";
import { keyChaos, versionChaos } from "../chaos/promises.mjs";

/** The short forms of `npm run chaos`. */

test("runs survive a runtime that is killed at random moments", async () => {
  const counts = await chaos({ kills: 3, runs: 150 });
  expect(counts).toMatchObject({
    kills: 3,
    lost: 0,
    unfinished: 0,
    wrong: 0,
    told_after_checkpoint: 0,
    untold: 0,
    other_keys: 0,
    repeated_steps: 0,
    repeated_messages: 0,
    twins: 0,
    taken_back: 0,
  });
  expect(counts.accepted).toBeGreaterThanOrEqual(150);
  expect(counts.kills_inside_a_step).toBeGreaterThan(0);
}, 180_000);

test("ten concurrent calls of each key, across a kill, are one run each", async () => {
  expect(await keyChaos({ keys: 20 })).toMatchObject({ keys: 20, key_runs: 20, key_changed_refused: 20 });
}, 180_000);

test("runs that wait while their flow is published anew, and the runtime dies, end on their version", async () => {
  expect(await versionChaos({ runs: 30 })).toEqual({ waiting: 30, waiting_kept: 30 });
}, 180_000);

test("of calls from several processes at one exclusion group never two are inside", async () => {
  const counts = await exclusiveStorm({ calls: 100, atOnce: 40, queued: 20, processes: 4 });
  expect(counts).toMatchObject({ calls: 140, inside_twice: 0, other: 0, queued: 20, queued_ran: 20 });
  expect(counts.ran).toBeGreaterThan(0);
}, 180_000);

test("who waits for a group goes in at its turn, and whenever the one before has ended, however it did", async () => {
  expect(await orderChaos({ waiting: 8, rounds: 1 })).toMatchObject({
    order_waited: 8,
    order_wrong: 0,
    release_ends: 8,
    release_seen: 8,
    release_early: 0,
  });
}, 180_000);

test("a group whose holder is killed is free again in time, and never held twice", async () => {
  expect(await holderChaos({ kills: 1 })).toMatchObject({
    holder_kills: 1,
    holder_inside_twice: 0,
    holder_stuck: 0,
  });
}, 180_000);

test("runs whose other side is away for a while, and whose runtime dies meanwhile, end when it is back", async () => {
  const counts = await dependencyChaos({ runs: 20, downMs: 5_000 });
  expect(counts).toMatchObject({ down_runs: 20, down_ended: 20, down_answered_twice: 0 });
  expect(counts.down_attempts_max).toBeGreaterThan(1);
  expect(counts.down_attempts_max).toBeLessThanOrEqual(counts.down_attempts_bound);
}, 180_000);
