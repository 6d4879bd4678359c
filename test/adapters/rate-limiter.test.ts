import { beforeEach, describe, expect, test } from "vitest";
import { DurableRateLimiter } from "../../src/adapters/durable/rate-limiter";
import { countCalls, type RateDecision, type RateWindow } from "../../src/domain/rate-window";
import type { RateLimiter } from "../../src/durable/rate-limit";

/** What an isolate does with what the object of a caller grants; when answers come is up to the test. */

const RATE = { limit: 100_000, windowMs: 60_000 };

let now: number;
let window: RateWindow | undefined;
/** What was asked and has not been answered. */
let open: { wanted: number; answer: () => void; lose: () => void }[];
let asked: number[];
let held: boolean;
let background: Promise<unknown>[];
let limiter: DurableRateLimiter;

beforeEach(() => {
  now = 1_000;
  window = undefined;
  open = [];
  asked = [];
  background = [];
  held = false;
  const take = (_key: string, rate: typeof RATE, _kept: boolean, wanted: number): Promise<RateDecision> => {
    asked.push(wanted);
    const counted = countCalls(window, rate, now, wanted);
    window = counted.window;
    if (!held) return Promise.resolve(counted.decision);
    return new Promise((answer, fail) => {
      open.push({ wanted, answer: () => answer(counted.decision), lose: () => fail(new Error("gone")) });
    });
  };
  limiter = new DurableRateLimiter({
    namespace: { getByName: () => ({ take }) } as unknown as DurableObjectNamespace<RateLimiter>,
    now: () => now,
    background: (work) => background.push(work.catch(() => undefined)),
  });
});

const take = (rate = RATE) => limiter.take("i/1", rate);

async function makeBusy(): Promise<void> {
  for (let call = 0; call < 300; call += 1) {
    now += 1;
    await take();
  }
}

describe("calls granted ahead", () => {
  test("a busy caller costs the object one call in twenty or fewer", async () => {
    await makeBusy();
    asked = [];
    const before = (await take()).remaining;
    for (let call = 0; call < 1_000; call += 1) {
      now += 1;
      expect((await take()).remaining).toBe(before - call - 1);
    }
    expect(asked.length).toBeLessThanOrEqual(50);
    // Never more than 32 are with this isolate: what it does not use is lost to the caller.
    expect(window?.count).toBeLessThanOrEqual(RATE.limit - before + 1_000 + 32);
  });

  test("a caller who comes now and then has none", async () => {
    for (let call = 0; call < 20; call += 1) {
      now += 1_000;
      await take();
    }
    expect(asked).toEqual(new Array(20).fill(1));
    expect(window?.count).toBe(20);
  });
});

describe("no call waits for another's question", () => {
  test("one whose answer never comes holds up nobody", async () => {
    held = true;
    const lost = take();
    held = false;
    expect(await take()).toMatchObject({ allowed: true, remaining: RATE.limit - 2 });
    await makeBusy();
    // A question in the background that is lost as well, as when its request is cancelled.
    held = true;
    for (let call = 0; call < 40 && open.length < 2; call += 1) void take();
    expect(open.length).toBe(2);
    held = false;
    for (let call = 0; call < 50; call += 1) expect((await take()).allowed).toBe(true);
    // … and after a while calls are granted ahead again.
    now += 3_000;
    await makeBusy();
    asked = [];
    for (let call = 0; call < 100; call += 1) await take();
    expect(asked.length).toBeLessThan(20);
    open[0]?.answer();
    expect((await lost).allowed).toBe(true);
  });

  test("answers in any order never make `remaining` rise", async () => {
    held = true;
    const calls = Array.from({ length: 5 }, () => take());
    for (const { answer } of open.reverse()) answer();
    const told = (await Promise.all(calls)).map(({ remaining }) => remaining);
    held = false;
    const lowest = Math.min(...told);
    expect((await take()).remaining).toBeLessThanOrEqual(lowest);
  });

  test("an object that cannot be asked refuses nobody", async () => {
    held = true;
    const call = take();
    for (const { lose } of open) lose();
    expect(await call).toEqual({
      allowed: true,
      limit: 100_000,
      remaining: 100_000,
      resetMs: 60_000,
      windowMs: 60_000,
    });
  });
});

describe("windows", () => {
  test("past the limit nobody passes until the window ends, and the object is not asked", async () => {
    const rate = { limit: 3, windowMs: 1_000 };
    const allowed = [];
    for (let call = 0; call < 6; call += 1) allowed.push((await take(rate)).allowed);
    expect(allowed).toEqual([true, true, true, false, false, false]);
    expect(asked.length).toBe(3);
    now += 1_000;
    expect(await take(rate)).toMatchObject({ allowed: true, remaining: 2 });
  });

  test("what was granted in a window is not used in the next", async () => {
    await makeBusy();
    now += RATE.windowMs;
    expect(await take()).toMatchObject({ remaining: RATE.limit - 1 });
  });

  test("an answer that comes after its window ended grants nothing of the next one", async () => {
    held = true;
    const late = take();
    now += RATE.windowMs;
    held = false;
    await take();
    open[0]?.answer();
    expect((await late).allowed).toBe(true);
    expect((await take()).remaining).toBe(RATE.limit - 2);
  });
});
