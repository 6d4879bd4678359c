import { bootstrap } from "./lib/bootstrap.mjs";
import { run } from "./lib/command-error.mjs";

/**
 * `npm test [-- arguments for vitest]`: installs what is missing, then type-checks, lints, builds the bundle and runs
 * every test. Ends at the first stage that fails; the last line says how many passed and failed, stages included.
 */
await run(async () => {
  if (!(await bootstrap(import.meta.url))) return;
  const { runStages } = await import("./lib/test-stages.mjs");
  return await runStages(process.argv.slice(2));
});
