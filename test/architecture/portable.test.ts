import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";

/*
 * The project is used on machines that are not its author's: no file may say where packages are fetched from, which is
 * each machine's own setting, nor where something lies on somebody's disk.
 */

const ROOT = join(import.meta.dirname, "../..");

/** Put together here, so that this file does not find itself. */
const HOSTS = ["npmjs", "yarnpkg", "npmmirror"].map((name) => `registry.${name}`);
const FOLDERS = ["home", "Users", "root", "work", "mnt"];

const FORBIDDEN: readonly (readonly [string, RegExp])[] = [
  ["a registry host", new RegExp(`${HOSTS.join("|").replaceAll(".", "\\.")}|npm\\.pkg\\.github`)],
  ["a resolved package address", /"resolved":\s*"https?:/],
  ["an absolute local path", new RegExp(`(?:^|[\\s"'\`(=])/(?:${FOLDERS.join("|")})/[\\w.-]+`)],
  ["an absolute local path", /\b[A-Z]:\\{1,2}(?:Users|Windows)\b/],
  // The classic victim of attacks on parsers is everybody's.
  ["an absolute local path", /file:\/\/\/(?!etc\/)\w/],
];

function told(text: string): string[] {
  return text
    .split("\n")
    .flatMap((line) => FORBIDDEN.filter(([, pattern]) => pattern.test(line)).map(([what]) => what));
}

/** Names at the top of what is made on a machine rather than written: the plain lines of `.gitignore`. */
function ignored(): ReadonlySet<string> {
  const lines = readFileSync(join(ROOT, ".gitignore"), "utf8").split("\n");
  return new Set([".git", ...lines.map((line) => line.trim().replace(/^\/|\/$/g, ""))]);
}

function* filesIn(folder: string, skipped: ReadonlySet<string>): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (skipped.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesIn(path, skipped);
    else if (entry.isFile()) yield path;
  }
}

test("no file of the project names a registry host or an absolute local path", () => {
  const files = [...filesIn(ROOT, ignored())].filter((file) => file !== import.meta.filename);
  const found: string[] = [];
  for (const file of files) {
    const text = readFileSync(file, "utf8");
    // A picture or the like.
    if (text.includes("\0")) continue;
    for (const what of told(text)) found.push(`${relative(ROOT, file)}: ${what}`);
  }
  expect(found).toEqual([]);
  expect(files.length).toBeGreaterThan(100);
});

describe("the check itself", () => {
  test.each([
    `"resolved": "https://example.com/a.tgz"`,
    `from https://registry.${"npmjs"}.org/a`,
    `cd /${"home"}/someone/project`,
    `path = "/${"Users"}/someone"`,
    `C:\\${"Users"}\\someone`,
    `file:///${"opt"}/x`,
  ])("finds %s", (line) => {
    expect(told(line)).toHaveLength(1);
  });

  test.each([
    "GET /admin/v1/projects",
    "POST /workflow/run",
    "https://example.com/home/x",
    "/rooted/x",
    "./work/x",
  ])("leaves %s alone", (line) => {
    expect(told(line)).toEqual([]);
  });
});
