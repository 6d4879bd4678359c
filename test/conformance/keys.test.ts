import { env, exports } from "cloudflare:workers";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { type Keyed, newKey, newUser } from "../support/identities";
import { admin, apply, post, returning, trigger } from "../support/worker";

/** The contract's section 1, *Who*: keys of the action API, over HTTP alone. */

const PROJECT = "guarded";
const CLOSED = { endpoint: { anonymous: false } };

let caller: Keyed;

beforeAll(async () => {
  caller = await newUser("caller");
  await apply(PROJECT, [
    returning("open", "=run.user"),
    returning("closed", "=run.user", CLOSED),
    returning("logged", "=run.user", {
      endpoint: { anonymous: false, logRequests: true, history: "strict" },
    }),
    returning("async", "=run.user", { endpoint: { anonymous: false, mode: "async" } }),
    returning("grouped", "=run.user", { ...CLOSED, permissions: { run: ["callers", "nobody's"] } }),
    returning("others", "=run.user", { ...CLOSED, permissions: { run: ["nobody's"] } }),
    returning("sees", "=input.headers", CLOSED),
  ]);
});

async function statusOf(authorization: string | undefined, flow = "closed"): Promise<number> {
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
  const response = await trigger(`${PROJECT}/${flow}/trigger`, { headers });
  const text = await response.text();
  if (response.status !== 200) expect(text).not.toMatch(/\bat .*\.(ts|js):\d+/);
  if (response.status === 401) expect(response.headers.get("www-authenticate")).toMatch(/^Bearer /);
  return response.status;
}

async function out(response: Response): Promise<unknown> {
  expect(response.status).toBe(200);
  return ((await response.json()) as { data: { out: unknown[] } }).data.out[0];
}

const patch = async (path: string, body: unknown) => {
  const response = await admin("PATCH", path, body);
  expect(response.status, await response.clone().text()).toBe(200);
};

describe("a key", () => {
  test("is taken bare and as Bearer, and its user is the run's", async () => {
    for (const authorization of [caller.key, `Bearer ${caller.key}`, `bearer ${caller.key}`]) {
      const response = await trigger(`${PROJECT}/closed/trigger`, { headers: { authorization } });
      expect(await out(response)).toBe("caller");
    }
    expect(await out(await post(`${PROJECT}/closed/trigger`, {}, caller.headers))).toBe("caller");
  });

  test("is not needed where connections are anonymous; the run's user is system, whatever is sent", async () => {
    for (const headers of [{}, caller.headers, { authorization: "junk" }])
      expect(await out(await trigger(`${PROJECT}/open/trigger`, { headers }))).toBe("system");
  });

  test.each([
    ["none", undefined],
    ["empty", ""],
    ["junk", "junk"],
    ["junk of 7 kB", "x".repeat(7_000)],
    ["7 kB after Bearer", `Bearer ${"x.".repeat(3_500)}`],
    ["another scheme", "Basic YWRtaW46YWRtaW4="],
    ["the administrator's token", `Bearer ${env.ADMIN_TOKEN}`],
    [
      "an unsigned token",
      `Bearer ${btoa('{"alg":"none"}').replaceAll("=", "")}.${btoa('{"sub":"1"}').replaceAll("=", "")}.`,
    ],
  ])("%s: 401", async (_, authorization) => {
    expect(await statusOf(authorization)).toBe(401);
  });

  test("tampered with in any part: 401", async () => {
    const [header = "", claims = "", signature = ""] = caller.key.split(".");
    const flip = (text: string) => `${text.slice(0, 9)}${text[9] === "A" ? "B" : "A"}${text.slice(10)}`;
    for (const forged of [
      `${flip(header)}.${claims}.${signature}`,
      `${header}.${flip(claims)}.${signature}`,
      `${header}.${claims}.${flip(signature)}`,
      `${caller.key}, ${caller.key}`,
    ]) {
      expect(await statusOf(`Bearer ${forged}`)).toBe(401);
    }
    expect(await statusOf(`Bearer ${caller.key}`)).toBe(200);
  });

  test("in the URL or in another header does not count", async () => {
    const path = `${PROJECT}/closed/trigger`;
    expect((await trigger(`${path}?api_key=${caller.key}`)).status).toBe(401);
    expect((await trigger(path, { headers: { "x-apikey": caller.key } })).status).toBe(401);
  });

  test("beside a bad one in Authorization does not help: the header decides", async () => {
    const headers = { authorization: "Bearer bad.bad.bad", "x-apikey": caller.key };
    expect((await trigger(`${PROJECT}/closed/trigger?api_key=${caller.key}`, { headers })).status).toBe(401);
  });

  test("is not visible to the flow, and masked where requests are logged, in the URL too", async () => {
    const seen = (await out(await trigger(`${PROJECT}/sees/trigger`, { headers: caller.headers }))) as string;
    expect(seen).not.toContain(caller.key.slice(0, 20));
    const response = await trigger(
      `${PROJECT}/logged/trigger?api_key=${caller.key}&access_token=${caller.key}`,
      {
        headers: caller.headers,
      },
    );
    expect(response.status).toBe(200);
    const run = await admin("GET", `/runs/${response.headers.get("x-process-id")}`);
    const text = await run.text();
    expect(text).toContain("masked");
    expect(text).not.toContain(caller.key.slice(-20));
    expect(JSON.parse(text)).toMatchObject({ user: "caller" });
  });

  test("of a user that lacks the privilege: 403", async () => {
    const without = await newUser("without", []);
    expect(await statusOf(without.key)).toBe(403);
  });

  test("of a user in none of the groups that may run the flow: 403", async () => {
    expect(await statusOf(caller.key, "grouped")).toBe(200);
    expect(await statusOf(caller.key, "others")).toBe(403);
  });

  test("counts from notBefore until expiresAt", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      const now = Math.floor(Date.now() / 1_000) * 1_000;
      const at = (ms: number) => new Date(now + ms).toISOString();
      const { key } = await newKey("caller", { notBefore: at(60_000), expiresAt: at(120_000) });
      const statuses: number[] = [];
      for (const ms of [59_999, 60_000, 119_999, 120_000, 1e9]) {
        vi.setSystemTime(now + ms);
        statuses.push(await statusOf(key));
      }
      expect(statuses).toEqual([401, 200, 200, 401, 401]);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("polling wants what triggering wants", () => {
  test("a key, its privilege, its groups", async () => {
    const started = await post(`${PROJECT}/async/trigger`, {}, caller.headers);
    const { processId } = (await started.json()) as { processId: string };
    const poll = async (headers: Record<string, string>) =>
      (await trigger(`${PROJECT}/async/poll/${processId}`, { headers })).status;
    expect(await poll(caller.headers)).toBe(200);
    expect(await poll({})).toBe(401);
    expect(await poll({ authorization: "Bearer a.b.c" })).toBe(401);
    const without = await newUser("poller", []);
    expect(await poll(without.headers)).toBe(403);
    await vi.waitFor(async () => {
      const run = await admin("GET", `/runs/${processId}`);
      expect(await run.json()).toMatchObject({ user: "caller", status: "Success" });
    });
  });
});

describe("a change through the same isolate is in force at once", () => {
  test("revoking a key: 401, and the other keys of its user still count", async () => {
    const one = await newUser("revoked");
    const other = await newKey("revoked");
    expect([await statusOf(one.key), await statusOf(other.key)]).toEqual([200, 200]);
    const revoked = await admin("DELETE", `/users/revoked/keys/${one.keyId}`);
    expect(await revoked.json()).toMatchObject({
      revokedBy: "admin",
      revokedAt: expect.any(String) as string,
    });
    expect([await statusOf(one.key), await statusOf(other.key)]).toEqual([401, 200]);
    expect((await admin("DELETE", `/users/revoked/keys/${one.keyId}`)).status).toBe(200);
  });

  test("disabling and enabling a user: 403, 200", async () => {
    const { key } = await newUser("disabled");
    expect(await statusOf(key)).toBe(200);
    await patch("/users/disabled", { enabled: false });
    expect(await statusOf(key)).toBe(403);
    await patch("/users/disabled", { enabled: true });
    expect(await statusOf(key)).toBe(200);
  });

  test("taking a user out of the group, the role from the group, the privilege from the role: 403 each", async () => {
    const { key } = await newUser("moved");
    expect(await statusOf(key)).toBe(200);
    expect((await admin("DELETE", "/groups/moveds/members/moved")).status).toBe(204);
    expect(await statusOf(key)).toBe(403);
    expect((await admin("PUT", "/groups/moveds/members/moved")).status).toBe(204);
    expect(await statusOf(key)).toBe(200);
    expect((await admin("DELETE", "/groups/moveds/roles/moved%20role")).status).toBe(200);
    expect(await statusOf(key)).toBe(403);
    expect((await admin("PUT", "/groups/moveds/roles/moved%20role")).status).toBe(200);
    expect(await statusOf(key)).toBe(200);
    await patch("/roles/moved%20role", { privileges: [] });
    expect(await statusOf(key)).toBe(403);
    await patch("/roles/moved%20role", { privileges: ["Use API Key"] });
    expect(await statusOf(key)).toBe(200);
    expect((await admin("DELETE", "/roles/moved%20role")).status).toBe(204);
    expect(await statusOf(key)).toBe(403);
  });

  test("deleting a user: 401, and a new one of the same name does not inherit its keys", async () => {
    const { key } = await newUser("deleted");
    expect(await statusOf(key)).toBe(200);
    expect((await admin("DELETE", "/users/deleted")).status).toBe(204);
    expect(await statusOf(key)).toBe(401);
    expect((await admin("POST", "/users", { name: "deleted", groups: ["deleteds"] })).status).toBe(201);
    expect(await statusOf(key)).toBe(401);
  });
});

describe("another organization", () => {
  test("its key is like one that does not exist, and its users, groups and keys are not seen", async () => {
    await env.DB.batch([
      env.DB.prepare("INSERT INTO organizations (id, name, created_at) VALUES (2, 'other', 0)"),
      env.DB.prepare(
        "INSERT INTO environments (id, organization_id, name, host, is_default, created_at) VALUES (2, 2, 'other', 'other.test', 0, 0)",
      ),
    ]);
    const there = otherHost;
    expect((await there("POST", "/roles", { name: "r", privileges: ["Use API Key"] })).status).toBe(201);
    expect((await there("POST", "/groups", { name: "callers", roles: ["r"] })).status).toBe(201);
    expect((await there("POST", "/users", { name: "stranger", groups: ["callers"] })).status).toBe(201);
    const issued = await there("POST", "/users/stranger/keys", { name: "k" });
    const { key, id } = (await issued.json()) as { key: string; id: string };
    const answer = async (authorization: string) => {
      const response = await trigger(`${PROJECT}/closed/trigger`, { headers: { authorization } });
      return [response.status, await response.text()];
    };
    expect(await answer(key)).toEqual(await answer(`${caller.key.slice(0, -4)}AAAA`));
    expect((await answer(key))[0]).toBe(401);
    expect((await admin("GET", "/users/stranger")).status).toBe(404);
    expect((await admin("DELETE", `/users/caller/keys/${id}`)).status).toBe(404);
    expect((await there("GET", "/users/caller")).status).toBe(404);
    expect(await (await there("GET", "/groups/callers/members")).json()).toEqual({
      members: ["stranger"],
      next: null,
    });
    expect((await there("PUT", "/groups/callers/members/caller")).status).toBe(404);
  });

  function otherHost(method: string, path: string, body?: unknown): Promise<Response> {
    return exports.default.fetch(`http://other.test/admin/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${env.ADMIN_TOKEN}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
});

describe("publishing", () => {
  test("an anonymous endpoint that is limited to groups is refused: nobody who calls it so is in one", async () => {
    const response = await admin("PUT", "/projects/contradiction", {
      flows: [returning("a", 1, { permissions: { run: ["callers"] } })],
    });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ errors: [{ path: "/flows/0/permissions/run" }] });
  });
});
