import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { FlowSource } from "../../src/domain/flow";
import { ExclusionGroup } from "../../src/durable/exclusion-group";
import { type Answer, admin, applyFlows, trigger } from "../support/action-api";

/** Long enough for a test to do something meanwhile. */
const HOLD_MS = 400;

type Endpoint = NonNullable<FlowSource["endpoint"]>;

/** asked ─▶ wait (query `ms`) ─▶ out */
function waiting(flow: string, endpoint: Partial<Endpoint>): FlowSource {
  return {
    flow,
    endpoint: { anonymous: true, ...endpoint },
    outputs: { out: { by: "string" } },
    start: "asked",
    nodes: {
      asked: { type: "calculate", value: { ms: `=$number(input.query.ms ?? ${HOLD_MS})` }, next: "wait" },
      wait: { type: "delay", for: "=item.ms", next: "out" },
      out: { type: "output", to: "out", value: { by: "=run.id" } },
    },
  } as FlowSource;
}

function call(flow: string, ms = HOLD_MS, headers: Record<string, string> = {}): Promise<Answer> {
  return trigger("durable exclusion", flow, { query: `?ms=${ms}`, headers });
}

interface Polled {
  processId: string;
  status: string;
}

/** The run when it has ended. */
function ended(flow: string, id: unknown): Promise<Polled> {
  return vi.waitFor(
    async () => {
      const answer = await trigger("durable exclusion", flow, { poll: String(id) });
      expect(["Success", "Fail", "Timeout", "Cancelled"]).toContain(answer.json.status);
      return answer.json as unknown as Polled;
    },
    { timeout: 20_000, interval: 20 },
  );
}

/** Waits until a group looks as the test needs it. */
function group(name: string, inside: number, queue = 0): Promise<void> {
  const object = env.EXCLUSION_GROUP.getByName(`e1/group/${name}`);
  return vi.waitFor(
    async () => {
      const state = await object.inspect();
      expect([state.permits.length, state.queue.length]).toEqual([inside, queue]);
    },
    { timeout: 5_000, interval: 5 },
  );
}

beforeAll(async () => {
  await applyFlows("durable exclusion", [
    waiting("reject", { mode: "async", exclusion: "async reports" }),
    waiting("sync too", { exclusion: "ASYNC reports" }),
    waiting("line", { mode: "async", exclusion: { group: "async line", onBusy: "queue", maxQueue: 500 } }),
    waiting("impatient", {
      mode: "async",
      exclusion: { group: "async impatient", onBusy: "queue", maxWait: "50ms" },
    }),
    waiting("shared", { mode: "async", exclusion: { group: "async shared", onBusy: "attach" } }),
    waiting("keyed share", { exclusion: { group: "keyed share", onBusy: "attach" } }),
    waiting("latest", { mode: "async", exclusion: { group: "async latest", onBusy: "cancel" } }),
    waiting("keyed", { exclusion: "keyed" }),
    waiting("handed", { onTimeout: "handoff", timeout: "50ms", exclusion: "handed" }),
    waiting("deaf", { mode: "async", exclusion: "async deaf" }),
  ]);
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe("an asynchronous run", () => {
  it("holds its group from its acceptance to its final state, against synchronous calls too", async () => {
    const first = await call("reject");
    expect(first.status).toBe(200);
    for (const flow of ["reject", "sync too"]) {
      expect(await call(flow, 1)).toMatchObject({
        status: 409,
        json: { code: "group_busy", group: "async reports", holder: { processId: first.json.processId } },
      });
    }
    expect((await ended("reject", first.json.processId)).status).toBe("Success");
    await group("async reports", 0);
    expect((await call("sync too", 1)).status).toBe(200);
  });

  it("finds its group taken by a synchronous call", async () => {
    const first = call("sync too");
    await group("async reports", 1);
    expect((await call("reject", 1)).status).toBe(409);
    await first;
  });

  it("gives its group back when it is cancelled", async () => {
    const first = await call("reject", 600_000);
    const cancelled = await admin("DELETE", `/runs/${first.json.processId}`);
    expect(cancelled.ok).toBe(true);
    await group("async reports", 0);
    expect((await call("sync too", 1)).status).toBe(200);
  });

  it("waits its turn in order, and is polled meanwhile", async () => {
    const ids: unknown[] = [];
    for (let index = 0; index < 4; index += 1) {
      const answer = await call("line", 100);
      expect(answer.status).toBe(200);
      ids.push(answer.json.processId);
    }
    const last = await trigger("durable exclusion", "line", { poll: String(ids[3]) });
    expect(["Queued", "Running", "Waiting"]).toContain(last.json.status);
    for (const id of ids) expect((await ended("line", id)).status).toBe("Success");
    await group("async line", 0);
  }, 30_000);

  it("that waited for longer than it may ends without having run", async () => {
    const first = await call("impatient", 1_500);
    const second = await call("impatient", 1);
    const late = await ended("impatient", second.json.processId);
    expect(late).toMatchObject({ status: "Cancelled", message: expect.stringContaining("maxWait") });
    await group("async impatient", 1, 0);
    expect((await ended("impatient", first.json.processId)).status).toBe("Success");
  });

  it("attaches: the caller gets the process id of the run that is inside", async () => {
    const first = await call("shared");
    const second = await call("shared");
    expect(second.json.processId).toBe(first.json.processId);
    expect((await ended("shared", second.json.processId)).status).toBe("Success");
  });

  it("is stopped by the next where the endpoint says so", async () => {
    const first = await call("latest", 600_000);
    const second = await call("latest", 1);
    expect((await ended("latest", first.json.processId)).status).toBe("Cancelled");
    expect((await ended("latest", second.json.processId)).status).toBe("Success");
    await group("async latest", 0);
  }, 30_000);

  it("is not accepted when its group cannot be asked", async () => {
    vi.spyOn(ExclusionGroup.prototype, "acquire").mockRejectedValue(new Error("moved"));
    expect(await call("deaf", 1)).toMatchObject({ status: 503, json: { code: "unavailable" } });
    vi.restoreAllMocks();
    expect((await call("deaf", 1)).status).toBe(200);
  });

  it("is accepted once of many at the same time", async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => call("reject", 2_000)));
    const accepted = answers.filter(({ status }) => status === 200);
    expect(accepted).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(99);
    await admin("DELETE", `/runs/${accepted[0]?.json.processId}`);
    await group("async reports", 0);
  }, 30_000);

  it("has its turn among a hundred that were accepted at the same moment", async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => call("line", 0)));
    expect(new Set(answers.map(({ json }) => json.processId)).size).toBe(100);
    for (const { status, json } of answers) {
      expect(status).toBe(200);
      expect((await ended("line", json.processId)).status).toBe("Success");
    }
    await group("async line", 0);
  }, 60_000);
});

describe("a synchronous call that runs durably", () => {
  it("with a repeated Idempotency-Key is its own run again, not busy", async () => {
    const key = { "idempotency-key": "same" };
    const first = call("keyed", HOLD_MS, key);
    await group("keyed", 1);
    const [one, again] = await Promise.all([first, call("keyed", HOLD_MS, key)]);
    expect([one.status, again.status]).toEqual([200, 200]);
    expect(again.json.processId).toBe(one.json.processId);
    await group("keyed", 0);
  });

  it("with another key finds the group taken", async () => {
    const first = call("keyed", HOLD_MS, { "idempotency-key": "one" });
    await group("keyed", 1);
    expect((await call("keyed", 1, { "idempotency-key": "two" })).status).toBe(409);
    await first;
  });

  it("attaches to another key's run and shares its answer", async () => {
    const first = call("keyed share", HOLD_MS, { "idempotency-key": "one" });
    await group("keyed share", 1);
    const [held, shared] = await Promise.all([
      first,
      call("keyed share", HOLD_MS, { "idempotency-key": "two" }),
    ]);
    expect(shared.json).toEqual(held.json);
    expect(shared.headers.get("x-exclusion")).toBe("attached");
  });

  it("that is handed over keeps its group until it has ended", async () => {
    const first = await call("handed", HOLD_MS);
    expect(first.status).toBe(202);
    expect((await call("handed", 1)).status).toBe(409);
    expect((await ended("handed", first.json.processId)).status).toBe("Success");
    await group("handed", 0);
  });
});
