import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { LATEST_RELEASE } from "../../src/domain/software";
import { data, EnvironmentCaller, hostOf, recount, refused } from "../support/environments";
import { issueApiKey } from "../support/v1";
import { admin, call, returning } from "../support/worker";

// Changes of environments are waited for, and a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

/** What changes of an environment really do: optimizing, its version, and copies of data that do not all succeed. */

let caller: EnvironmentCaller;
let dataKey: string;

beforeAll(async () => {
  caller = new EnvironmentCaller(await issueApiKey("organization"));
  dataKey = await issueApiKey("data");
});

const DAY_MS = 86_400_000;
const runId = (at: number, tail: string) => `${at.toString(36).padStart(9, "0")}al${tail}`;

describe("optimizing", () => {
  it("removes what nobody can use any more and nothing else, and says how much of each, and how many bytes", async () => {
    const { id } = await caller.ready();
    const environment = Number(id);
    const now = Date.now();
    const [old, fresh] = [now - 31 * DAY_MS, now - 29 * DAY_MS];
    const run = (at: number, tail: string) =>
      env.DB.prepare(
        `INSERT INTO runs (environment_id, id, project_id, project, flow_id, flow, flow_version, trigger_kind, user_name,
           started_at, ended_at, status) VALUES (?1, ?2, 1, 'p', 1, 'f', 1, 'action', 'system', ?3, ?3, 'Success')`,
      ).bind(environment, runId(at, tail), at);
    const message = (at: number, tail: string) =>
      env.DB.prepare(
        "INSERT INTO run_messages (environment_id, run_id, sequence, at, level, text) VALUES (?1, ?2, 0, ?3, 'info', ?4)",
      ).bind(environment, runId(at, tail), at, "x".repeat(1_000));
    const token = (hash: string, expiresAt: number) =>
      env.DB.prepare(
        "INSERT INTO oauth_tokens (hash, kind, family, environment_id, client_id, issued_at, expires_at) VALUES (?1, 'access', ?1, ?2, 'c', 0, ?3)",
      ).bind(`${hash}-${id}`, environment, expiresAt);
    const eventToken = (hash: string, expiresAt: number | null, revokedAt: number | null) =>
      env.DB.prepare(
        `INSERT INTO event_tokens (environment_id, kind, name, hash, hint, created_by, created_at, expires_at, revoked_at)
         VALUES (?1, 'account', 'n', ?2, 'h', 'test', 0, ?3, ?4)`,
      ).bind(environment, `${hash}-${id}`, expiresAt, revokedAt);
    const used = async () =>
      (
        await env.DB.prepare("SELECT used_bytes FROM environment_details WHERE environment_id = ?")
          .bind(environment)
          .first<{ used_bytes: number }>()
      )?.used_bytes as number;
    const visits = (at: number) =>
      env.DB.prepare("INSERT INTO environment_visits VALUES (?, ?, 5)").bind(
        environment,
        Math.floor(at / 3_600_000),
      );
    const project = await env.DB.prepare(
      "INSERT INTO projects (environment_id, name, created_at, updated_at, removed_at) VALUES (?, 'gone', 0, 0, 1) RETURNING id",
    )
      .bind(environment)
      .first<{ id: number }>();
    await env.DB.batch([
      run(old, "one"),
      run(old, "two"),
      message(old, "one"),
      run(fresh, "kept"),
      message(fresh, "kept"),
      message(fresh, "orphan"),
      token("expired", now - 1),
      token("good", now + DAY_MS),
      eventToken("expired", now - 1, null),
      eventToken("revoked", null, old),
      eventToken("lately", null, fresh),
      eventToken("good", null, null),
      visits(old),
      visits(fresh),
      env.DB.prepare("INSERT INTO url_mappings VALUES (?1, '/gone/', 'website', ?2, 'w', 0, 0)").bind(
        environment,
        project?.id,
      ),
    ]);
    await recount(id);
    await caller.read(id);
    const before = await used();
    expect((await data(await caller.send("POST", `/${id}/optimize`))).status).toBe("upgrading");
    expect(await caller.becomes(id, "ready")).toEqual(["upgrading", "ready"]);
    const { optimized } = await caller.read(id);
    // Two runs of 200 bytes, and two messages of a thousand.
    expect(optimized).toEqual({
      old_runs: 2,
      old_run_messages: 1,
      orphaned_messages: 1,
      expired_tokens: 1,
      expired_keys: 2,
      orphaned_mappings: 1,
      old_visits: 1,
      bytes: 2_400,
      at: expect.any(Number),
    });
    expect(await used()).toBe(before - 2_400);
    const left = async (table: string) =>
      (
        await env.DB.prepare(`SELECT count(*) AS n FROM ${table} WHERE environment_id = ?`)
          .bind(environment)
          .first<{ n: number }>()
      )?.n;
    expect([
      await left("runs"),
      await left("run_messages"),
      await left("oauth_tokens"),
      await left("event_tokens"),
      await left("environment_visits"),
      await left("url_mappings"),
    ]).toEqual([1, 1, 1, 2, 1, 0]);
    // A second time there is nothing to free.
    await data(await caller.send("POST", `/${id}/optimize`));
    await caller.becomes(id, "ready");
    expect((await caller.read(id)).optimized).toMatchObject({ old_runs: 0, expired_keys: 0, bytes: 0 });
  });
});

describe("update-version", () => {
  it("brings an environment from an earlier version to the latest", async () => {
    const { id } = await caller.ready();
    await env.DB.prepare("UPDATE environment_details SET software = 'v.0.0.9' WHERE environment_id = ?")
      .bind(Number(id))
      .run();
    const version = async () =>
      ((await caller.read(id)).software as { current_version: { version: string } }).current_version.version;
    expect(await version()).toBe("v.0.0.9");
    await data(await caller.send("POST", `/${id}/update-version`));
    expect(await caller.becomes(id, "ready")).toEqual(["upgrading", "upgraded", "ready"]);
    expect(await version()).toBe(LATEST_RELEASE.version);
  });
});

describe("data of a project that cannot all be copied", () => {
  const bundle = {
    flows: [returning("f", 1)],
    tables: [
      { table: "unique", columns: { sku: { type: "text", unique: true }, price: "integer" } },
      { table: "plain", columns: { text: "text" } },
    ],
  };

  it("is copied set by set, each all or nothing; what failed is named with its reason, then and afterwards", async () => {
    const applied = await admin("PUT", "/projects/halves", bundle);
    expect(applied.ok).toBe(true);
    const insert = (table: string, rows: object[], host?: string) =>
      call(
        `/v1/tables/${table}`,
        {
          method: "POST",
          headers: { "content-type": "application/json", "x-apikey": dataKey },
          body: JSON.stringify(rows),
        },
        host,
      );
    expect(
      (
        await insert("unique", [
          { sku: "new", price: 1 },
          { sku: "taken", price: 2 },
        ])
      ).status,
    ).toBe(200);
    expect((await insert("plain", [{ text: "one" }])).status).toBe(200);
    const hosted = await data<{ id: string; name: string }[]>(await caller.send("GET", "/1/projects"));
    const project = hosted.find(({ name }) => name === "halves")?.id;
    const target = await caller.ready();
    await data(await caller.send("POST", `/${target.id}/project/${project}`, {}));
    // Another row, of another id, has the value that must be unique.
    await insert("unique", [{ sku: "x" }, { sku: "y" }, { sku: "z" }], hostOf(target));
    await env.DB.prepare(`UPDATE t${target.id}_unique SET sku = 'taken' WHERE sku = 'z'`).run();
    await env.DB.prepare(`DELETE FROM t${target.id}_unique WHERE sku IN ('x', 'y')`).run();
    const rows = async (table: string) =>
      (
        await env.DB.prepare(`SELECT * FROM t${target.id}_${table} ORDER BY id`).all<
          Record<string, unknown>
        >()
      ).results;
    const before = await rows("unique");
    const began = await data(
      await caller.send("POST", `/${target.id}/project/${project}`, {
        tables: [
          { name: "unique", action: "insert or update" },
          { name: "plain", action: "insert" },
        ],
      }),
    );
    expect(began).toMatchObject({ status: "updating", progress: { done: 0, of: 2, failed: [] } });
    await caller.becomes(target.id, "ready");
    expect((await caller.read(target.id)).progress).toEqual({
      done: 2,
      of: 2,
      failed: [{ item: "table unique", reason: expect.stringContaining("unique") }],
    });
    expect(await rows("unique")).toEqual(before);
    expect(await rows("plain")).toMatchObject([{ text: "one" }]);
  });

  it("does not come from another organization's environment, as if there were none", async () => {
    await env.DB.batch([
      env.DB.prepare("INSERT INTO organizations (id, name, created_at) VALUES (77, 'theirs', 0)"),
      env.DB.prepare(
        "INSERT INTO environments (id, organization_id, name, is_default, created_at) VALUES (7700, 77, 'default', 0, 0)",
      ),
    ]);
    const target = await caller.ready();
    const hosted = await data<{ id: string }[]>(await caller.send("GET", "/1/projects"));
    const send = (source: number) =>
      caller.send("POST", `/${target.id}/project/${hosted[0]?.id}`, { source_environment: source });
    const theirs = await refused(await send(7700), 400);
    const nobodys = await refused(await send(7799), 400);
    expect(theirs.replace("7700", "N")).toBe(nobodys.replace("7799", "N"));
    expect(await refused(await send(Number(target.id)), 400)).toContain("another one");
  });
});
