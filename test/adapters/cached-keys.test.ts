import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { app } from "../../src/app";
import type { Bindings } from "../../src/bindings";
import { type CountingBindings, countingBindings } from "../support/counting-bindings";
import { type Keyed, newKey, newUser } from "../support/identities";
import { admin, apply, ORIGIN, returning } from "../support/worker";

/** What a key costs a warm call, and how long a change of its standing takes in other isolates. */

afterEach(() => vi.useRealTimers());

let caller: Keyed;
const PATH = "/phixflow/api/1/action/keyed/closed/trigger";

beforeAll(async () => {
  caller = await newUser("caller");
  await apply("keyed", [
    returning("closed", "=run.user", { endpoint: { anonymous: false } }),
    returning("open", "=run.user"),
  ]);
});

const isolateOf = (more: Partial<Bindings> = {}) =>
  countingBindings(env, { CATALOG_MAX_AGE_MS: "1000", ...more });
const HOUR = { CATALOG_MAX_AGE_MS: "3600000" };
const NOTHING = {
  statements: [],
  batches: 0,
  kvReads: [],
  kvWrites: [],
  messages: [],
  durableObjectCalls: 0,
};

async function send(isolate: CountingBindings, key: string | undefined, path = PATH): Promise<Response> {
  const response = await app.fetch(
    new Request(`${ORIGIN}${path}`, key === undefined ? {} : { headers: { authorization: key } }) as never,
    isolate.bindings,
    createExecutionContext() as never,
  );
  return response as unknown as Response;
}

const statusOf = async (isolate: CountingBindings, key: string) => (await send(isolate, key)).status;

describe("budget", () => {
  test("a warm call with a key asks no binding before its answer, like an anonymous one", async () => {
    const isolate = isolateOf(HOUR);
    expect(await statusOf(isolate, caller.key)).toBe(200);
    // "Last used" is written once, after the answer.
    await vi.waitFor(() => expect(isolate.counts.statements.join()).toContain("last_used_at"), 5_000);
    isolate.reset();
    for (let index = 0; index < 50; index += 1) expect(await statusOf(isolate, caller.key)).toBe(200);
    expect(isolate.counts).toEqual(NOTHING);
  });

  test("the first call with a key: two reads of KV and two of D1, and the next isolate none of D1", async () => {
    const { key } = await newKey("caller");
    const [first, second] = [isolateOf(HOUR), isolateOf(HOUR)];
    for (const isolate of [first, second]) await send(isolate, undefined, PATH.replace("closed", "open"));
    await send(first, undefined);
    await send(second, undefined);
    first.reset();
    second.reset();
    expect(await statusOf(first, key)).toBe(200);
    expect(first.counts.kvReads).toHaveLength(2);
    expect(first.counts.statements.length).toBeLessThanOrEqual(2);
    expect(await statusOf(second, key)).toBe(200);
    expect(second.counts.kvReads).toHaveLength(2);
    expect(second.counts.statements).toEqual([]);
  });

  test("forged tokens ask nothing, however many", async () => {
    const isolate = isolateOf(HOUR);
    await send(isolate, caller.key);
    isolate.reset();
    for (let index = 0; index < 20; index += 1) {
      const forged = `${caller.key.slice(0, -10)}${String(index).padStart(10, "A")}`;
      expect(await statusOf(isolate, forged)).toBe(401);
    }
    expect(isolate.counts).toEqual(NOTHING);
  });

  test("40 keys that are used at once are noted in one statement, and not again within the hour", async () => {
    const keys = await Promise.all(Array.from({ length: 40 }, async () => (await newKey("caller")).key));
    const isolate = isolateOf(HOUR);
    for (const key of keys) await send(isolate, key);
    const noted = () => isolate.counts.statements.filter((sql) => sql.includes("last_used_at = "));
    await vi.waitFor(() => expect(noted()).toHaveLength(1), 5_000);
    for (const key of keys) await send(isolate, key);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(noted()).toHaveLength(1);
    const listed = await admin("GET", "/users/caller/keys?limit=200");
    const { keys: rows } = (await listed.json()) as { keys: { lastUsedAt: string | null }[] };
    expect(rows.filter(({ lastUsedAt }) => lastUsedAt !== null).length).toBeGreaterThanOrEqual(40);
  });
});

describe("a change made elsewhere", () => {
  /** Milliseconds after a change at which another isolate, which is busy all the time, first refuses the key. */
  async function delay(
    change: () => Promise<unknown>,
    key: string,
    isolate: CountingBindings,
    refusal: number,
  ): Promise<number> {
    const since = Date.now();
    await change();
    for (let ms = 0; ms <= 120_000; ms += 500) {
      vi.setSystemTime(since + ms);
      const status = await statusOf(isolate, key);
      if (status === refusal) return ms;
      expect(status).toBe(200);
    }
    return Number.POSITIVE_INFINITY;
  }

  test("is in force within a few seconds, when KV has the new epoch", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { key } = await newUser("removed");
    const isolate = isolateOf();
    expect(await statusOf(isolate, key)).toBe(200);
    const ms = await delay(() => admin("PATCH", "/users/removed", { groups: [] }), key, isolate, 403);
    expect(ms).toBeLessThanOrEqual(3_000);
  });

  test("is in force within a minute, though KV shows the old epoch for ever and the isolate looks once an hour", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { key, keyId } = await newUser("stale");
    // A place whose copy of KV never learns anything: writes go nowhere, reads give what was there at the start.
    const stale = new Map<string, string>();
    const frozen = new Proxy(env.CATALOG, {
      get(target, name) {
        if (name === "put") return async () => {};
        if (name !== "get") return Reflect.get(target, name) as unknown;
        return async (of: string, type?: string) => {
          const text = stale.get(of) ?? (await target.get(of));
          if (text !== null) stale.set(of, text);
          return type === "json" && text !== null ? JSON.parse(text) : text;
        };
      },
    });
    const isolate = isolateOf({ ...HOUR, CATALOG: frozen });
    expect(await statusOf(isolate, key)).toBe(200);
    const ms = await delay(() => admin("DELETE", `/users/stale/keys/${keyId}`), key, isolate, 401);
    expect(ms).toBeGreaterThan(0);
    expect(ms).toBeLessThan(60_000);
  });

  test("is in force though the write to KV failed, which the caller of the change never hears of", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { key } = await newUser("unlucky");
    const isolate = isolateOf(HOUR);
    expect(await statusOf(isolate, key)).toBe(200);
    const changing = isolateOf();
    changing.fail("kv.put");
    const ms = await delay(
      async () => {
        const response = await app.fetch(
          new Request(`${ORIGIN}/admin/v1/users/unlucky`, {
            method: "PATCH",
            headers: { authorization: `Bearer ${env.ADMIN_TOKEN}`, "content-type": "application/json" },
            body: JSON.stringify({ enabled: false }),
          }) as never,
          changing.bindings,
          createExecutionContext() as never,
        );
        expect(response.status).toBe(200);
      },
      key,
      isolate,
      403,
    );
    expect(ms).toBeLessThan(60_000);
  });
});

describe("the signing secret of an isolate", () => {
  test("of 31 bytes: no key is issued or accepted, and both are told why", async () => {
    const isolate = isolateOf({ PHIXFLOW_API_KEY: "x".repeat(31) });
    const called = await send(isolate, caller.key);
    expect(called.status).toBe(503);
    expect(await called.json()).toMatchObject({ code: "not_configured" });
    expect((await send(isolate, undefined)).status).toBe(401);
    const issued = await app.fetch(
      new Request(`${ORIGIN}/admin/v1/users/caller/keys`, {
        method: "POST",
        headers: { authorization: `Bearer ${env.ADMIN_TOKEN}`, "content-type": "application/json" },
        body: JSON.stringify({ name: "k" }),
      }) as never,
      isolate.bindings,
      createExecutionContext() as never,
    );
    expect(issued.status).toBe(503);
    expect(await issued.json()).toMatchObject({
      code: "not_configured",
      detail: expect.stringMatching(/phixflow-api-key.*32/) as string,
    });
  });

  test("rotated: keys of the previous one count while it is configured", async () => {
    const next = "another signing secret, longer than 32 bytes";
    expect(await statusOf(isolateOf({ PHIXFLOW_API_KEY: next }), caller.key)).toBe(401);
    const rotating = isolateOf({ PHIXFLOW_API_KEY: next, PHIXFLOW_API_KEY_PREVIOUS: env.PHIXFLOW_API_KEY });
    expect(await statusOf(rotating, caller.key)).toBe(200);
  });
});
