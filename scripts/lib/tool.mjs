import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ROOT } from "./paths.mjs";

/**
 * The script behind a command of an installed package, to be run with this very Node: no shell, no search in PATH,
 * the same on every platform.
 * @param {string} packageName
 * @param {string} command
 * @param {string} [root]
 */
export function toolPath(packageName, command, root = ROOT) {
  // Packages may be hoisted to a folder above the project's.
  for (let folder = root; ; folder = dirname(folder)) {
    const manifest = join(folder, "node_modules", packageName, "package.json");
    if (existsSync(manifest)) {
      const { bin } = JSON.parse(readFileSync(manifest, "utf8"));
      return join(dirname(manifest), typeof bin === "string" ? bin : bin[command]);
    }
    if (dirname(folder) === folder) throw new Error(`the package ${packageName} is not installed`);
  }
}

/**
 * Runs a tool to its end.
 * @param {string} tool path of its script
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string>, capture?: boolean }} [options] with `capture`, output is returned and not shown
 * @returns {Promise<{ code: number, output: string }>}
 */
export function runTool(tool, args, { cwd = ROOT, env = {}, capture = false } = {}) {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [tool, ...args], {
      cwd,
      env: { ...process.env, ...env },
      stdio: capture ? ["ignore", "pipe", "pipe"] : ["ignore", "inherit", "inherit"],
    });
    let output = "";
    const collect = (/** @type {Buffer} */ chunk) => {
      output += chunk.toString();
    };
    child.stdout?.on("data", collect);
    child.stderr?.on("data", collect);
    child.on("error", fail);
    child.on("close", (code) => done({ code: code ?? 1, output }));
  });
}
