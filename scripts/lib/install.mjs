import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CommandError } from "./command-error.mjs";

/**
 * @typedef {{ version?: string, integrity?: string, optional?: boolean, devOptional?: boolean, link?: boolean }} LockEntry
 * @typedef {{ packages?: Record<string, LockEntry> }} Lock
 */

/**
 * Why the packages must be installed, or undefined when they are what the lock file asks for.
 * Contents are compared rather than times: a checkout touches the lock file without changing it.
 * @param {string} root
 * @returns {string | undefined}
 */
export function whyInstall(root) {
  const installed = readLock(join(root, "node_modules", ".package-lock.json"));
  if (installed === undefined) return "node_modules is missing";
  const wanted = readLock(join(root, "package-lock.json"));
  if (wanted === undefined) return undefined;
  for (const [path, entry] of Object.entries(wanted.packages ?? {})) {
    if (path === "") continue;
    const present = installed.packages?.[path];
    // Builds for other platforms are in the lock file and not on this machine.
    if (present === undefined && (entry.optional || entry.devOptional)) continue;
    if (present === undefined || present.version !== entry.version || present.integrity !== entry.integrity) {
      return `${path.replace(/^.*node_modules\//, "")} is not at the locked version`;
    }
  }
  return undefined;
}

/**
 * Installs what is missing. Quiet, except for one line that says why it takes a while.
 * @param {string} root
 */
export function ensureInstalled(root) {
  const reason = whyInstall(root);
  if (reason === undefined) return;
  console.log(`Installing packages (${reason}) …`);
  // Warnings such as EBADENGINE stay silent: the scripts go on under the project's own Node.
  const result = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
    shell: process.platform === "win32",
  });
  if (result.error !== undefined) throw new CommandError(`npm could not be started: ${result.error.message}`);
  if (result.status !== 0) {
    throw new CommandError("`npm ci` failed; its messages are above. Put that right and start again.");
  }
}

/**
 * @param {string} path
 * @returns {Lock | undefined}
 */
function readLock(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}
