import type { Case } from "../harness/case.ts";
import { compare } from "../harness/compare.ts";
import { checkSince, sinceTarget } from "../harness/since.ts";
import { demoProject, startWorld } from "../harness/world.ts";

export const sync: Case = {
  key: "sync",
  title: "synchronous trigger of `since`, 50 companies, against a bare Hono Worker",
  reach: 0.3,
  async run(options) {
    const { bundle, endpoint } = await demoProject();
    const world = await startWorld("bare-since");
    try {
      await world.admin.apply(bundle);
      const [ours, theirs] = [endpoint(world.direct, "since"), endpoint(world.bare!, "since")];
      await checkSince("our side", ours);
      await checkSince("the bare Worker", theirs);
      return await compare(
        { target: sinceTarget(ours), pid: world.pid },
        { target: sinceTarget(theirs), pid: world.pid },
        options,
      );
    } finally {
      await world.dispose();
    }
  },
};
