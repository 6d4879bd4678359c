import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { keyHeaders, v1 } from "../support/v1";
import { admin, call } from "../support/worker";

/** Organizations, environments, API keys, interfaces and event tokens, as their administrators manage them. */

interface Created {
  id: number;
  [field: string]: unknown;
}

async function made<T = Created>(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<T> {
  const response = await admin(method, path, body, headers);
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

const problemOf = async (response: Response): Promise<[number, string | null, string]> => {
  const { code } = (await response.json()) as { code: string };
  return [response.status, response.headers.get("content-type"), code];
};

describe("organizations and environments", () => {
  let acme: Created;
  beforeAll(async () => {
    acme = await made("POST", "/organizations", { name: "Acme" });
  });

  test("an organization begins with a default environment", async () => {
    expect(acme).toMatchObject({ id: expect.any(Number), name: "Acme" });
    const { environments } = await made<{ environments: Created[] }>(
      "GET",
      `/organizations/${acme.id}/environments`,
    );
    expect(environments).toMatchObject([
      { name: "default", default: true, host: null, organization: acme.id },
    ]);
  });

  test("names are unique; wrong input is a problem that says where", async () => {
    const taken = await admin("POST", "/organizations", { name: "Acme" });
    expect(await problemOf(taken)).toEqual([409, "application/problem+json", "conflict"]);
    for (const body of [{}, { name: "" }, { name: 7 }, { name: "a/b" }, { name: "x", more: 1 }]) {
      expect((await admin("POST", "/organizations", body)).status).toBe(400);
    }
    expect((await admin("GET", "/organizations/999999")).status).toBe(404);
    expect((await admin("GET", "/organizations/abc")).status).toBe(400);
    expect((await admin("POST", "/organizations/999999/environments", { name: "x" })).status).toBe(404);
  });

  test("it can be renamed, and is listed", async () => {
    const renamed = await made("PATCH", `/organizations/${acme.id}`, { name: "Acme Corp" });
    expect(renamed.name).toBe("Acme Corp");
    const page = await made<{ organizations: Created[]; next: string | null }>(
      "GET",
      "/organizations?limit=1",
    );
    expect(page).toMatchObject({ organizations: [{ id: 1, name: "default" }], next: "1" });
    const rest = await made<{ organizations: Created[] }>("GET", "/organizations?cursor=1");
    expect(rest.organizations.map(({ name }) => name)).toContain("Acme Corp");
  });

  test("a host name leads to its environment, and to nothing else", async () => {
    const staging = await made("POST", `/organizations/${acme.id}/environments`, {
      name: "staging",
      host: "staging.acme.test",
    });
    const clash = await admin("POST", `/organizations/${acme.id}/environments`, {
      name: "other",
      host: "staging.acme.test",
    });
    expect(clash.status).toBe(409);
    for (const host of ["Upper.test", "http://x", "a b", "x:80", ""]) {
      expect(
        (await admin("POST", `/organizations/${acme.id}/environments`, { name: "y", host })).status,
      ).toBe(400);
    }
    const flow = {
      flow: "where",
      endpoint: { anonymous: true },
      outputs: { out: "any" },
      start: "out",
      nodes: { out: { type: "output", to: "out", value: "staging" } },
    };
    await made("PUT", "/projects/place", { flows: [flow] }, { "x-environment": String(staging.id) });
    const path = "/phixflow/api/1/action/place/where/trigger";
    const { exports } = await import("cloudflare:workers");
    const there = await exports.default.fetch(`http://staging.acme.test${path}`);
    expect(there.status).toBe(200);
    expect((await call(path)).status).toBe(404);
    // The host moves on: what it led to is not found there any more.
    await made("PATCH", `/environments/${staging.id}`, { host: null });
    expect((await exports.default.fetch(`http://staging.acme.test${path}`)).status).toBe(404);
  });

  test("one environment is the default, and making another one so changes that", async () => {
    const extra = await made("POST", `/organizations/${acme.id}/environments`, { name: "extra" });
    await made("PATCH", `/environments/${extra.id}`, { default: true, name: "main" });
    const { environments } = await made<{ environments: Created[] }>(
      "GET",
      `/organizations/${acme.id}/environments`,
    );
    expect(environments.filter((each) => each.default)).toMatchObject([{ id: extra.id, name: "main" }]);
    expect((await admin("PATCH", `/environments/${extra.id}`, { default: false })).status).toBe(400);
  });

  test("X-Environment that names nothing is refused", async () => {
    expect((await admin("GET", "/projects", undefined, { "x-environment": "999999" })).status).toBe(404);
    for (const wrong of ["0", "-1", "x", "1e3", "1 2"]) {
      expect((await admin("GET", "/projects", undefined, { "x-environment": wrong })).status).toBe(400);
    }
  });
});

describe("API keys of an organization", () => {
  test("are shown once, kept as a hash, and end when revoked or expired", async () => {
    const issued = await made<Created & { key: string }>("POST", "/organizations/1/api-keys", {
      name: "erp",
    });
    expect(issued.key).toMatch(/^[0-9a-f]{64}$/);
    expect(issued).toMatchObject({ kind: "data", hint: issued.key.slice(-4), createdBy: "admin" });
    const { keys } = await made<{ keys: Created[] }>("GET", "/organizations/1/api-keys");
    expect(keys.find(({ id }) => id === issued.id)).not.toHaveProperty("key");
    const stored = await env.DB.prepare("SELECT * FROM organization_keys WHERE id = ?1")
      .bind(issued.id)
      .first();
    expect(JSON.stringify(stored)).not.toContain(issued.key);

    await made("PUT", "/projects/app", {
      interfaces: [{ interface: "erp", access: "apikey", scopes: ["record"] }],
    });
    const status = async () =>
      (await v1("GET", "/nothing-there", keyHeaders({ apiKey: issued.key, name: "erp" }))).status;
    expect(await status()).toBe(404);
    const revoked = await made("DELETE", `/organizations/1/api-keys/${issued.id}`);
    expect(revoked.revokedAt).toEqual(expect.any(String));
    // Revoking twice is as good as once.
    expect(await made("DELETE", `/organizations/1/api-keys/${issued.id}`)).toEqual(revoked);
  });

  test("another organization's key is not there to revoke", async () => {
    const other = await made("POST", "/organizations", { name: "Keys elsewhere" });
    const issued = await made("POST", `/organizations/${other.id}/api-keys`, { name: "theirs" });
    expect((await admin("DELETE", `/organizations/1/api-keys/${issued.id}`)).status).toBe(404);
    expect((await admin("GET", "/organizations/999999/api-keys")).status).toBe(404);
  });

  test("wrong input is refused", async () => {
    for (const body of [
      {},
      { name: "x", kind: "root" },
      { name: "x", expiresAt: "tomorrow" },
      { name: "x", expiresAt: "2001-01-01T00:00:00Z" },
    ]) {
      expect((await admin("POST", "/organizations/1/api-keys", body)).status).toBe(400);
    }
  });

  test("an id that is no number, or a page of no size, is refused in words", async () => {
    for (const [method, path, words] of [
      ["DELETE", "/organizations/one/api-keys/1", "organization: it is the id that this API gave"],
      ["DELETE", "/organizations/1/api-keys/x", "key: it is the id that this API gave"],
      ["DELETE", "/event-tokens/0", "token: it is the id that this API gave"],
      ["GET", "/event-tokens?limit=many", "limit: write a whole number from 1 to 200"],
      ["GET", "/organizations?limit=0", "limit: write a whole number from 1 to 200"],
    ] as const) {
      const response = await admin(method, path);
      expect(response.status).toBe(400);
      expect((await response.json<{ detail: string }>()).detail).toContain(words);
    }
  });
});

describe("interfaces", () => {
  const declare = (interfaces: unknown[]) => admin("PUT", "/projects/clients", { interfaces });

  test("are declared in a bundle, and wrong ones say what to change", async () => {
    expect((await declare([{ interface: "crm", scopes: ["record", "schema.read"] }])).ok).toBe(true);
    const read = await made("GET", "/interfaces/crm");
    expect(read).toMatchObject({
      name: "crm",
      project: "clients",
      credentials: null,
      definition: { access: "oauth", rateLimit: { limit: 1000, window: "60s" } },
    });
    for (const wrong of [
      { scopes: [] },
      { scopes: ["*"] },
      { scopes: ["record.write"] },
      { scopes: ["record"], access: "password" },
      { scopes: ["record"], ipAllowList: [] },
      { scopes: ["record"], ipAllowList: ["127.1"] },
      { scopes: ["record"], ipAllowList: ["10.0.0.0/33"] },
      { scopes: ["record"], ipAllowList: ["example.com"] },
      { scopes: ["record"], rateLimit: { limit: 0 } },
      { scopes: ["record"], rateLimit: { window: "2h" } },
    ]) {
      const response = await declare([{ interface: "crm", ...wrong }]);
      expect([response.status, JSON.stringify(wrong)]).toEqual([422, JSON.stringify(wrong)]);
    }
  });

  test("get credentials that are shown once and can be made anew", async () => {
    await declare([{ interface: "crm", access: "both", scopes: ["record"] }]);
    type Issued = { client_id: string; client_secret?: string; app_key?: string };
    const first = await made<Issued>("POST", "/interfaces/crm/credentials");
    expect(first).toMatchObject({
      client_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      client_secret: expect.stringMatching(/^[0-9a-f]{64}$/),
      app_key: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const read = await made("GET", "/interfaces/crm");
    expect(JSON.stringify(read)).not.toContain(first.client_secret);
    expect(read.credentials).toMatchObject({ client_id: first.client_id });

    const second = await made<Issued>("POST", "/interfaces/crm/credentials", { rotate: ["client_secret"] });
    expect(second.client_id).toBe(first.client_id);
    expect(second.client_secret).not.toBe(first.client_secret);
    expect(second).not.toHaveProperty("app_key");
    const authenticate = (secret: string | undefined) =>
      v1("GET", "/checkauthentication", {
        client_id: first.client_id,
        client_secret: secret ?? "",
        grant_type: "client_credentials",
      });
    expect((await authenticate(first.client_secret)).status).toBe(401);
    expect((await authenticate(second.client_secret)).status).toBe(200);

    expect((await admin("DELETE", "/interfaces/crm/credentials")).status).toBe(204);
    expect((await authenticate(second.client_secret)).status).toBe(401);
    expect((await admin("DELETE", "/interfaces/crm/credentials")).status).toBe(404);
    const stored = await env.DB.prepare("SELECT * FROM interface_credentials").all();
    expect(JSON.stringify(stored.results)).not.toContain(second.client_secret);
  });

  test("an unknown one has no credentials to give", async () => {
    expect((await admin("POST", "/interfaces/nobody/credentials")).status).toBe(404);
    expect((await admin("GET", "/interfaces/nobody")).status).toBe(404);
    expect((await admin("POST", "/interfaces/crm/credentials", { rotate: ["client_id"] })).status).toBe(400);
  });
});

describe("event tokens", () => {
  test("are issued, listed without the token, and revoked", async () => {
    const issued = await made<Created & { token: string }>("POST", "/event-tokens", {
      name: "shop",
      kind: "channel",
    });
    expect(issued).toMatchObject({ kind: "channel", token: expect.stringMatching(/^[0-9a-f]{64}$/) });
    const { tokens } = await made<{ tokens: Created[] }>("GET", "/event-tokens");
    expect(tokens.find(({ id }) => id === issued.id)).not.toHaveProperty("token");
    expect((await made("DELETE", `/event-tokens/${issued.id}`)).revokedAt).not.toBeNull();
    expect((await admin("DELETE", "/event-tokens/999999")).status).toBe(404);
    expect((await admin("POST", "/event-tokens", { name: "x", kind: "user" })).status).toBe(400);
  });
});
