import { describe, expect, test } from "vitest";
import type { Delivery } from "../../src/domain/delivery";
import type { StartRequest, StartResult } from "../../src/domain/durable-run";
import type { FlowPointer, FlowState } from "../../src/domain/flow-address";
import { MAX_GROUP_QUEUE, MAX_WEBHOOK_RUN_BYTES } from "../../src/domain/limits";
import type { Catalog, RunShards, World } from "../../src/operations/ports";
import { startDelivery } from "../../src/operations/start-delivery";
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
  status?: FlowState | "missing";
  answer?: StartResult | Error;
  flow?: Parameters<typeof flowOf>[1];
  delivery?: Partial<Delivery>;
  body?: string;
}

async function start({ status = "running", answer, flow, delivery, body = "{}" }: Setting = {}) {
  const requests: StartRequest[] = [];
  const plan = planOf(flowOf({ n: { type: "calculate", set: { a: "=input.json.a" }, next: "end" } }, flow));
  const pointer = { environmentId: 1, projectId: 2, flow: "trial", version: 1, status } as FlowPointer;
  const catalog = {
    flow: () => (status === "missing" ? undefined : pointer),
    plan: () => plan,
  } as unknown as Catalog;
  const shards = {
    newRunId: () => "another",
    start: async (request: StartRequest) => {
      requests.push(request);
      if (answer instanceof Error) throw answer;
      return answer ?? { kind: "accepted", view: { id: request.id }, replayed: false };
    },
  } as unknown as RunShards;
  let read = 0;
  const begun = await startDelivery(
    { catalog, shards, world, host: new FakeHost() },
    { ...DELIVERY, ...delivery },
    () => {
      read += 1;
      return new TextEncoder().encode(body);
    },
  );
  return { begun, requests, read };
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
    expect((await start({ flow, answer: { kind: "undecided" } })).begun).toMatchObject({ kind: "waits" });
  });

  test("is tried again when the shard cannot be reached, and not when it is too large for it", async () => {
    await expect(start({ answer: new Error("gone") })).rejects.toThrow("gone");
    expect((await start({ answer: { kind: "too_large" } })).begun).toMatchObject({
      kind: "failed",
      reason: expect.stringContaining("MAX_STORED_VALUE_BYTES"),
    });
    expect((await start({ answer: { kind: "withdrawn" } })).begun).toMatchObject({ kind: "failed" });
  });
});
