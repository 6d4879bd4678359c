import { bootstrap } from "../scripts/lib/bootstrap.mjs";
import { run } from "../scripts/lib/command-error.mjs";

/** `npm run bench`; README.md beside this file says how to read what it prints. */
await run(async () => {
  if (!(await bootstrap(import.meta.url))) return;
  // The project's own Node reads TypeScript as it is.
  const { bench } = await import("./harness/main.ts");
  await bench(process.argv.slice(2));
});
