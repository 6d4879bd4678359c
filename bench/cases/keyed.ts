import { endpointUrl } from "../../scripts/lib/endpoint-url.mjs";
import type { Case } from "../harness/case.ts";
import { checkSince, sinceTarget } from "../harness/since.ts";
import { demoProject, startWorld } from "../harness/world.ts";

const PROJECT = "keyed bench";

export const keyed: Case = {
  key: "keyed",
  title: "`since` called with an API key, against the same flow called anonymously",
  reach: 0.8,
  async prepare(options) {
    const { flow } = await demoProject();
    const world = await startWorld(options);
    try {
      const since = flow("since");
      const endpoint = since.endpoint as object;
      await world.admin.apply({
        sluice: 1,
        project: PROJECT,
        flows: [
          { ...since, flow: "open" },
          { ...since, flow: "keyed", endpoint: { ...endpoint, anonymous: false } },
        ],
      });
      await world.admin.post("/admin/v1/roles", { name: "callers", privileges: ["Use API Key"] });
      await world.admin.post("/admin/v1/groups", { name: "callers", roles: ["callers"] });
      await world.admin.post("/admin/v1/users", { name: "caller", groups: ["callers"] });
      const { key } = await world.admin.post("/admin/v1/users/caller/keys", { name: "bench" });
      const headers = { Authorization: `Bearer ${key}` };
      const url = (name: string) => endpointUrl(world.direct, "phixflow", PROJECT, { flow: name });
      await checkSince("the endpoint with a key", url("keyed"), headers);
      await checkSince("the anonymous endpoint", url("open"));
      const refused = await fetch(url("keyed"), { method: "POST" });
      await refused.text();
      if (refused.status !== 401)
        throw new Error(`without a key the answer is ${refused.status}, and not 401`);
      return {
        ours: { target: sinceTarget(url("keyed"), headers), runtime: world.runtime },
        theirs: { target: sinceTarget(url("open")), runtime: world.runtime },
        dispose: world.dispose,
      };
    } catch (error) {
      await world.dispose();
      throw error;
    }
  },
};
