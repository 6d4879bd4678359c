import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  type AcquireAnswer,
  type AcquireRequest,
  LEASE_MS,
  type OnBusy,
  type SharedAnswer,
} from "../../src/domain/exclusion-group";
import type { ExclusionGroup } from "../../src/durable/exclusion-group";
import { acquireRequest } from "../support/acquire-request";

// In the future, so that the platform fires no alarm by itself: tests do.
const START = Date.parse("2100-03-01T12:00:00Z");
const ANSWER: SharedAnswer = { status: 200, headers: [["x-process-id", "a"]], body: '{"n":1}' };

let count = 0;
/** A group of its own for every test. */
function newGroup(): DurableObjectStub<ExclusionGroup> {
  count += 1;
  return env.EXCLUSION_GROUP.getByName(`e1/group/test-${count}`);
}

async function acquire(
  group: DurableObjectStub<ExclusionGroup>,
  runId: string,
  onBusy: OnBusy = "queue",
  more: Partial<AcquireRequest> = {},
): Promise<AcquireAnswer> {
  return (await group.acquire(acquireRequest(runId, onBusy, more))) as AcquireAnswer;
}

/** Who is inside, and who waits in which order. */
async function standing(
  group: DurableObjectStub<ExclusionGroup>,
): Promise<{ in: string[]; queue: string[] }> {
  const { permits, queue } = await group.inspect();
  return { in: permits.map(({ runId }) => runId), queue: queue.map(({ runId }) => runId) };
}

/** Waits until so many calls wait inside the object. */
async function waitingCalls(group: DurableObjectStub<ExclusionGroup>, calls: number): Promise<void> {
  await vi.waitFor(async () => expect((await group.inspect()).calls).toBe(calls));
}

/** Rows of the object's tables, and when its alarm fires. */
function stored(group: DurableObjectStub<ExclusionGroup>): Promise<{ rows: string[]; alarm: number | null }> {
  return runInDurableObject(group, async (_object, { storage }) => {
    const tables = [
      ...storage.sql.exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'"),
    ]
      .map(({ name }) => name)
      .filter((name) => name === "permit" || name === "place")
      .sort();
    const rows = tables.flatMap((table) =>
      [...storage.sql.exec<{ run_id: string }>(`SELECT run_id FROM ${table} ORDER BY run_id`)].map(
        ({ run_id }) => `${table} ${run_id}`,
      ),
    );
    return { rows, alarm: await storage.getAlarm() };
  });
}

// The object's clock stands still unless a test moves it; its timers go on.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("permits and the queue", () => {
  it("are in storage, and the alarm is set, when the caller is told", async () => {
    const group = newGroup();
    expect(await acquire(group, "a")).toEqual({ kind: "granted", since: START });
    expect(await acquire(group, "b")).toMatchObject({ kind: "queued", place: 1 });
    expect(await stored(group)).toEqual({ rows: ["permit a", "place b"], alarm: START + LEASE_MS });
  });

  it("survive the object's eviction", async () => {
    const group = newGroup();
    await acquire(group, "a", "queue", { flow: "monthly" });
    for (const run of ["b", "c", "d"]) await acquire(group, run);
    await evictDurableObject(group);
    expect(await standing(group)).toEqual({ in: ["a"], queue: ["b", "c", "d"] });
    expect(await acquire(group, "x", "reject")).toMatchObject({
      kind: "refused",
      holder: { runId: "a", project: "shop", flow: "monthly", since: START },
      place: 4,
    });
    await group.release("a");
    expect(await acquire(group, "b")).toMatchObject({ kind: "granted" });
  });

  it("leave nothing in storage once they are over", async () => {
    const group = newGroup();
    await acquire(group, "a");
    await acquire(group, "b");
    await group.release("b");
    await group.release("a");
    await vi.waitFor(async () => expect((await stored(group)).rows).toEqual([]));
  });

  it("of one run after the other are one row, and never none while someone is inside", async () => {
    const group = newGroup();
    for (const run of ["a", "b", "c"]) {
      await acquire(group, run);
      expect((await stored(group)).rows).toEqual([`permit ${run}`]);
      await group.release(run);
    }
  });

  it("that ended just before an eviction are over when their lease is, at the latest", async () => {
    const group = newGroup();
    await acquire(group, "a");
    await group.release("a");
    await evictDurableObject(group);
    vi.setSystemTime(START + LEASE_MS);
    expect(await acquire(group, "b", "reject")).toMatchObject({ kind: "granted" });
  });

  it("give a run that asks again after a crash what it had", async () => {
    const group = newGroup();
    await acquire(group, "a");
    await acquire(group, "b");
    await acquire(group, "c");
    await evictDurableObject(group);
    expect(await acquire(group, "a", "reject")).toEqual({ kind: "granted", since: START });
    expect(await acquire(group, "c")).toMatchObject({ kind: "queued", place: 2 });
  });
});

describe("the alarm", () => {
  it("ends a silent lease and lets in the next, who waits in its call", async () => {
    const group = newGroup();
    await acquire(group, "a");
    const turn = acquire(group, "b", "queue", { waitMs: 60_000 });
    await waitingCalls(group, 1);
    vi.setSystemTime(START + LEASE_MS);
    expect(await runDurableObjectAlarm(group)).toBe(true);
    expect(await turn).toEqual({ kind: "granted", since: START + LEASE_MS });
    expect((await group.renew("a")).kind).toBe("lost");
  });

  it("does nothing when it comes early, and is set again", async () => {
    const group = newGroup();
    await acquire(group, "a");
    vi.setSystemTime(START + 10_000);
    await group.renew("a");
    vi.setSystemTime(START + LEASE_MS);
    await runDurableObjectAlarm(group);
    expect(await standing(group)).toEqual({ in: ["a"], queue: [] });
    expect((await stored(group)).alarm).toBe(START + 10_000 + LEASE_MS);
  });

  it("delivered twice lets in one, not two", async () => {
    const group = newGroup();
    for (const run of ["a", "b", "c"]) await acquire(group, run);
    vi.setSystemTime(START + LEASE_MS);
    await runInDurableObject(group, (object) => object.alarm());
    await runInDurableObject(group, (object) => object.alarm());
    expect(await standing(group)).toEqual({ in: ["b"], queue: ["c"] });
  });

  it("after an eviction still ends what was silent", async () => {
    const group = newGroup();
    await acquire(group, "a");
    await acquire(group, "b");
    await evictDurableObject(group);
    vi.setSystemTime(START + LEASE_MS);
    expect(await runDurableObjectAlarm(group)).toBe(true);
    expect(await standing(group)).toEqual({ in: ["b"], queue: [] });
  });

  it("that is late delays nobody who asks", async () => {
    const group = newGroup();
    await acquire(group, "a");
    vi.setSystemTime(START + LEASE_MS);
    expect(await acquire(group, "b", "reject")).toMatchObject({ kind: "granted" });
  });

  it("is not set again for every permit of a busy group", async () => {
    const group = newGroup();
    await acquire(group, "a");
    const { alarm } = await stored(group);
    for (let run = 0; run < 5; run += 1) {
      vi.setSystemTime(START + 100 * run);
      await group.release(run === 0 ? "a" : `run ${run - 1}`);
      await acquire(group, `run ${run}`);
    }
    expect((await stored(group)).alarm).toBe(alarm);
  });

  it("makes a group that nobody uses forget its storage, and be used again later", async () => {
    const group = newGroup();
    await acquire(group, "a");
    await group.release("a");
    vi.setSystemTime(START + LEASE_MS);
    await runDurableObjectAlarm(group);
    const { alarm } = await stored(group);
    expect(alarm).toBeGreaterThan(START + LEASE_MS);
    vi.setSystemTime(alarm as number);
    await runDurableObjectAlarm(group);
    expect(
      await runInDurableObject(
        group,
        (_object, { storage }) =>
          [...storage.sql.exec("SELECT name FROM sqlite_master WHERE name IN ('permit', 'place')")].length,
      ),
    ).toBe(0);
    expect(await acquire(group, "b", "reject")).toMatchObject({ kind: "granted" });
    expect((await stored(group)).rows).toEqual(["permit b"]);
  });
});

describe("a call that waits", () => {
  it("is answered when its turn comes, in the order of arrival", async () => {
    const group = newGroup();
    await acquire(group, "a");
    const order: string[] = [];
    const turns = [];
    for (const run of ["b", "c", "d"]) {
      turns.push(
        acquire(group, run, "queue", { waitMs: 60_000 }).then(async (answer) => {
          order.push(`${run} ${answer.kind}`);
          await group.release(run);
        }),
      );
      await waitingCalls(group, turns.length);
    }
    await group.release("a");
    await Promise.all(turns);
    expect(order).toEqual(["b granted", "c granted", "d granted"]);
  });

  it("is told its place when its time is over, and keeps it for the next call", async () => {
    const group = newGroup();
    await acquire(group, "a");
    expect(await acquire(group, "b", "queue", { waitMs: 20 })).toMatchObject({ kind: "queued", place: 1 });
    expect(await standing(group)).toEqual({ in: ["a"], queue: ["b"] });
  });

  it("whose caller went away gives up its place", async () => {
    const group = newGroup();
    await acquire(group, "a");
    await acquire(group, "gone", "queue", { waitMs: 10, keepMs: 1_000 });
    await acquire(group, "b");
    vi.setSystemTime(START + 1_010);
    await runDurableObjectAlarm(group);
    expect(await standing(group)).toEqual({ in: ["a"], queue: ["b"] });
  });

  it("ends when the run gives up its place", async () => {
    const group = newGroup();
    await acquire(group, "a");
    const turn = acquire(group, "b", "queue", { waitMs: 60_000 });
    await waitingCalls(group, 1);
    await group.release("b");
    expect((await turn).kind).toBe("refused");
    expect(await standing(group)).toEqual({ in: ["a"], queue: [] });
  });
});

describe("attaching", () => {
  it("shares the holder's answer with everyone who waits for it", async () => {
    const group = newGroup();
    await acquire(group, "a", "attach");
    const followers = ["b", "c"].map((run) => acquire(group, run, "attach", { waitMs: 60_000 }));
    await waitingCalls(group, 2);
    await group.release("a", ANSWER);
    expect(await Promise.all(followers)).toEqual(
      Array(2).fill({ kind: "attached", runId: "a", answer: ANSWER }),
    );
    expect(await standing(group)).toEqual({ in: [], queue: [] });
  });

  it("shares it with a caller whose call had just ended", async () => {
    const group = newGroup();
    await acquire(group, "a", "attach");
    expect(await acquire(group, "b", "attach", { waitMs: 10 })).toMatchObject({ kind: "following" });
    await group.release("a", ANSWER);
    expect(await acquire(group, "b", "attach", { following: "a" })).toMatchObject({ kind: "attached" });
    // Someone new was never promised it.
    expect(await acquire(group, "c", "attach")).toMatchObject({ kind: "granted" });
  });

  it("to a run that leaves no answer gives the first a turn of its own, and the others attach to that", async () => {
    const group = newGroup();
    await acquire(group, "a", "attach");
    const followers = [];
    for (const run of ["b", "c"]) {
      followers.push(acquire(group, run, "attach", { waitMs: 60_000 }));
      await waitingCalls(group, followers.length);
    }
    await group.release("a");
    expect(await followers[0]).toMatchObject({ kind: "granted" });
    await group.release("b", ANSWER);
    expect(await followers[1]).toEqual({ kind: "attached", runId: "b", answer: ANSWER });
  });

  it("to a run that died does the same when its lease ends", async () => {
    const group = newGroup();
    await acquire(group, "a", "attach");
    const follower = acquire(group, "b", "attach", { waitMs: 60_000 });
    await waitingCalls(group, 1);
    vi.setSystemTime(START + LEASE_MS);
    await runDurableObjectAlarm(group);
    expect(await follower).toMatchObject({ kind: "granted" });
  });

  it("is bounded like the queue", async () => {
    const group = newGroup();
    await acquire(group, "a", "attach");
    const follower = acquire(group, "b", "attach", { waitMs: 60_000, maxQueue: 1 });
    await waitingCalls(group, 1);
    expect(await acquire(group, "c", "attach", { maxQueue: 1 })).toMatchObject({ kind: "refused", place: 2 });
    await group.release("a", ANSWER);
    await follower;
  });
});

describe("cancelling", () => {
  it("is told to the holder when it renews, also after an eviction, and the canceller has the next turn", async () => {
    const group = newGroup();
    await acquire(group, "a");
    expect(await acquire(group, "b", "cancel")).toMatchObject({ kind: "queued", place: 1 });
    await evictDurableObject(group);
    expect((await group.renew("a")).kind).toBe("cancel");
    await group.release("a");
    expect(await acquire(group, "b")).toMatchObject({ kind: "granted" });
    expect((await group.renew("b")).kind).toBe("held");
  });
});
