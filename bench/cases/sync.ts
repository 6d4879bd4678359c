import type { Case } from "../harness/case.ts";
import { checkSince, sinceTarget } from "../harness/since.ts";
import { demoProject, startWorld } from "../harness/world.ts";

export const sync: Case = {
  key: "sync",
  title: "synchronous trigger of `since`, 50 companies, against a bare Hono Worker",
  reach: 0.8,
  async prepare(options) {
    const { bundle, endpoint, flow } = await demoProject();
    const world = await startWorld(options, "bare-since");
    try {
      await world.admin.apply({ sluice: 1, project: bundle.project, flows: [flow("since")] });
      const [ours, theirs] = [endpoint(world.direct, "since"), endpoint(world.bare!, "since")];
      await checkSince("our side", ours);
      await checkSince("the bare Worker", theirs);
      return {
        ours: { target: sinceTarget(ours), runtime: world.runtime },
        theirs: { target: sinceTarget(theirs), runtime: world.runtime },
        dispose: world.dispose,
      };
    } catch (error) {
      await world.dispose();
      throw error;
    }
  },
};
