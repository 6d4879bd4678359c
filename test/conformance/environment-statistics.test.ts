import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { inboxName, inboxShardOf } from "../../src/domain/delivery";
import {
  data,
  EnvironmentCaller,
  hostOf,
  pretendUse,
  recount,
  refused,
  type WireEnvironment,
} from "../support/environments";
import { authentication, envelopeOf, fieldsXml } from "../support/soap";
import { issueApiKey, issueInterface } from "../support/v1";
import { admin, call, returning } from "../support/worker";

// Changes of environments are waited for, and a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

/*
 * Every statistic of an environment, moved by what it counts; and its storage, counted wherever it lies. A gigabyte of a
 * package stands for 10 MB here.
 */

const GB = 10_000_000;

let caller: EnvironmentCaller;
let dataKey: string;

beforeAll(async () => {
  caller = new EnvironmentCaller(await issueApiKey("organization"));
  dataKey = await issueApiKey("data");
});

/** An environment of its own, with a project that has one of everything. */
async function working(): Promise<{ environment: WireEnvironment; id: string; host: string; app: string }> {
  const environment = await caller.ready();
  const { id } = environment;
  const applied = await admin(
    "PUT",
    "/projects/working",
    {
      flows: [
        returning("quick", "done"),
        { ...returning("nightly", "done"), schedule: { cron: "0 3 * * *" } },
        {
          flow: "slow",
          endpoint: { anonymous: true },
          outputs: { out: "any" },
          start: "pause",
          nodes: {
            pause: { type: "delay", for: "60ms", next: "out" },
            out: { type: "output", to: "out", value: 1 },
          },
        },
      ],
      keystores: [{ keystore: "settings", type: "raw" }],
      tables: [{ table: "heap", columns: { text: "text" } }],
      webhooks: [{ webhook: "incoming", flow: "quick" }],
    },
    { "x-environment": id },
  );
  if (!applied.ok) throw new Error(await applied.text());
  const app = `app-${id}`;
  await issueInterface(app, {}, Number(id));
  return { environment, id, host: hostOf(environment), app };
}

const counted = (id: string, field: string, value: number) =>
  expect.poll(async () => (await caller.stats(id))[field], { timeout: 20_000, interval: 200 }).toBe(value);

describe("each statistic is moved by what it counts, and by nothing else", () => {
  it("tasks, avg_performance and peak_performance: runs that began, and the time that they took", async () => {
    const { id, host } = await working();
    expect(await caller.stats(id)).toEqual({
      status: "OK",
      current_storage: expect.any(Number),
      visits: 0,
      records: 0,
      batches: 0,
      webhooks: 0,
      tasks: 0,
      avg_performance: 0,
      peak_performance: 0,
    });
    await call("/phixflow/api/1/action/working/quick/trigger", {}, host);
    await call("/phixflow/api/1/action/working/slow/trigger", {}, host);
    await counted(id, "tasks", 2);
    const { peak_performance: peak = 0, avg_performance: mean = 0, ...others } = await caller.stats(id);
    expect(peak).toBeGreaterThanOrEqual(50);
    expect(mean).toBeLessThanOrEqual(peak);
    expect(mean).toBeGreaterThan(0);
    expect(others).toMatchObject({ visits: 0, records: 0, batches: 0, webhooks: 0 });
  });

  it("records: data records that are stored now, whichever API stored them", async () => {
    const { id, host, app } = await working();
    const headers = { "content-type": "application/json", "x-apikey": dataKey, "x-app": app };
    const insert = (uuid: string) =>
      call(
        "/v1/record",
        {
          method: "POST",
          headers: { ...headers, "x-flow": "quick", "x-uuid": uuid },
          body: JSON.stringify([{ amount: 1 }]),
        },
        host,
      );
    expect((await insert("first")).status).toBe(201);
    const soap = envelopeOf(
      "insertRecord",
      fieldsXml({
        ...authentication({ apiKey: dataKey, name: app }),
        DataRecordObject: { Data: btoa('{"amount":2}') },
        FlowDiagramObject: { Flow: "quick" },
      }),
    );
    const sent = await call(
      "/v1/soap",
      { method: "POST", headers: { "content-type": "text/xml" }, body: soap },
      host,
    );
    expect(sent.status).toBe(201);
    await counted(id, "records", 2);
    // Their runs are tasks, and no batches.
    await counted(id, "tasks", 2);
    expect((await caller.stats(id)).batches).toBe(0);
    const remove = () => call("/v1/record/first", { method: "DELETE", headers }, host);
    // One whose run goes on is in use.
    await vi.waitFor(async () => expect((await remove()).status).not.toBe(403), { timeout: 4_000 });
    await counted(id, "records", 1);
  }, 30_000);

  it("batches: runs that schedules started", async () => {
    const { id } = await working();
    const scheduler = env.SCHEDULER.getByName(`e${id}/scheduler`);
    const shown = await admin("GET", "/schedules?project=working", undefined, { "x-environment": id });
    expect((await shown.json<{ schedules: unknown[] }>()).schedules).toHaveLength(1);
    // Its time is moved to now, as if three o'clock had come.
    await runInDurableObject(scheduler, async (object, { storage }) => {
      storage.sql.exec("UPDATE schedules SET due = ?", Date.now() - 1_000);
      await object.alarm();
    });
    await counted(id, "batches", 1);
    expect(await caller.stats(id)).toMatchObject({ batches: 1, tasks: 1, webhooks: 0, records: 0 });
  });

  it("webhooks: runs that deliveries started", async () => {
    const { id, host } = await working();
    const deliver = () => call("/v1/webhook/incoming", { method: "POST", body: "{}" }, host);
    expect((await deliver()).status).toBe(201);
    expect((await deliver()).status).toBe(201);
    await counted(id, "webhooks", 2);
    expect(await caller.stats(id)).toMatchObject({ batches: 0, tasks: 2, records: 0 });
  });

  it("visits: pages and files that were shown, and no errors, redirects or API calls", async () => {
    const { id, host } = await working();
    const projects = await data<{ id: string }[]>(await caller.send("GET", `/${id}/projects`));
    const uploaded = await admin("PUT", "/projects/working/pages/welcome", "<p>hello</p>", {
      "content-type": "text/html",
      "x-environment": id,
    });
    expect(uploaded.status).toBe(201);
    const mapping = { url: "/welcome/", name: "welcome", type: "hostedpage" };
    const mapped = await caller.send("POST", `/${id}/urls`, [
      { ...mapping, project_id: Number(projects[0]?.id) },
    ]);
    expect(mapped.status).toBe(200);
    for (const [path, status] of [
      ["/welcome/", 200],
      ["/welcome", 308],
      ["/welcome/none", 404],
      ["/welcome/", 200],
    ] as const) {
      expect((await call(path, {}, host)).status, path).toBe(status);
    }
    expect((await call("/welcome/", { method: "POST" }, host)).status).toBe(405);
    expect((await call("/welcome/", { headers: { range: "bytes=99-" } }, host)).status).toBe(416);
    expect((await call("/welcome/", { headers: { "if-none-match": "*" } }, host)).status).toBe(304);
    await counted(id, "visits", 3);
  });

  it("status: OK, OBSERVE from 70 %, CRITICAL from 90 % of the storage in use", async () => {
    const { id } = await caller.ready();
    const state = async (percent: number) => {
      await pretendUse(id, (percent / 100) * 20 * GB);
      const { stats, storage_info } = await caller.read(id);
      expect(storage_info).toMatchObject({
        total: 20,
        used_percentage: percent,
        available_percentage: expect.closeTo(100 - percent, 3),
      });
      return (stats as { status: string }).status;
    };
    expect(await state(69.99)).toBe("OK");
    expect(await state(70)).toBe("OBSERVE");
    expect(await state(89.99)).toBe("OBSERVE");
    expect(await state(90)).toBe("CRITICAL");
  });
});

describe("current_storage counts", () => {
  const stored = async (id: string): Promise<number> => {
    await recount(id);
    return (await caller.stats(id)).current_storage as number;
  };
  /** Storage as it is when every object has told what it keeps. */
  const grows = async (id: string, before: number, by: number, object?: DurableObjectStub) => {
    if (object !== undefined) await tell(object);
    await expect
      .poll(async () => (await stored(id)) - before, { timeout: 20_000, interval: 500 })
      .toBeCloseTo(by, 3);
  };
  /** Has an object tell what it keeps now, and not seconds later. */
  const tell = (object: DurableObjectStub) =>
    runInDurableObject(object, async (instance, { storage }) => {
      storage.sql.exec("UPDATE usage SET due = 1 WHERE due IS NOT NULL");
      await (instance as unknown as { alarm(): Promise<void> }).alarm();
    });
  const ownerOf = async (id: string) => {
    const row = await env.DB.prepare(
      "SELECT id FROM resources WHERE environment_id = ? AND kind = 'keystore'",
    )
      .bind(Number(id))
      .first<{ id: number }>();
    return env.KEYSTORE_OWNER.getByName(`e${id}/keystore/${row?.id}`);
  };

  it("records, rows of tables and files", async () => {
    const { id, host, app } = await working();
    const headers = { "content-type": "application/json", "x-apikey": dataKey, "x-app": app };
    const text = "x".repeat(500_000);
    const before = await stored(id);
    const row = await call(
      "/v1/tables/heap",
      { method: "POST", headers, body: JSON.stringify({ text }) },
      host,
    );
    expect(row.status).toBe(200);
    await grows(id, before, 0.05);
    const record = await call(
      "/v1/record",
      { method: "POST", headers: { ...headers, "x-flow": "quick" }, body: JSON.stringify({ text }) },
      host,
    );
    expect(record.status).toBe(201);
    await grows(id, before, 0.1);
    const own = { "x-environment": id };
    expect((await admin("PUT", "/projects/working/files/a.txt", text, own)).status).toBe(201);
    await grows(id, before, 0.15);
    expect((await admin("DELETE", "/projects/working/files/a.txt", undefined, own)).status).toBe(204);
    await grows(id, before, 0.1);
  }, 60_000);

  it("values of keystores: written, written over, deleted, expired, dropped", async () => {
    const { id, host } = await working();
    const before = await stored(id);
    const write = async (method: string, key: string, length: number, more: Record<string, string> = {}) => {
      const answer = await call(
        `/v1/keystore/settings/${key}`,
        {
          method,
          headers: { "content-type": "text/plain", "x-apikey": dataKey, ...more },
          ...(method === "DELETE" ? {} : { body: "é".repeat(length / 2) }),
        },
        host,
      );
      expect(answer.status).toBe(200);
    };
    const owner = await ownerOf(id);
    await write("POST", "a", 500_000);
    await write("POST", "b", 200_000);
    // It is told without anyone asking.
    await grows(id, before, 0.07);
    await write("PUT", "a", 300_000);
    await grows(id, before, 0.05, owner);
    await write("DELETE", "b", 0);
    await grows(id, before, 0.03, owner);
    await write("POST", "c", 200_000, { "x-expires-in": "1" });
    await grows(id, before, 0.05, owner);
    await scheduler.wait(1_100);
    await grows(id, before, 0.03, owner);
    // The project that goes takes its keystore along.
    const [project] = await data<{ id: string }[]>(await caller.send("GET", `/${id}/projects`));
    await data(await caller.send("DELETE", `/${id}/project/${project?.id}`));
    await tell(owner);
    await expect
      .poll(
        async () =>
          (
            await env.DB.prepare("SELECT count(*) AS n FROM object_storage WHERE environment_id = ?")
              .bind(Number(id))
              .first<{ n: number }>()
          )?.n,
        { timeout: 20_000, interval: 500 },
      )
      .toBe(0);
  }, 60_000);

  it("deliveries of webhooks, until they are forgotten", async () => {
    const { id, host } = await working();
    const before = await stored(id);
    const body = "x".repeat(400_000);
    const sent = await call("/v1/webhook/incoming", { method: "POST", body }, host);
    expect(sent.status).toBe(201);
    const { resource } = await sent.json<{ resource: { _id: { $id: string } } }>();
    await grows(id, before, 0.04);
    const shard = inboxShardOf(resource._id.$id) as number;
    const inbox = env.WEBHOOK_INBOX.getByName(inboxName(Number(id), "incoming", shard));
    await runInDurableObject(inbox, (_object, { storage }) => {
      storage.sql.exec("UPDATE deliveries SET keep_until = 1, due = NULL");
    });
    // The first alarm forgets it, and the next one tells.
    await tell(inbox);
    await grows(id, before, 0, inbox);
  }, 60_000);

  it("what an object counted before it told anything: one that is older than this count", async () => {
    const { id, host } = await working();
    const before = await stored(id);
    await call(
      "/v1/keystore/settings/old",
      {
        method: "POST",
        headers: { "content-type": "text/plain", "x-apikey": dataKey },
        body: "x".repeat(100_000),
      },
      host,
    );
    const owner = await ownerOf(id);
    await runInDurableObject(owner, (_object, { storage }) => {
      storage.sql.exec("DROP TABLE usage");
    });
    await evictDurableObject(owner);
    await call(
      "/v1/keystore/settings/old",
      { headers: { "x-apikey": dataKey, "cache-control": "no-cache" } },
      host,
    );
    await grows(id, before, 0.01, owner);
  }, 60_000);
});

describe("an environment that is full", () => {
  it("takes no records, rows, values, deliveries and copies over any API; reads, changes and deletions go on", async () => {
    const { id, host, app } = await working();
    const headers = { "content-type": "application/json", "x-apikey": dataKey, "x-app": app };
    const text = { ...headers, "content-type": "text/plain" };
    const at = (path: string, init: RequestInit) => call(path, init, host);
    expect((await at("/v1/keystore/settings/k", { method: "POST", headers: text, body: "v" })).status).toBe(
      200,
    );
    const first = await at("/v1/webhook/incoming", { method: "POST", body: "{}" });
    const delivery = (await first.json<{ resource: { id: string } }>()).resource.id;
    await pretendUse(id, 20 * GB);
    const full = async () => {
      const answer = await at("/v1/keystore/settings/new", { method: "POST", headers: text, body: "v" });
      return answer.status;
    };
    await expect.poll(full, { timeout: 15_000, interval: 500 }).toBe(403);
    await pretendUse(id, 20 * GB);
    const soap = envelopeOf(
      "insertRecord",
      fieldsXml({
        ...authentication({ apiKey: dataKey, name: app }),
        DataRecordObject: { Data: btoa("{}") },
        FlowDiagramObject: { Flow: "quick" },
      }),
    );
    const writes: [string, () => Promise<Response>][] = [
      ["row", () => at("/v1/tables/heap", { method: "POST", headers, body: '{"text":"a"}' })],
      [
        "record",
        () => at("/v1/record", { method: "POST", headers: { ...headers, "x-flow": "quick" }, body: "{}" }),
      ],
      ["record over SOAP", () => at("/v1/soap", { method: "POST", headers: text, body: soap })],
      ["value", () => at("/v1/keystore/settings/k", { method: "PUT", headers: text, body: "w" })],
      ["missing key that is read", () => at("/v1/keystore/settings/missing", { headers })],
      ["delivery", () => at("/v1/webhook/incoming", { method: "POST", body: "{}" })],
      [
        "replayed delivery",
        () =>
          admin("POST", `/webhooks/incoming/deliveries/${delivery}/replay`, undefined, {
            "x-environment": id,
          }),
      ],
      ["file", () => admin("PUT", "/projects/working/files/a.txt", "x", { "x-environment": id })],
      [
        "value of the management API",
        () =>
          admin("PUT", "/keystores/settings/keys/k", "w", {
            "x-environment": id,
            "content-type": "text/plain",
          }),
      ],
    ];
    for (const [what, write] of writes) {
      const answer = what === "record over SOAP" ? await at("/v1/soap", soapInit(soap)) : await write();
      expect([what, answer.status]).toEqual([what, 403]);
      expect(await answer.text()).toContain("storage is full");
    }
    const read = await at("/v1/keystore/settings/k", {
      headers: { ...headers, "cache-control": "no-cache" },
    });
    expect([read.status, await read.text()]).toEqual([200, '"v"']);
    expect((await at("/v1/tables/heap", { headers })).status).toBe(200);
    expect((await at("/v1/keystore/settings/k", { method: "DELETE", headers })).status).toBe(200);
    const run = await at("/phixflow/api/1/action/working/quick/trigger", {});
    expect(run.status).toBe(200);
  }, 60_000);

  it("takes no copied data: the copy says so", async () => {
    const source = await working();
    const target = await caller.ready();
    const applied = await admin("PUT", "/projects/copied", {
      flows: [returning("f", 1)],
      tables: [{ table: "copied", columns: { text: "text" } }],
    });
    expect(applied.ok).toBe(true);
    const hosted = await data<{ id: string; name: string }[]>(await caller.send("GET", "/1/projects"));
    const project = hosted.find(({ name }) => name === "copied")?.id;
    await pretendUse(target.id, 20 * GB);
    const began = await data(
      await caller.send("POST", `/${target.id}/project/${project}`, { all_tables: "insert" }),
    );
    expect(began.status).toBe("updating");
    await caller.becomes(target.id, "ready");
    const { progress } = await caller.read(target.id);
    expect(progress).toMatchObject({
      done: 1,
      of: 1,
      failed: [{ item: "table copied", reason: expect.stringContaining("full") }],
    });
    expect(source.id).not.toBe(target.id);
    await refused(await caller.send("POST", `/${target.id}/upgrade`, { storage: 1 }), 400);
  }, 60_000);
});

function soapInit(envelope: string): RequestInit {
  return { method: "POST", headers: { "content-type": "text/xml" }, body: envelope };
}
