import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildWorker } from "../../../scripts/lib/build.mjs";
import { migrateState, type Runtime, startRuntime } from "../../../scripts/lib/runtime.mjs";

/**
 * The built bundle in a real workerd, over HTTP on a free loopback port: what a deployment runs, `eval` forbidden
 * included. Built when its sources have changed, migrated, with secrets of its own.
 */
export interface TestRuntime {
  readonly url: string;
  readonly adminToken: string;
  /** Process id of workerd; undefined while it is dead. */
  readonly pid: number | undefined;
  /** Folder of its state: hand it to another runtime to look at the same world. */
  readonly state: string;
  /** Where a Worker answers itself, past Miniflare's proxy: faster, and without the headers that the proxy adds. */
  directUrl(worker?: string): Promise<string>;
  /** SIGKILL to workerd, as a crash or a power cut would: nothing is flushed. It stays dead until `restart`. */
  kill(): Promise<void>;
  /** Starts it again, killed before or not, on the same state, port and secrets. */
  restart(): Promise<void>;
  /** Ends it, and forgets the state if it was a temporary one. */
  dispose(): Promise<void>;
  /** JSON in, Response out, with the administrator's token: for `/admin/v1`. */
  admin(method: string, path: string, body?: unknown): Promise<Response>;
}

export interface TestRuntimeOptions {
  /** Folder to keep state in; a temporary one by default. */
  state?: string;
  /** Variables and secrets, beside the test's own. */
  bindings?: Record<string, string>;
  /** More Workers for the same workerd, in Miniflare's words; `directUrl(name)` says where they are. */
  otherWorkers?: Array<Record<string, unknown>>;
}

export const TEST_SECRETS = {
  ADMIN_TOKEN: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
  MASTER_KEY: Buffer.alloc(32, 7).toString("base64"),
  PHIXFLOW_API_KEY: "a test's secret, which is longer than thirty-two bytes",
};

export async function startTestRuntime(options: TestRuntimeOptions = {}): Promise<TestRuntime> {
  const { bundle } = await buildWorker();
  const temporary = options.state === undefined ? mkdtempSync(join(tmpdir(), "sluice-bundle-")) : undefined;
  const state = options.state ?? temporary!;
  const secrets = { ...TEST_SECRETS, ...options.bindings };
  await migrateState(state);

  let port = 0;
  const { otherWorkers = [] } = options;
  const start = () =>
    startRuntime({ bundle, state, port, directPort: 0, secrets, otherWorkers, supervise: false });
  let runtime: Runtime | undefined = await start();
  const { url } = runtime;
  port = runtime.port;

  async function kill(): Promise<void> {
    await runtime?.kill();
    runtime = undefined;
  }

  return {
    url,
    adminToken: secrets.ADMIN_TOKEN,
    state,
    get pid() {
      return runtime?.pid();
    },
    async directUrl(worker) {
      if (runtime === undefined) throw new Error("the runtime is dead");
      return runtime.directUrl(worker);
    },
    kill,
    async restart() {
      await kill();
      runtime = await start();
    },
    async dispose() {
      await runtime?.dispose();
      runtime = undefined;
      if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
    },
    admin(method, path, body) {
      return fetch(url + path, {
        method,
        headers: {
          Authorization: `Bearer ${secrets.ADMIN_TOKEN}`,
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      });
    },
  };
}
