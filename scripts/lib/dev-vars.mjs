import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";

/**
 * The secrets a development machine needs, each with the way to make one up.
 * @type {Record<string, { about: string, make: () => string }>}
 */
export const DEV_SECRETS = {
  ADMIN_TOKEN: {
    about: "Administrator's token of /admin/v1 (Authorization: Bearer …)",
    make: () => randomBytes(32).toString("hex"),
  },
  MASTER_KEY: {
    about: "Key that stored secrets are encrypted under: 32 bytes, base64",
    make: () => randomBytes(32).toString("base64"),
  },
  PHIXFLOW_API_KEY: {
    about: "The secret phixflow-api-key, which signs API keys of the action API: 32 bytes or more",
    make: () => randomBytes(48).toString("base64url"),
  },
};

/**
 * Names that a `.dev.vars` text defines, in dotenv syntax.
 * @param {string} text
 * @returns {Set<string>}
 */
export function definedNames(text) {
  return new Set(
    Array.from(text.matchAll(/^\s*(?:export\s+)?([\w.-]+)\s*[=:]/gm), (match) => match[1] ?? ""),
  );
}

/**
 * The text with a random value added for every secret that it does not define; what it defines is left alone.
 * @param {string} text
 * @returns {{ text: string, added: string[] }}
 */
export function completeDevVars(text) {
  const defined = definedNames(text);
  const added = Object.keys(DEV_SECRETS).filter((name) => !defined.has(name));
  let out = text === "" || text.endsWith("\n") ? text : `${text}\n`;
  if (out === "")
    out = "# Secrets of this development machine, made up at random by `npm start`. Never committed.\n";
  for (const name of added) {
    const secret = DEV_SECRETS[name];
    if (secret !== undefined) out += `# ${secret.about}\n${name}="${secret.make()}"\n`;
  }
  return { text: out, added };
}

/**
 * Makes `.dev.vars`, or completes it. The file is readable by its owner only.
 * @param {string} path
 * @returns {string[]} the names that were added
 */
export function ensureDevVars(path) {
  const { text, added } = completeDevVars(existsSync(path) ? readFileSync(path, "utf8") : "");
  if (added.length > 0) {
    writeFileSync(path, text, { mode: 0o600 });
    chmodSync(path, 0o600);
  }
  return added;
}
