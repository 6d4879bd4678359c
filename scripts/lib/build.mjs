import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, relative, resolve } from "node:path";
import { CommandError } from "./command-error.mjs";
import { paths, ROOT } from "./paths.mjs";
import { QUIET_WRANGLER } from "./quiet.mjs";
import { runTool, toolPath } from "./tool.mjs";

/** Everything that can change the bundle. */
const SOURCES = ["src", "wrangler.toml", "package-lock.json", "tsconfig.json"];

/**
 * A hash of everything the bundle is made of.
 * @param {string} [root]
 */
export function sourceHash(root = ROOT) {
  const hash = createHash("sha256");
  for (const source of SOURCES) {
    for (const file of filesUnder(join(root, source))) {
      hash.update(`${relative(root, file).replaceAll("\\", "/")}\0`);
      hash.update(readFileSync(file));
      hash.update("\0");
    }
  }
  return hash.digest("hex");
}

/**
 * Builds the Worker as a deployment would (`wrangler deploy --dry-run`), when its sources have changed since the last time.
 * @param {string} [root]
 * @returns {Promise<{ built: boolean, bundle: string }>}
 */
export async function buildWorker(root = ROOT) {
  const { dist } = paths(root);
  const bundle = join(dist, "index.js");
  const stamp = join(dist, ".sources");
  // Before the build: a file that changes meanwhile makes the next start build again.
  const hash = sourceHash(root);
  if (existsSync(bundle) && existsSync(stamp) && readFileSync(stamp, "utf8") === hash)
    return { built: false, bundle };

  // A folder of its own, moved into place when complete: someone may be reading the last bundle right now.
  const fresh = join(root, ".wrangler", `build-${process.pid}`);
  const { code, output } = await runTool(
    toolPath("wrangler", "wrangler", root),
    ["deploy", "--dry-run", "--outdir", fresh],
    { cwd: root, env: QUIET_WRANGLER, capture: true },
  );
  if (code !== 0) {
    rmSync(fresh, { recursive: true, force: true });
    throw new CommandError(`The Worker does not build:\n${output.trim()}`);
  }
  mkdirSync(dist, { recursive: true });
  for (const name of readdirSync(fresh)) {
    const target = join(dist, name);
    if (existsSync(target) && statSync(target).isDirectory()) rmSync(target, { recursive: true });
    if (name.endsWith(".map")) rebaseSources(join(fresh, name), fresh, dist);
    renameSync(join(fresh, name), target);
  }
  rmSync(fresh, { recursive: true, force: true });
  writeFileSync(stamp, hash);
  return { built: true, bundle };
}

/**
 * A source map names its sources relative to its own folder, which changes.
 * @param {string} file
 * @param {string} from
 * @param {string} to
 */
function rebaseSources(file, from, to) {
  const map = JSON.parse(readFileSync(file, "utf8"));
  map.sources = map.sources.map((/** @type {string} */ source) =>
    relative(to, resolve(from, source)).replaceAll("\\", "/"),
  );
  writeFileSync(file, JSON.stringify(map));
}

/**
 * @param {string} path
 * @returns {string[]} the file itself, or all files below the folder, in a fixed order; none when there is nothing
 */
function filesUnder(path) {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesUnder(join(path, name)));
}
