import { describe, expect, test } from "vitest";
import type { Delivery } from "../../src/domain/delivery";
import type { StartRequest, StartResult } from "../../src/domain/durable-run";
import type { FlowPointer, FlowState } from "../../src/domain/flow-address";
import { MAX_GROUP_QUEUE, MAX_WEBHOOK_RUN_BYTES } from "../../src/domain/limits";
import type { Catalog, RunShards, World } from "../../src/operations/ports";
import { type Begun, startDeliveries } from "../../src/operations/start-deliveries";
import { FakeHost } from "../support/fake-host";
import { flowOf, planOf } from "../support/trial";

const RUN = `0mwr66kzfd03${"0".repeat(32)}`;
const world: World = { now: () => 1_000, newRunId: () => "", random: () => 0.5 };

const DELIVERY: Delivery = {
  id: "d",
  runId: RUN,
  target: { environmentId: 1, projectId: 2, webhook: "w", flow: "trial", user: "system" },
  request: {
    method: "POST",
    url: "http://host/v1/webhook/w?a=1",
    headers: [["content-type", "application/json"]],
    contentType: "application/json",
    client: "192.0.2.1",
  },
  size: 2,
  senderId: null,
  receivedAt: 0,
  keepUntil: 1,
  state: "waiting",
  error: null,
  attempts: 0,
  nextAttemptAt: 0,
  replayOf: null,
};

interface Setting {
  status?: FlowState | "missing" | "unreachable";
  /** `silent`: the shard does not answer. */
  answer?: StartResult["kind"] | "silent";
  flow?: Parameters<typeof flowOf>[1];
  delivery?: Partial<Delivery>;
  /** `null`: it was forgotten meanwhile. */
  body?: string | null;
}

async function start({ status = "running", answer = "accepted", flow, delivery, body = "{}" }: Setting = {}) {
  const requests: StartRequest[] = [];
  const plan = planOf(flowOf({ n: { type: "calculate", set: { a: "=input.json.a" }, next: "end" } }, flow));
  const pointer = { environmentId: 1, projectId: 2, flow: "trial", version: 1, status } as FlowPointer;
  const catalog = {
    flow: async () => {
      if (status === "unreachable") throw new Error("the database is away");
      return status === "missing" ? undefined : pointer;
    },
    plan: () => plan,
  } as unknown as Catalog;
  const shards = {
    newRunId: () => "another",
    startMany: async (list: readonly StartRequest[]) => {
      requests.push(...list);
      return new Map(answer === "silent" ? [] : list.map(({ id }) => [id, answer]));
    },
  } as unknown as RunShards;
  let read = 0;
  const begun = await startDeliveries(
    { catalog, shards, world, host: new FakeHost() },
    [{ ...DELIVERY, ...delivery }],
    () => {
      read += 1;
      return body === null ? undefined : new TextEncoder().encode(body);
    },
  );
  return { begun: begun.get(DELIVERY.id) as Begun, requests, read };
}

describe("a delivery", () => {
  test("starts the run whose id it was stored with, as a webhook", async () => {
    const { begun, requests } = await start({ body: '{"a":1}' });
    expect(begun).toEqual({ kind: "started" });
    expect(requests).toMatchObject([
      {
        id: RUN,
        trigger: "webhook",
        user: "system",
        input: {
          method: "POST",
          url: DELIVERY.request.url,
          body: '{"a":1}',
          loose: true,
          client: "192.0.2.1",
        },
      },
    ]);
  });

  test("waits while its flow is paused or inactive, and fails when there is none any more", async () => {
    expect((await start({ status: "paused" })).begun).toMatchObject({ kind: "waits" });
    expect((await start({ status: "inactive" })).begun).toMatchObject({ kind: "waits" });
    const gone = await start({ status: "missing" });
    expect(gone.begun).toMatchObject({ kind: "failed" });
    expect(gone.requests).toEqual([]);
  });

  test("is tried again when it cannot be told which flow it starts", async () => {
    expect((await start({ status: "unreachable" })).begun).toMatchObject({ kind: "unreached" });
  });

  test("that was forgotten while its turn came starts no run, rather than one with an empty body", async () => {
    const { begun, requests } = await start({ body: null });
    expect(begun).toEqual({ kind: "failed", reason: "The delivery is not kept any more." });
    expect(requests).toEqual([]);
  });

  test("of more bytes than a run takes is not even read", async () => {
    const most = await start({ delivery: { size: MAX_WEBHOOK_RUN_BYTES } });
    expect([most.begun.kind, most.read]).toEqual(["started", 1]);
    const over = await start({ delivery: { size: MAX_WEBHOOK_RUN_BYTES + 1 } });
    expect(over.begun).toMatchObject({
      kind: "failed",
      reason: expect.stringContaining("MAX_WEBHOOK_RUN_BYTES"),
    });
    expect(over.read).toBe(0);
  });

  test("that the flow's declared input refuses fails with the reason", async () => {
    const { begun, requests } = await start({
      flow: { input: { body: { a: "number" } } },
      body: '{"a":"x"}',
    });
    expect(begun).toMatchObject({ kind: "failed", reason: expect.stringContaining("body.a") });
    expect(requests).toEqual([]);
  });

  test("waits its turn in an exclusion group, whatever its endpoint does with callers", async () => {
    const flow = { endpoint: { exclusion: { group: "g", onBusy: "cancel", maxQueue: 1 } } } as const;
    const { requests } = await start({ flow });
    expect(requests[0]?.exclusion).toEqual({
      group: "g",
      onBusy: "queue",
      maxQueue: MAX_GROUP_QUEUE,
      maxWaitMs: null,
    });
    expect((await start({ flow, answer: "undecided" })).begun).toMatchObject({ kind: "waits" });
  });

  test("is tried again when the shard cannot be reached, and not when it is too large for it", async () => {
    expect((await start({ answer: "silent" })).begun).toMatchObject({ kind: "unreached" });
    expect((await start({ answer: "too_large" })).begun).toMatchObject({
      kind: "failed",
      reason: expect.stringContaining("MAX_STORED_VALUE_BYTES"),
    });
    expect((await start({ answer: "withdrawn" })).begun).toMatchObject({ kind: "failed" });
  });
});

describe("several deliveries", () => {
  test("are started together, and what is wrong with one is no matter to the others", async () => {
    const calls: string[][] = [];
    const plan = planOf(flowOf({ n: { type: "calculate", set: { a: "=input.json.a" }, next: "end" } }));
    const pointer = (environmentId: number) =>
      ({ environmentId, projectId: 2, flow: "trial", version: 1, status: "running" }) as FlowPointer;
    const catalog = {
      flow: async (environmentId: number, _project: number, flow: string) =>
        flow === "gone" ? undefined : pointer(environmentId),
      plan: async () => plan,
    } as unknown as Catalog;
    const shards = {
      startMany: async (list: readonly StartRequest[]) => {
        calls.push(list.map(({ id }) => id));
        return new Map(list.map(({ id }) => [id, id === "r-2" ? "too_large" : "accepted"]));
      },
    } as unknown as RunShards;
    const deliveries = [1, 2, 3, 4].map((n) => ({
      ...DELIVERY,
      id: `d-${n}`,
      runId: `r-${n}`,
      target: { ...DELIVERY.target, flow: n === 3 ? "gone" : "trial" },
    }));
    const begun = await startDeliveries({ catalog, shards, world, host: new FakeHost() }, deliveries, () =>
      new TextEncoder().encode("{}"),
    );
    expect(calls).toEqual([["r-1", "r-2", "r-4"]]);
    expect(deliveries.map(({ id }) => begun.get(id)?.kind)).toEqual([
      "started",
      "failed",
      "failed",
      "started",
    ]);
  });
});
