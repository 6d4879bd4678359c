import { bootstrap } from "./lib/bootstrap.mjs";
import { CommandError, run } from "./lib/command-error.mjs";

/**
 * `npm run apply -- <folder> [--base URL] [--dry-run]`: packs a project and applies it to a running server, by default the
 * one that `npm start` runs. For another one, ADMIN_TOKEN in the environment is its administrator's token.
 */
await run(async () => {
  if (!(await bootstrap(import.meta.url))) return;
  const { existsSync, readFileSync } = await import("node:fs");
  const { readArguments } = await import("./lib/arguments.mjs");
  const { AdminClient } = await import("./lib/admin.mjs");
  const { packProject } = await import("./lib/pack.mjs");
  const { paths } = await import("./lib/paths.mjs");
  const { values, folder } = readArguments(
    { base: { type: "string" }, "dry-run": { type: "boolean", default: false } },
    "npm run apply -- <project folder> [--base URL] [--dry-run]",
  );
  const file = paths().demo;
  const demo = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
  const base = values.base?.replace(/\/+$/, "") ?? demo.base;
  // Our own server's token is for our own server only.
  const token = process.env.ADMIN_TOKEN ?? (base === demo.base ? demo.admin_token : undefined);
  if (base === undefined)
    throw new CommandError("No server is known here: run `npm start` once, or say --base URL.");
  if (token === undefined)
    throw new CommandError(`Put the administrator's token of ${base} into ADMIN_TOKEN.`);
  const changes = await new AdminClient(base, token).apply(await packProject(folder), {
    dryRun: values["dry-run"],
  });
  console.log(JSON.stringify(changes, null, 2));
});
