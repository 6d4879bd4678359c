import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  type AcquireAnswer,
  type AcquireRequest,
  type ExclusionSettings,
  LEASE_MARGIN_MS,
  LEASE_MS,
  RENEW_MS,
  type ReleaseAnswer,
  type RenewAnswer,
  type SharedAnswer,
  type Undecided,
  WAIT_CALL_MS,
} from "../../src/domain/exclusion-group";
import type { Json } from "../../src/domain/json";
import { MAX_SHARED_ANSWER_BYTES } from "../../src/domain/limits";
import type { RunOutcome } from "../../src/domain/run";
import { runFlow } from "../../src/engine/executor";
import { RunContext, type RunStart } from "../../src/engine/run-context";
import { admit, type HeldPermit } from "../../src/operations/admission";
import type { ExclusionGroups } from "../../src/operations/ports";
import { FakeHost } from "../support/fake-host";
import { FakeInput } from "../support/fake-input";
import { flowOf, planOf } from "../support/trial";

const HOLDER = { runId: "other", project: "shop", flow: "monthly", since: 0 };
const UNREACHABLE: Undecided = { kind: "undecided", reason: "moved" };

/** A group that answers what the test says, and remembers what it was asked. */
class FakeGroups implements ExclusionGroups {
  /** Answers to `acquire`, in turn; the last one stays. */
  acquires: (AcquireAnswer | Undecided)[] = [{ kind: "granted", since: 0 }];
  renewal: RenewAnswer | Undecided = { kind: "held" };
  readonly asked: AcquireRequest[] = [];
  readonly said: string[] = [];
  released: SharedAnswer | undefined;

  async acquire(_group: unknown, request: AcquireRequest): Promise<AcquireAnswer | Undecided> {
    this.asked.push(request);
    return (this.acquires.length > 1 ? this.acquires.shift() : this.acquires[0]) as AcquireAnswer;
  }
  async renew(): Promise<RenewAnswer | Undecided> {
    this.said.push("renew");
    return this.renewal;
  }
  async release(_group: unknown, _runId: string, answer?: SharedAnswer): Promise<ReleaseAnswer> {
    this.said.push("release");
    this.released = answer;
    return { kind: "released" };
  }
  abandon(): void {
    this.said.push("abandon");
  }
}

/** A host whose clock is the faked one, so that timers and times agree. */
class ClockHost extends FakeHost {
  override now(): number {
    return Date.now();
  }
}

const pointer = {
  environmentId: 1,
  projectId: 1,
  project: "shop",
  flowId: 3,
  flow: "report",
  version: 1,
  status: "running",
} as const;

function applicant(exclusion: ExclusionSettings, timeout = 60_000) {
  const plan = planOf(
    flowOf(
      { log: { type: "debug", message: "x", next: "end" } },
      { endpoint: { anonymous: true, exclusion } },
    ),
  );
  const start: RunStart = {
    id: "mine",
    trigger: "action",
    user: "system",
    input: new FakeInput(),
    host: new ClockHost(),
    startedAt: Date.now(),
    deadline: Date.now() + timeout,
  };
  return { exclusion: plan.exclusion!, pointer, start };
}

async function admitted(groups: FakeGroups, exclusion: ExclusionSettings): Promise<HeldPermit> {
  const admission = await admit(groups, applicant(exclusion));
  if (admission?.kind !== "admitted") throw new Error("it was not admitted");
  return admission.permit;
}

/** first ─▶ wait for `ms` ─▶ effect */
function holding(permit: HeldPermit, ms: number): { effects: string[]; outcome: Promise<RunOutcome> } {
  const effects: string[] = [];
  const plan = planOf(
    flowOf({
      wait: { type: "delay", for: ms, next: "effect" },
      effect: { type: "debug", message: "effect", next: "end" },
    }),
  );
  const host = new ClockHost();
  host.delay = async (_step, held, signal) =>
    new Promise<void>((resolve, reject) => {
      setTimeout(resolve, held);
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  const run = new RunContext({
    id: "mine",
    trigger: "action",
    user: "system",
    input: new FakeInput(),
    host,
    startedAt: Date.now(),
    deadline: Date.now() + 600_000,
  });
  run.permitUntil = permit.until;
  permit.guard(run);
  const outcome = Promise.resolve(runFlow(plan, [null as Json], run)).then((ended) => {
    for (const { text } of run.messages) effects.push(text);
    return ended;
  });
  return { effects, outcome };
}

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("admission", () => {
  it("asks once and does not wait where the endpoint rejects", async () => {
    const groups = new FakeGroups();
    groups.acquires = [{ kind: "refused", holder: HOLDER, place: 1, retryAfter: 3 }];
    await expect(admit(groups, applicant("Reports"))).rejects.toMatchObject({
      code: "group_busy",
      details: {
        group: "reports",
        retryAfter: 3,
        place: 1,
        holder: { processId: "other", project: "shop", flow: "monthly", since: "1970-01-01T00:00:00.000Z" },
      },
    });
    expect(groups.asked.map(({ waitMs }) => waitMs)).toEqual([0]);
    expect(groups.said).toEqual([]);
  });

  it("asks again under the same run id while it waits, each time for no longer than is left", async () => {
    const groups = new FakeGroups();
    groups.acquire = async (_group, request) => {
      groups.asked.push(request);
      await vi.advanceTimersByTimeAsync(request.waitMs);
      return { kind: "queued", holder: HOLDER, place: 2, retryAfter: 1 };
    };
    const waiting = admit(groups, applicant({ group: "g", onBusy: "queue", maxWait: "7s" }));
    await expect(waiting).rejects.toMatchObject({ code: "group_busy", details: { place: 2 } });
    expect(groups.asked.map(({ runId, waitMs }) => [runId, waitMs])).toEqual([
      ["mine", WAIT_CALL_MS],
      ["mine", 7_000 - WAIT_CALL_MS],
    ]);
    // Its place is given up before the caller is told that nothing ran.
    expect(groups.said).toEqual(["release"]);
  });

  it("names the run that it follows when it asks again", async () => {
    const groups = new FakeGroups();
    const answer: SharedAnswer = { status: 201, headers: [["content-type", "text/plain"]], body: "done" };
    groups.acquires = [
      { kind: "following", holder: HOLDER },
      { kind: "attached", runId: "other", answer },
    ];
    const admission = await admit(groups, applicant({ group: "g", onBusy: "attach" }));
    expect(groups.asked.map(({ following }) => following)).toEqual([undefined, "other"]);
    expect(admission).toEqual({
      kind: "attached",
      answer: { ...answer, headers: [...answer.headers, ["x-exclusion", "attached"]] },
    });
  });

  it("gives up the place of a caller who hung up", async () => {
    const groups = new FakeGroups();
    const caller = new AbortController();
    let refuse = (_: AcquireAnswer): void => {};
    groups.acquire = () => new Promise((resolve) => (refuse = resolve));
    groups.abandon = () => {
      groups.said.push("abandon");
      refuse({ kind: "refused", holder: HOLDER, place: 1, retryAfter: 1 });
    };
    const waiting = admit(groups, {
      ...applicant({ group: "g", onBusy: "queue" }),
      signal: caller.signal,
    });
    caller.abort();
    await expect(waiting).rejects.toMatchObject({ code: "group_busy" });
    expect(groups.said).toEqual(["abandon"]);
  });

  it("does not call it refused when the group cannot be asked, and gives back what it may have got", async () => {
    const groups = new FakeGroups();
    groups.acquires = [UNREACHABLE];
    await expect(admit(groups, applicant("g"))).rejects.toMatchObject({ code: "unavailable" });
    expect(groups.said).toEqual(["abandon"]);
  });

  it("counts the permit from when it was asked for", async () => {
    const groups = new FakeGroups();
    groups.acquire = async () => {
      await vi.advanceTimersByTimeAsync(3_000);
      return { kind: "granted", since: Date.now() };
    };
    const permit = await admitted(groups, "g");
    expect(permit.until).toBe(1_000_000 + LEASE_MS - LEASE_MARGIN_MS);
  });
});

describe("a run that holds a permit", () => {
  it("renews it while it waits, and goes on", async () => {
    const groups = new FakeGroups();
    const { effects, outcome } = holding(await admitted(groups, "g"), 40_000);
    await vi.advanceTimersByTimeAsync(40_000);
    expect((await outcome).status).toBe("Success");
    expect(effects).toEqual(["effect"]);
    expect(groups.said.length).toBe(40_000 / RENEW_MS);
  });

  it("stops before its next node when its lease was lost", async () => {
    const groups = new FakeGroups();
    groups.renewal = { kind: "lost" };
    const { effects, outcome } = holding(await admitted(groups, "g"), 20_000);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(await outcome).toMatchObject({ status: "Cancelled", failures: [{ code: "permit_lost" }] });
    expect(effects).not.toContain("effect");
  });

  it("stops when it is told to", async () => {
    const groups = new FakeGroups();
    groups.renewal = { kind: "cancel" };
    const { effects, outcome } = holding(await admitted(groups, "g"), 20_000);
    await vi.advanceTimersByTimeAsync(RENEW_MS);
    expect(await outcome).toMatchObject({ status: "Cancelled", failures: [{ code: "cancelled" }] });
    expect(effects).not.toContain("effect");
  });

  it("stops before its lease ends when the group cannot be asked any more", async () => {
    const groups = new FakeGroups();
    groups.renewal = UNREACHABLE;
    const { outcome } = holding(await admitted(groups, "g"), 60_000);
    await vi.advanceTimersByTimeAsync(LEASE_MS - LEASE_MARGIN_MS);
    expect(await outcome).toMatchObject({ status: "Cancelled", failures: [{ code: "permit_lost" }] });
    expect(groups.said.length).toBeGreaterThan(2);
  });

  it("stops even when its timers did not fire: nothing begins after the lease", async () => {
    const permit = await admitted(new FakeGroups(), "g");
    const run = new RunContext(applicant("g").start);
    run.permitUntil = permit.until;
    vi.setSystemTime(permit.until - 1);
    expect(() => run.check()).not.toThrow();
    vi.setSystemTime(permit.until);
    expect(() => run.check()).toThrow(expect.objectContaining({ code: "permit_lost" }));
  });

  it("renews no more once it has released", async () => {
    const groups = new FakeGroups();
    const permit = await admitted(groups, "g");
    permit.guard(new RunContext(applicant("g").start));
    await permit.release();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(groups.said).toEqual(["release"]);
  });
});

describe("what is left for those who attached", () => {
  const outcome = (status: RunOutcome["status"]): RunOutcome => ({
    runId: "mine",
    status,
    outputs: {},
    outputConnected: false,
    failures: [],
  });

  async function left(
    status: RunOutcome["status"],
    body: string,
    onBusy: "attach" | "queue" = "attach",
  ): Promise<SharedAnswer | undefined> {
    const groups = new FakeGroups();
    const permit = await admitted(groups, { group: "g", onBusy });
    permit.share(outcome(status), { status: 200, headers: [], body });
    await permit.release();
    return groups.released;
  }

  it("is the answer of a run that ended by itself", async () => {
    expect(await left("Success", "fine")).toEqual({ status: 200, headers: [], body: "fine" });
    expect(await left("Fail", "not fine")).toBeDefined();
  });

  it("is nothing of a run that was aborted, or whose endpoint nobody attaches to", async () => {
    expect(await left("Timeout", "late")).toBeUndefined();
    expect(await left("Cancelled", "stopped")).toBeUndefined();
    expect(await left("Success", "fine", "queue")).toBeUndefined();
  });

  it("ends at a size, counted in bytes", async () => {
    expect(await left("Success", "x".repeat(MAX_SHARED_ANSWER_BYTES))).toBeDefined();
    expect(await left("Success", "x".repeat(MAX_SHARED_ANSWER_BYTES + 1))).toBeUndefined();
    expect(await left("Success", "ä".repeat(MAX_SHARED_ANSWER_BYTES / 2))).toBeDefined();
    expect(await left("Success", "ä".repeat(MAX_SHARED_ANSWER_BYTES / 2 + 1))).toBeUndefined();
  });
});
