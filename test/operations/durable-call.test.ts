import { describe, expect, test, vi } from "vitest";
import type { RunView, StartRequest, StartResult } from "../../src/domain/durable-run";
import type { SluiceError } from "../../src/domain/errors";
import { noNames, type Plan } from "../../src/engine/plan";
import { type CheckedCall, startDurableRun } from "../../src/operations/durable-call";
import type { IncomingCall } from "../../src/operations/incoming-call";
import type { RunShards, World } from "../../src/operations/ports";
import { HttpRunInput } from "../../src/operations/run-input";
import type { Renderer } from "../../src/operations/trigger-flow";
import { FakeHost } from "../support/fake-host";
import { POINTER } from "../support/flow-pointer";

const ID = `0mwr66kzfd03${"0".repeat(32)}`;
const host = new FakeHost();
const world: World = { now: () => Date.now(), newRunId: () => "", random: () => 0.5 };
const render: Renderer = {
  outcome: ({ status }) => ({ status: 200, headers: [], body: status }),
  state: ({ id, status }, how) => ({
    status: how === "accepted" ? 202 : 200,
    headers: [],
    body: `${how} ${id} ${status}`,
  }),
};

function viewOf(status: RunView["status"]): RunView {
  return { id: ID, status } as RunView;
}

/** Shards that answer as the test says, and count what they are asked. */
class FakeShards {
  readonly asked: string[] = [];
  readonly requests: StartRequest[] = [];
  start: () => Promise<StartResult> = async () => ({
    kind: "accepted",
    view: viewOf("Queued"),
    replayed: false,
  });
  withdraw: () => Promise<unknown> = async () => ({ kind: "withdrawn" });

  port(): RunShards {
    const note = (verb: string) => this.asked.push(verb);
    return {
      newRunId: () => ID,
      start: (request: StartRequest) => {
        note("start");
        this.requests.push(request);
        return this.start();
      },
      withdraw: () => {
        note("withdraw");
        return this.withdraw();
      },
    } as unknown as RunShards;
  }
}

async function checkedCall(
  endpoint: Partial<Plan["endpoint"]>,
  more: Partial<CheckedCall> = {},
): Promise<CheckedCall> {
  const call: IncomingCall = {
    method: "POST",
    url: "http://sluice.test/phixflow/api/1/action/p/f/trigger",
    query: new URLSearchParams(),
    headers: new Headers() as unknown as IncomingCall["headers"],
    client: "192.0.2.1",
    signal: new AbortController().signal,
    readBody: async () => new Uint8Array(),
  };
  const plan = { endpoint, graph: { nodes: [] }, recordsPath: undefined } as unknown as Plan;
  const input = await HttpRunInput.read(call);
  return {
    plan,
    pointer: POINTER,
    user: "system",
    call,
    input,
    records: [null],
    timeout: undefined,
    key: undefined,
    ...more,
  };
}

const never = () => new Promise<never>(() => {});

describe("an asynchronous call", () => {
  test("costs one call to a shard, and no other, before its answer", async () => {
    const shards = new FakeShards();
    const answer = await startDurableRun(
      { shards: shards.port(), world, host },
      await checkedCall({ mode: "async" }),
      render,
    );
    expect(answer).toMatchObject({ status: 200, body: `started ${ID} Queued` });
    expect(shards.asked).toEqual(["start"]);
  });

  test("not accepted in time, it is withdrawn: 503, and nothing runs", async () => {
    const shards = new FakeShards();
    shards.start = never;
    const call = await checkedCall({ mode: "async" }, { timeout: 10 });
    const error = await startDurableRun({ shards: shards.port(), world, host }, call, render).catch(
      (refused: SluiceError) => refused,
    );
    expect(error).toMatchObject({ code: "unavailable", message: expect.stringContaining("10 ms") });
    expect((error as SluiceError).details.processId).toBeUndefined();
    expect(shards.asked).toEqual(["start", "withdraw"]);
  });

  test("accepted after all, and begun: that is told, rather than denied", async () => {
    const shards = new FakeShards();
    shards.start = never;
    shards.withdraw = async () => ({ kind: "begun", view: viewOf("Running") });
    const call = await checkedCall({ mode: "async" }, { timeout: 10 });
    expect(await startDurableRun({ shards: shards.port(), world, host }, call, render)).toMatchObject({
      status: 200,
      body: `started ${ID} Running`,
    });
  });

  test("where even that cannot be found out, the 503 names the process id", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const shards = new FakeShards();
    shards.start = () => Promise.reject(new Error("the object was reset"));
    shards.withdraw = () => Promise.reject(new Error("the object was reset"));
    const call = await checkedCall({ mode: "async" });
    await expect(startDurableRun({ shards: shards.port(), world, host }, call, render)).rejects.toMatchObject(
      {
        code: "unavailable",
        details: { processId: ID },
      },
    );
    vi.restoreAllMocks();
  });

  test.each([
    ["key_reused", "conflict"],
    ["too_large", "payload_too_large"],
    ["withdrawn", "unavailable"],
  ] as const)("%s is %s", async (kind, code) => {
    const shards = new FakeShards();
    shards.start = async () => ({ kind });
    const call = await checkedCall({ mode: "async" });
    await expect(startDurableRun({ shards: shards.port(), world, host }, call, render)).rejects.toMatchObject(
      {
        code,
      },
    );
  });
});

describe("a synchronous call that runs durably", () => {
  test("asks again, for the same run, when its shard dies meanwhile", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const shards = new FakeShards();
    let deaths = 2;
    const view = { ...viewOf("Success"), outcome: { status: "Success" } } as RunView;
    shards.start = async () => {
      deaths -= 1;
      if (deaths >= 0) throw new Error("the object was reset");
      return { kind: "accepted", view, replayed: true };
    };
    const call = await checkedCall({ mode: "sync" }, { key: "k" });
    expect(await startDurableRun({ shards: shards.port(), world, host }, call, render)).toMatchObject({
      body: "Success",
    });
    expect(shards.asked).toEqual(["start", "start", "start"]);
    expect(new Set(shards.requests.map(({ id }) => id)).size).toBe(1);
    expect(new Set(shards.requests.map(({ idempotency }) => idempotency?.key)).size).toBe(1);
    vi.restoreAllMocks();
  });

  test("is handed over when it takes too long, where the endpoint says so", async () => {
    const shards = new FakeShards();
    shards.start = async () => ({ kind: "accepted", view: viewOf("Running"), replayed: false });
    const call = await checkedCall({ mode: "sync", onTimeout: "handoff" }, { timeout: 10 });
    expect(await startDurableRun({ shards: shards.port(), world, host }, call, render)).toMatchObject({
      status: 202,
      body: `accepted ${ID} Running`,
    });
  });

  test("of an endpoint in an exclusion group says which, and is told when it is taken", async () => {
    const shards = new FakeShards();
    const call = await checkedCall({ mode: "sync" }, { key: "k" });
    const group = { constant: "Reports", names: noNames(), evaluate: () => "Reports" };
    const exclusion = { group, onBusy: "reject", maxQueue: 7, maxWaitMs: 900 } as const;
    call.plan = { ...call.plan, exclusion } as Plan;
    const holder = { runId: "other", project: "p", flow: "f", since: 0 };
    shards.start = async () => ({ kind: "busy", holder, place: 2, retryAfter: 3 });
    const start = () => startDurableRun({ shards: shards.port(), world, host }, call, render);
    await expect(start()).rejects.toMatchObject({
      code: "group_busy",
      details: { group: "reports", place: 2, retryAfter: 3, holder: { processId: "other" } },
    });
    expect(shards.requests[0]?.exclusion).toEqual({
      group: "reports",
      onBusy: "reject",
      maxQueue: 7,
      maxWaitMs: 900,
    });
    shards.start = async () => ({ kind: "undecided" });
    await expect(start()).rejects.toMatchObject({ code: "unavailable" });
  });
});
