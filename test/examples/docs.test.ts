import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { generatedPages } from "../../scripts/generate-docs/pages.mjs";
import { AdminClient } from "../../scripts/lib/admin.mjs";
import { startCompanion } from "../../scripts/lib/companion.mjs";
import { describeDemo, seedDemo } from "../../scripts/lib/demo.mjs";
import { paths, ROOT } from "../../scripts/lib/paths.mjs";
import { startTestRuntime, type TestRuntime } from "../bundle/support/runtime";
import { fencesOf, matches, pages } from "./support/fences";

/*
 * The documentation is run:
 * - ```yaml flow``` blocks of a page are the flows of one project, and apply without a problem;
 * - ```yaml file=path``` blocks are written to a folder in which the page's commands run;
 * - ```sh run``` blocks are run, with the demo applied; `sh run fails` must fail;
 * - ```json answer``` and ```text answer``` blocks are what the command before them printed; `…` stands for anything.
 */

/** Where the pages say that the server is. */
const SHOWN_BASE = "http://127.0.0.1:8787";

let runtime: TestRuntime;
let companion: Awaited<ReturnType<typeof startCompanion>>;
let admin: AdminClient;
let folder: string;

beforeAll(async () => {
  companion = await startCompanion();
  runtime = await startTestRuntime({ bindings: { ALLOW_PRIVATE_HOSTS: companion.host } });
  admin = new AdminClient(runtime.url, runtime.adminToken);
  folder = mkdtempSync(join(tmpdir(), "sluice-docs-test-"));
  const { projects, credentials } = await seedDemo(
    admin,
    paths().examples,
    join(folder, ".dev", "seeded.json"),
    companion,
  );
  const demo = await describeDemo(admin, "phixflow", projects, credentials);
  writeFileSync(join(folder, ".dev", "demo.json"), JSON.stringify(demo));
});
afterAll(async () => {
  await runtime?.dispose();
  await companion?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

test("the generated pages are up to date (`npm run docs` writes them)", async () => {
  for (const [path, text] of Object.entries(await generatedPages())) {
    expect(readFileSync(join(ROOT, path), "utf8"), path).toBe(text);
  }
});

test("links between pages lead somewhere", () => {
  for (const page of pages()) {
    const text = readFileSync(join(ROOT, page), "utf8");
    for (const [, target = ""] of text.matchAll(/\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)/g)) {
      expect(existsSync(join(ROOT, dirname(page), target)), `${page} links to ${target}`).toBe(true);
    }
  }
});

/** Runs a command as the page says, on this test's own server. */
function run(command: string): Promise<{ code: number; output: string }> {
  const own = command
    .replaceAll(SHOWN_BASE, runtime.url)
    .replaceAll(
      "npm run apply --",
      `'${process.execPath}' '${join(ROOT, "scripts", "apply.mjs")}' --base ${runtime.url}`,
    )
    .replaceAll("npm run --silent pack --", `'${process.execPath}' '${join(ROOT, "scripts", "pack.mjs")}'`);
  return new Promise((done, fail) => {
    const child = spawn("bash", ["-c", own], {
      cwd: folder,
      env: { ...process.env, ADMIN_TOKEN: runtime.adminToken },
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => (output += chunk.toString()));
    child.on("error", fail);
    child.on("close", (code) =>
      done({ code: code ?? 1, output: output.replaceAll(runtime.url, SHOWN_BASE) }),
    );
  });
}

for (const page of pages()) {
  const fences = fencesOf(page);
  const flows = fences.filter(({ words }) => words.includes("flow"));
  const commands = fences.filter(({ words }) => words.includes("run"));

  if (flows.length > 0)
    test(`${page}: its ${flows.length} flows apply`, async () => {
      const result = await admin.apply(
        { project: `page ${page.replaceAll("/", " ")}`, flows: flows.map(({ text }) => parse(text)) },
        { dryRun: true },
      );
      expect((result.flows as { created: string[] }).created).toHaveLength(flows.length);
    });

  if (commands.length > 0)
    test(`${page}: its ${commands.length} commands do what it says`, async () => {
      let last: { code: number; output: string } | undefined;
      for (const { language, words, text, line } of fences) {
        const where = `${page}:${line}`;
        const file = words.find((word) => word.startsWith("file="))?.slice("file=".length);
        if (file !== undefined) {
          mkdirSync(dirname(join(folder, file)), { recursive: true });
          writeFileSync(join(folder, file), text);
        } else if (words.includes("run")) {
          last = await run(text);
          expect(last.code !== 0, `${where} printed ${last.output}`).toBe(words.includes("fails"));
        } else if (words.includes("answer")) {
          const output = last?.output ?? "";
          // JSON is shown with line breaks for people; its values count.
          const [shown, actual] =
            language === "json"
              ? [JSON.stringify(JSON.parse(text)), JSON.stringify(JSON.parse(output))]
              : [text, output.replaceAll("\r", "")];
          if (!matches(shown, actual)) expect.soft(actual.trim(), where).toBe(shown.trim());
        }
      }
    });
}
