import {
  createExecutionContext,
  createMessageBatch,
  getQueueResult,
  waitOnExecutionContext,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { CatalogSource } from "../../src/adapters/d1/catalog-source";
import { EnvironmentUse } from "../../src/adapters/d1/environment-use";
import { D1Projects } from "../../src/adapters/d1/projects";
import { D1RunLog } from "../../src/adapters/d1/run-log";
import { BufferedRunHistory, consumeHistory } from "../../src/adapters/queue/run-history";
import { app } from "../../src/app";
import type { Bindings } from "../../src/bindings";
import { newLightRunId } from "../../src/domain/process-id";
import type { RunRecord } from "../../src/domain/run";
import worker from "../../src/index";
import { endpointName, findEndpoint } from "../../src/operations/endpoint";
import type { Trust } from "../../src/operations/ports";
import { servicesOf } from "../../src/services";
import { type CountingBindings, countingBindings } from "../support/counting-bindings";
import { ORIGIN, returning } from "../support/worker";

/** Budgets (how often the Worker asks its bindings), and the stores behind them under duplicates, failures and age. */

afterEach(() => vi.useRealTimers());

/** A request to an isolate of its own, which these bindings stand for. Resolves with the answer; `settled` with the rest. */
async function send(isolate: CountingBindings, path: string, init: RequestInit = {}): Promise<Response> {
  const context = createExecutionContext();
  const response = await app.fetch(
    new Request(`${ORIGIN}${path}`, init) as never,
    isolate.bindings,
    context as never,
  );
  return response as unknown as Response;
}

const call = (isolate: CountingBindings, path: string) =>
  send(isolate, `/phixflow/api/1/action/${path}/trigger`);

async function put(isolate: CountingBindings, project: string, flows: readonly unknown[]): Promise<Response> {
  const response = await send(isolate, `/admin/v1/projects/${project}`, {
    method: "PUT",
    headers: { authorization: `Bearer ${env.ADMIN_TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify({ flows }),
  });
  expect(response.status, await response.clone().text()).toBeLessThan(300);
  return response;
}

async function value(response: Response): Promise<unknown> {
  return ((await response.json()) as { data: { out: unknown[] } }).data.out[0];
}

const isolateOf = (more: Partial<Bindings> = {}) =>
  countingBindings(env, { CATALOG_MAX_AGE_MS: "1000", ...more });
const HOUR = { CATALOG_MAX_AGE_MS: "3600000" };

describe("budgets", () => {
  beforeAll(async () => {
    await put(isolateOf(), "budget", [
      returning("a", 1),
      returning("strict", 2, { endpoint: { history: "strict" } }),
    ]);
  });

  test("a warm anonymous synchronous trigger asks no binding before its answer", async () => {
    const isolate = isolateOf(HOUR);
    await call(isolate, "budget/a");
    isolate.reset();
    for (let index = 0; index < 50; index += 1) expect(await value(await call(isolate, "budget/a"))).toBe(1);
    expect(isolate.counts).toEqual({
      statements: [],
      batches: 0,
      kvReads: [],
      kvWrites: [],
      messages: [],
      durableObjectCalls: 0,
    });
  });

  test("a name that does not exist is remembered too", async () => {
    const isolate = isolateOf(HOUR);
    await call(isolate, "budget/missing");
    isolate.reset();
    expect((await call(isolate, "budget/missing")).status).toBe(404);
    expect([isolate.counts.kvReads, isolate.counts.statements]).toEqual([[], []]);
  });

  test("a name that cannot exist asks nothing at all", async () => {
    const isolate = isolateOf(HOUR);
    expect((await call(isolate, `budget/${"x".repeat(5_000)}`)).status).toBe(404);
    expect([isolate.counts.kvReads, isolate.counts.statements]).toEqual([[], []]);
  });

  test("once a second one of the requests reads KV: the host's environment and the epoch", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const isolate = isolateOf();
    await call(isolate, "budget/a");
    await call(isolate, "budget/a");
    isolate.reset();
    vi.setSystemTime(Date.now() + 1_000);
    await Promise.all(Array.from({ length: 20 }, () => call(isolate, "budget/a")));
    expect(isolate.counts.kvReads.sort()).toEqual(["e/1/epoch", "host/sluice.test"]);
    expect(isolate.counts.statements).toEqual([]);
  });

  test("2,000 usual runs leave in one message, others in smaller ones", async () => {
    const sent: string[] = [];
    const history = new BufferedRunHistory({
      queue: { send: async (text: string) => void sent.push(text) } as unknown as Queue,
      log: new D1RunLog(env.DB),
      background: () => {},
      now: Date.now,
    });
    const run = (index: number, more: Partial<RunRecord> = {}): RunRecord => ({
      environmentId: 1,
      id: newLightRunId(1_700_000_000_000 + (index % 900)),
      projectId: 1,
      project: "Größe",
      flowId: 1,
      flow: "a",
      flowVersion: 1,
      trigger: "action",
      user: "system",
      startedAt: 1_700_000_000_000 + (index % 900),
      endedAt: 1_700_000_000_950,
      status: "Success",
      message: null,
      messages: [],
      ...more,
    });
    for (let index = 0; index < 1_999; index += 1) history.record(run(index));
    expect(sent).toEqual([]);
    history.record(run(1_999));
    await vi.waitFor(() => expect(sent).toHaveLength(1));
    const { segments } = JSON.parse(sent[0] as string) as { segments: unknown[][] };
    expect(segments.map((segment) => segment[10])).toEqual([1_000, 1_000]);
    expect(new TextEncoder().encode(sent[0]).byteLength).toBeLessThan(128_000);

    const said = { at: 1, level: "info", text: "ü".repeat(300) } as const;
    const spoken = (index: number) => run(index, { messages: Array.from({ length: 9 }, () => said) });
    for (let index = 0; index < 39; index += 1) history.record(spoken(index));
    expect(sent).toHaveLength(1);
    history.record(spoken(39));
    await vi.waitFor(() => expect(sent.length).toBeGreaterThan(2));
    for (const text of sent) expect(new TextEncoder().encode(text).byteLength).toBeLessThan(128_000);
    await history.flush();
    const messages = sent.flatMap((text) => (JSON.parse(text) as { messages: unknown[] }).messages);
    expect(messages).toHaveLength(40 * 9);
  });

  test("strict history is one batch", async () => {
    const isolate = isolateOf(HOUR);
    await call(isolate, "budget/strict");
    isolate.reset();
    const response = await call(isolate, "budget/strict");
    expect(isolate.counts).toMatchObject({ batches: 1, messages: [], kvReads: [] });
    expect(isolate.counts.statements).toHaveLength(1);
    expect(await new D1RunLog(env.DB).find(1, response.headers.get("x-process-id") as string)).toBeDefined();
  });

  test("2,000 flows are applied with a bounded number of statements, and again with six, two of them the audit trail's", async () => {
    const isolate = isolateOf(HOUR);
    const flows = Array.from({ length: 2_000 }, (_, index) => returning(`f${index}`, index));
    await put(isolate, "large", flows);
    expect(isolate.counts.batches).toBe(1);
    expect(isolate.counts.statements.length).toBeLessThan(40);
    isolate.reset();
    await put(isolate, "large", flows);
    expect(isolate.counts.batches).toBe(0);
    expect(isolate.counts.statements.length).toBeLessThanOrEqual(6);
  }, 60_000);
});

describe("indexes", () => {
  /** Statements that a call sends, with the way SQLite would go for each. */
  async function plans(work: (bindings: Bindings) => Promise<unknown>): Promise<string[]> {
    const isolate = isolateOf();
    await work(isolate.bindings);
    const details: string[] = [];
    for (const sql of isolate.counts.statements) {
      const placeholders = new Set(sql.match(/\?\d+/g));
      const { results } = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .bind(...Array.from(placeholders, () => 1))
        .all<{ detail: string }>();
      details.push(...results.map(({ detail }) => detail));
    }
    expect(details.length).toBeGreaterThan(0);
    return details;
  }

  const from = { from: 1, to: 2 };
  test.each([
    {},
    from,
    { project: "p" },
    { flow: "f" },
    { project: "p", flow: "f", ...from },
    { status: "Fail" as const },
    { status: "Success" as const },
    { trigger: "webhook" },
    { user: "someone" },
    { user: "system", trigger: "action", project: "p" },
  ])("a list of runs by %j reads an index in its order", async (filter) => {
    for (const after of [undefined, newLightRunId(5)]) {
      const details = await plans((bindings) => new D1RunLog(bindings.DB).list(1, filter, 50, after));
      expect(details.join("; ")).not.toMatch(/SCAN|TEMP B-TREE/);
    }
  });

  test("rare things are found by indexes of their own", async () => {
    const used = async (filter: object) =>
      (await plans((bindings) => new D1RunLog(bindings.DB).list(1, filter, 50, undefined))).join();
    expect(await used({ status: "Fail" })).toContain("runs_by_failure");
    expect(await used({ trigger: "webhook" })).toContain("runs_by_trigger");
    expect(await used({ user: "someone" })).toContain("runs_by_user");
    expect(await used({ project: "p" })).toContain("runs_by_project");
    expect(await used({ flow: "f" })).toContain("runs_by_flow");
    expect(await used({ trigger: "webhook" })).toContain("run_segments_by_trigger");
    expect(await used({ user: "someone" })).toContain("run_segments_by_user");
    expect(await used({ project: "p" })).toContain("run_segments_by_project");
    expect(await used({ flow: "f" })).toContain("run_segments_by_flow");
    for (const filter of [{}, { status: "Success" }, { user: "system" }])
      expect(await used(filter)).toContain("run_segments_by_time");
  });

  test("statistics are told from an index, but for segments at the day's edge", async () => {
    const details = await plans(({ DB }) => new EnvironmentUse(DB).statistics(1, 172_800_000));
    const segments = details.filter((detail) => detail.includes("run_segments"));
    expect(segments).toEqual([
      expect.stringMatching(/^SEARCH run_segments USING COVERING INDEX run_segments_by_time .*last_id>/),
      expect.stringMatching(
        /^SEARCH run_segments USING INDEX run_segments_by_time .*last_id>\? AND last_id<\?/,
      ),
    ]);
  });

  test("names are resolved, and projects read, without a scan", async () => {
    const details = await plans(async ({ DB }) => {
      const source = new CatalogSource(DB, "sluice.localhost");
      const projects = new D1Projects(DB);
      await source.environment("h");
      await source.epoch(1);
      await source.resolve(1, { kind: "named", project: "p", flow: "f" });
      await source.resolve(1, { kind: "single", segment: "s" });
      await source.flow(1, 1, "f");
      await source.version(1, 1, 1);
      await projects.list(1, 10, "a");
      await projects.find(1, "p");
      await projects.flows(1, 1);
      await projects.flow(1, 1, "f");
      await projects.definitions(1, 1, true);
      await projects.versions(1, 1, 10, undefined);
      await projects.aliasesElsewhere(1, "p", ["a"]);
      await new D1RunLog(DB).find(1, newLightRunId(5));
    });
    // `environments` has as many rows as there are environments, and one question for a host and the default.
    expect(details.filter((detail) => /SCAN (?!json_each|environments)/.test(detail))).toEqual([]);
  });
});

describe("catalogue", () => {
  test("a change through this isolate is in force at once, through another within its age", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const [here, there] = [isolateOf(), isolateOf()];
    await put(here, "epochs", [returning("a", 1)]);
    expect([await value(await call(here, "epochs/a")), await value(await call(there, "epochs/a"))]).toEqual([
      1, 1,
    ]);
    await put(here, "epochs", [returning("a", 2)]);
    expect([await value(await call(here, "epochs/a")), await value(await call(there, "epochs/a"))]).toEqual([
      2, 1,
    ]);
    vi.setSystemTime(Date.now() + 1_000);
    await call(there, "epochs/a");
    expect(await value(await call(there, "epochs/a"))).toBe(2);
  });

  test("a crash between the commit and the KV put heals when the copy has aged", async () => {
    const [here, later, fresh] = [isolateOf(), isolateOf(), isolateOf()];
    await put(here, "crash", [returning("a", 1)]);
    expect(await value(await call(later, "crash/a"))).toBe(1);
    // What an isolate leaves behind that dies after the commit: the new state in D1, the old epoch in KV.
    const old = (await env.CATALOG.get("e/1/epoch")) as string;
    await put(here, "crash", [returning("a", 2)]);
    await env.CATALOG.put("e/1/epoch", old, { expirationTtl: 60 });
    expect(await value(await call(fresh, "crash/a"))).toBe(1);
    // After its time to live KV has the copy no more, and D1 is asked.
    await env.CATALOG.delete("e/1/epoch");
    expect(await value(await call(isolateOf(), "crash/a"))).toBe(2);
    expect(await env.CATALOG.get("e/1/epoch")).not.toBe(old);
  });

  test("every copy of what changes ends by itself, those of versions do not", async () => {
    await call(isolateOf(), "crash/a");
    await vi.waitFor(async () => {
      const { keys } = await env.CATALOG.list();
      const lasting = keys.filter(({ expiration }) => expiration === undefined).map(({ name }) => name);
      expect(lasting.length).toBeGreaterThan(0);
      expect(lasting.filter((name) => !/^e\/\d+\/version\/\d+\/\d+$/.test(name))).toEqual([]);
    });
  });

  test("without copies in KV the answers come from D1", async () => {
    for (const { name } of (await env.CATALOG.list()).keys) await env.CATALOG.delete(name);
    expect(await value(await call(isolateOf(), "crash/a"))).toBe(2);
  });

  test("a put that KV refuses does not make a committed change fail", async () => {
    const isolate = isolateOf();
    isolate.fail("kv.put");
    await put(isolate, "refused", [returning("a", 3)]);
    isolate.fail("kv.put", false);
    expect(await value(await call(isolate, "refused/a"))).toBe(3);
  });

  describe("what was found for a name of an endpoint", () => {
    const named = (flow: string, project = "kept") =>
      endpointName("kept.example", { kind: "named", project, flow });

    test("is used again for as long as host and epoch are, and not when the clock was put back", async () => {
      const isolate = isolateOf({ CATALOG_MAX_AGE_MS: "60000" });
      await put(isolate, "kept", [returning("a", 1)]);
      const { catalog } = servicesOf(isolate.bindings);
      const name = named("a");
      // The first one reads where the host leads, which is news.
      await findEndpoint(catalog, name, Date.now());
      const now = Date.now();
      const found = await findEndpoint(catalog, name, now);
      const { from, until } = (name.found as { trust: Trust }).trust;
      expect(until - from).toBeGreaterThan(50_000);
      expect(until - from).toBeLessThanOrEqual(60_000);
      for (const at of [from, until - 1]) expect(findEndpoint(catalog, name, at)).toBe(found);
      for (const at of [from - 1, until]) expect(await findEndpoint(catalog, name, at)).not.toBe(found);
    });

    test("is not used any more when anything was published", async () => {
      const isolate = isolateOf(HOUR);
      await put(isolate, "kept", [returning("a", 1)]);
      const { catalog } = servicesOf(isolate.bindings);
      const name = named("a");
      const { pointer } = await findEndpoint(catalog, name, Date.now());
      const before = catalog.generation;
      await put(isolate, "kept", [returning("a", 2)]);
      expect(catalog.generation === before).toBe(false);
      expect((await findEndpoint(catalog, name, Date.now())).pointer.version).toBe(pointer.version + 1);
    });

    test("is not used any more when a host leads elsewhere, or was published to by another isolate", async () => {
      vi.useFakeTimers({ toFake: ["Date"] });
      const [here, there] = [isolateOf(), isolateOf()];
      await put(there, "kept", [returning("a", 1)]);
      const { catalog } = servicesOf(here.bindings);
      const name = named("a");
      const { pointer } = await findEndpoint(catalog, name, Date.now());
      await put(there, "kept", [returning("a", 3)]);
      expect((await findEndpoint(catalog, name, Date.now())).pointer).toEqual(pointer);
      vi.setSystemTime(Date.now() + 1_001);
      const before = catalog.generation;
      // The first one looks, and so has the new epoch.
      await findEndpoint(catalog, name, Date.now());
      expect((await findEndpoint(catalog, name, Date.now())).pointer.version).toBe(pointer.version + 1);
      expect(catalog.generation === before).toBe(false);
      const again = catalog.generation;
      await catalog.forgetHosts([]);
      expect(catalog.generation === again).toBe(false);
    });

    test("is let go when a plan has to make room for another", async () => {
      const isolate = isolateOf(HOUR);
      const { catalog } = servicesOf(isolate.bindings);
      const generations = new Set<object>();
      for (let index = 0; index < 12; index += 1) {
        const project = `large ${index}`;
        await put(isolate, project, [returning("a", "x".repeat(400_000))]);
        const before = catalog.generation;
        await findEndpoint(catalog, named("a", project), Date.now());
        if (catalog.generation !== before) generations.add(catalog.generation);
      }
      // Some ten of them fit.
      expect(generations.size).toBeGreaterThan(0);
      expect(generations.size).toBeLessThan(6);
    });
  });

  test("a host name of any length leads to the default environment", async () => {
    const catalog = servicesOf(isolateOf().bindings).catalog;
    for (const host of ["a.example", "x".repeat(600), "", "[::1]"])
      expect(await catalog.environment(host)).toMatchObject({ id: 1 });
  });

  test("a host name of an environment leads there", async () => {
    await env.DB.prepare(
      "INSERT INTO environments (id, organization_id, name, host, is_default, created_at) VALUES (7, 1, 'test', 'test.example', 0, 0)",
    ).run();
    const isolate = isolateOf();
    const catalog = servicesOf(isolate.bindings).catalog;
    expect(await catalog.environment("test.example")).toEqual({ id: 7, organizationId: 1, name: "test" });
    expect(await catalog.environment("other.example")).toMatchObject({ id: 1 });
    const missing = await app.fetch(
      new Request("http://test.example/phixflow/api/1/action/crash/a/trigger") as never,
      isolate.bindings,
      createExecutionContext() as never,
    );
    expect(missing.status).toBe(404);
  });
});

describe("run history", () => {
  let sequence = 0;
  function run(more: Partial<RunRecord> = {}): RunRecord {
    sequence += 1;
    return {
      environmentId: 1,
      id: newLightRunId(1_700_000_000_000 + sequence),
      projectId: 1,
      project: "p",
      flowId: 1,
      flow: `f${sequence % 3}`,
      flowVersion: 1,
      trigger: "action",
      user: "system",
      startedAt: 1_700_000_000_000 + sequence,
      endedAt: 1_700_000_000_001 + sequence,
      status: "Success",
      message: null,
      messages: [],
      ...more,
    };
  }
  const message = (index: number) => ({
    at: 5 + index,
    level: "debug" as const,
    node: "n",
    record: index,
    text: `text ${index} “é” \u0000`,
    textLength: 9_000,
    details: "d".repeat(8_000),
    detailsLength: 90_000,
  });
  const log = new D1RunLog(env.DB);

  function history(isolate: CountingBindings) {
    const background: Promise<unknown>[] = [];
    const made = new BufferedRunHistory({
      queue: isolate.bindings.HISTORY,
      log: new D1RunLog(isolate.bindings.DB),
      background: (work) => background.push(work),
      now: () => Date.now(),
    });
    return { history: made, background };
  }

  async function deliver(messages: unknown[]): Promise<{ acked: number; retried: number }> {
    const batch = createMessageBatch(
      "sluice-history",
      messages.map((body, index) => ({ id: `m${index}`, timestamp: new Date(), attempts: 1, body })),
    );
    const context = createExecutionContext();
    await worker.queue(batch, env, context);
    await waitOnExecutionContext(context);
    const result = await getQueueResult(batch, context);
    return {
      acked: result.ackAll ? messages.length : result.explicitAcks.length,
      retried: result.retryMessages.length,
    };
  }

  test("a run comes back as it was, with its messages in order", async () => {
    const whole = run({
      status: "Fail",
      message: "no",
      messages: Array.from({ length: 5 }, (_, index) => message(index)),
    });
    await log.write([whole]);
    expect(await log.find(1, whole.id)).toEqual(whole);
    expect(await log.find(2, whole.id)).toBeUndefined();
  });

  test("what is delivered twice is written once", async () => {
    const isolate = isolateOf();
    const { history: buffered } = history(isolate);
    const whole = run({ messages: [message(0), message(1)] });
    buffered.record(whole);
    await buffered.flush();
    const { messages } = isolate.counts;
    expect(await deliver([...messages, ...messages])).toMatchObject({ retried: 0 });
    expect(await deliver(messages)).toMatchObject({ retried: 0 });
    expect(await log.find(1, whole.id)).toEqual(whole);
  });

  test("a run whose messages are too many for one queue message travels in parts, in any order", async () => {
    const isolate = isolateOf();
    const { history: buffered } = history(isolate);
    const large = run({ messages: Array.from({ length: 200 }, (_, index) => message(index)) });
    buffered.record(run());
    buffered.record(large);
    buffered.record(run());
    await buffered.flush();
    const { messages } = isolate.counts;
    expect(messages.length).toBeGreaterThan(10);
    for (const text of messages)
      expect(new TextEncoder().encode(text as string).length).toBeLessThan(128_000);
    for (const text of [...messages].reverse()) await deliver([text]);
    expect(await log.find(1, large.id)).toEqual(large);
  });

  test("when the queue refuses, the runs go into the database", async () => {
    const isolate = isolateOf();
    isolate.fail("queue.send");
    const { history: buffered } = history(isolate);
    const runs = [run(), run()];
    for (const each of runs) buffered.record(each);
    await buffered.flush();
    for (const each of runs) expect(await log.find(1, each.id)).toEqual(each);
  });

  test("a message that cannot be written does not keep the others out", async () => {
    const isolate = isolateOf();
    const { history: buffered } = history(isolate);
    const good = run();
    buffered.record(good);
    await buffered.flush();
    const result = await deliver(["not JSON", ...isolate.counts.messages]);
    expect(result).toEqual({ acked: 1, retried: 1 });
    expect(await log.find(1, good.id)).toEqual(good);
  });

  test("the database is down: everything is delivered again", async () => {
    const isolate = isolateOf();
    const { history: buffered } = history(isolate);
    buffered.record(run());
    await buffered.flush();
    isolate.fail("db");
    const retried: string[] = [];
    const batch = {
      messages: isolate.counts.messages.map((body) => ({
        body,
        ack: () => {},
        retry: () => retried.push("again"),
      })),
      ackAll: () => {
        throw new Error("nothing may be acknowledged");
      },
    } as unknown as MessageBatch;
    await consumeHistory(batch, new D1RunLog(isolate.bindings.DB));
    expect(retried).toEqual(["again"]);
  });

  test("one timer for all that come within a second, and another when that one was lost", () => {
    vi.useFakeTimers();
    const { history: buffered, background } = history(isolateOf());
    buffered.record(run());
    buffered.record(run());
    expect(background).toHaveLength(1);
    vi.setSystemTime(Date.now() + 5_000);
    buffered.record(run());
    expect(background).toHaveLength(2);
  });

  test("2,000 leave at once, without waiting for the timer", async () => {
    const isolate = isolateOf();
    const { history: buffered, background } = history(isolate);
    for (let index = 0; index < 4_500; index += 1) buffered.record(run());
    expect(background).toHaveLength(3);
    await Promise.all(background.slice(1));
    const written = isolate.counts.messages.length;
    expect(written).toBeGreaterThanOrEqual(2);
    await deliver(isolate.counts.messages);
    const listed = await log.list(
      1,
      { from: 1_700_000_000_000, to: 1_700_000_100_000, project: "p" },
      5_000,
      undefined,
    );
    expect(listed.length).toBeGreaterThanOrEqual(4_000);
  });
});

describe("projects", () => {
  const projects = new D1Projects(env.DB);
  const change = (from: number, more: object = {}) => ({
    environmentId: 1,
    name: "store",
    description: null,
    from,
    document: "{}",
    summary: "{}",
    publish: true,
    by: "me",
    at: 5,
    flows: [
      { name: "a", hash: `h${from}`, stored: '{"definition":{},"calls":{}}', alias: null, hasEndpoint: true },
    ],
    republish: [],
    retired: [],
    resources: [],
    removedResources: [],
    statements: [],
    ...more,
  });

  test("a change computed from another version is refused, and leaves nothing", async () => {
    expect(await projects.apply(change(0))).toMatchObject({ kind: "applied", version: 1 });
    const before = await env.DB.batch([
      env.DB.prepare("SELECT * FROM flows"),
      env.DB.prepare("SELECT * FROM projects"),
      env.DB.prepare("SELECT * FROM environments"),
    ]);
    expect(await projects.apply(change(0))).toEqual({ kind: "moved" });
    expect(await projects.apply(change(7))).toEqual({ kind: "moved" });
    const after = await env.DB.batch([
      env.DB.prepare("SELECT * FROM flows"),
      env.DB.prepare("SELECT * FROM projects"),
      env.DB.prepare("SELECT * FROM environments"),
    ]);
    expect(after.map(({ results }) => results)).toEqual(before.map(({ results }) => results));
    expect(await env.DB.prepare("SELECT count(*) AS n FROM version_guards").first("n")).toBe(0);
  });

  test("a taken alias undoes the whole change", async () => {
    const flow = (name: string) => ({
      name,
      hash: "h",
      stored: '{"definition":{},"calls":{}}',
      alias: "store alias",
      hasEndpoint: true,
    });
    expect(await projects.apply(change(0, { name: "store-1", flows: [flow("x")] }))).toMatchObject({
      kind: "applied",
    });
    expect(
      await projects.apply(change(0, { name: "store-2", flows: [change(0).flows[0], flow("y")] })),
    ).toEqual({ kind: "alias_taken" });
    expect(await projects.find(1, "store-2")).toBeUndefined();
  });

  test("a definition near the limit is stored whole", async () => {
    const stored = JSON.stringify({ definition: { text: 'é"'.repeat(300_000) }, calls: {} });
    const flows = [{ name: "big", hash: "h", stored, alias: null, hasEndpoint: false }];
    expect(await projects.apply(change(0, { name: "store-3", flows }))).toMatchObject({ kind: "applied" });
    const project = await projects.find(1, "store-3");
    expect(JSON.stringify((await projects.definitions(1, project?.id ?? 0, false))[0])).toBe(stored);
  });

  test("another environment sees none of it", async () => {
    expect(await projects.find(7, "store")).toBeUndefined();
    expect(await projects.list(7, 10, undefined)).toEqual([]);
    const mine = await projects.find(1, "store");
    expect(await projects.flows(7, mine?.id ?? 0)).toEqual([]);
  });
});

describe("callers", () => {
  test("one that goes away takes its run along", async () => {
    const isolate = isolateOf(HOUR);
    await put(isolate, "gone", [
      {
        flow: "slow",
        endpoint: { anonymous: true, history: "strict" },
        start: "wait",
        nodes: { wait: { type: "delay", for: "1m", next: "end" } },
      },
    ]);
    const caller = new AbortController();
    const pending = send(isolate, "/phixflow/api/1/action/gone/slow/trigger", { signal: caller.signal });
    setTimeout(() => caller.abort(), 50);
    const response = await pending;
    expect(response.status).toBe(409);
    const run = await new D1RunLog(env.DB).find(1, response.headers.get("x-process-id") as string);
    expect(run).toMatchObject({ status: "Cancelled", message: expect.stringContaining("caller went away") });
  });
});

describe("settings", () => {
  test("a deployment without a sound administrator's token keeps the management API closed", async () => {
    for (const ADMIN_TOKEN of ["", "short", "x".repeat(31)]) {
      const isolate = isolateOf({ ADMIN_TOKEN });
      const response = await send(isolate, "/admin/v1/projects", {
        headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      });
      expect([response.status, await response.json()]).toEqual([
        503,
        expect.objectContaining({ code: "not_configured", detail: expect.stringContaining("ADMIN_TOKEN") }),
      ]);
    }
  });

  test("a wrong setting is told by its name", async () => {
    const response = await call(isolateOf({ INSTANCE: "a/b" }), "budget/a");
    expect([response.status, await response.text()]).toEqual([503, expect.stringContaining("INSTANCE")]);
  });

  test("a failing database is a 500 with a reference, without its reason", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const isolate = isolateOf();
    isolate.fail("db");
    isolate.fail("kv.get");
    for (const response of [
      await call(isolate, "budget/a"),
      await send(isolate, "/admin/v1/projects", { headers: { authorization: `Bearer ${env.ADMIN_TOKEN}` } }),
    ]) {
      const text = await response.text();
      expect(response.status).toBe(500);
      expect(text).toContain(response.headers.get("x-request-id"));
      expect(text).not.toContain("made to fail");
    }
    expect(log).toHaveBeenCalled();
    log.mockRestore();
  });
});
