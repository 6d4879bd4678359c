import { describe, expect, it } from "vitest";
import {
  CANCELLABLE_RENEW_MS,
  ExclusionSettings,
  groupName,
  groupObjectName,
  LEASE_MARGIN_MS,
  LEASE_MS,
  PLACE_KEEP_MS,
  RENEW_MS,
  retryAfterSeconds,
  WAIT_CALL_MS,
} from "../../src/domain/exclusion-group";
import { MAX_GROUP_CHARS, MAX_GROUP_QUEUE } from "../../src/domain/limits";

describe("a group's name", () => {
  it("is compared without upper and lower case and without the white space around it", () => {
    expect(groupName("  Reports ")).toBe("reports");
    expect(groupName("ÄRGER")).toBe(groupName("ärger"));
  });

  it("is the same however its accents are encoded", () => {
    expect(groupName("cafe\u0301")).toBe(groupName("caf\u00e9"));
  });

  it("is none when nothing is left of it", () => {
    expect(groupName("")).toBeUndefined();
    expect(groupName(" \t\n")).toBeUndefined();
  });

  it("has a longest length", () => {
    expect(groupName("x".repeat(MAX_GROUP_CHARS))).toBe("x".repeat(MAX_GROUP_CHARS));
    expect(groupName("x".repeat(MAX_GROUP_CHARS + 1))).toBe("too_long");
  });

  it("belongs to an environment", () => {
    expect(groupObjectName({ environmentId: 7, name: "reports" })).toBe("e7/group/reports");
  });
});

describe("the setting", () => {
  it("is a name, or an object whose onBusy is reject unless it says otherwise", () => {
    expect(ExclusionSettings.parse("Reports")).toBe("Reports");
    expect(ExclusionSettings.parse({ group: "Reports" })).toEqual({ group: "Reports", onBusy: "reject" });
  });

  it("knows four answers to a busy group", () => {
    for (const onBusy of ["reject", "queue", "attach", "cancel"])
      expect(ExclusionSettings.safeParse({ group: "g", onBusy }).success).toBe(true);
    expect(ExclusionSettings.safeParse({ group: "g", onBusy: "wait" }).success).toBe(false);
  });

  it("bounds the queue and the name", () => {
    expect(ExclusionSettings.safeParse({ group: "g", maxQueue: MAX_GROUP_QUEUE }).success).toBe(true);
    for (const maxQueue of [0, -1, 1.5, MAX_GROUP_QUEUE + 1])
      expect(ExclusionSettings.safeParse({ group: "g", maxQueue }).success).toBe(false);
    expect(ExclusionSettings.safeParse("x".repeat(MAX_GROUP_CHARS + 1)).success).toBe(false);
    // How long an expression's result is shows only when it runs.
    expect(ExclusionSettings.safeParse(`='${"x".repeat(MAX_GROUP_CHARS)}'`).success).toBe(true);
  });
});

describe("times", () => {
  it("let a holder miss two renewals, and stop before another may begin", () => {
    expect(2 * RENEW_MS).toBeLessThan(LEASE_MS - LEASE_MARGIN_MS);
    expect(CANCELLABLE_RENEW_MS).toBeLessThanOrEqual(RENEW_MS);
  });

  it("leave a run that was granted its permit at the end of a waiting call time for its first renewal", () => {
    expect(WAIT_CALL_MS + RENEW_MS).toBeLessThan(LEASE_MS - LEASE_MARGIN_MS);
  });

  it("end a place whose caller went away before a lease would", () => {
    expect(WAIT_CALL_MS + PLACE_KEEP_MS).toBeLessThan(LEASE_MS);
  });

  it("tell a refused caller when to come back, between a second and a minute", () => {
    expect(retryAfterSeconds(undefined, 5_000, 1)).toBe(1);
    expect(retryAfterSeconds(2_000, 500, 1)).toBe(2);
    expect(retryAfterSeconds(2_000, 500, 4)).toBe(8);
    expect(retryAfterSeconds(100, 5_000, 1)).toBe(1);
    expect(retryAfterSeconds(3_600_000, 0, 1)).toBe(60);
  });
});
