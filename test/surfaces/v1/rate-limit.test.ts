import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { authenticateEventToken } from "../../../src/operations/access/authenticate-event-token";
import { servicesOf } from "../../../src/services";
import { defineV1Route, ok } from "../../../src/surfaces/v1/route";
import { accessToken, issueApiKey, issueInterface, keyHeaders, v1 } from "../../support/v1";
import { frame } from "../../support/v1-frame";
import { admin } from "../../support/worker";

let handled = 0;
const ask = frame([
  ...(["GET", "POST"] as const).map((method) =>
    defineV1Route({
      method,
      path: "/v1/count",
      summary: "",
      tag: "test",
      authority: "interface",
      body: "none",
      handle: async () => {
        handled += 1;
        return ok(null, "counted");
      },
    }),
  ),
]);

let apiKey: string;
beforeAll(async () => {
  apiKey = await issueApiKey();
});

const rateOf = ({ headers }: Response) => ({
  limit: Number(headers.get("x-ratelimit-limit")),
  remaining: Number(headers.get("x-ratelimit-remaining")),
  reset: Number(headers.get("x-ratelimit-reset")),
});

describe("the window of an interface", () => {
  test("of 2,000 calls, 16 at a time, exactly 1,000 pass", async () => {
    const { name } = await issueInterface("thousand", { rateLimit: { window: "1h" } });
    const headers = keyHeaders({ apiKey, name });
    const seen: { status: number; remaining: number }[] = [];
    handled = 0;
    let left = 2_000;
    const caller = async () => {
      let last = Number.POSITIVE_INFINITY;
      while (left > 0) {
        left -= 1;
        const response = await ask("/count", { method: "POST", headers });
        await response.arrayBuffer();
        const { remaining } = rateOf(response);
        // What one caller sees, one call after the other, never rises.
        expect(remaining).toBeLessThanOrEqual(last);
        last = remaining;
        seen.push({ status: response.status, remaining });
      }
    };
    await Promise.all(Array.from({ length: 16 }, caller));
    const passed = seen.filter(({ status }) => status === 200);
    expect(passed).toHaveLength(1_000);
    expect(handled).toBe(1_000);
    expect(seen.filter(({ status }) => status === 429)).toHaveLength(1_000);
    // Each permit was given once.
    expect(new Set(passed.map(({ remaining }) => remaining)).size).toBe(1_000);
  }, 60_000);

  test("429 has the seed's shape, the seconds left, and the draft's headers", async () => {
    const { name } = await issueInterface("two", { rateLimit: { limit: 2, window: "60s" } });
    const headers = keyHeaders({ apiKey, name });
    const [first, second, third] = [
      await ask("/count", { headers }),
      await ask("/count", { headers }),
      await ask("/count", { headers }),
    ];
    expect(rateOf(first as Response)).toEqual({ limit: 2, remaining: 1, reset: 60 });
    expect(rateOf(second as Response)).toMatchObject({ limit: 2, remaining: 0 });
    expect(first?.headers.get("ratelimit-policy")).toBe('"default";q=2;w=60');
    expect(first?.headers.get("ratelimit")).toMatch(/^"default";r=1;t=\d+$/);
    expect(third?.status).toBe(429);
    const retry = Number(third?.headers.get("retry-after"));
    expect(retry).toBe(rateOf(third as Response).reset);
    expect(retry).toBeGreaterThan(0);
    expect(await third?.json()).toMatchObject({
      id: "error",
      resource: [],
      error: { code: 429, message: "Too many requests." },
    });
  });

  test("is one for all its credentials, and none of another's", async () => {
    const two = await issueInterface("shared", { rateLimit: { limit: 3, window: "1h" } });
    const other = await issueInterface("unshared", { rateLimit: { limit: 3, window: "1h" } });
    const { access } = await accessToken(two);
    const byToken = await ask("/count", { headers: { authorization: `Bearer ${access}` } });
    expect(rateOf(byToken).remaining).toBe(1);
    const byKey = await ask("/count", { headers: keyHeaders({ apiKey, name: two.name }) });
    expect(rateOf(byKey).remaining).toBe(0);
    expect((await ask("/count", { headers: keyHeaders({ apiKey, name: two.name }) })).status).toBe(429);
    expect((await ask("/count", { headers: keyHeaders({ apiKey, name: other.name }) })).status).toBe(200);
  });

  test("outlives the memory of its object, and ends with its time", async () => {
    const { name } = await issueInterface("rested", { rateLimit: { limit: 2, window: "1h" } });
    const headers = keyHeaders({ apiKey, name });
    await ask("/count", { headers });
    // What was counted is written a moment later.
    await new Promise((done) => setTimeout(done, 500));
    await evictDurableObject(env.RATE_LIMITER.getByName(`e1/${name}`));
    expect(rateOf(await ask("/count", { headers })).remaining).toBe(0);

    const short = await issueInterface("short", { rateLimit: { limit: 1, window: "200ms" } });
    const brief = keyHeaders({ apiKey, name: short.name });
    expect((await ask("/count", { headers: brief })).status).toBe(200);
    await expect
      .poll(async () => (await ask("/count", { headers: brief })).status, { interval: 50, timeout: 5_000 })
      .toBe(200);
  });
});

test("calls of nobody and refused ones count by address", async () => {
  const from = (address: string) =>
    v1("GET", "/nothing", { "cf-connecting-ip": address, "x-apikey": "wrong" });
  const before = rateOf(await from("198.51.100.7")).remaining;
  expect(rateOf(await from("198.51.100.7")).remaining).toBe(before - 1);
  expect(rateOf(await from("198.51.100.8")).remaining).toBe(999);
});

describe("event tokens", () => {
  const issue = async (name: string): Promise<{ id: number; token: string }> =>
    (await admin("POST", "/event-tokens", { name, kind: "source" })).json();

  test("two calls a second each, the third is told when to come back", async () => {
    const services = servicesOf(env);
    const [one, other] = [await issue("one"), await issue("other")];
    const calls = await Promise.allSettled(
      Array.from({ length: 5 }, () => authenticateEventToken(services, one.token)),
    );
    expect(calls.filter(({ status }) => status === "fulfilled").length).toBeLessThanOrEqual(4);
    const refused = calls.find(({ status }) => status === "rejected") as PromiseRejectedResult;
    expect(refused.reason).toMatchObject({ code: "rate_limited", details: { retryAfter: 1 } });
    expect((await authenticateEventToken(services, other.token)).token).toMatchObject({
      kind: "source",
      name: "other",
      environment: { id: 1 },
    });
  });

  test("unknown, revoked and expired ones are refused", async () => {
    const services = servicesOf(env);
    const refused = (token: string | null) =>
      authenticateEventToken(services, token).then(
        () => "let in",
        ({ code }) => code,
      );
    for (const token of [null, "", "x", "0".repeat(64), "y".repeat(10_000)])
      expect(await refused(token)).toBe("unauthenticated");
    const { id, token } = await issue("short-lived");
    expect(await refused(token)).toBe("let in");
    await admin("DELETE", `/event-tokens/${id}`);
    expect(await refused(token)).toBe("unauthenticated");
    const later = await issue("expired");
    await env.DB.prepare("UPDATE event_tokens SET expires_at = 1 WHERE id = ?1").bind(later.id).run();
    expect(await refused(later.token)).toBe("unauthenticated");
    expect(await refused(await issueApiKey())).toBe("unauthenticated");
  });
});
