import { bootstrap } from "../../scripts/lib/bootstrap.mjs";
import { run } from "../../scripts/lib/command-error.mjs";

/** `npm run bench:expressions [-- --json] [--functions] [--rounds 7]` */
await run(async () => {
  if (!(await bootstrap(import.meta.url))) return;
  // The project's own Node reads TypeScript as it is.
  const { benchExpressions } = await import("./main.ts");
  await benchExpressions(process.argv.slice(2));
});
