import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { INBOX_SHARDS, inboxName, inboxShardFor } from "../../src/domain/delivery";
import { sha256Hex } from "../../src/domain/digest";
import { LEAF_CERTIFICATE, LEAF_KEY } from "../support/certificates";
import { data, EnvironmentCaller, hostOf, type WireEnvironment } from "../support/environments";
import { issueApiKey, issueInterface } from "../support/v1";
import { admin, call, returning } from "../support/worker";

// Changes of environments are waited for, and a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

/*
 * What is left of an environment that was deleted: nothing but its own row and the audit trail. The tables are read from
 * the schema, so one that is made later fails here until the test fills it, and until it is emptied.
 */

/** Rows of which stay: the state that is told of, and the trail that is append-only. */
const KEPT = ["environment_details", "audit_log"];

let caller: EnvironmentCaller;
let dataKey: string;

beforeAll(async () => {
  caller = new EnvironmentCaller(await issueApiKey("organization"));
  dataKey = await issueApiKey("data");
});

async function succeeded(answer: Promise<Response>): Promise<Response> {
  const response = await answer;
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return response;
}

/** Rows of an environment, by table. */
async function rowsOf(id: string): Promise<Record<string, number>> {
  const { results } = await env.DB.prepare(
    `WITH ours AS MATERIALIZED (SELECT name FROM sqlite_master
       WHERE type = 'table' AND name NOT GLOB 't[0-9]*_*' AND name NOT GLOB '_*' AND name NOT GLOB 'sqlite_*')
     SELECT name FROM ours WHERE EXISTS (SELECT 1 FROM pragma_table_info(ours.name) WHERE name = 'environment_id')
     ORDER BY name`,
  ).all<{ name: string }>();
  const counts = await env.DB.batch<{ rows: number }>(
    results.map(({ name }) =>
      env.DB.prepare(`SELECT count(*) AS rows FROM "${name}" WHERE environment_id = ?`).bind(Number(id)),
    ),
  );
  return Object.fromEntries(results.map(({ name }, index) => [name, counts[index]?.results[0]?.rows ?? 0]));
}

async function declaredTables(id: string): Promise<string[]> {
  const { results } = await env.DB.prepare("SELECT name FROM sqlite_master WHERE name GLOB ?")
    .bind(`t${id}_*`)
    .all<{ name: string }>();
  return results.map(({ name }) => name);
}

/** Rows in the tables of an object, by table; those of the platform and the one row of its counter left out. */
function contents(stub: DurableObjectStub, apart: readonly string[] = []): Promise<Record<string, number>> {
  return runInDurableObject(stub, (_object, { storage }) => {
    const tables = storage.sql
      .exec<{ name: string }>(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'",
      )
      .toArray()
      .map(({ name }) => name)
      .filter((name) => !apart.includes(name));
    return Object.fromEntries(
      tables.map((name) => [
        name,
        storage.sql.exec<{ rows: number }>(`SELECT count(*) AS rows FROM "${name}"`).one().rows,
      ]),
    );
  });
}

const total = (rows: Record<string, number>) => Object.values(rows).reduce((sum, each) => sum + each, 0);

async function keysOf(kv: KVNamespace, prefix: string): Promise<string[]> {
  return (await kv.list({ prefix })).keys.map(({ name }) => name);
}

const shards = (id: string) =>
  Array.from({ length: 8 }, (_, number) => env.RUN_SHARD.getByName(`e${id}/shard/${number}`));

async function openRuns(id: string): Promise<number> {
  const counts = await Promise.all(
    shards(id).map((shard) =>
      runInDurableObject(
        shard,
        (_object, { storage }) =>
          storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM runs WHERE ended_at IS NULL").one().n,
      ),
    ),
  );
  return counts.reduce((sum, each) => sum + each, 0);
}

const BUNDLE = {
  flows: [
    returning("quick", "done"),
    { ...returning("nightly", "done"), schedule: { cron: "* * * * *" } },
    {
      flow: "patient",
      endpoint: { anonymous: true, mode: "async", exclusion: { group: "held", onBusy: "queue" } },
      outputs: { out: "any" },
      start: "pause",
      nodes: {
        pause: { type: "delay", for: "1h", next: "out" },
        out: { type: "output", to: "out", value: "=$debug('never')" },
      },
    },
    {
      flow: "talking",
      endpoint: { anonymous: true },
      outputs: { out: "any" },
      start: "out",
      nodes: { out: { type: "output", to: "out", value: "=$debug('said')" } },
    },
  ],
  keystores: [{ keystore: "settings" }],
  tables: [{ table: "goods", columns: { sku: "text", environment_id: "integer" } }],
  webhooks: [{ webhook: "incoming", flow: "patient" }],
  websites: [{ website: "shop" }],
  mappedFields: [{ field: "order", path: "$.order" }],
};

/** Keys of deliveries, one for each shard of a webhook. */
async function keysOfAllShards(): Promise<string[]> {
  const keys = new Map<number, string>();
  for (let n = 0; keys.size < INBOX_SHARDS; n += 1) {
    const key = `delivery-${n}`;
    keys.set(inboxShardFor(await sha256Hex(`id:${key}`), Math.random), key);
  }
  return [...keys.values()];
}

/** An environment that has some of everything. */
async function full(): Promise<{ environment: WireEnvironment; id: string; host: string }> {
  const environment = await caller.ready();
  const { id } = environment;
  const host = hostOf(environment);
  const own = { "x-environment": id };
  const apply = () => succeeded(admin("PUT", "/projects/everything", BUNDLE, own));
  await apply();
  const app = await issueInterface("caller", {}, Number(id));
  const headers = { "content-type": "application/json", "x-apikey": dataKey, "x-app": "caller" };
  const at = (path: string, init: RequestInit = {}) => succeeded(call(path, init, host));
  const post = (path: string, body: unknown, more: Record<string, string> = {}) =>
    at(path, { method: "POST", headers: { ...headers, ...more }, body: JSON.stringify(body) });
  await post("/v1/tables/goods", { sku: "a", environment_id: 1 });
  await post("/v1/keystore/settings/a", { v: 1 });
  await at("/v1/keystore/settings/a", { headers });
  const text = (value: object) => btoa(JSON.stringify(value));
  await post("/v1/schema", { schema: text({ type: "object" }), data_record: text({}), url: "example.com" });
  await post("/v1/record", { order: 1 }, { "x-flow": "quick" });
  for (const key of await keysOfAllShards()) {
    await post("/v1/webhook/incoming", { hello: "there" }, { "idempotency-key": key });
  }
  for (let runs = 0; runs < 3; runs += 1) await at("/phixflow/api/1/action/everything/patient/trigger");
  await at("/phixflow/api/1/action/everything/talking/trigger");
  // Runs of a kind at the same time share a row of the history; of three two do, whenever the history is sent.
  await Promise.all([1, 2, 3].map(() => at("/phixflow/api/1/action/everything/quick/trigger")));
  await at("/v1/checkauthentication", {
    headers: {
      client_id: app.clientId,
      client_secret: app.clientSecret,
      grant_type: "client_credentials",
    },
  });
  await succeeded(admin("POST", "/event-tokens", { kind: "account", name: "shop" }, own));
  await succeeded(admin("PUT", "/secrets/word", { value: "swordfish" }, own));
  await succeeded(admin("PUT", "/projects/everything/pages/welcome", "<p>hi</p>", own));
  const [project] = await data<{ id: string }[]>(await caller.send("GET", `/${id}/projects`));
  await succeeded(
    caller.send("POST", `/${id}/urls`, [
      { project_id: Number(project?.id), url: "/welcome/", name: "welcome", type: "hostedpage" },
    ]),
  );
  await at("/welcome/");
  await succeeded(
    caller.send("POST", `/${id}`, { private_key_file: LEAF_KEY, certificate_file: LEAF_CERTIFICATE }),
  );
  // These two are there only while something is under way.
  await env.DB.batch([
    env.DB.prepare("INSERT INTO dropped_keystores VALUES (?, 987654)").bind(Number(id)),
    env.DB.prepare("INSERT OR IGNORE INTO record_field_fills VALUES (?, 'order', 5)").bind(Number(id)),
  ]);
  // What is written after answers has come.
  await vi.waitFor(
    async () => {
      const empty = Object.entries(await rowsOf(id)).filter(([, rows]) => rows === 0);
      expect(empty, "tables that this test does not fill").toEqual([]);
      expect(await openRuns(id)).toBe(3 + INBOX_SHARDS);
    },
    { timeout: 20_000, interval: 300 },
  );
  return { environment, id, host };
}

describe("an environment that is deleted", () => {
  it("leaves no row in any table, no run, schedule, delivery, value or copy, whatever dies meanwhile", async () => {
    const { id, host } = await full();
    const other = await full();
    const before = await rowsOf(other.id);
    const inboxes = Array.from({ length: INBOX_SHARDS }, (_, shard) =>
      env.WEBHOOK_INBOX.getByName(inboxName(Number(id), "incoming", shard)),
    );
    const scheduler = env.SCHEDULER.getByName(`e${id}/scheduler`);
    const sweeper = env.RECORD_SWEEPER.getByName(`e${id}/records`);
    const keystore = await env.DB.prepare(
      "SELECT id FROM resources WHERE environment_id = ? AND kind = 'keystore'",
    )
      .bind(Number(id))
      .first<{ id: number }>();
    const owner = env.KEYSTORE_OWNER.getByName(`e${id}/keystore/${keystore?.id}`);
    for (const inbox of inboxes) expect(total(await contents(inbox))).toBeGreaterThan(2);
    expect(total(await contents(scheduler))).toBeGreaterThan(0);
    expect(await declaredTables(id)).toEqual([`t${id}_goods`]);
    expect(await keysOf(env.CATALOG, `e/${id}/`)).not.toEqual([]);
    expect(await openRuns(id)).toBe(3 + INBOX_SHARDS);

    await data(await caller.send("DELETE", `/${id}`));
    // From the answer on nobody reaches it, and nobody reaches another one by its name.
    for (const path of ["/phixflow/api/1/action/everything/quick/trigger", "/v1/tables/goods", "/welcome/"]) {
      expect((await call(path, { headers: { "x-apikey": dataKey } }, host)).status, path).toBe(404);
    }
    expect((await admin("GET", "/projects", undefined, { "x-environment": id })).status).toBe(404);
    const manager = env.ENVIRONMENT_MANAGER.getByName(`e${id}`);
    for (let turn = 0; turn < 4; turn += 1) {
      await pause(70);
      await evictDurableObject(manager);
      if (turn === 2) await runInDurableObject(manager, (_object, state) => state.storage.deleteAll());
      await caller.send("GET", `/${id}/status`);
    }
    await caller.becomes(id, "deleted");

    const left = Object.entries(await rowsOf(id)).filter(
      ([table, rows]) => rows > 0 && !KEPT.includes(table),
    );
    expect(left).toEqual([]);
    expect(await declaredTables(id)).toEqual([]);
    const counters = await env.DB.prepare("SELECT count(*) AS n FROM table_counters WHERE table_name GLOB ?")
      .bind(`t${id}_*`)
      .first<{ n: number }>();
    expect(counters?.n).toBe(0);
    const parts = await env.DB.prepare(
      "SELECT count(*) AS n FROM project_file_parts WHERE file_id NOT IN (SELECT id FROM project_files)",
    ).first<{ n: number }>();
    expect(parts?.n).toBe(0);
    for (const shard of shards(id)) expect(total(await contents(shard))).toBe(0);
    for (const inbox of inboxes) expect(total(await contents(inbox, ["usage"]))).toBe(0);
    expect(total(await contents(scheduler))).toBe(0);
    expect(await runInDurableObject(sweeper, (_object, { storage }) => storage.getAlarm())).toBeNull();
    // Of a keystore it stays known that it was dropped, and which copies are still to be taken away.
    expect(total(await contents(owner, ["usage", "store", "copies"]))).toBe(0);
    expect(await keysOf(env.CATALOG, `e/${id}/`)).toEqual([]);
    await vi.waitFor(async () => expect(await keysOf(env.KEYSTORE, `e${id}/`)).toEqual([]), 10_000);
    // Others have all of theirs.
    const after = await rowsOf(other.id);
    for (const table of ["flows", "records", "resources", "secrets", "project_files", "runs"]) {
      expect([table, after[table]]).toEqual([table, before[table]]);
    }
    expect(await openRuns(other.id)).toBe(3 + INBOX_SHARDS);
    expect((await call("/phixflow/api/1/action/everything/quick/trigger", {}, other.host)).status).toBe(200);
  }, 60_000);

  it("takes nothing any more: no run, no delivery", async () => {
    const environment = await caller.ready();
    const { id } = environment;
    await succeeded(admin("PUT", "/projects/short", BUNDLE, { "x-environment": id }));
    await data(await caller.send("DELETE", `/${id}`));
    await caller.becomes(id, "deleted");
    const stub = env.WEBHOOK_INBOX.getByName(`e${id}/webhook/incoming`);
    const delivery = { id: "x", key: null } as never;
    expect(await runInDurableObject(stub, (object) => object.take(delivery))).toEqual({ kind: "closed" });
    const request = { id: "someone", pointer: {} } as never;
    const shard = env.RUN_SHARD.getByName(`e${id}/shard/3`);
    expect(await runInDurableObject(shard, (object) => object.start(request))).toEqual({ kind: "withdrawn" });
    await evictDurableObject(shard);
    expect(await runInDurableObject(shard, (object) => object.start(request))).toEqual({ kind: "withdrawn" });
  });

  it("is looked for once more afterwards, so that what came late goes too", async () => {
    const environment = await caller.ready();
    const { id } = environment;
    await data(await caller.send("DELETE", `/${id}`));
    await caller.becomes(id, "deleted");
    const state = () =>
      env.DB.prepare("SELECT status, pending FROM environment_details WHERE environment_id = ?")
        .bind(Number(id))
        .first<{ status: string; pending: string | null }>();
    expect(JSON.parse((await state())?.pending ?? "null")).toMatchObject({ kind: "sweep" });
    // A run's entry in the history that was still on its way.
    await env.DB.prepare(
      `INSERT INTO runs (environment_id, id, project_id, project, flow_id, flow, flow_version, trigger_kind, user_name,
         started_at, ended_at, status) VALUES (?, 'late', 1, 'p', 1, 'f', 1, 'action', 'system', 1, 2, 'Success')`,
    )
      .bind(Number(id))
      .run();
    await env.CATALOG.put(`e/${id}/late`, "1");
    await env.DB.prepare(
      `UPDATE environment_details SET pending = json_object('kind', 'sweep', 'at', 1) WHERE environment_id = ?`,
    )
      .bind(Number(id))
      .run();
    await caller.send("GET", `/${id}/status`);
    await vi.waitFor(async () => expect((await state())?.pending).toBeNull(), 10_000);
    expect((await state())?.status).toBe("deleted");
    expect((await rowsOf(id)).runs).toBe(0);
    expect(await keysOf(env.CATALOG, `e/${id}/`)).toEqual([]);
  }, 20_000);
});

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
