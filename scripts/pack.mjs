import { bootstrap } from "./lib/bootstrap.mjs";
import { CommandError, run } from "./lib/command-error.mjs";

/** `npm run pack -- <folder> [--json]`: prints a project's bundle. */
await run(async () => {
  if (!(await bootstrap(import.meta.url))) return;
  const { parseArgs } = await import("node:util");
  const { stringify } = await import("yaml");
  const { packProject } = await import("./lib/pack.mjs");
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: "boolean" } },
  });
  const [folder] = positionals;
  if (folder === undefined || positionals.length > 1)
    throw new CommandError("Usage: npm run pack -- <project folder> [--json]");
  const bundle = await packProject(folder);
  process.stdout.write(
    values.json ? `${JSON.stringify(bundle, null, 2)}\n` : stringify(bundle, { lineWidth: 110 }),
  );
});
