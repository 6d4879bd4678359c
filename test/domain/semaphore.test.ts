import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AcquireRequest, LEASE_MS, type OnBusy } from "../../src/domain/exclusion-group";
import {
  type Movement,
  type Permit,
  type Place,
  Semaphore,
  type SemaphoreStore,
} from "../../src/domain/semaphore";
import { acquireRequest } from "../support/acquire-request";

/** Rows in memory: what a crash would leave. */
class FakeRows implements SemaphoreStore {
  readonly permits = new Map<string, Permit>();
  readonly places = new Map<string, Place>();
  writes = 0;

  putPermit(permit: Permit): void {
    this.writes += 1;
    this.permits.set(permit.runId, permit);
  }
  deletePermit(runId: string): void {
    this.writes += 1;
    this.permits.delete(runId);
  }
  putPlace(place: Place): void {
    this.writes += 1;
    this.places.set(place.runId, place);
  }
  deletePlace(runId: string): void {
    this.writes += 1;
    this.places.delete(runId);
  }
}

/** A semaphore with a clock that the test moves. */
class Trial {
  readonly rows = new FakeRows();
  semaphore = new Semaphore(this.rows, [], []);
  now = 1_000_000;
  movement: Movement = { granted: [], expired: [], left: [] };

  acquire(runId: string, onBusy: OnBusy = "queue", more: Partial<AcquireRequest> = {}) {
    this.movement = { granted: [], expired: [], left: [] };
    return this.semaphore.acquire(acquireRequest(runId, onBusy, more), this.now, this.movement);
  }

  renew(runId: string) {
    this.movement = { granted: [], expired: [], left: [] };
    return this.semaphore.renew(runId, this.now, this.movement).kind;
  }

  release(runId: string) {
    this.movement = { granted: [], expired: [], left: [] };
    return this.semaphore.release(runId, this.now, this.movement).kind;
  }

  /** Begins again from the rows, as after an eviction. */
  crash(): void {
    this.semaphore = new Semaphore(this.rows, this.rows.permits.values(), this.rows.places.values());
  }

  get granted(): string[] {
    return this.movement.granted.map(({ runId }) => runId);
  }
}

describe("a free group", () => {
  it("grants at once, with one write, and is free again with another", () => {
    const trial = new Trial();
    expect(trial.acquire("a", "reject")).toEqual({ kind: "granted", since: trial.now });
    expect(trial.rows.writes).toBe(1);
    expect(trial.release("a")).toBe("released");
    expect(trial.rows.writes).toBe(2);
    expect(trial.acquire("b", "reject").kind).toBe("granted");
  });
});

describe("a taken group", () => {
  it("refuses and names who holds it, since when, and the place there would have been", () => {
    const trial = new Trial();
    trial.acquire("a", "reject", { flow: "monthly" });
    trial.now += 500;
    expect(trial.acquire("b", "reject")).toEqual({
      kind: "refused",
      holder: { runId: "a", project: "shop", flow: "monthly", since: trial.now - 500 },
      place: 1,
      retryAfter: 1,
    });
  });

  it("queues in order and lets in one after the other", () => {
    const trial = new Trial();
    trial.acquire("a");
    expect(trial.acquire("b")).toMatchObject({ kind: "queued", place: 1 });
    expect(trial.acquire("c")).toMatchObject({ kind: "queued", place: 2 });
    trial.release("a");
    expect(trial.granted).toEqual(["b"]);
    expect(trial.acquire("c")).toMatchObject({ kind: "queued", place: 1, holder: { runId: "b" } });
    trial.release("b");
    expect(trial.granted).toEqual(["c"]);
  });

  it("lets nobody overtake those who wait", () => {
    const trial = new Trial();
    trial.acquire("a");
    trial.acquire("b");
    expect(trial.acquire("c", "reject")).toMatchObject({ kind: "refused", place: 2 });
  });

  it("refuses past the bound of the queue, on both sides of it", () => {
    const trial = new Trial();
    trial.acquire("a");
    expect(trial.acquire("b", "queue", { maxQueue: 1 }).kind).toBe("queued");
    expect(trial.acquire("c", "queue", { maxQueue: 1 })).toMatchObject({ kind: "refused", place: 2 });
    expect(trial.acquire("d", "queue", { maxQueue: 2 }).kind).toBe("queued");
  });

  it("lets a run attach to a run of its own flow, and queue behind another flow's", () => {
    const trial = new Trial();
    trial.acquire("a", "attach", { flowId: 1 });
    expect(trial.acquire("b", "attach", { flowId: 1 })).toMatchObject({
      kind: "following",
      holder: { runId: "a" },
    });
    expect(trial.acquire("c", "attach", { flowId: 2 })).toMatchObject({ kind: "queued", place: 1 });
  });

  it("tells its holder to stop when a run asks to cancel it, and not before", () => {
    const trial = new Trial();
    trial.acquire("a", "cancel");
    expect(trial.renew("a")).toBe("held");
    expect(trial.acquire("b", "cancel")).toMatchObject({ kind: "queued", place: 1 });
    expect(trial.renew("a")).toBe("cancel");
    trial.release("a");
    expect(trial.granted).toEqual(["b"]);
    expect(trial.renew("b")).toBe("held");
  });

  it("does not cancel for a run that finds no place to wait", () => {
    const trial = new Trial();
    trial.acquire("a");
    trial.acquire("b");
    expect(trial.acquire("c", "cancel", { maxQueue: 1 }).kind).toBe("refused");
    expect(trial.renew("a")).toBe("held");
  });
});

describe("leases", () => {
  it("hold to their last millisecond, and then the next in the queue has its turn", () => {
    const trial = new Trial();
    trial.acquire("a");
    trial.acquire("b");
    trial.now += LEASE_MS - 1;
    expect(trial.acquire("b").kind).toBe("queued");
    trial.now += 1;
    expect(trial.acquire("b").kind).toBe("granted");
    expect(trial.movement.expired.map(({ runId }) => runId)).toEqual(["a"]);
    expect(trial.renew("a")).toBe("lost");
  });

  it("are prolonged by renewing", () => {
    const trial = new Trial();
    trial.acquire("a");
    trial.now += LEASE_MS - 1;
    expect(trial.renew("a")).toBe("held");
    trial.now += LEASE_MS - 1;
    expect(trial.acquire("b", "reject").kind).toBe("refused");
  });

  it("are given back to the same run when it asks again", () => {
    const trial = new Trial();
    const since = trial.now;
    trial.acquire("a", "reject");
    trial.now += 5_000;
    expect(trial.acquire("a", "reject")).toEqual({ kind: "granted", since });
    trial.now += LEASE_MS - 1;
    expect(trial.renew("a")).toBe("held");
  });

  it("are not lost by others' releases", () => {
    const trial = new Trial();
    trial.acquire("a");
    expect(trial.release("stranger")).toBe("unknown");
    expect(trial.renew("a")).toBe("held");
  });

  it("that ran out are released without harm to the next holder", () => {
    const trial = new Trial();
    trial.acquire("a");
    trial.now += LEASE_MS;
    trial.acquire("b", "reject");
    expect(trial.release("a")).toBe("unknown");
    expect(trial.renew("b")).toBe("held");
  });
});

describe("places", () => {
  it("are given up when their run is not heard of, and kept when it asks again", () => {
    const trial = new Trial();
    trial.acquire("a");
    trial.acquire("b", "queue", { waitMs: 1_000, keepMs: 2_000 });
    trial.acquire("c", "queue", { waitMs: 1_000, keepMs: 2_000 });
    trial.now += 2_999;
    trial.acquire("c", "queue", { waitMs: 1_000, keepMs: 2_000 });
    trial.now += 1;
    trial.release("a");
    expect(trial.granted).toEqual(["c"]);
    expect(trial.movement.left.map(({ runId }) => runId)).toEqual(["b"]);
  });

  it("are given up by releasing", () => {
    const trial = new Trial();
    trial.acquire("a");
    trial.acquire("b");
    expect(trial.release("b")).toBe("released");
    trial.release("a");
    expect(trial.granted).toEqual([]);
  });
});

describe("a pool", () => {
  it("grants as many permits as it has, and the next when one comes back", () => {
    const trial = new Trial();
    for (const run of ["a", "b", "c"]) trial.acquire(run, "queue", { permits: 2 });
    expect(trial.semaphore.permits.map(({ runId }) => runId)).toEqual(["a", "b"]);
    trial.release("b");
    expect(trial.granted).toEqual(["c"]);
  });
});

describe("whatever happens in whatever order", () => {
  const run = fc.constantFrom("a", "b", "c", "d", "e");
  const step = fc.oneof(
    fc.record({
      do: fc.constant("acquire" as const),
      run,
      onBusy: fc.constantFrom<OnBusy>("reject", "queue", "attach", "cancel"),
      flowId: fc.constantFrom(1, 2),
    }),
    fc.record({ do: fc.constant("renew" as const), run }),
    fc.record({ do: fc.constant("release" as const), run }),
    fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 2 * LEASE_MS }) }),
    fc.record({ do: fc.constant("crash" as const) }),
  );

  it("never two are inside, nobody overtakes, and memory is what the rows say", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const trial = new Trial();
        for (const each of steps) {
          const before = trial.semaphore.queue.map(({ runId }) => runId);
          if (each.do === "acquire") trial.acquire(each.run, each.onBusy, { flowId: each.flowId });
          else if (each.do === "renew") trial.renew(each.run);
          else if (each.do === "release") trial.release(each.run);
          else if (each.do === "pass") trial.now += each.ms;
          else trial.crash();

          const { permits, queue } = trial.semaphore;
          expect(permits.length).toBeLessThanOrEqual(1);
          expect(permits).toEqual([...trial.rows.permits.values()]);
          expect(queue).toEqual([...trial.rows.places.values()].sort((a, b) => a.seq - b.seq));
          for (const { runId } of permits) expect(queue.some((place) => place.runId === runId)).toBe(false);
          // Those who still wait stand in the order in which they stood.
          const after = queue.map(({ runId }) => runId).filter((runId) => before.includes(runId));
          expect(after).toEqual(before.filter((runId) => after.includes(runId)));
          if (queue.length > 0 && each.do !== "pass" && each.do !== "crash") expect(permits.length).toBe(1);
        }
      }),
      { numRuns: 500 },
    );
  });
});
