import { setTimeout as pause } from "node:timers/promises";
import type { Case } from "../harness/case.ts";
import { requestBytes } from "../harness/load.ts";
import { startWorld } from "../harness/world.ts";

const KEYSTORE = "bench";
const PATH = `/v1/keystore/${KEYSTORE}/madrid`;
const VALUE = JSON.stringify({ city: "Madrid", temp: { max: 31, average: 26.5 }, wind: "5 km/h N" });
/** Longer than an owner waits before it makes a copy. */
const COPIED_MS = 3_000;

export const keystoreGet: Case = {
  key: "keystore_get",
  title: "a value read over the v1 API, against a bare KV read",
  reach: 0.7,
  async prepare(options) {
    const world = await startWorld(options, "bare-kv", {}, undefined, {
      kvNamespaces: { VALUES: "bench-values" },
    });
    try {
      await world.admin.apply({
        sluice: 1,
        project: "keystore bench",
        keystores: [{ keystore: KEYSTORE }],
        // The default limit of calls would end the measurement after a second.
        interfaces: [
          {
            interface: "bench",
            access: "both",
            scopes: ["keystore"],
            rateLimit: { limit: 1_000_000, window: "1h" },
          },
        ],
      });
      const { key } = await world.admin.post("/admin/v1/organizations/1/api-keys", {
        name: "bench",
        kind: "data",
      });
      const headers = { "Content-Type": "application/json", "X-Apikey": key, "X-App": "bench" };
      for (const base of [world.direct, world.bare!]) {
        const put = await fetch(base + PATH, { method: "PUT", headers, body: VALUE });
        if (!put.ok) throw new Error(`writing the value: ${put.status} ${await put.text()}`);
      }
      await pause(COPIED_MS);
      const sides = [world.direct, world.bare!].map((base) => base + PATH);
      for (const url of sides) {
        const got = await fetch(url, { headers });
        const text = await got.text();
        if (got.status !== 200 || text !== VALUE) throw new Error(`${url} answers ${got.status} ${text}`);
      }
      const [ours, theirs] = sides.map((url) => requestBytes(url, "GET", headers, ""));
      return {
        ours: { target: ours!, runtime: world.runtime },
        theirs: { target: theirs!, runtime: world.runtime },
        dispose: world.dispose,
      };
    } catch (error) {
      await world.dispose();
      throw error;
    }
  },
};
