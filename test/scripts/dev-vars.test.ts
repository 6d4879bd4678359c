import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { completeDevVars, definedNames, ensureDevVars } from "../../scripts/lib/dev-vars.mjs";

function values(text: string): Record<string, string> {
  return Object.fromEntries(
    Array.from(text.matchAll(/^(\w+)="(.*)"$/gm), ([, name, value]) => [name, value]),
  );
}

test("makes up every secret when there is none, at random and long enough", () => {
  const first = values(completeDevVars("").text);
  const second = values(completeDevVars("").text);
  expect(first.ADMIN_TOKEN).toMatch(/^[0-9a-f]{64}$/);
  expect(Buffer.from(first.MASTER_KEY!, "base64")).toHaveLength(32);
  expect(Buffer.byteLength(first.PHIXFLOW_API_KEY!)).toBeGreaterThanOrEqual(32);
  for (const [name, value] of Object.entries(first)) expect(second[name]).not.toBe(value);
});

test("adds what is missing and changes nothing that is there", () => {
  const mine = "# mine\nexport ADMIN_TOKEN=abc\nOTHER='x=y'";
  const { text, added } = completeDevVars(mine);
  expect(text.startsWith(`${mine}\n`)).toBe(true);
  expect(added).toEqual(["MASTER_KEY", "PHIXFLOW_API_KEY"]);
  expect([...definedNames(text)].sort()).toEqual(["ADMIN_TOKEN", "MASTER_KEY", "OTHER", "PHIXFLOW_API_KEY"]);
  expect(completeDevVars(text)).toEqual({ text, added: [] });
});

test("a commented name is not a defined one", () => {
  expect(completeDevVars("# ADMIN_TOKEN=abc\n").added).toContain("ADMIN_TOKEN");
});

test("the file can be read by its owner only, and stays as it is once complete", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-vars-"));
  const path = join(folder, ".dev.vars");
  writeFileSync(path, "ADMIN_TOKEN=abc\n", { mode: 0o644 });
  expect(ensureDevVars(path)).toEqual(["MASTER_KEY", "PHIXFLOW_API_KEY"]);
  if (process.platform !== "win32") expect(statSync(path).mode & 0o777).toBe(0o600);
  const complete = readFileSync(path, "utf8");
  expect(ensureDevVars(path)).toEqual([]);
  expect(readFileSync(path, "utf8")).toBe(complete);
  rmSync(folder, { recursive: true });
});
