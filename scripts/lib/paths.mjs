import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's folder. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url).href).replace(/[\\/]$/, "");

/**
 * Where things are kept, all of it git-ignored.
 * @param {string} [root]
 */
export function paths(root = ROOT) {
  return {
    root,
    config: resolve(root, "wrangler.toml"),
    devVars: resolve(root, ".dev.vars"),
    dist: resolve(root, "dist"),
    examples: resolve(root, "examples"),
    migrations: resolve(root, "migrations"),
    /** Databases, KV and objects; `wrangler dev` keeps its own there as well, so both see the same world. */
    state: resolve(root, ".wrangler", "state"),
    dev: resolve(root, ".dev"),
    demo: resolve(root, ".dev", "demo.json"),
    seeded: resolve(root, ".dev", "seeded.json"),
    server: resolve(root, ".dev", "server.json"),
    /** The port that the demo's companion server had. */
    companion: resolve(root, ".dev", "companion.json"),
  };
}
