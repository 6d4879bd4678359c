import { bootstrap } from "./lib/bootstrap.mjs";
import { run } from "./lib/command-error.mjs";

/** `npm run docs`: writes the pages of docs/ that are made from the sources. A test fails when they are out of date. */
await run(async () => {
  if (!(await bootstrap(import.meta.url))) return;
  const { existsSync, mkdirSync, readFileSync, writeFileSync } = await import("node:fs");
  const { dirname, join } = await import("node:path");
  const { ROOT } = await import("./lib/paths.mjs");
  const { generatedPages } = await import("./generate-docs/pages.mjs");
  for (const [path, text] of Object.entries(await generatedPages())) {
    const file = join(ROOT, path);
    const same = existsSync(file) && readFileSync(file, "utf8") === text;
    if (!same) {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
    console.log(`${path} ${same ? "is up to date" : "written"}`);
  }
});
