import { relative } from "node:path";
import { AdminClient } from "./admin.mjs";
import { buildWorker } from "./build.mjs";
import { startCompanion } from "./companion.mjs";
import { curlLines } from "./curl-lines.mjs";
import { describeDemo, seedDemo } from "./demo.mjs";
import { ensureDevVars } from "./dev-vars.mjs";
import { onParentGone } from "./parent-gone.mjs";
import { paths, ROOT } from "./paths.mjs";
import { checkPort, portFrom } from "./port.mjs";
import { writePrivate } from "./private-file.mjs";
import { migrateState, startRuntime } from "./runtime.mjs";
import { endLeftOverRuntime, refuseSecondServer, removeServerFile, writeServerFile } from "./server-file.mjs";

/** Builds, migrates, serves, seeds, says so, and stays until it is told to end. */
export async function startServer() {
  const where = paths(ROOT);
  refuseSecondServer(where.server);
  if (endLeftOverRuntime(where.server)) console.log("Ended a runtime that an earlier start had left behind.");
  const port = portFrom(process.env.PORT);
  await checkPort(port);

  const added = ensureDevVars(where.devVars);
  if (added.length > 0) console.log(`Made up ${added.join(", ")} in .dev.vars.`);
  const { built, bundle } = await buildWorker(ROOT);
  if (built) console.log("Built the Worker.");
  const migrations = await migrateState(where.state, ROOT);
  if (migrations.length > 0)
    console.log(
      `Applied ${migrations.length === 1 ? "the migration" : "the migrations"} ${migrations.join(", ")}.`,
    );

  const ended = whenTold();
  const companion = await startCompanion(where.companion);
  const runtime = await startRuntime({
    bundle,
    privateHosts: [companion.host],
    state: where.state,
    port,
    ownSignals: true,
    onEvent(event, reason) {
      if (event === "stopped") console.log("The runtime ended unexpectedly; starting it again …");
      if (event === "running") {
        note();
        console.log(`The runtime is back at ${runtime.url}, on the same state.`);
      }
      if (event === "gone") {
        console.error("The runtime could not be started again:", reason);
        ended.now(1);
      }
    },
  });
  const note = () =>
    writeServerFile(where.server, { pid: process.pid, workerd: runtime.pid(), url: runtime.url });
  note();
  try {
    const admin = new AdminClient(runtime.url, String(runtime.bindings.ADMIN_TOKEN ?? ""));
    const { projects, applied, credentials } = await seedDemo(admin, where.examples, where.seeded, companion);
    const instance = String(runtime.bindings.INSTANCE ?? "phixflow");
    const demo = await describeDemo(admin, instance, projects, credentials);
    writePrivate(where.demo, demo);
    if (applied.length > 0) console.log(`Applied ${applied.join(", ")}.`);
    announce(runtime.url, projects, demo);
    process.exitCode = await ended.promise;
    if (process.exitCode === 0) console.log("Stopped.");
  } finally {
    await runtime.dispose();
    await companion.stop();
    removeServerFile(where.server);
  }
}

/**
 * @param {string} url
 * @param {Array<{ name: string, flows: number }>} projects
 * @param {Parameters<typeof curlLines>[0]} demo
 */
function announce(url, projects, demo) {
  const list = projects
    .map(({ name, flows }) => `${name} (${flows} ${flows === 1 ? "flow" : "flows"})`)
    .join(", ");
  console.log(`
Sluice runs at ${url}
  projects     ${list || "none yet"}
  credentials  ${relative(process.cwd(), paths().demo)}: every token, id and URL of the demo by name
  reference    ${url}/docs
  state        .wrangler/state (npm run reset forgets it)

Try:
${curlLines(demo)
  .map((line) => `  ${line}`)
  .join("\n")}

Ctrl+C stops it.`);
}

/** Resolves with the exit code when a signal, or the end of the process that started us, says that it is time. */
function whenTold() {
  /** @type {(code: number) => void} */
  let now = () => {};
  /** @type {Promise<number>} */
  const promise = new Promise((done) => {
    now = done;
  });
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]))
    process.on(signal, () => now(0));
  // Of the channel to the script that started us under this Node, see bootstrap.mjs.
  process.on("disconnect", () => now(0));
  onParentGone(() => now(0));
  return { promise, now: (/** @type {number} */ code) => now(code) };
}
