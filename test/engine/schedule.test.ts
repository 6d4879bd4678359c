import { describe, expect, test } from "vitest";
import { lastTick, nextTick } from "../../src/engine/schedule";
import { problemsOf, throughFlow } from "../support/trial";

const berlin = (cron: string) => ({ cron, timeZone: "Europe/Berlin" });
const ticks = (cron: string, from: string, count: number, timeZone = "Europe/Berlin") => {
  const found: string[] = [];
  for (let at = Date.parse(from); found.length < count; ) {
    at = nextTick({ cron, timeZone }, at) as number;
    found.push(new Date(at).toISOString().replace(":00.000Z", "Z"));
  }
  return found;
};

describe("when clocks are put forward (29 March 2026, 02:00 to 03:00)", () => {
  test("a tick in the hour that is left out comes at its end, once", () => {
    expect(ticks("30 2 * * *", "2026-03-28T00:00Z", 3)).toEqual([
      "2026-03-28T01:30Z",
      "2026-03-29T01:00Z",
      "2026-03-30T00:30Z",
    ]);
  });

  test("every half hour stays every half hour", () => {
    expect(ticks("*/30 * * * *", "2026-03-29T00:15Z", 4)).toEqual([
      "2026-03-29T00:30Z",
      "2026-03-29T01:00Z",
      "2026-03-29T01:30Z",
      "2026-03-29T02:00Z",
    ]);
  });
});

describe("when clocks are put back (25 October 2026, 03:00 to 02:00)", () => {
  test("a tick at a fixed hour comes the first time only", () => {
    expect(ticks("30 2 * * *", "2026-10-24T12:00Z", 2)).toEqual(["2026-10-25T00:30Z", "2026-10-26T01:30Z"]);
    expect(nextTick(berlin("30 2 * * *"), Date.parse("2026-10-25T00:45Z"))).toBe(
      Date.parse("2026-10-26T01:30Z"),
    );
  });

  test("every hour comes in both", () => {
    expect(ticks("0 * * * *", "2026-10-24T23:30Z", 3)).toEqual([
      "2026-10-25T00:00Z",
      "2026-10-25T01:00Z",
      "2026-10-25T02:00Z",
    ]);
  });
});

describe("ticks", () => {
  test("the next one is after, the last one at or before", () => {
    const at = Date.parse("2026-11-22T06:00Z");
    const utc = { cron: "0 6 * * *", timeZone: "UTC" };
    expect([nextTick(utc, at - 1), nextTick(utc, at)]).toEqual([at, at + 86_400_000]);
    expect([lastTick(utc, at - 1), lastTick(utc, at), lastTick(utc, at + 1)]).toEqual([
      at - 86_400_000,
      at,
      at,
    ]);
  });

  test("the last day of a month, days of the week, short forms", () => {
    expect(ticks("0 0 L * *", "2026-01-31T12:00Z", 2, "UTC")).toEqual([
      "2026-02-28T00:00Z",
      "2026-03-31T00:00Z",
    ]);
    expect(ticks("0 9 * * MON-FRI", "2026-11-20T12:00Z", 1, "UTC")).toEqual(["2026-11-23T09:00Z"]);
    expect(ticks("@hourly", "2026-11-20T12:10Z", 1, "UTC")).toEqual(["2026-11-20T13:00Z"]);
  });
});

describe("what is wrong is told when the flow is applied", () => {
  const wrong = (schedule: unknown, more: object = {}) =>
    problemsOf(
      throughFlow({ a: { type: "calculate", value: 1, next: "out" } }, { schedule, ...more } as never),
    );

  test.each([
    [{ cron: "*/5 * * * *" }],
    [{ cron: "0 6 * * *", timeZone: "Europe/Berlin", missed: "run-once", input: { a: 1 } }],
    [[{ cron: "@daily" }, { cron: "@daily", timeZone: "Asia/Tokyo" }]],
  ])("%j is right", (schedule) => {
    expect(wrong(schedule)).toEqual([]);
  });

  test.each([
    [{ cron: "61 * * * *" }, "/schedule/cron: not a cron expression"],
    [{ cron: "* * * * * *" }, "/schedule/cron: not a cron expression"],
    [{ cron: "every day" }, "/schedule/cron: not a cron expression"],
    [{ cron: "0 0 31 2 *" }, "/schedule/cron: there is no such day"],
    [
      { cron: "@daily", timeZone: "Mars/Olympus" },
      '/schedule/timeZone: there is no time zone "Mars/Olympus"',
    ],
    [[{ cron: "@daily" }, { cron: "@daily", input: 1 }], "/schedule/1/cron: this schedule stands here twice"],
  ])("%j", (schedule, reason) => {
    expect(wrong(schedule)[0]).toContain(reason);
  });

  test("a wrong time zone hides no wrong expression", () => {
    expect(wrong({ cron: "61 * * * *", timeZone: "Mars/Olympus" })).toHaveLength(2);
    expect(wrong({ cron: "0 6 * * *", timeZone: "Mars/Olympus" })).toHaveLength(1);
  });

  test("an input that the flow would refuse", () => {
    const input = { body: { n: "number" as const } };
    expect(wrong({ cron: "@daily", input: { n: 1 } }, { input })).toEqual([]);
    expect(wrong({ cron: "@daily", input: { n: "x" } }, { input })[0]).toContain(
      "/schedule/input: the flow would refuse it",
    );
    expect(wrong({ cron: "@daily" }, { input })).toHaveLength(1);
    expect(wrong({ cron: "@daily" }, { input: { query: { q: "string" } } })).toHaveLength(1);
  });
});
