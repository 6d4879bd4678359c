import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { app } from "../../src/app";
import type { Bindings } from "../../src/bindings";
import { type Keyed, newUser } from "../support/identities";
import { admin, apply, call, ORIGIN, returning } from "../support/worker";

/** Who may call the management API: the administrator's token, Cloudflare Access, users' keys; and who guesses. */

const RIGHT = `Bearer ${env.ADMIN_TOKEN}`;

const from = (client: string, authorization: string, init: RequestInit = {}) =>
  call("/admin/v1/projects", { ...init, headers: { "cf-connecting-ip": client, authorization } });

describe("guessing", () => {
  test("is slowed: some failures are answered 401, then 429 with Retry-After, from that address only", async () => {
    const statuses: number[] = [];
    for (let index = 0; index < 12; index += 1)
      statuses.push((await from("192.0.2.1", `Bearer guess-${index}`)).status);
    expect(statuses).toEqual([...Array(11).fill(401), 429]);
    const refused = await from("192.0.2.1", "Bearer guess-13");
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(refused.headers.get("content-type")).toBe("application/problem+json");
    expect(await refused.json()).toMatchObject({ code: "rate_limited" });
    // The right token from there has to wait too, or guessing would go on unhindered.
    expect((await from("192.0.2.1", RIGHT)).status).toBe(429);
    expect((await from("192.0.2.2", RIGHT)).status).toBe(200);
    expect((await from("192.0.2.2", "Bearer guess")).status).toBe(401);
  });

  test("from an address locks out nobody who was let in from there before", async () => {
    expect((await from("192.0.2.3", RIGHT)).status).toBe(200);
    for (let index = 0; index < 14; index += 1) await from("192.0.2.3", `Bearer guess-${index}`);
    expect((await from("192.0.2.3", "Bearer guess")).status).toBe(429);
    expect((await from("192.0.2.3", RIGHT)).status).toBe(200);
    // In another isolate too, which has not seen it.
    const response = await app.fetch(
      new Request(`${ORIGIN}/admin/v1/projects`, {
        headers: { "cf-connecting-ip": "192.0.2.3", authorization: RIGHT },
      }) as never,
      { ...env } as Bindings,
      createExecutionContext() as never,
    );
    expect(response.status).toBe(200);
  });

  test("from all addresses of one IPv6 network counts together", async () => {
    for (let index = 0; index < 11; index += 1)
      expect((await from(`2001:db8:7:7::${index + 1}`, `Bearer guess-${index}`)).status).toBe(401);
    expect((await from("2001:db8:7:7:ffff::1", "Bearer guess")).status).toBe(429);
    expect((await from("2001:db8:7:8::1", "Bearer guess")).status).toBe(401);
  });

  test("what the client says of its address is not believed", async () => {
    const guess = (index: number) =>
      call("/admin/v1/projects", {
        headers: {
          "cf-connecting-ip": "192.0.2.4",
          "x-forwarded-for": `198.51.100.${index}`,
          "x-real-ip": `198.51.100.${index}`,
          authorization: `Bearer guess-${index}`,
        },
      });
    for (let index = 0; index < 11; index += 1) await guess(index);
    expect((await guess(20)).status).toBe(429);
  });

  test("ends with the wait, and each further failure makes the next one longer", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      for (let index = 0; index < 11; index += 1) await from("192.0.2.5", `Bearer guess-${index}`);
      const waits: number[] = [];
      for (let index = 0; index < 4; index += 1) {
        const refused = await from("192.0.2.5", `Bearer again-${index}`);
        expect(refused.status).toBe(429);
        const seconds = Number(refused.headers.get("retry-after"));
        waits.push(seconds);
        vi.setSystemTime(Date.now() + seconds * 1_000);
        expect((await from("192.0.2.5", `Bearer again-${index}`)).status).toBe(401);
      }
      expect(waits).toEqual([1, 2, 4, 8]);
    } finally {
      vi.useRealTimers();
    }
  });

  test("a call without credentials is no guess", async () => {
    for (let index = 0; index < 20; index += 1)
      expect(
        (await call("/admin/v1/projects", { headers: { "cf-connecting-ip": "192.0.2.6" } })).status,
      ).toBe(401);
    expect((await from("192.0.2.6", RIGHT)).status).toBe(200);
  });
});

describe("Cloudflare Access", async () => {
  const pair = await generateKeyPair("RS256", { extractable: true });
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: "k", alg: "RS256" };
  const bindings = { ...env, ACCESS_TEAM_DOMAIN: "acme.cloudflareaccess.com", ACCESS_AUD: "tag" } as Bindings;
  const token = (audience = "tag") =>
    new SignJWT({ email: "ann@acme.example" })
      .setProtectedHeader({ alg: "RS256", kid: "k" })
      .setIssuer("https://acme.cloudflareaccess.com")
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime("1h")
      .sign(pair.privateKey);
  const ask = async (headers: Record<string, string>, method = "GET", path = "/projects", body?: string) =>
    (await app.fetch(
      new Request(`${ORIGIN}/admin/v1${path}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body }),
      }) as never,
      bindings,
      createExecutionContext() as never,
    )) as unknown as Response;

  beforeAll(() => {
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => Response.json({ keys: [jwk] }));
    return () => vi.restoreAllMocks();
  });

  test("lets in by its own header and as Bearer, and the audit trail shows the person", async () => {
    const good = await token();
    expect((await ask({ "cf-access-jwt-assertion": good })).status).toBe(200);
    expect((await ask({ authorization: `Bearer ${good}` })).status).toBe(200);
    const made = await ask(
      { "cf-access-jwt-assertion": good, "content-type": "application/json" },
      "POST",
      "/roles",
      '{"name":"by ann"}',
    );
    expect(made.status).toBe(201);
    const { entries } = (await (await admin("GET", "/audit?user=ann%40acme.example")).json()) as {
      entries: unknown[];
    };
    expect(entries).toMatchObject([{ credential: "access", action: "createRole", outcome: "done" }]);
  });

  test("the administrator's token works beside it; a bad Authorization is not made good by a good assertion", async () => {
    const good = await token();
    expect((await ask({ authorization: RIGHT })).status).toBe(200);
    expect((await ask({ authorization: "Bearer wrong", "cf-access-jwt-assertion": good })).status).toBe(401);
  });

  test("another application's token, and any token where Access is not configured: 401", async () => {
    expect((await ask({ "cf-access-jwt-assertion": await token("another") })).status).toBe(401);
    const response = await call("/admin/v1/projects", {
      headers: { "cf-access-jwt-assertion": await token() },
    });
    expect(response.status).toBe(401);
  });
});

describe("a user's key", () => {
  let editor: Keyed;
  let viewer: Keyed;

  beforeAll(async () => {
    await apply("theirs", [returning("a", 1)]);
    await apply("others", [returning("a", 1)]);
    editor = await newUser("editor", ["Use API Key", "Administer Project: theirs"]);
    viewer = await newUser("looker", ["Use API Key", "View Project: theirs"]);
  });

  const as = async ({ headers }: Keyed, method: string, path: string, body?: unknown) =>
    (
      await call(`/admin/v1${path}`, {
        method,
        headers: { ...headers, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
    ).status;

  test("administers its project and nothing else", async () => {
    const flows = [returning("a", 2)];
    expect(await as(editor, "GET", "/projects/theirs")).toBe(200);
    expect(await as(editor, "PUT", "/projects/theirs", { flows })).toBe(200);
    expect(await as(editor, "PUT", "/projects/theirs/flows/a/status", { status: "paused" })).toBe(200);
    for (const [method, path] of [
      ["GET", "/projects/others"],
      ["PUT", "/projects/others"],
      ["PUT", "/projects/theirs2"],
      ["PUT", "/projects/theirs%2F..%2Fothers"],
      ["GET", "/projects"],
      ["GET", "/users"],
      ["POST", "/users"],
      ["GET", "/secrets"],
      ["GET", "/audit"],
      ["GET", "/runs"],
      ["POST", "/users/editor/keys"],
      ["PATCH", "/roles/editor%20role"],
    ] as const) {
      expect([
        method,
        path,
        await as(editor, method, path, method === "GET" ? undefined : { flows }),
      ]).toEqual([method, path, 403]);
    }
  });

  test("views its project, and changes nothing", async () => {
    expect(await as(viewer, "GET", "/projects/theirs/flows")).toBe(200);
    expect(await as(viewer, "PUT", "/projects/theirs", { flows: [] })).toBe(403);
    expect(await as(viewer, "PUT", "/projects/theirs/flows/a/status", { status: "paused" })).toBe(403);
  });

  test("changes a flow that is kept to groups only when its user is in one of them", async () => {
    const kept = (value: number, group: string) => ({
      flows: [returning("a", value, { permissions: { edit: [group] } })],
    });
    const path = "/projects/theirs";
    expect((await admin("PUT", path, kept(3, "strangers"))).status).toBe(200);
    expect(await as(editor, "PUT", path, kept(4, "strangers"))).toBe(403);
    expect(await as(editor, "PUT", path, kept(4, "editors"))).toBe(403);
    expect(await as(editor, "PUT", `${path}?publish=false`, kept(4, "editors"))).toBe(403);
    expect(await as(editor, "PUT", path, { flows: [] })).toBe(403);
    expect(await as(editor, "PUT", `${path}/flows/a/status`, { status: "inactive" })).toBe(403);
    expect(await as(editor, "PUT", `${path}/flows/a/current`, { version: 1 })).toBe(403);
    const unchanged = kept(3, "strangers");
    expect(await as(editor, "PUT", path, { flows: [...unchanged.flows, returning("new", 1)] })).toBe(200);
    expect((await admin("PUT", path, kept(4, "editors"))).status).toBe(200);
    expect(await as(editor, "PUT", path, kept(5, "editors"))).toBe(200);
    expect((await admin("PUT", path, { flows: [returning("a", 1)] })).status).toBe(200);
  });

  test("without the privilege to use keys, or disabled, reaches nothing: 403", async () => {
    const without = await newUser("keyless", ["Administer Project: theirs"]);
    expect(await as(without, "GET", "/projects/theirs")).toBe(403);
    await admin("PATCH", "/users/looker", { enabled: false });
    expect(await as(viewer, "GET", "/projects/theirs")).toBe(403);
  });

  test("cannot have a privilege that there is not", async () => {
    for (const privilege of [
      "Everything",
      "Administer Project",
      "Administer Project: ",
      "Administer Project: a/b",
      "use api key",
    ]) {
      const response = await admin("POST", "/roles", { name: "odd", privileges: [privilege] });
      expect([privilege, response.status]).toEqual([privilege, 400]);
    }
  });
});
