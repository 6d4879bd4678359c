import { afterEach, expect, test, vi } from "vitest";
import { logError, logWarning } from "../../src/domain/operator-log";

afterEach(() => {
  vi.restoreAllMocks();
});

function heard(level: "error" | "warn"): Array<Record<string, string>> {
  const lines: Array<Record<string, string>> = [];
  vi.spyOn(console, level).mockImplementation((line) => void lines.push(line));
  return lines;
}

test("a fault is one object: what happened, to what, and where in the code", () => {
  const lines = heard("error");
  logError("a durable run could not go on", new TypeError("nothing there"), { runId: "r1", attempt: 2 });
  expect(lines).toEqual([
    {
      event: "a durable run could not go on",
      runId: "r1",
      attempt: 2,
      error: expect.stringContaining("TypeError: nothing there"),
    },
  ]);
  expect(lines[0]?.error).toContain("operator-log.test");
});

test("causes are told too, up to a bound", () => {
  const lines = heard("warn");
  logWarning("late", new Error("outer", { cause: new Error("inner") }));
  expect(lines[0]?.error).toMatch(/outer[\s\S]*caused by: Error: inner/);

  const endless = new Error("again");
  endless.cause = endless;
  logWarning("late", endless);
  expect(lines[1]?.error?.split("caused by: ")).toHaveLength(6);
});

test("whatever was thrown can be told", () => {
  const lines = heard("error");
  for (const thrown of ["text", 7, null, Object.create(null)]) logError("odd", thrown);
  expect(lines.map(({ error }) => error)).toEqual([
    "text",
    "7",
    "null",
    "something that cannot be told as text",
  ]);
});
