import { bootstrap } from "./lib/bootstrap.mjs";
import { run } from "./lib/command-error.mjs";

/**
 * `npm start`: from a fresh clone to a running server with the demo in it. Runs on Node 20 without any package until
 * `bootstrap` has put things right; everything that needs packages is imported after it.
 */
await run(async () => {
  if (!(await bootstrap(import.meta.url))) return;
  const { startServer } = await import("./lib/start-server.mjs");
  await startServer();
});
// The server is gone, or never came to be; what a library or the channel to the parent still holds open does not count.
process.exit();
