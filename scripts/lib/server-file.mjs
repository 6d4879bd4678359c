import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { CommandError } from "./command-error.mjs";

/**
 * `.dev/server.json`: which process serves this checkout. Two runtimes on one state would spoil it, so only one may.
 * @typedef {{ pid: number, workerd?: number | undefined, url: string }} ServerFile
 */

/**
 * @param {string} path
 * @returns {ServerFile | undefined}
 */
export function readServerFile(path) {
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined; // cut short by a crash
  }
}

/**
 * @param {string} path
 * @param {ServerFile} server
 */
export function writeServerFile(path, server) {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, JSON.stringify(server), { mode: 0o600 });
}

/** @param {string} path */
export function removeServerFile(path) {
  rmSync(path, { force: true });
}

/**
 * The server that runs on this checkout's state, if one does.
 * @param {string} path
 */
export function runningServer(path) {
  const server = readServerFile(path);
  return server !== undefined && /\b(start|dev)\.mjs/.test(commandOf(server.pid)) ? server : undefined;
}

/**
 * Refuses when this checkout is served already.
 * @param {string} path
 */
export function refuseSecondServer(path) {
  const running = runningServer(path);
  if (running === undefined) return;
  throw new CommandError(
    `This checkout is served already, at ${running.url} (process ${running.pid}). End that one first.`,
  );
}

/**
 * Ends the workerd of a server that was killed and could not take it along. True when there was one.
 * @param {string} path
 */
export function endLeftOverRuntime(path) {
  const server = readServerFile(path);
  if (server?.workerd === undefined || runningServer(path) !== undefined) return false;
  if (!/workerd.* serve /.test(commandOf(server.workerd))) return false;
  process.kill(server.workerd, "SIGKILL");
  return true;
}

/**
 * Command line of a process, so that a number that was given anew is not taken for ours; empty when it has ended.
 * @param {number} pid
 */
function commandOf(pid) {
  try {
    if (process.platform === "linux")
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
    if (process.platform === "win32") {
      process.kill(pid, 0);
      return "start.mjs";
    }
    return execFileSync("ps", ["-p", String(pid), "-o", "command="], { encoding: "utf8" });
  } catch {
    return "";
  }
}
