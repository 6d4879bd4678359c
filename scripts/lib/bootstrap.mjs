import { spawn, spawnSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CommandError } from "./command-error.mjs";
import { ensureInstalled } from "./install.mjs";
import { onParentGone } from "./parent-gone.mjs";
import { ROOT } from "./paths.mjs";

/** The tools (wrangler, Miniflare, Vitest) need it; the project brings one along for the usual platforms. */
const NEEDED_MAJOR = 22;

/**
 * Makes a fresh clone usable: installs what is missing, then has the script go on under the project's own Node.
 * Everything that runs before it must do without packages, on Node 20.
 * @param {string} script `import.meta.url` of the script that asks
 * @returns {Promise<boolean>} true when the caller is to go on; false when a child did its work and this process only has to end
 */
export async function bootstrap(script) {
  ensureInstalled(ROOT);
  const bin = join(ROOT, "node_modules", ".bin");
  process.env.PATH = `${bin}${delimiter}${process.env.PATH ?? ""}`;
  const own = projectNode(bin);
  if (own === undefined) {
    if (Number(process.versions.node.split(".")[0]) >= NEEDED_MAJOR) return true;
    throw new CommandError(
      `Node ${NEEDED_MAJOR} or newer is needed on this platform (this is ${process.version}); install one and start again.`,
    );
  }
  if (realpathSync(process.execPath) === own) return true;
  process.exitCode = await continueUnder(own, script);
  return false;
}

/**
 * @param {string} bin
 * @returns {string | undefined} the project's own Node, when this platform has one that starts
 */
function projectNode(bin) {
  const link = join(bin, "node");
  if (process.platform === "win32" || !existsSync(link)) return undefined;
  const path = realpathSync(link);
  // The packaged build wants glibc: on a system without it the file is there and does not start.
  if (realpathSync(process.execPath) !== path && spawnSync(path, ["--version"]).status !== 0)
    return undefined;
  return path;
}

/**
 * @param {string} node
 * @param {string} script
 * @returns {Promise<number>} its exit code
 */
function continueUnder(node, script) {
  return new Promise((done, fail) => {
    // The channel tells the child when this process is gone, whatever ended it.
    const child = spawn(node, [fileURLToPath(script), ...process.argv.slice(2)], {
      stdio: ["inherit", "inherit", "inherit", "ipc"],
    });
    for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
      process.on(signal, () => child.kill(signal));
    }
    onParentGone(() => child.kill("SIGTERM"));
    child.on("error", fail);
    child.on("exit", (code, signal) => done(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}
