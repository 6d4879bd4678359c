import { rmSync } from "node:fs";
import { run } from "./lib/command-error.mjs";
import { paths } from "./lib/paths.mjs";
import { endLeftOverRuntime, refuseSecondServer } from "./lib/server-file.mjs";

/** `npm run reset`: forgets the state and the demo, so that the next start begins anew. Secrets in `.dev.vars` stay. */
await run(async () => {
  const { state, dev, server } = paths();
  refuseSecondServer(server);
  endLeftOverRuntime(server);
  rmSync(state, { recursive: true, force: true });
  rmSync(dev, { recursive: true, force: true });
  console.log("Forgot .wrangler/state and .dev.");
});
