import { bootstrap } from "./lib/bootstrap.mjs";
import { run } from "./lib/command-error.mjs";

/** `npm run pack -- <folder> [--json]`: prints a project's bundle. */
await run(async () => {
  if (!(await bootstrap(import.meta.url))) return;
  const { readArguments } = await import("./lib/arguments.mjs");
  const { stringify } = await import("yaml");
  const { packProject } = await import("./lib/pack.mjs");
  const { values, folder } = readArguments(
    { json: { type: "boolean" } },
    "npm run pack -- <project folder> [--json]",
  );
  const bundle = await packProject(folder);
  process.stdout.write(
    values.json ? `${JSON.stringify(bundle, null, 2)}\n` : stringify(bundle, { lineWidth: 110 }),
  );
});
