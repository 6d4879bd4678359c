import { type ChildProcess, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { buildWorker } from "../../scripts/lib/build.mjs";
import { ROOT } from "../../scripts/lib/paths.mjs";

/** `npm start` in a checkout of its own, so that the developer's state and port are left alone. */

const CHECKOUT = [
  "scripts",
  "src",
  "migrations",
  "dist",
  "wrangler.toml",
  "tsconfig.json",
  "package.json",
  "package-lock.json",
];
const FLOW =
  "flow: hello\nendpoint: { anonymous: true }\nstart: answer\nnodes:\n  answer: { type: respond, body: hi }\n";

let root: string;
let server: ChildProcess | undefined;
let output = "";

beforeAll(async () => {
  await buildWorker();
  root = mkdtempSync(join(tmpdir(), "sluice-start-"));
  for (const name of CHECKOUT) cpSync(join(ROOT, name), join(root, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(root, "node_modules"), "dir");
  write("examples/demo/project.yaml", "project: demo\n");
  write("examples/demo/flows/hello.yaml", FLOW);
  write(
    "examples/demo/demo.yaml",
    "id_as: project_id\nendpoints: { hello: { flow: hello } }\nflows: { cheap: hello }\n",
  );
});
afterEach(() => {
  server?.kill("SIGTERM");
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

function write(path: string, text: string): void {
  mkdirSync(join(root, path, ".."), { recursive: true });
  writeFileSync(join(root, path), text);
}

function start(): Promise<number | null> {
  output = "";
  const child = spawn(process.execPath, ["scripts/start.mjs"], {
    cwd: root,
    env: { ...process.env, PORT: "0" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  server = child;
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  return new Promise((done) => child.once("exit", done));
}

async function said(text: string): Promise<void> {
  await expect.poll(() => output, { timeout: 30_000, interval: 50 }).toContain(text);
}

interface DevFiles {
  ".dev/demo.json": { admin_token: string; project_id: string; endpoints: { hello: string } };
  ".dev/server.json": { pid: number; workerd: number; url: string };
}

function readJson<P extends keyof DevFiles>(path: P): DevFiles[P] {
  return JSON.parse(readFileSync(join(root, path), "utf8"));
}

test("starts, seeds once, survives the death of its runtime and stops cleanly", async () => {
  const ended = start();
  await said("Ctrl+C stops it.");
  expect(output).toContain("Applied demo.");
  const demo = readJson(".dev/demo.json");
  expect(demo).toMatchObject({
    environment_id: "1",
    project_id: expect.any(String),
    flows: { cheap: { name: "hello" } },
  });
  expect(output).not.toContain(demo.admin_token);
  if (process.platform !== "win32") {
    for (const secret of [".dev/demo.json", ".dev.vars"])
      expect(statSync(join(root, secret)).mode & 0o077, secret).toBe(0);
  }
  expect(await (await fetch(demo.endpoints.hello)).text()).toBe("hi");

  process.kill(readJson(".dev/server.json").workerd, "SIGKILL");
  await said("on the same state.");
  expect(await (await fetch(demo.endpoints.hello)).text()).toBe("hi");

  const { workerd } = readJson(".dev/server.json");
  server!.kill("SIGTERM");
  expect(await ended).toBe(0);
  expect(output).toContain("Stopped.");
  expect(() => process.kill(workerd, 0)).toThrow();
  expect(existsSync(join(root, ".dev/server.json"))).toBe(false);

  const endedAgain = start();
  await said("Ctrl+C stops it.");
  expect(output).not.toContain("Applied");
  expect(readJson(".dev/demo.json")).toMatchObject({
    admin_token: demo.admin_token,
    project_id: demo.project_id,
  });
  server!.kill("SIGTERM");
  expect(await endedAgain).toBe(0);
});

test("a demo that is wrong is refused with every problem, and the start fails", async () => {
  write("examples/demo/flows/hello.yaml", FLOW.replace("respond", "respnd"));
  expect(await start()).toBe(1);
  expect(output).toContain("The project demo was not applied. HTTP 422");
  expect(output).toContain("respond");
  expect(existsSync(join(root, ".dev/server.json"))).toBe(false);
});
