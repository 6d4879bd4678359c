import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildWorker } from "./build.mjs";
import { QUIET_WRANGLER } from "./quiet.mjs";
import { runTool, toolPath } from "./tool.mjs";

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/**
 * @param {string[]} vitestArguments
 * @returns {Promise<number>} exit code
 */
export async function runStages(vitestArguments) {
  /** @type {Array<{ name: string, run: () => Promise<Counts> }>} */
  const stages = [
    { name: "Types", run: () => tool(toolPath("typescript", "tsc"), ["--noEmit"]) },
    { name: "Lint", run: () => tool(toolPath("@biomejs/biome", "biome"), ["check", "."]) },
    { name: "Bundle", run: build },
    { name: "Tests", run: () => vitest(vitestArguments) },
  ];
  /** @type {Counts} */
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const { name, run } of stages) {
    console.log(`\n▸ ${name}`);
    const counts = await run();
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
    if (counts.failed > 0) break;
  }
  console.log(`\n${closingLine(total)}`);
  return total.failed === 0 ? 0 : 1;
}

/** @param {Counts} counts */
export function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`;
}

/**
 * A stage that passes or fails as a whole.
 * @param {string} path
 * @param {string[]} args
 * @returns {Promise<Counts>}
 */
async function tool(path, args) {
  return asOne((await runTool(path, args)).code === 0);
}

async function build() {
  try {
    await buildWorker();
    return asOne(true);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return asOne(false);
  }
}

/** @param {boolean} passed */
function asOne(passed) {
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: 0 };
}

/**
 * @param {string[]} extra
 * @returns {Promise<Counts>}
 */
async function vitest(extra) {
  const folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
  const report = join(folder, "report.json");
  try {
    const { code } = await runTool(
      toolPath("vitest", "vitest"),
      ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...extra],
      { env: QUIET_WRANGLER },
    );
    return countTests(readReport(report), code);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {string} path */
function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined; // vitest ended before it could write one
  }
}

/**
 * Counts from vitest's JSON report. A file that failed before any of its tests could, and a run that failed outside the
 * tests, count as one failure each: no failure may hide behind a zero.
 * @param {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number,
 *   testResults: Array<{ status: string, assertionResults: Array<{ status: string }> }> } | undefined} report
 * @param {number} code vitest's exit code
 * @returns {Counts}
 */
export function countTests(report, code) {
  if (report === undefined) return asOne(false);
  const brokenFiles = report.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed"),
  ).length;
  const failed = report.numFailedTests + brokenFiles;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}
