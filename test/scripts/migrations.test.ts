import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { migrationNames } from "../../scripts/lib/migrations.mjs";
import { QUIET_WRANGLER } from "../../scripts/lib/quiet.mjs";
import { migrateState } from "../../scripts/lib/runtime.mjs";
import { runTool, toolPath } from "../../scripts/lib/tool.mjs";

let root: string;
let state: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "sluice-migrations-"));
  state = join(root, ".wrangler", "state");
  mkdirSync(join(root, "migrations"));
  mkdirSync(join(root, "src"));
  writeFileSync(join(root, "src", "index.js"), "export default {};\n");
  writeFileSync(
    join(root, "wrangler.toml"),
    'name = "m"\nmain = "src/index.js"\ncompatibility_date = "2026-10-20"\n' +
      '[[d1_databases]]\nbinding = "DB"\ndatabase_name = "m"\ndatabase_id = "m-1"\nmigrations_dir = "migrations"\n',
  );
});
afterAll(() => {
  rmSync(root, { recursive: true });
});

function migration(name: string, sql: string): void {
  writeFileSync(join(root, "migrations", name), sql);
}

async function wrangler(...args: string[]): Promise<string> {
  const { code, output } = await runTool(toolPath("wrangler", "wrangler"), args, {
    cwd: root,
    env: { ...QUIET_WRANGLER, CI: "1" },
    capture: true,
  });
  expect(code, output).toBe(0);
  return output;
}

test("files apply by number, then by name", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-names-"));
  for (const name of ["10_c.sql", "2_b.sql", "0002_a.sql", "notes.md", "x.sql"])
    writeFileSync(join(folder, name), "");
  expect(migrationNames(folder)).toEqual(["0002_a.sql", "2_b.sql", "10_c.sql", "x.sql"]);
  expect(migrationNames(join(folder, "none"))).toEqual([]);
  rmSync(folder, { recursive: true });
});

test("wrangler goes on where we left off, and the other way round", { timeout: 60_000 }, async () => {
  migration(
    "0001_a.sql",
    "CREATE TABLE a (x TEXT DEFAULT ';'); -- a comment; with a semicolon\nCREATE TABLE a2 (x);\n",
  );
  expect(await migrateState(state, root)).toEqual(["0001_a.sql"]);
  expect(await migrateState(state, root)).toEqual([]);

  migration("0002_b.sql", "CREATE TABLE b (x);");
  const applied = await wrangler("d1", "migrations", "apply", "DB", "--local");
  expect(applied).toContain("0002_b.sql");
  expect(applied).not.toContain("0001_a.sql");
  expect(await migrateState(state, root)).toEqual([]);

  migration("0003_c.sql", "CREATE TABLE c (x);");
  expect(await migrateState(state, root)).toEqual(["0003_c.sql"]);
  expect(await wrangler("d1", "migrations", "list", "DB", "--local")).toContain("No migrations to apply");
});

test("a migration that fails leaves nothing behind and is named", { timeout: 60_000 }, async () => {
  migration("0004_d.sql", "CREATE TABLE d (x);\nCREATE TABLE a (x);");
  await expect(migrateState(state, root)).rejects.toThrow(/0004_d\.sql failed/);
  migration("0004_d.sql", "CREATE TABLE d (x);");
  expect(await migrateState(state, root)).toEqual(["0004_d.sql"]);
});
