import { rmSync } from "node:fs";
import { CommandError, run } from "./lib/command-error.mjs";
import { paths } from "./lib/paths.mjs";
import { endLeftOverRuntime, runningServer } from "./lib/server-file.mjs";

/** `npm run reset`: forgets the state and the demo, so that the next start begins anew. Secrets in `.dev.vars` stay. */
await run(async () => {
  const { state, dev, server } = paths();
  const running = runningServer(server);
  if (running !== undefined) {
    throw new CommandError(
      `A server is running on this state, at ${running.url} (process ${running.pid}). End it first.`,
    );
  }
  endLeftOverRuntime(server);
  rmSync(state, { recursive: true, force: true });
  rmSync(dev, { recursive: true, force: true });
  console.log("Forgot .wrangler/state and .dev.");
});
