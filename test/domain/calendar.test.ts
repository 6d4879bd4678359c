import { describe, expect, it } from "vitest";
import { isDate, isDateTime } from "../../src/domain/calendar";

describe("isDate", () => {
  it.each(["2026-01-31", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"])("takes %s", (text) => {
    expect(isDate(text)).toBe(true);
  });

  it.each([
    "2026-02-29",
    "1900-02-29",
    "2026-04-31",
    "2026-13-01",
    "2026-00-10",
    "2026-01-00",
    "2026-1-01",
    "2026/01/01",
    "20260101",
    "2026-01-01T00:00:00Z",
    " 2026-01-01",
    "2026-01-0x",
    "٢٠٢٦-01-01",
    "",
  ])("refuses %j", (text) => {
    expect(isDate(text)).toBe(false);
  });

  it("agrees with the platform's calendar on every day of five centuries' turns", () => {
    for (const year of [1899, 1900, 1999, 2000, 2026, 2028, 2100]) {
      for (let month = 1; month <= 12; month++) {
        const last = new Date(Date.UTC(year, month, 0)).getUTCDate();
        const text = (day: number) => `${year}-${String(month).padStart(2, "0")}-${day}`;
        expect(isDate(text(last))).toBe(true);
        expect(isDate(text(last + 1))).toBe(false);
      }
    }
  });
});

describe("isDateTime", () => {
  it.each([
    "2026-01-31T09:30:00Z",
    "2026-01-31t09:30:00z",
    "2026-01-31T09:30:00.123456789Z",
    "2026-01-31T23:59:60Z",
    "2026-01-31T09:30:00+02:00",
    "2026-01-31T09:30:00.5-23:59",
  ])("takes %s", (text) => {
    expect(isDateTime(text)).toBe(true);
  });

  it.each([
    "2026-01-31",
    "2026-01-31T09:30:00",
    "2026-02-30T09:30:00Z",
    "2026-01-31T24:00:00Z",
    "2026-01-31T09:60:00Z",
    "2026-01-31T09:30:61Z",
    "2026-01-31T09:30Z",
    "2026-01-31 09:30:00Z",
    "2026-01-31T09:30:00.Z",
    "2026-01-31T09:30:00+0200",
    "2026-01-31T09:30:00+24:00",
    "2026-01-31T09:30:00+02:60",
    "2026-01-31T09:30:00Zx",
    "2026-01-31T09:30:00+02:00Z",
    "2026-01-31T0x:30:00Z",
  ])("refuses %j", (text) => {
    expect(isDateTime(text)).toBe(false);
  });
});
