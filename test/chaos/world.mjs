import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { AdminClient } from "../../scripts/lib/admin.mjs";
import { buildWorker } from "../../scripts/lib/build.mjs";
import { migrateState, startRuntime } from "../../scripts/lib/runtime.mjs";

const ADMIN_TOKEN = "0123456789abcdef".repeat(4);
const SECRETS = {
  ADMIN_TOKEN,
  MASTER_KEY: Buffer.alloc(32, 7).toString("base64"),
  // The witness is on this machine.
  ALLOW_PRIVATE_HOSTS: "127.0.0.1",
};

/**
 * A runtime that can be killed and started again on the same state and port.
 *
 * @typedef {object} World
 * @property {string} url
 * @property {string} direct the Worker without the local stand-ins in front of it
 * @property {string} state
 * @property {AdminClient} client of the management API
 * @property {() => Promise<void>} kill
 * @property {() => Promise<void>} start after a kill
 * @property {(ms: number) => Promise<void>} freeze stops the runtime (SIGSTOP) for a while
 * @property {(project: string, bundle: object) => Promise<void>} apply
 * @property {AdminClient} manager client of the management API, which takes errors for what they are
 * @property {(method: string, path: string) => Promise<Response>} admin call of the management API, without a body
 * @property {(path: string, init?: RequestInit) => Promise<Response>} call of the action API
 * @property {() => Promise<void>} dispose
 *
 * @returns {Promise<World>}
 */
export async function startWorld() {
  const state = mkdtempSync(join(tmpdir(), "sluice-chaos-"));
  const { bundle } = await buildWorker();
  await migrateState(state);
  let port = 0;
  let directPort = 0;
  const start = async () => {
    const started = await startRuntime({
      bundle,
      state,
      port,
      directPort,
      secrets: SECRETS,
      supervise: false,
    });
    port = started.port;
    directPort = Number(new URL(await started.directUrl()).port);
    return started;
  };
  let runtime = await start();
  const { url } = runtime;
  return {
    url,
    direct: await runtime.directUrl(),
    manager: new AdminClient(url, ADMIN_TOKEN),
    state,
    client: new AdminClient(url, ADMIN_TOKEN),
    kill: () => runtime.kill(),
    async start() {
      runtime = await start();
    },
    async freeze(ms) {
      const pid = runtime.pid();
      if (pid === undefined) return;
      process.kill(pid, "SIGSTOP");
      await delay(ms);
      process.kill(pid, "SIGCONT");
    },
    async apply(project, bundle) {
      const response = await fetch(`${url}/admin/v1/projects/${project}`, {
        method: "PUT",
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
        body: JSON.stringify(bundle),
      });
      if (!response.ok) throw new Error(`the flows were refused: ${await response.text()}`);
    },
    admin: (method, path) =>
      fetch(`${url}/admin/v1${path}`, { method, headers: { authorization: `Bearer ${ADMIN_TOKEN}` } }),
    call: (path, init) => fetch(`${url}/phixflow/api/1/action/${path}`, init),
    async dispose() {
      await runtime.dispose().catch(() => {});
      rmSync(state, { recursive: true, force: true });
    },
  };
}

/**
 * @template T
 * @param {readonly T[]} list
 * @param {number} lanes
 * @param {(element: T) => Promise<void>} visit
 */
export async function inLanes(list, lanes, visit) {
  let next = 0;
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while (next < list.length) await visit(/** @type {T} */ (list[next++]));
    }),
  );
}
