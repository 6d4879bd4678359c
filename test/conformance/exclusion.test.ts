import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { FlowSource } from "../../src/domain/flow";
import { ExclusionGroup } from "../../src/durable/exclusion-group";
import { type Answer, admin, applyFlows, postJson, trigger } from "../support/action-api";

/** Long enough for a test to do something meanwhile. */
const HOLD_MS = 400;

type Exclusion = NonNullable<NonNullable<FlowSource["endpoint"]>["exclusion"]>;

/** asked ─▶ wait (query `ms`) ─▶ out */
function waiting(flow: string, exclusion: Exclusion, more: Partial<FlowSource> = {}): FlowSource {
  return {
    flow,
    endpoint: { anonymous: true, history: "strict", exclusion, ...more.endpoint },
    outputs: { out: { by: "string" } },
    start: "asked",
    nodes: {
      asked: { type: "calculate", value: { ms: `=$number(input.query.ms ?? ${HOLD_MS})` }, next: "wait" },
      wait: { type: "delay", for: "=item.ms", next: "out" },
      out: { type: "output", to: "out", value: { by: "=run.id" } },
    },
  } as FlowSource;
}

/** A flow that fails by its own logic after a while. */
function failing(flow: string, exclusion: Exclusion): FlowSource {
  return {
    flow,
    endpoint: { anonymous: true, exclusion },
    outputs: { out: "any" },
    start: "wait",
    nodes: {
      wait: { type: "delay", for: "50ms", next: "fail" },
      fail: { type: "calculate", value: "=$error('it went wrong')", next: "out" },
      out: { type: "output", to: "out" },
    },
  } as FlowSource;
}

function call(flow: string, ms = HOLD_MS, query = ""): Promise<Answer> {
  return trigger("exclusion", flow, { query: `?ms=${ms}${query}` });
}

/** Waits until a group looks as the test needs it. */
function group(name: string, inside: number, queue = 0, calls?: number): Promise<void> {
  const object = env.EXCLUSION_GROUP.getByName(`e1/group/${name}`);
  return vi.waitFor(
    async () => {
      const state = await object.inspect();
      expect([state.permits.length, state.queue.length]).toEqual([inside, queue]);
      if (calls !== undefined) expect(state.calls).toBe(calls);
    },
    { timeout: 5_000, interval: 5 },
  );
}

interface RunLine {
  id: string;
  status: string;
  startedAt: string;
  endedAt: string;
}

async function runs(flow: string): Promise<RunLine[]> {
  const all: RunLine[] = [];
  let cursor: string | null = null;
  do {
    const page: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const response = await admin(
      "GET",
      `/runs?project=exclusion&flow=${encodeURIComponent(flow)}&limit=100${page}`,
    );
    const body = (await response.json()) as { runs: RunLine[]; next: string | null };
    all.push(...body.runs);
    cursor = body.next;
  } while (cursor !== null);
  return all;
}

beforeAll(async () => {
  await applyFlows("exclusion", [
    waiting("reports", "Reports"),
    waiting("reports too", "  REPORTS "),
    waiting("by order", "='order-' & input.json.id"),
    waiting("by id", "=input.json.id < 0 ? $error('ids are positive') : input.json.id"),
    waiting("by template", { group: "customer ${input.query.customer}", onBusy: "reject" }),
    waiting("optional", "=input.query.group"),
    waiting("in line", { group: "line", onBusy: "queue" }),
    waiting("short line", { group: "short line", onBusy: "queue", maxQueue: 1 }),
    waiting("impatient", { group: "impatient", onBusy: "queue", maxWait: "30ms" }),
    waiting("shared", { group: "shared", onBusy: "attach" }),
    waiting("shared too", { group: "shared", onBusy: "attach" }),
    waiting("latest", { group: "latest", onBusy: "cancel" }),
    waiting("witness", { group: "witness", onBusy: "queue", maxQueue: 500 }),
    waiting("after", "after"),
    failing("fails", "after"),
    waiting("free", "free"),
    waiting("deaf", "deaf"),
  ]);
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a taken group", () => {
  it("is answered with 409, which names the group, its holder, since when, and when to try again", async () => {
    const before = Date.now();
    const first = call("reports");
    await group("reports", 1);
    const refused = await call("reports");
    expect(refused.status).toBe(409);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    const held = await first;
    expect(held.status).toBe(200);
    const { holder, message, ...body } = refused.json as {
      holder: { processId: string; since: string };
      message: string;
    };
    expect(body).toEqual({ status: "Fail", code: "group_busy", group: "reports", place: 1 });
    expect(holder).toMatchObject({
      processId: held.json.processId,
      project: "exclusion",
      flow: "reports",
    });
    expect(Date.parse(holder.since)).toBeGreaterThanOrEqual(before);
    expect(message).toContain("Nothing was started");
    expect(refused.headers.get("x-process-id")).toBeNull();
    expect((await runs("reports")).map(({ id }) => id)).toEqual([held.json.processId]);
  });

  it("is the same in upper and lower case and for every flow that names it", async () => {
    const first = call("reports");
    await group("reports", 1);
    expect(await call("reports too")).toMatchObject({
      status: 409,
      json: { group: "reports", holder: { flow: "reports" } },
    });
    await first;
    expect((await call("reports too", 1)).status).toBe(200);
  });
});

describe("a group that depends on the request", () => {
  const order = (id: unknown, ms = HOLD_MS) =>
    trigger("exclusion", "by order", { ...postJson({ id }), query: `?ms=${ms}` });

  it("keeps equal ones apart and lets different ones run together", async () => {
    const first = order(1);
    await group("order-1", 1);
    expect(await order(1)).toMatchObject({ status: 409, json: { group: "order-1" } });
    expect((await order(2, 1)).status).toBe(200);
    await first;
  });

  it("may be written as a template", async () => {
    const first = call("by template", HOLD_MS, "&customer=Ann");
    await group("customer ann", 1);
    expect((await call("by template", 1, "&customer=ANN")).status).toBe(409);
    expect((await call("by template", 1, "&customer=Bob")).status).toBe(200);
    await first;
  });

  it("is none when it is empty", async () => {
    const answers = await Promise.all([call("optional"), call("optional", HOLD_MS, "&group=%20")]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });

  it("is refused with 400 when no name comes of it", async () => {
    expect(await trigger("exclusion", "by id", postJson({ id: { nested: true } }))).toMatchObject({
      status: 400,
      json: { code: "invalid_request" },
    });
    expect(await trigger("exclusion", "by id", postJson({ id: -1 }))).toMatchObject({
      status: 400,
      json: { code: "invalid_request" },
    });
    expect(await call("optional", 1, `&group=${"x".repeat(201)}`)).toMatchObject({ status: 400 });
  });
});

describe("the setting", () => {
  async function refusedWith(exclusion: unknown): Promise<{ path: string; reason: string }[]> {
    const flow = waiting("wrong", "x");
    const response = await admin("PUT", "/projects/wrong", {
      sluice: 1,
      project: "wrong",
      flows: [{ ...flow, endpoint: { ...flow.endpoint, exclusion } }],
    });
    expect(response.status).toBe(422);
    const { errors } = (await response.json()) as { errors: { path: string; reason: string }[] };
    return errors;
  }

  it("is checked when the flow is applied", async () => {
    for (const [exclusion, path, reason] of [
      ["=asked.ms", "/flows/0/endpoint/exclusion", /sees fields of `input` only/],
      ["=run.id", "/flows/0/endpoint/exclusion", /sees fields of `input` only/],
      [{ group: "=input.json.(" }, "/flows/0/endpoint/exclusion/group", /expression/],
      [{ group: "a ${input.jsn}" }, "/flows/0/endpoint/exclusion/group", /jsn/],
      ["x".repeat(201), "/flows/0/endpoint/exclusion", /MAX_GROUP_CHARS/],
      [{ group: "g", onBusy: "wait" }, "/flows/0/endpoint/exclusion/onBusy", /./],
      [{ group: "g", maxQueue: 0 }, "/flows/0/endpoint/exclusion/maxQueue", /./],
      [{ group: "g", queue: 1 }, "/flows/0/endpoint/exclusion/queue", /no setting/],
    ] as const) {
      const problems = await refusedWith(exclusion);
      expect(problems.map((problem) => problem.path)).toEqual([path]);
      expect(problems[0]?.reason).toMatch(reason);
    }
  });
});

describe("onBusy: queue", () => {
  it("runs one after the other, in order of arrival", async () => {
    const calls: Promise<Answer>[] = [];
    for (let index = 0; index < 4; index += 1) {
      calls.push(call("in line", 50));
      await group("line", 1, index);
    }
    const answers = await Promise.all(calls);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const history = new Map((await runs("in line")).map((run) => [run.id, run]));
    const lines = answers.map(({ json }) => history.get(json.processId as string) as RunLine);
    for (let index = 1; index < lines.length; index += 1) {
      expect(lines[index]!.startedAt >= lines[index - 1]!.endedAt).toBe(true);
    }
  });

  it("refuses past maxQueue, and says at which place", async () => {
    const first = call("short line");
    await group("short line", 1);
    const second = call("short line", 1);
    await group("short line", 1, 1);
    const third = await call("short line");
    expect(third).toMatchObject({ status: 409, json: { code: "group_busy", place: 2 } });
    expect(third.json.message).toContain("maxQueue");
    expect([(await first).status, (await second).status]).toEqual([200, 200]);
  });

  it("refuses when maxWait is over, and nothing ran", async () => {
    const first = call("impatient");
    await group("impatient", 1);
    expect(await call("impatient")).toMatchObject({ status: 409, json: { place: 1 } });
    await group("impatient", 1, 0);
    const held = await first;
    expect((await runs("impatient")).map(({ id }) => id)).toEqual([held.json.processId]);
  });

  it("refuses when the call's own timeout is over, and nothing ran", async () => {
    const first = call("in line", HOLD_MS);
    await group("line", 1);
    expect((await call("in line", 1, "&timeout=40")).status).toBe(409);
    await first;
    await group("line", 0);
  });
});

describe("onBusy: attach", () => {
  it("gives every caller the answer of the run that held the group, which ran once", async () => {
    const first = call("shared");
    await group("shared", 1);
    const others = [call("shared"), call("shared")];
    await group("shared", 1, 0, 2);
    const [held, ...attached] = await Promise.all([first, ...others]);
    for (const answer of attached) {
      expect([answer.status, answer.text]).toEqual([held?.status, held?.text]);
      expect(answer.headers.get("x-process-id")).toBe(held?.json.processId);
      expect(answer.headers.get("x-exclusion")).toBe("attached");
    }
    expect(held?.headers.get("x-exclusion")).toBeNull();
    expect(await runs("shared")).toHaveLength(1);
  });

  it("waits its turn behind a run of another flow", async () => {
    const first = call("shared");
    await group("shared", 1);
    const other = call("shared too", 1);
    await group("shared", 1, 1);
    const [held, own] = await Promise.all([first, other]);
    expect(own.status).toBe(200);
    expect(own.json.processId).not.toBe(held.json.processId);
  });

  it("takes a turn of its own when the run it attached to was aborted", async () => {
    const first = call("shared", 60_000, "&timeout=200");
    await group("shared", 1);
    const second = call("shared", 1);
    expect((await first).status).toBe(504);
    const own = await second;
    expect(own.status).toBe(200);
    expect(own.headers.get("x-exclusion")).toBeNull();
  });
});

describe("onBusy: cancel", () => {
  it("stops the run that holds the group, and then runs", async () => {
    const first = call("latest", 60_000);
    await group("latest", 1);
    const second = await call("latest", 1);
    expect(second.status).toBe(200);
    const stopped = await first;
    expect(stopped).toMatchObject({ status: 409, json: { status: "Cancelled", data: {} } });
    expect(stopped.json.message).toContain("onBusy: cancel");
    const history = await runs("latest");
    expect(history.map(({ status }) => status).sort()).toEqual(["Cancelled", "Success"]);
    const [cancelled] = history.filter(({ status }) => status === "Cancelled");
    const [succeeded] = history.filter(({ status }) => status === "Success");
    expect(succeeded!.startedAt >= cancelled!.endedAt).toBe(true);
  });
});

describe("a group is free again", () => {
  it.each([
    ["after a success", () => call("after", 1), 200],
    ["after a failure", () => trigger("exclusion", "fails"), 400],
    ["after a timeout", () => call("after", 60_000, "&timeout=30"), 504],
  ])("%s, when the caller has its answer", async (_when, run, status) => {
    for (let time = 0; time < 3; time += 1) {
      expect((await run()).status).toBe(status);
      expect((await call("after", 1)).status).toBe(200);
    }
  });
});

describe("200 callers at once", () => {
  it("are never two inside, and each has its turn", async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, () => call("witness", 2)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(200);
    const history = (await runs("witness")).sort((left, right) =>
      left.startedAt < right.startedAt || (left.startedAt === right.startedAt && left.endedAt < right.endedAt)
        ? -1
        : 1,
    );
    expect(history).toHaveLength(200);
    for (let index = 1; index < history.length; index += 1) {
      expect(history[index]!.startedAt >= history[index - 1]!.endedAt).toBe(true);
    }
  }, 30_000);

  it("are told at once when they may not wait, all but one", async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, () => call("reports", HOLD_MS)));
    const counts = Map.groupBy(answers, ({ status }) => status);
    expect([...counts.keys()].sort()).toEqual([200, 409]);
    // More than one ran only if they ran one after the other, since those who came late found it free again.
    const history = (await runs("reports")).sort((left, right) =>
      left.startedAt < right.startedAt ? -1 : 1,
    );
    for (let index = 1; index < history.length; index += 1) {
      expect(history[index]!.startedAt >= history[index - 1]!.endedAt).toBe(true);
    }
  }, 30_000);
});

describe("what it costs", () => {
  it("a free group is two calls to its object", async () => {
    const spies = (["acquire", "release", "renew"] as const).map((name) =>
      vi.spyOn(ExclusionGroup.prototype, name),
    );
    expect((await call("free", 1)).status).toBe(200);
    expect(spies.map((spy) => spy.mock.calls.length)).toEqual([1, 1, 0]);
  });

  it("an endpoint without a group asks none", async () => {
    const spy = vi.spyOn(ExclusionGroup.prototype, "acquire");
    expect((await call("optional", 1)).status).toBe(200);
    expect(spy).not.toHaveBeenCalled();
  });
});

describe("an object that cannot be asked", () => {
  it("is answered with 503, never with 409, and nothing runs", async () => {
    vi.spyOn(ExclusionGroup.prototype, "acquire").mockRejectedValue(new Error("the object was moved"));
    const released = vi.spyOn(ExclusionGroup.prototype, "release");
    const answer = await call("deaf", 1);
    expect(answer).toMatchObject({ status: 503, json: { code: "unavailable", group: "deaf" } });
    expect(answer.headers.get("retry-after")).toBe("1");
    expect(answer.text).not.toContain("moved");
    expect(await runs("deaf")).toEqual([]);
    // It may have been granted all the same, so it is given back.
    await vi.waitFor(() => expect(released).toHaveBeenCalled());
  });

  it("is asked a second time, and had decided the first", async () => {
    const acquire = ExclusionGroup.prototype.acquire;
    const spy = vi.spyOn(ExclusionGroup.prototype, "acquire").mockImplementationOnce(async function (
      this: ExclusionGroup,
      request,
    ) {
      await acquire.call(this, request);
      throw new Error("the answer was lost");
    });
    expect((await call("deaf", 1)).status).toBe(200);
    expect(spy).toHaveBeenCalledTimes(2);
    await group("deaf", 0);
  });

  it("does not spoil the answer when the release fails; the lease ends instead", async () => {
    const spy = vi.spyOn(ExclusionGroup.prototype, "release").mockRejectedValue(new Error("gone"));
    expect((await call("deaf", 1)).status).toBe(200);
    spy.mockRestore();
    expect((await call("deaf", 1)).status).toBe(409);
    const later = Date.now() + 15_001;
    vi.useFakeTimers({ toFake: ["Date"], now: later });
    try {
      await runDurableObjectAlarm(env.EXCLUSION_GROUP.getByName("e1/group/deaf"));
      expect((await call("deaf", 1)).status).toBe(200);
    } finally {
      vi.useRealTimers();
    }
  });
});
