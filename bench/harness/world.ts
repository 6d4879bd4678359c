import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { parse } from "yaml";
import { AdminClient } from "../../scripts/lib/admin.mjs";
import { buildWorker } from "../../scripts/lib/build.mjs";
import { endpointUrl } from "../../scripts/lib/endpoint-url.mjs";
import { packProject } from "../../scripts/lib/pack.mjs";
import { paths, ROOT } from "../../scripts/lib/paths.mjs";
import { migrateState, type Runtime, startRuntime } from "../../scripts/lib/runtime.mjs";
import type { BenchOptions } from "./case.ts";

/** A runtime of its own for a case: our built bundle and, beside it in the same workerd, the Worker it is compared with. */
export interface World {
  runtime: Runtime;
  admin: AdminClient;
  /** Our own address, past Miniflare's proxy. */
  direct: string;
  /** The other Worker's. */
  bare: string | undefined;
  dispose(): Promise<void>;
}

const SECRETS = {
  ADMIN_TOKEN: "b".repeat(64),
  MASTER_KEY: Buffer.alloc(32, 1).toString("base64"),
  PHIXFLOW_API_KEY: "s".repeat(48),
};

/**
 * @param bareWorker a file of `bench/workers`, without its ending
 * @param bareObjects classes of its Durable Objects by binding
 * @param privateHosts hosts that flows may call although they are private
 * @param bareBindings further options of the bare Worker, as Miniflare takes them: databases, namespaces
 */
export async function startWorld(
  { inspect }: Pick<BenchOptions, "inspect">,
  bareWorker?: string,
  bareObjects?: Record<string, string>,
  privateHosts?: string[],
  bareBindings?: Record<string, unknown>,
): Promise<World> {
  const { bundle } = await buildWorker();
  const state = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  await migrateState(state);
  const runtime = await startRuntime({
    bundle,
    state,
    directPort: 0,
    secrets: SECRETS,
    supervise: false,
    ...(privateHosts === undefined ? {} : { privateHosts }),
    ...(inspect ? { inspectorPort: 0 } : {}),
    otherWorkers: bareWorker === undefined ? [] : [await bareOptions(bareWorker, bareObjects, bareBindings)],
  });
  return {
    runtime,
    admin: new AdminClient(runtime.url, SECRETS.ADMIN_TOKEN),
    direct: await runtime.directUrl(),
    bare: bareWorker === undefined ? undefined : await runtime.directUrl(bareWorker),
    async dispose() {
      await runtime.dispose();
      rmSync(state, { recursive: true, force: true });
    },
  };
}

/** @param objects classes of its Durable Objects by binding */
async function bareOptions(
  name: string,
  objects: Record<string, string> = {},
  bindings: Record<string, unknown> = {},
): Promise<Record<string, unknown>> {
  const built = await build({
    entryPoints: [join(ROOT, "bench", "workers", `${name}.ts`)],
    bundle: true,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*"],
    write: false,
  });
  return {
    ...bindings,
    name,
    compatibilityDate: "2026-10-20",
    compatibilityFlags: ["nodejs_compat"],
    modules: [{ type: "ESModule", path: "index.js", contents: built.outputFiles[0]!.text }],
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    durableObjects: Object.fromEntries(
      Object.entries(objects).map(([binding, className]) => [binding, { className, useSQLite: true }]),
    ),
  };
}

/** The demo project, and where one of its endpoints is. */
export async function demoProject(): Promise<{
  bundle: Awaited<ReturnType<typeof packProject>>;
  endpoint: (base: string, key: string) => string;
  flow: (key: string) => Record<string, unknown>;
}> {
  const folder = join(paths().examples, "demo");
  const bundle = await packProject(folder);
  const { endpoints } = parse(readFileSync(join(folder, "demo.yaml"), "utf8"));
  return {
    bundle,
    endpoint: (base, key) => endpointUrl(base, "phixflow", bundle.project, endpoints[key]),
    flow: (key) => {
      const found = (bundle.flows as Array<Record<string, unknown>>).find(
        (flow) => flow.flow === endpoints[key].flow,
      );
      if (found === undefined) throw new Error(`the demo has no flow for the endpoint ${key}`);
      return found;
    },
  };
}
