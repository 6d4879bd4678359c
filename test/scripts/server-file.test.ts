import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkPort, portFrom } from "../../scripts/lib/port.mjs";
import { endLeftOverRuntime, runningServer, writeServerFile } from "../../scripts/lib/server-file.mjs";

let folder: string;
let path: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-server-"));
  path = join(folder, ".dev", "server.json");
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

/** A process that does nothing, under a name of our choice. */
async function pretend(name: string, ...args: string[]): Promise<ChildProcess> {
  const script = join(folder, name);
  writeFileSync(script, "console.log('up'); setInterval(() => {}, 1000);\n");
  const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "ignore"] });
  children.push(child);
  await new Promise((done) => child.stdout!.once("data", done));
  return child;
}

describe.skipIf(process.platform === "win32")("which process serves this checkout", () => {
  test("is found by its file while it runs", async () => {
    expect(runningServer(path)).toBeUndefined();
    const server = await pretend("start.mjs");
    writeServerFile(path, { pid: server.pid!, url: "http://h" });
    expect(runningServer(path)).toEqual({ pid: server.pid, url: "http://h" });
  });

  test("is not another program that was given its number, nor a file cut short", async () => {
    const other = await pretend("other.mjs");
    writeServerFile(path, { pid: other.pid!, url: "http://h" });
    expect(runningServer(path)).toBeUndefined();
    writeFileSync(path, '{"pid": 1');
    expect(runningServer(path)).toBeUndefined();
    expect(endLeftOverRuntime(path)).toBe(false);
  });

  test("a runtime left behind by a server that was killed is ended, and nothing else is", async () => {
    const dead = 2 ** 22 + 1;
    const runtime = await pretend("workerd", "serve", "x");
    const ended = new Promise((done) => runtime.once("exit", (_, signal) => done(signal)));
    writeServerFile(path, { pid: dead, workerd: runtime.pid!, url: "http://h" });
    expect(endLeftOverRuntime(path)).toBe(true);
    expect(await ended).toBe("SIGKILL");

    const other = await pretend("other.mjs", "serve", "x");
    writeServerFile(path, { pid: dead, workerd: other.pid!, url: "http://h" });
    expect(endLeftOverRuntime(path)).toBe(false);
    expect(other.exitCode).toBeNull();
  });
});

describe("the port to serve on", () => {
  test.each([
    [undefined, 8787],
    ["", 8787],
    ["0", 0],
    ["3000", 3000],
  ])("PORT=%s means %i", (value, port) => {
    expect(portFrom(value)).toBe(port);
  });

  test.each(["-1", "65536", "1e3", "http", "80 "])("PORT=%s is refused", (value) => {
    expect(() => portFrom(value)).toThrow("PORT must be a number");
  });

  test("that is taken is named in one sentence", async () => {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as { port: number };
    await expect(checkPort(port)).rejects.toThrow(`Port ${port} is taken by another program`);
    await new Promise((done) => server.close(done));
    await expect(checkPort(port)).resolves.toBeUndefined();
  });
});
