import { bootstrap } from "./lib/bootstrap.mjs";
import { run } from "./lib/command-error.mjs";
import { onParentGone } from "./lib/parent-gone.mjs";

/** `npm run dev`: `wrangler dev` with live reload, on the same state as `npm start`. Slower; arguments go to wrangler. */
await run(async () => {
  if (!(await bootstrap(import.meta.url))) return;
  const [
    { ensureDevVars },
    { paths },
    { portFrom, checkPort },
    { migrateState },
    { QUIET_WRANGLER },
    { endLeftOverRuntime, refuseSecondServer, removeServerFile, writeServerFile },
    { toolPath },
    { startCompanion },
  ] = await Promise.all([
    import("./lib/dev-vars.mjs"),
    import("./lib/paths.mjs"),
    import("./lib/port.mjs"),
    import("./lib/runtime.mjs"),
    import("./lib/quiet.mjs"),
    import("./lib/server-file.mjs"),
    import("./lib/tool.mjs"),
    import("./lib/companion.mjs"),
  ]);
  const { spawn } = await import("node:child_process");
  const where = paths();
  refuseSecondServer(where.server);
  endLeftOverRuntime(where.server);
  const port = portFrom(process.env.PORT);
  await checkPort(port);
  ensureDevVars(where.devVars);
  await migrateState(where.state);
  writeServerFile(where.server, { pid: process.pid, url: `http://127.0.0.1:${port}` });
  const companion = await startCompanion(where.companion);
  const wrangler = spawn(
    process.execPath,
    [
      toolPath("wrangler", "wrangler"),
      "dev",
      "--ip",
      "127.0.0.1",
      "--port",
      String(port),
      // What .dev.vars says of it goes before this.
      "--var",
      `ALLOW_PRIVATE_HOSTS:${companion.host}`,
      ...process.argv.slice(2),
    ],
    { cwd: where.root, stdio: "inherit", env: { ...process.env, ...QUIET_WRANGLER } },
  );
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]))
    process.on(signal, () => wrangler.kill(signal));
  process.on("disconnect", () => wrangler.kill("SIGTERM"));
  onParentGone(() => wrangler.kill("SIGTERM"));
  const code = await new Promise((done) => wrangler.on("exit", (status) => done(status ?? 0)));
  await companion.stop();
  removeServerFile(where.server);
  process.exit(code);
});
