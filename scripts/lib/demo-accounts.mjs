import { existsSync, readFileSync } from "node:fs";
import { writePrivate } from "./private-file.mjs";

/**
 * The demo's users, with the groups, roles and keys they need; from `accounts` in a `demo.yaml`:
 *
 *     accounts:
 *       roles: [{ name: Callers, privileges: [Use API Key] }]
 *       groups: [{ name: API Users, roles: [Callers] }]
 *       users: [{ name: api-user, groups: [API Users] }]
 *       keys: { action_key: api-user }     # key of .dev/demo.json → whose key goes there
 *
 * What is there already is left as it is. A key is shown once, when it is issued, so it is remembered in a file.
 * @param {import("./admin.mjs").AdminClient} admin
 * @param {{ roles?: Named[], groups?: Named[], users?: Named[], keys?: Record<string, string> }} accounts
 * @param {string} memory file that remembers the keys
 * @returns {Promise<Record<string, string>>} keys by their names in `.dev/demo.json`
 *
 * @typedef {{ name: string, [setting: string]: unknown }} Named
 */
export async function seedAccounts(admin, accounts, memory) {
  for (const kind of /** @type {const} */ (["roles", "groups", "users"])) {
    for (const each of accounts[kind] ?? []) {
      const there = await admin.get(`/admin/v1/${kind}/${encodeURIComponent(each.name)}`);
      if (there === undefined) await admin.post(`/admin/v1/${kind}`, each);
    }
  }
  /** @type {Record<string, { id: string, key: string }>} */
  const known = existsSync(memory) ? JSON.parse(readFileSync(memory, "utf8")) : {};
  for (const [name, user] of Object.entries(accounts.keys ?? {})) {
    const path = `/admin/v1/users/${encodeURIComponent(user)}/keys`;
    const remembered = known[name];
    const present = remembered === undefined ? undefined : await admin.get(`${path}/${remembered.id}`);
    if (present !== undefined && present.revokedAt === null && present.signedWith === "current") continue;
    const { id, key } = await admin.post(path, { name: "demo" });
    known[name] = { id, key };
    writePrivate(memory, known);
  }
  return Object.fromEntries(
    Object.keys(accounts.keys ?? {}).map((name) => [name, /** @type {{ key: string }} */ (known[name]).key]),
  );
}
