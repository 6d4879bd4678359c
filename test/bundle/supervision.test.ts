import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildWorker } from "../../scripts/lib/build.mjs";
import { migrateState, startRuntime } from "../../scripts/lib/runtime.mjs";
import { TEST_SECRETS } from "./support/runtime";

test("a served runtime that is killed, again and again, comes back on the same port", async () => {
  const { bundle } = await buildWorker();
  const state = mkdtempSync(join(tmpdir(), "sluice-supervision-"));
  await migrateState(state);
  const events: string[] = [];
  const told = new Map<string, () => void>();
  const next = (event: string) => new Promise<void>((done) => told.set(event, done));
  const runtime = await startRuntime({
    bundle,
    state,
    secrets: TEST_SECRETS,
    onEvent(event) {
      events.push(event);
      told.get(event)?.();
    },
  });
  try {
    const pids = [runtime.pid()];
    for (let kill = 0; kill < 2; kill++) {
      const back = next("running");
      process.kill(runtime.pid()!, "SIGKILL");
      await back;
      pids.push(runtime.pid());
      expect((await fetch(`${runtime.url}/nowhere`)).status).toBe(404);
    }
    expect(new Set(pids).size).toBe(3);

    // Killed once more while it starts, where Miniflare itself would give up.
    const back = next("running");
    const old = runtime.pid()!;
    process.kill(old, "SIGKILL");
    await expect.poll(() => runtime.pid(), { interval: 1 }).not.toBe(old);
    process.kill(runtime.pid()!, "SIGKILL");
    await back;
    expect((await fetch(`${runtime.url}/nowhere`)).status).toBe(404);
    expect(events).not.toContain("gone");
  } finally {
    await runtime.dispose();
    rmSync(state, { recursive: true, force: true });
  }
  expect(events.at(-1)).toBe("running");
});
