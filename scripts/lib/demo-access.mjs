import { existsSync, readFileSync } from "node:fs";
import { writePrivate } from "./private-file.mjs";

/** The organization whose default environment the demo is in. */
const ORGANIZATION = "/admin/v1/organizations/1";

/**
 * The demo's credentials for the v1 and event APIs; from `access` in a `demo.yaml`:
 *
 *     access:
 *       api_keys: { api_key: data }            # key of .dev/demo.json → kind of the key that goes there
 *       event_tokens: { event_token: account }
 *       interfaces: { interface: demo }        # key of .dev/demo.json → whose credentials go there
 *
 * What counts still is left as it is. All are shown once, when they are made, so they are remembered in a file.
 * @param {import("./admin.mjs").AdminClient} admin
 * @param {{ api_keys?: Record<string, string>, event_tokens?: Record<string, string>, interfaces?: Record<string, string> }} access
 * @param {string} memory file that remembers them
 * @returns {Promise<Record<string, unknown>>} credentials by their names in `.dev/demo.json`
 */
export async function seedAccess(admin, access, memory) {
  /** @type {Record<string, { id: number | string, shown: unknown }>} */
  const known = existsSync(memory) ? JSON.parse(readFileSync(memory, "utf8")) : {};
  /** @type {Record<string, unknown>} */
  const credentials = {};
  /**
   * @param {string} name
   * @param {() => Promise<{ id: number | string, shown: unknown }>} make
   * @param {(id: number | string) => Promise<boolean>} counts
   */
  const keep = async (name, make, counts) => {
    const remembered = known[name];
    if (remembered === undefined || !(await counts(remembered.id))) {
      known[name] = await make();
      writePrivate(memory, known);
    }
    credentials[name] = /** @type {{ shown: unknown }} */ (known[name]).shown;
  };

  for (const [name, kind] of Object.entries(access.api_keys ?? {})) {
    await keep(
      name,
      async () => {
        const { id, key } = await admin.post(`${ORGANIZATION}/api-keys`, { name: `demo ${kind}`, kind });
        return { id, shown: key };
      },
      async (id) => stands((await admin.get(`${ORGANIZATION}/api-keys?limit=200`)).keys, id),
    );
  }
  for (const [name, kind] of Object.entries(access.event_tokens ?? {})) {
    await keep(
      name,
      async () => {
        const { id, token } = await admin.post("/admin/v1/event-tokens", { name: `demo ${kind}`, kind });
        return { id, shown: token };
      },
      async (id) => stands((await admin.get("/admin/v1/event-tokens?limit=200")).tokens, id),
    );
  }
  for (const [name, of] of Object.entries(access.interfaces ?? {})) {
    const path = `/admin/v1/interfaces/${encodeURIComponent(of)}`;
    await keep(
      name,
      async () => {
        const { client_id, client_secret, app_key } = await admin.post(`${path}/credentials`, {});
        return { id: client_id, shown: { name: of, app_key, client_id, client_secret } };
      },
      async (id) => (await admin.get(path))?.credentials?.client_id === id,
    );
  }
  return credentials;
}

/**
 * @param {Array<{ id: number, revokedAt: string | null }>} keys
 * @param {number | string} id
 */
function stands(keys, id) {
  return keys.some((key) => key.id === id && key.revokedAt === null);
}
