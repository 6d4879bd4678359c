import { expect, test } from "vitest";
import { closingLine, countTests } from "../../scripts/lib/test-stages.mjs";

const passed = { status: "passed", assertionResults: [{ status: "passed" }] };
const report = {
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [passed],
};

test("tests that pass are counted", () => {
  expect(countTests(report, 0)).toEqual({ passed: 3, failed: 0, skipped: 0 });
});

test("failing and skipped tests are counted", () => {
  const failing = { status: "failed", assertionResults: [{ status: "failed" }, { status: "passed" }] };
  const counts = countTests(
    { ...report, numFailedTests: 1, numPendingTests: 2, numTodoTests: 1, testResults: [passed, failing] },
    1,
  );
  expect(counts).toEqual({ passed: 3, failed: 1, skipped: 3 });
});

test("a file that breaks before its first test is a failure, and so is a run that ends badly for another reason", () => {
  const broken = { status: "failed", assertionResults: [] };
  expect(countTests({ ...report, testResults: [passed, broken] }, 1).failed).toBe(1);
  expect(countTests(report, 1).failed).toBe(1);
  expect(countTests(undefined, 1).failed).toBe(1);
});

test("the closing line is plain", () => {
  expect(closingLine({ passed: 12, failed: 0, skipped: 0 })).toBe("12 passed, 0 failed");
  expect(closingLine({ passed: 1, failed: 2, skipped: 3 })).toBe("1 passed, 2 failed, 3 skipped");
});
