import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { whyInstall } from "../../scripts/lib/install.mjs";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "sluice-install-"));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

type Packages = Record<string, { version: string; integrity?: string; optional?: boolean }>;

function locks(wanted: Packages, installed?: Packages): void {
  const lock = (packages: Packages) => JSON.stringify({ packages: { "": { version: "1" }, ...packages } });
  writeFileSync(join(root, "package-lock.json"), lock(wanted));
  if (installed === undefined) return;
  mkdirSync(join(root, "node_modules"));
  writeFileSync(join(root, "node_modules", ".package-lock.json"), lock(installed));
}

const A = { "node_modules/a": { version: "1.0.0", integrity: "x" } };

test("a fresh clone needs an installation", () => {
  locks(A);
  expect(whyInstall(root)).toBe("node_modules is missing");
});

test("the locked versions need none, nor do builds for other platforms", () => {
  locks({ ...A, "node_modules/other-os": { version: "1.0.0", optional: true } }, A);
  expect(whyInstall(root)).toBeUndefined();
});

test.each([
  ["another version", { "node_modules/a": { version: "1.0.1", integrity: "x" } }],
  ["another content", { "node_modules/a": { version: "1.0.0", integrity: "y" } }],
  ["nothing", {}],
])("%s needs one", (_, installed) => {
  locks(A, installed as Packages);
  expect(whyInstall(root)).toBe("a is not at the locked version");
});
