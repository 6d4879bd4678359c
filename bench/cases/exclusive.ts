import { endpointUrl } from "../../scripts/lib/endpoint-url.mjs";
import type { Case } from "../harness/case.ts";
import type { Target } from "../harness/load.ts";
import { checkSince, sinceTarget } from "../harness/since.ts";
import { demoProject, startWorld } from "../harness/world.ts";

/** One group for each connection of the load: what is measured is a free group, not how callers wait for each other. */
const GROUPS = 16;
const PROJECT = "exclusive bench";

export const exclusive: Case = {
  key: "exclusive",
  title:
    "`since` in an exclusion group, against a bare Worker with two Durable Object calls around the same work",
  reach: 0.7,
  async prepare(options) {
    const { flow } = await demoProject();
    const world = await startWorld(options, "bare-exclusive", { LOCK: "Lock" });
    try {
      const since = flow("since");
      await world.admin.apply({
        sluice: 1,
        project: PROJECT,
        flows: Array.from({ length: GROUPS }, (_, index) => ({
          ...since,
          flow: `since ${index}`,
          endpoint: { ...(since.endpoint as object), exclusion: `Group ${index}` },
        })),
      });
      const urls = (base: string) =>
        Array.from({ length: GROUPS }, (_, index) =>
          endpointUrl(base, "phixflow", PROJECT, { flow: `since ${index}` }),
        );
      const [ours, theirs] = [urls(world.direct), urls(world.bare!)];
      await checkSince("our side", ours[0]!);
      await checkSince("the bare Worker", theirs[0]!);
      return {
        ours: { target: eachItsOwn(ours), runtime: world.runtime },
        theirs: { target: eachItsOwn(theirs), runtime: world.runtime },
        dispose: world.dispose,
      };
    } catch (error) {
      await world.dispose();
      throw error;
    }
  },
};

function eachItsOwn(urls: string[]): Target {
  const targets = urls.map((url) => sinceTarget(url));
  return { ...targets[0]!, requests: targets.map(({ request }) => request) };
}
