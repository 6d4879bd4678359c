import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe } from "node:diagnostics_channel";
import { mkdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { applyMigrations } from "./migrations.mjs";
import { paths, ROOT } from "./paths.mjs";
import { QUIET_WRANGLER } from "./quiet.mjs";

// Read by wrangler when it is imported, which happens below, so that nothing that only packs or resets waits for it.
Object.assign(process.env, QUIET_WRANGLER);

/**
 * Requests to a Worker with static assets pass two more Workers, the local stand-ins for what Cloudflare's own servers do;
 * they cost more than the Worker itself. A named entry point of the same code is reached without them.
 */
const DIRECT_ENTRYPOINT = "direct";
const DIRECT_MODULE = `export * from "./bundle.js";\nexport { default, default as ${DIRECT_ENTRYPOINT} } from "./bundle.js";\n`;

/** Times in a row that a runtime may fail to start before we give up. */
const MAX_RESTARTS = 5;

/**
 * The built bundle in workerd, through Miniflare. Miniflare rather than `wrangler dev`: it runs the same workerd with
 * the same bindings and state, answers some ten times as many requests a second, and needs one process instead of two.
 *
 * @typedef {object} RuntimeOptions
 * @property {string} bundle path of the built bundle
 * @property {string} state folder of databases, KV and objects
 * @property {number} [port] 0, the default, takes a free one
 * @property {string} [root] the project
 * @property {Record<string, string>} [secrets] instead of those in `.dev.vars`
 * @property {string[]} [privateHosts] hosts that flows may call beside those of ALLOW_PRIVATE_HOSTS
 * @property {Record<string, unknown>} [overrides] of the Worker's Miniflare options
 * @property {number} [directPort] a second port that leads straight to the Worker, past Miniflare's own Workers; 0 takes a free one
 * @property {number} [inspectorPort] a port for debuggers and profilers; 0 takes a free one
 * @property {Array<Record<string, unknown>>} [otherWorkers] more workers in the same workerd
 * @property {(event: "stopped" | "running" | "gone", reason?: unknown) => void} [onEvent] the runtime died; runs again; could not be brought back
 * @property {boolean} [supervise] bring a runtime that died back to life (default true)
 * @property {boolean} [ownSignals] the caller handles SIGINT, SIGTERM and SIGHUP; otherwise Miniflare ends the process on them
 *
 * @typedef {object} Runtime
 * @property {string} url
 * @property {number} port
 * @property {() => number | undefined} pid of workerd
 * @property {Miniflare} miniflare
 * @property {string} worker its name
 * @property {Record<string, unknown>} bindings the Worker's variables and secrets
 * @property {(worker?: string) => Promise<string>} directUrl
 * @property {() => Promise<void>} dispose ends it as politely as Miniflare can
 * @property {() => Promise<void>} kill ends workerd with SIGKILL, as a crash would, and leaves it dead
 */

/** @type {AsyncLocalStorage<{ child?: import("node:child_process").ChildProcess }>} */
const tracked = new AsyncLocalStorage();

// Miniflare keeps its child to itself; Node tells of every child process, and the context says whose it is.
subscribe("child_process", (message) => {
  const owner = tracked.getStore();
  const { process: child } = /** @type {{ process: import("node:child_process").ChildProcess }} */ (message);
  if (owner !== undefined) owner.child = child;
});

/**
 * Starts a runtime; resolves when it answers.
 * @param {RuntimeOptions} options
 * @returns {Promise<Runtime>}
 */
export async function startRuntime(options) {
  const { onEvent = () => {}, supervise = true } = options;
  const { worker, others } = await workerOptions(options);
  mkdirSync(options.state, { recursive: true });
  /** @type {{ child?: import("node:child_process").ChildProcess }} */
  const owner = {};
  let stopping = false;
  let port = options.port ?? 0;

  const create = () => {
    const keepSignals = options.ownSignals ? rememberSignals() : () => {};
    const created = tracked.run(
      owner,
      () =>
        new Miniflare({
          ...convertV4MiniflareOptions({
            host: "127.0.0.1",
            port,
            cf: false,
            logRequests: false,
            log: new Log(LogLevel.NONE),
            ...(options.inspectorPort === undefined ? {} : { inspectorPort: options.inspectorPort }),
            workers: [worker, ...(options.otherWorkers ?? []), ...others],
          }),
          // The converter drops its own option for this.
          resourcePersistencePath: join(options.state, "v3"),
        }),
    );
    keepSignals();
    return created;
  };
  let miniflare = create();
  const url = await miniflare.ready.catch(async (error) => {
    await miniflare.dispose().catch(() => {});
    throw error;
  });
  port = Number(url.port);
  if (supervise) void watch();

  /** Miniflare restarts workerd on the same port by itself, but only once at a time: a death while it starts is final. */
  async function watch() {
    for (;;) {
      const child = owner.child;
      if (child !== undefined && child.exitCode === null && child.signalCode === null) {
        await new Promise((ended) => child.once("exit", ended));
      }
      if (stopping) return;
      onEvent("stopped");
      for (let attempt = 1; ; attempt++) {
        await delay(100 * attempt);
        if (stopping) return;
        try {
          await miniflare.ready;
          if (stopping) return;
          if (owner.child !== child && owner.child?.exitCode === null && owner.child.signalCode === null)
            break;
          if (attempt > MAX_RESTARTS) throw new Error("the runtime ends again and again");
        } catch (error) {
          if (stopping) return;
          if (attempt > MAX_RESTARTS) {
            onEvent("gone", error);
            return;
          }
          await miniflare.dispose().catch(() => {});
          miniflare = create();
          miniflare.ready.catch(() => {}); // looked at in the next attempt
        }
      }
      onEvent("running");
    }
  }

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    pid: () => owner.child?.pid,
    get miniflare() {
      return miniflare;
    },
    worker: String(worker.name),
    bindings: /** @type {Record<string, unknown>} */ (worker.bindings ?? {}),
    async directUrl(name) {
      const direct =
        name === undefined ? { worker: worker.name, entrypoint: DIRECT_ENTRYPOINT } : { worker: name };
      return (await miniflare.unsafeGetDirectURL(direct.worker, direct.entrypoint)).href.replace(/\/$/, "");
    },
    async dispose() {
      stopping = true;
      await miniflare.dispose();
    },
    async kill() {
      stopping = true;
      const child = owner.child;
      if (child !== undefined && child.exitCode === null && child.signalCode === null) {
        const ended = new Promise((done) => child.once("exit", done));
        child.kill("SIGKILL");
        await ended;
      }
      await miniflare.dispose().catch(() => {});
    },
  };
}

/** Miniflare ends the whole process at a signal. The function that comes back takes away the listeners added since. */
function rememberSignals() {
  const signals = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);
  const before = signals.map((signal) => process.listeners(signal));
  return () => {
    for (const [index, signal] of signals.entries()) {
      for (const listener of process.listeners(signal)) {
        if (!before[index]?.includes(listener)) process.removeListener(signal, listener);
      }
    }
  };
}

/**
 * Brings the state's databases up to date, before anything is served from them.
 * @param {string} state
 * @param {string} [root]
 * @returns {Promise<string[]>} the migrations that were applied now
 */
export async function migrateState(state, root = ROOT) {
  const { unstable_readConfig, unstable_splitSqlQuery } = await import("wrangler");
  const config = unstable_readConfig({ config: paths(root).config });
  const applied = [];
  for (const database of config.d1_databases) {
    const miniflare = new Miniflare({
      ...convertV4MiniflareOptions({
        modules: true,
        script: "",
        cf: false,
        log: new Log(LogLevel.NONE),
        d1Databases: { DATABASE: database.preview_database_id ?? database.database_id ?? database.binding },
      }),
      resourcePersistencePath: join(state, "v3"),
    });
    try {
      const folder = join(root, database.migrations_dir ?? "migrations");
      const d1 = await miniflare.getD1Database("DATABASE");
      applied.push(...(await applyMigrations(d1, folder, unstable_splitSqlQuery)));
    } finally {
      await miniflare.dispose();
    }
  }
  return applied;
}

/**
 * The Worker as wrangler.toml describes it, in Miniflare's words.
 * @param {RuntimeOptions} options
 */
async function workerOptions({
  bundle,
  root = ROOT,
  secrets,
  privateHosts = [],
  overrides = {},
  directPort,
}) {
  const { unstable_getMiniflareWorkerOptions } = await import("wrangler");
  const { config } = paths(root);
  const level = process.env.WRANGLER_LOG;
  process.env.WRANGLER_LOG = "warn"; // it would tell on every start that .dev.vars is there
  // An empty list, which the types do not know: tests and benchmarks take nothing from the developer's own secrets.
  const secretFiles = /** @type {{}} */ (secrets === undefined ? {} : { envFiles: [] });
  const { workerOptions: described, externalWorkers } = unstable_getMiniflareWorkerOptions(
    config,
    undefined,
    secretFiles,
  );
  if (level === undefined) delete process.env.WRANGLER_LOG;
  else process.env.WRANGLER_LOG = level;
  const { modulesRules: _rules, rootPath: _path, ...worker } = /** @type {any} */ (described);
  const bindings = { ...worker.bindings, ...secrets };
  const hosts = [bindings.ALLOW_PRIVATE_HOSTS, ...privateHosts].filter(
    (host) => host !== undefined && host !== "",
  );
  if (hosts.length > 0) bindings.ALLOW_PRIVATE_HOSTS = hosts.join(",");
  const module = { type: "ESModule", path: basename(bundle), contents: readFileSync(bundle, "utf8") };
  return {
    worker: {
      ...worker,
      name: workerName(config),
      bindings,
      ...(directPort === undefined
        ? { modules: [module] }
        : {
            modules: [
              { type: "ESModule", path: "direct.js", contents: DIRECT_MODULE },
              { ...module, path: "bundle.js" },
            ],
            unsafeDirectSockets: [{ host: "127.0.0.1", port: directPort, entrypoint: DIRECT_ENTRYPOINT }],
          }),
      ...overrides,
    },
    others: externalWorkers,
  };
}

/** @param {string} config */
function workerName(config) {
  return /^name\s*=\s*"([^"]+)"/m.exec(readFileSync(config, "utf8"))?.[1] ?? "worker";
}
