import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { MAX_IDEMPOTENCY_KEY_CHARS, MAX_PREFER_WAIT_S } from "../../src/domain/limits";
import { admin, apply, post, trigger } from "../support/worker";

// steps: one ─ pause(=ms) ─ out
const steps = (flow: string, endpoint: object, more: object = {}): object => ({
  flow,
  endpoint: { anonymous: true, ...endpoint },
  outputs: { out: "any" },
  start: "one",
  nodes: {
    one: {
      type: "calculate",
      value: { n: "=input.json.n", r: "=$random()", said: "=$debug('ran')" },
      next: "pause",
    },
    pause: { type: "delay", for: "=$number(input.json.ms ?? 0)", next: "out" },
    out: { type: "output", to: "out" },
  },
  ...more,
});

beforeAll(async () => {
  await apply("async", [
    steps("run", { mode: "async" }),
    steps("other", { mode: "async" }),
    steps("aliased", { mode: "async", alias: "fast lane" }),
    steps("logged", { mode: "async", logRequests: true }),
    steps("sync", { logResponse: true }),
    steps("handed", { onTimeout: "handoff", timeout: "300ms" }),
    { ...steps("checked", { mode: "async" }), input: { body: { n: "integer", "ms?": "integer" } } },
    {
      flow: "fails",
      endpoint: { anonymous: true, mode: "async" },
      start: "no",
      nodes: { no: { type: "error", message: "it is closed" } },
    },
    {
      flow: "fixed",
      endpoint: { anonymous: true, mode: "async" },
      start: "answer",
      nodes: {
        answer: { type: "respond", statusCode: 418, contentType: "text/plain", body: "short and stout" },
      },
    },
    {
      flow: "orders",
      endpoint: { anonymous: true, mode: "async", records: "$" },
      outputs: { out: "any" },
      start: "check",
      nodes: {
        check: { type: "calculate", value: "=item < 0 ? $error('negative') : item", next: "out" },
        out: { type: "output", to: "out" },
      },
    },
  ]);
});

interface Body {
  processId: string;
  status: string;
  data: Record<string, unknown>;
  [field: string]: unknown;
}

async function start(flow: string, body: unknown, headers: Record<string, string> = {}): Promise<Body> {
  const response = await post(`async/${flow}/trigger`, body, headers);
  expect(response.status).toBe(200);
  return (await response.json()) as Body;
}

const poll = (flow: string, id: string, headers: Record<string, string> = {}) =>
  trigger(`async/${flow}/poll/${id}`, { headers });

async function ended(flow: string, id: string): Promise<Body> {
  const response = await poll(flow, id, { prefer: "wait=10" });
  expect(response.status).toBe(200);
  return (await response.json()) as Body;
}

describe("an asynchronous endpoint", () => {
  test("answers with the process id as soon as the run is accepted, and nothing else", async () => {
    const response = await post("async/run/trigger", { n: 1, ms: 50 });
    expect(response.status).toBe(200);
    const body = (await response.json()) as Body;
    expect(body).toEqual({
      processId: expect.stringMatching(/^[0-9a-z]{9}d0[0-7][0-9a-f]{32}$/),
      status: "Queued",
      data: {},
    });
    expect(response.headers.get("x-process-id")).toBe(body.processId);
    expect(response.headers.get("location")).toBe(`/phixflow/api/1/action/async/run/poll/${body.processId}`);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await ended("run", body.processId)).toMatchObject({
      status: "Success",
      data: { out: [{ n: 1 }] },
    });
  });

  test("a poll shows how far the run is, then how it ended", async () => {
    const { processId } = await start("run", { n: 1, ms: 400 });
    const underWay = await vi.waitFor(async () => {
      const body = (await (await poll("run", processId)).json()) as Body;
      expect(body.status).toBe("Waiting");
      return body;
    });
    expect(underWay).toEqual({
      processId,
      status: "Waiting",
      data: {},
      startedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      progress: { done: 1, of: 3, current: "pause" },
      nextWakeAt: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    const final = await ended("run", processId);
    expect(final).toEqual({
      processId,
      status: "Success",
      data: { out: [{ n: 1, r: expect.any(Number), said: "ran" }] },
      startedAt: underWay.startedAt,
      endedAt: expect.any(String),
    });
    // A final state is for good.
    expect(await (await poll("run", processId)).json()).toEqual(final);
  });

  test("a failed run is told by a poll with status 200", async () => {
    const { processId } = await start("fails", {});
    expect(await ended("fails", processId)).toMatchObject({
      status: "Fail",
      data: {},
      message: "it is closed",
      errors: [{ message: "it is closed", node: "no" }],
    });
  });

  test("records that failed are listed beside the others' outputs", async () => {
    const { processId } = await start("orders", [1, -1, 3]);
    expect(await ended("orders", processId)).toMatchObject({
      status: "Success",
      data: { out: [1, 3] },
      errors: [{ index: 1, message: "negative" }],
    });
  });

  test("fixed output attributes are data of the poll", async () => {
    const { processId } = await start("fixed", {});
    expect(await ended("fixed", processId)).toMatchObject({
      status: "Success",
      data: { statusCode: 418, contentType: "text/plain", body: "short and stout" },
    });
  });

  test("answers at its alias, and at the form of version 10", async () => {
    const response = await post("fast%20lane/trigger", { n: 1 });
    const { processId } = (await response.json()) as Body;
    expect(response.headers.get("location")).toBe(`/phixflow/api/1/action/fast%20lane/poll/${processId}`);
    expect((await trigger(`fast%20lane/poll/${processId}`)).status).toBe(200);
    const old = await post("run/trigger", { n: 1 });
    const { processId: second } = (await old.json()) as Body;
    const polled = await trigger(`run/poll/${second}`);
    expect(polled.status).toBe(200);
    expect(polled.headers.get("deprecation")).not.toBeNull();
    expect(polled.headers.get("link")).toContain(`/async/run/poll/${second}`);
  });

  test("any other id is not found, in the same words", async () => {
    const { processId } = await start("run", { n: 1 });
    const elsewhere = `${processId.slice(0, 10)}zz${processId.slice(12)}`;
    const texts = new Set<string>();
    for (const [flow, id] of [
      ["other", processId],
      ["run", elsewhere],
      ["run", `${processId.slice(0, 9)}l${processId.slice(12)}`],
      ["run", "..%2F..%2Fetc"],
      ["run", "'; DROP TABLE runs; --"],
      ["run", processId.toUpperCase()],
    ] as const) {
      const response = await poll(flow, encodeURIComponent(id));
      expect(response.status, id).toBe(404);
      texts.add(((await response.json()) as { message: string }).message);
    }
    expect([...texts].filter((text) => !text.startsWith("There is nothing"))).toHaveLength(1);
  });

  test("another environment's run is not found", async () => {
    const { processId } = await start("run", { n: 1 });
    await env.DB.prepare(
      "INSERT OR IGNORE INTO environments (id, organization_id, name, host, created_at) VALUES (7, 1, 'seven', 'seven.test', 0)",
    ).run();
    const stub = env.RUN_SHARD.getByName(`e7/shard/${Number.parseInt(processId.slice(10, 12), 36)}`);
    expect(await (stub as unknown as { poll(id: string): Promise<unknown> }).poll(processId)).toEqual({
      kind: "missing",
    });
  });

  test("input that is wrong is refused, and nothing is accepted", async () => {
    const response = await post("async/checked/trigger", { n: "one" }, { "idempotency-key": "wrong-first" });
    expect(response.status).toBe(400);
    // The key is still free.
    expect((await start("checked", { n: 1 }, { "idempotency-key": "wrong-first" })).status).toBe("Queued");
  });

  test("an acceptance in no time at all is still told truly", async () => {
    const response = await trigger("async/run/trigger?timeout=1", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"n":1}',
    });
    const body = (await response.json()) as Body;
    if (response.status === 200) expect((await poll("run", body.processId)).status).toBe(200);
    else {
      expect(response.status).toBe(503);
      expect(body.processId).toBeUndefined();
    }
    expect((await trigger("async/run/trigger?timeout=0")).status).toBe(400);
  });

  test("a logged request is in the run's console", async () => {
    const { processId } = await start("logged", { n: 1 }, { authorization: "Bearer secret-of-mine" });
    await ended("logged", processId);
    const run = await vi.waitFor(async () => {
      const response = await admin("GET", `/runs/${processId}`);
      expect(response.status).toBe(200);
      return (await response.json()) as { status: string; messages: { text: string; details?: string }[] };
    });
    expect(run.messages.map(({ text }) => text)).toEqual([expect.stringMatching(/^Request POST /), "ran"]);
    expect(JSON.stringify(run)).not.toContain("secret-of-mine");
  });
});

describe("Prefer: wait", () => {
  test("waits for the result, and answers as a poll would", async () => {
    const response = await post("async/run/trigger", { n: 5, ms: 100 }, { prefer: "respond-async, wait=10" });
    expect(response.status).toBe(200);
    expect(response.headers.get("preference-applied")).toBe("wait=10");
    expect(await response.json()).toMatchObject({ status: "Success", data: { out: [{ n: 5 }] } });
  });

  test("a run that takes longer is answered as it stands", async () => {
    const response = await post("async/run/trigger", { n: 5, ms: 5_000 }, { prefer: "wait=1" });
    expect(await response.json()).toMatchObject({ status: "Waiting", data: {} });
  });

  test("more than is offered is cut, nonsense is ignored", async () => {
    const long = await post("async/run/trigger", { n: 5 }, { prefer: "wait=86400" });
    expect(long.headers.get("preference-applied")).toBe(`wait=${MAX_PREFER_WAIT_S}`);
    const nonsense = await post("async/run/trigger", { n: 5 }, { prefer: "wait=soon" });
    expect(nonsense.headers.get("preference-applied")).toBeNull();
  });
});

describe("Idempotency-Key", () => {
  test("10 calls at once are one run with one answer", async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => start("run", { n: 1 }, { "idempotency-key": "ten" })),
    );
    expect(new Set(answers.map(({ processId }) => processId)).size).toBe(1);
  });

  test("another request under the key is a conflict; another endpoint's key is another", async () => {
    const first = await start("run", { n: 1 }, { "idempotency-key": "mine" });
    const changed = await post("async/run/trigger", { n: 2 }, { "idempotency-key": "mine" });
    expect(changed.status).toBe(409);
    expect(await changed.json()).toMatchObject({ code: "conflict" });
    const query = await post("async/run/trigger?a=1", { n: 1 }, { "idempotency-key": "mine" });
    expect(query.status).toBe(409);
    expect((await start("other", { n: 1 }, { "idempotency-key": "mine" })).processId).not.toBe(
      first.processId,
    );
    const patient = await post("async/run/trigger?timeout=5000", { n: 1 }, { "idempotency-key": "mine" });
    expect(await patient.json()).toMatchObject({ processId: first.processId });
  });

  test("a synchronous call with a key runs once, and is answered the same again", async () => {
    const call = () => post("async/sync/trigger", { n: 1, ms: 100 }, { "idempotency-key": "sync" });
    const [first, twin] = await Promise.all([call(), call()]);
    const later = await call();
    const texts = [await first?.text(), await twin?.text(), await later.text()];
    expect(new Set(texts).size).toBe(1);
    expect(JSON.parse(texts[0] as string)).toMatchObject({ status: "Success", data: { out: [{ n: 1 }] } });
    expect([first?.status, twin?.status, later.status]).toEqual([200, 200, 200]);
    const { processId } = JSON.parse(texts[0] as string) as Body;
    await vi.waitFor(
      async () => {
        const run = (await (await admin("GET", `/runs/${processId}`)).json()) as {
          messages: { text: string }[];
        };
        // The run's own message once, and the answer as it was logged.
        expect(run.messages.map(({ text }) => text)).toEqual(["ran", "Response 200 OK"]);
      },
      { timeout: 3_000 },
    );
  });

  test("a synchronous call with a key is aborted at its timeout, and answered so again", async () => {
    const call = () =>
      post("async/sync/trigger?timeout=200", { n: 1, ms: 3_000 }, { "idempotency-key": "slow" });
    const first = await call();
    expect(first.status).toBe(504);
    const body = (await first.json()) as Body;
    expect(body.status).toBe("Timeout");
    const again = await call();
    expect([again.status, await again.json()]).toEqual([504, body]);
  });

  test("keys have a length", async () => {
    const long = await post(
      "async/run/trigger",
      {},
      { "idempotency-key": "k".repeat(MAX_IDEMPOTENCY_KEY_CHARS + 1) },
    );
    expect(long.status).toBe(400);
    expect(await long.json()).toMatchObject({ limit: "MAX_IDEMPOTENCY_KEY_CHARS" });
    await start("run", { n: 1 }, { "idempotency-key": "k".repeat(MAX_IDEMPOTENCY_KEY_CHARS) });
  });
});

describe("hand-over", () => {
  test("a call that takes longer than its timeout is answered 202, and its run goes on", async () => {
    const response = await post("async/handed/trigger", { n: 3, ms: 800 });
    expect(response.status).toBe(202);
    const { processId, status } = (await response.json()) as Body;
    expect(status).toBe("Waiting");
    expect(response.headers.get("location")).toBe(`/phixflow/api/1/action/async/handed/poll/${processId}`);
    expect(await ended("handed", processId)).toMatchObject({ status: "Success", data: { out: [{ n: 3 }] } });
  });

  test("one that is fast enough is answered like any other", async () => {
    const response = await post("async/handed/trigger", { n: 3 });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ status: "Success", data: { out: [{ n: 3 }] } });
  });
});

describe("management of durable runs", () => {
  const read = async (id: string) =>
    (await admin("GET", `/runs/${id}`)).json() as Promise<Record<string, unknown>>;

  test("a run that has not ended is read from its shard", async () => {
    const { processId } = await start("run", { n: 1, ms: 60_000 });
    await vi.waitFor(async () => expect(await read(processId)).toMatchObject({ status: "Waiting" }));
    expect(await read(processId)).toMatchObject({
      id: processId,
      project: "async",
      flow: "run",
      endedAt: null,
      progress: { done: 1, of: 3, current: "pause" },
      nextWakeAt: expect.any(String),
      messages: [{ text: "ran", node: "one" }],
    });
  });

  test("a run is cancelled, for good, and as often as one likes", async () => {
    const { processId } = await start("run", { n: 1, ms: 60_000 });
    const first = await admin("DELETE", `/runs/${processId}`);
    expect(first.status).toBe(200);
    const state = await first.json();
    expect(state).toMatchObject({ id: processId, status: "Cancelled", endedAt: expect.any(String) });
    expect(await (await admin("DELETE", `/runs/${processId}`)).json()).toEqual(state);
    expect(await ended("run", processId)).toMatchObject({
      status: "Cancelled",
      message: "the run was cancelled",
    });
    await vi.waitFor(
      async () => {
        const { runs } = (await (await admin("GET", "/runs?status=Cancelled")).json()) as {
          runs: { id: string }[];
        };
        expect(runs.map(({ id }) => id)).toContain(processId);
      },
      { timeout: 3_000 },
    );
  });

  test("an ended run stays as it is when it is cancelled", async () => {
    const { processId } = await start("run", { n: 1 });
    const before = await ended("run", processId);
    expect(await (await admin("DELETE", `/runs/${processId}`)).json()).toMatchObject({ status: "Success" });
    expect(await ended("run", processId)).toEqual(before);
  });

  test("a run runs again, as it was or from a node on", async () => {
    const { processId } = await start("run", { n: 4 });
    const before = await ended("run", processId);
    const whole = await admin("POST", `/runs/${processId}/rerun`);
    expect(whole.status).toBe(201);
    const again = (await whole.json()) as { id: string };
    const result = await ended("run", again.id);
    expect(result).toMatchObject({ status: "Success", data: { out: [{ n: 4 }] } });
    // Chance is new where everything runs, and kept where the step is.
    expect(result.data).not.toEqual(before.data);
    const part = await admin("POST", `/runs/${processId}/rerun`, { from: "out" });
    expect(part.status).toBe(201);
    const kept = await ended("run", ((await part.json()) as { id: string }).id);
    expect(kept.data).toEqual(before.data);
  });

  test("what cannot be done is said", async () => {
    const { processId } = await start("run", { n: 1, ms: 60_000 });
    expect((await admin("POST", `/runs/${processId}/rerun`)).status).toBe(409);
    await admin("DELETE", `/runs/${processId}`);
    const unknown = await admin("POST", `/runs/${processId}/rerun`, { from: "nowhere" });
    expect([unknown.status, ((await unknown.json()) as { detail: string }).detail]).toEqual([
      400,
      expect.stringContaining("one, pause, out"),
    ]);
    const light = await post("async/sync/trigger", { n: 1 });
    const lightId = light.headers.get("x-process-id");
    for (const id of [lightId, "nothing", `${processId.slice(0, -1)}x`]) {
      expect((await admin("DELETE", `/runs/${id}`)).status).toBe(404);
      expect((await admin("POST", `/runs/${id}/rerun`)).status).toBe(404);
    }
  });
});
