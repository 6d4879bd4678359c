import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { D1AuditTrail } from "../../src/adapters/d1/audit-trail";
import { countingBindings } from "../support/counting-bindings";
import { newUser } from "../support/identities";
import { admin, apply, call, returning, trigger } from "../support/worker";

/** The audit trail (contract, section 5): who did what, when, from where. */

interface Entry {
  id: string;
  at: string;
  user: string;
  credential: string;
  keyId: string | null;
  action: string;
  method: string;
  target: string;
  client: string;
  requestId: string;
  outcome: string;
  status: number | null;
  details: Record<string, unknown> | null;
}

async function list(query = ""): Promise<{ entries: Entry[]; next: string | null }> {
  const response = await admin("GET", `/audit${query}`);
  expect(response.status, await response.clone().text()).toBe(200);
  return (await response.json()) as { entries: Entry[]; next: string | null };
}

const latest = async (query = "?limit=1"): Promise<Entry> => (await list(query)).entries[0] as Entry;

describe("every route that changes something", async () => {
  interface OpenApi {
    paths: Record<string, Record<string, { operationId?: string }>>;
  }
  const routes: [string, string, string][] = [];

  beforeAll(async () => {
    const { paths } = (await (await call("/openapi.json")).json()) as OpenApi;
    for (const [path, operations] of Object.entries(paths)) {
      if (!path.startsWith("/admin/v1/")) continue;
      for (const [method, { operationId }] of Object.entries(operations)) {
        if (!["get", "head", "options"].includes(method))
          routes.push([method.toUpperCase(), path.slice("/admin/v1".length), operationId ?? ""]);
      }
    }
  });

  test("leaves an entry under the operation's own id, whatever came of it", async () => {
    expect(routes.length).toBeGreaterThan(20);
    for (const [method, path, operationId] of routes) {
      const target = path.replace(/\{\w+\}/g, "none");
      const requestId = `audit-${operationId}`;
      const response = await admin(method, target, undefined, { "x-request-id": requestId });
      expect([path, response.status < 500 || response.status === 503]).toEqual([path, true]);
      expect(await latest(), `${method} ${path}`).toMatchObject({
        action: operationId,
        method,
        target: `/admin/v1${target}`,
        user: "admin",
        credential: "admin-token",
        requestId,
        status: response.status,
        outcome: response.ok ? "done" : "failed",
      });
    }
  });

  test("a method or path that nothing is at leaves one too, so that a route without a description could not hide", async () => {
    await admin("DELETE", "/nothing/here");
    expect(await latest()).toMatchObject({ action: "DELETE /admin/v1/nothing/here", status: 404 });
  });

  test("reading leaves none", async () => {
    const before = await latest();
    for (const path of ["/projects", "/users", "/audit", "/runs", "/nothing"]) await admin("GET", path);
    expect(await latest()).toEqual(before);
  });
});

describe("an entry", () => {
  test("says who, what, when, from where and what was set", async () => {
    const started = Date.now();
    const response = await admin(
      "POST",
      "/users",
      { name: "audited", enabled: false },
      {
        "cf-connecting-ip": "192.0.2.7",
        "x-forwarded-for": "198.51.100.1",
      },
    );
    expect(response.status).toBe(201);
    const entry = await latest();
    expect(entry).toEqual({
      id: expect.stringMatching(/^[0-9a-z]{29}$/) as string,
      at: expect.any(String) as string,
      environmentId: 1,
      user: "admin",
      credential: "admin-token",
      keyId: null,
      action: "createUser",
      method: "POST",
      target: "/admin/v1/users",
      client: "192.0.2.7",
      requestId: response.headers.get("x-request-id"),
      outcome: "done",
      status: 201,
      details: { name: "audited", description: null, enabled: false, groups: [] },
    });
    expect(Date.parse(entry.at)).toBeGreaterThanOrEqual(started - 1);
  });

  test("of a new key names it and does not hold it", async () => {
    const { keyId, key } = await newUser("keyed");
    const entry = await latest();
    expect(entry).toMatchObject({ action: "issueKey", details: { id: keyId, name: "test" } });
    const { results } = await env.DB.prepare(
      "SELECT * FROM audit_log l JOIN audit_outcomes o ON o.audit_id = l.id",
    ).all();
    expect(JSON.stringify(results)).not.toContain(key.slice(-20));
  });

  test("of an applied bundle says what changed", async () => {
    await apply("audited", [returning("a", 1)]);
    expect(await latest()).toMatchObject({
      action: "applyProject",
      target: "/admin/v1/projects/audited",
      details: { version: 1, changed: true, dryRun: false },
    });
  });

  test("of a denied attempt is there: a wrong token, and a user without the privilege", async () => {
    await call("/admin/v1/users", { method: "POST", headers: { authorization: "Bearer wrong" } });
    expect(await latest()).toMatchObject({
      user: "unknown",
      credential: "none",
      action: "createUser",
      outcome: "denied",
      status: 401,
    });
    const viewer = await newUser("viewer", ["Use API Key", "View Project: audited"]);
    const response = await call("/admin/v1/projects/audited", {
      method: "PUT",
      headers: viewer.headers,
      body: "{}",
    });
    expect(response.status).toBe(403);
    expect(await latest()).toMatchObject({
      user: "viewer",
      credential: "key",
      keyId: viewer.keyId,
      action: "applyProject",
      outcome: "denied",
      status: 403,
    });
  });

  test("without any credential there is no attempt to write down", async () => {
    const before = await latest();
    expect((await call("/admin/v1/users", { method: "POST" })).status).toBe(401);
    expect(await latest()).toEqual(before);
  });
});

describe("the list", () => {
  test("is filtered by user, action and time, and paged", async () => {
    for (let index = 0; index < 5; index += 1) await admin("POST", "/roles", { name: `r${index}` });
    const created = await list("?action=createRole&limit=2");
    expect(created.entries.map(({ details }) => details?.name)).toEqual(["r4", "r3"]);
    const rest = await list(`?action=createRole&limit=2&cursor=${created.next}`);
    expect(rest.entries.map(({ details }) => details?.name)).toEqual(["r2", "r1"]);
    expect((await list("?user=viewer")).entries.map(({ user }) => user)).toEqual(["viewer"]);
    expect((await list("?user=viewer&action=createRole")).entries).toEqual([]);
    const [first] = (await list("?action=createRole&limit=1")).entries as [Entry];
    const at = (ms: number) => encodeURIComponent(new Date(Date.parse(first.at) + ms).toISOString());
    expect((await list(`?action=createRole&from=${at(1)}`)).entries).toEqual([]);
    expect((await list(`?action=createRole&from=${at(0)}`)).entries.map(({ id }) => id)).toContain(first.id);
    expect((await list(`?action=createRole&to=${at(0)}`)).entries.map(({ id }) => id)).not.toContain(
      first.id,
    );
    for (const query of ["?cursor=x", "?from=yesterday", "?limit=0", "?who=me", "?user=a&user=b"])
      expect((await admin("GET", `/audit${query}`)).status).toBe(400);
  });

  test("is read by an index, whatever is asked for", async () => {
    const isolate = countingBindings(env);
    for (const filter of [{}, { user: "a" }, { action: "b" }, { user: "a", action: "b", from: 1, to: 2 }])
      await new D1AuditTrail(isolate.bindings.DB).list(1, filter, 10, undefined);
    for (const sql of isolate.counts.statements) {
      const placeholders = new Set(sql.match(/\?\d+/g));
      const { results } = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .bind(...Array.from(placeholders, () => 1))
        .all<{ detail: string }>();
      for (const { detail } of results) expect(detail).toMatch(/^SEARCH/);
    }
  });

  test("shows another organization nothing", async () => {
    expect(await new D1AuditTrail(env.DB).list(2, {}, 10, undefined)).toEqual([]);
  });

  test("has the name that the list of runs has", async () => {
    const runner = await newUser("runner");
    await apply("joined", [returning("a", 1, { endpoint: { anonymous: false, history: "strict" } })]);
    expect((await trigger("joined/a/trigger", { headers: runner.headers })).status).toBe(200);
    const { runs } = (await (await admin("GET", "/runs?user=runner")).json()) as { runs: unknown[] };
    expect(runs).toMatchObject([{ user: "runner", flow: "a" }]);
  });
});

describe("nothing is taken back", () => {
  test.each([
    "UPDATE audit_log SET user_name = 'x'",
    "DELETE FROM audit_log",
    "UPDATE audit_outcomes SET outcome = 'done'",
    "DELETE FROM audit_outcomes",
    "INSERT OR REPLACE INTO audit_outcomes (audit_id, outcome, status) SELECT audit_id, 'done', 200 FROM audit_outcomes",
  ])("%s", async (sql) => {
    const before = (await list("?limit=200")).entries;
    await expect(env.DB.prepare(sql).run()).rejects.toThrow();
    expect((await list("?limit=200")).entries).toEqual(before);
  });
});
