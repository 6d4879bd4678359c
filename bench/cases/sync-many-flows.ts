import { endpointUrl } from "../../scripts/lib/endpoint-url.mjs";
import type { Case } from "../harness/case.ts";
import { checkSince, sinceTarget } from "../harness/since.ts";
import { demoProject, startWorld, type World } from "../harness/world.ts";

const FEW = 10;
const MANY = 10_000;
/** Flows of one project, here: a bundle of them stays well below the limit of its size. */
const PER_PROJECT = 1_000;

export const syncManyFlows: Case = {
  key: "sync_many_flows",
  title: `the same with ${MANY.toLocaleString("en")} flows applied, against ${FEW}`,
  reach: 0.95,
  async prepare(options) {
    const { flow } = await demoProject();
    const since = flow("since");
    // Two runtimes, each with a state of its own, the same bundle in both.
    const many = await startWorld(options);
    const few = await startWorld(options);
    const dispose = async () => {
      await many.dispose();
      await few.dispose();
    };
    try {
      options.say(`  applying ${MANY} flows`);
      const [ours, theirs] = [await applyFlows(many, since, MANY), await applyFlows(few, since, FEW)];
      await checkSince(`the side with ${MANY} flows`, ours);
      await checkSince(`the side with ${FEW} flows`, theirs);
      return {
        ours: { target: sinceTarget(ours), runtime: many.runtime },
        theirs: { target: sinceTarget(theirs), runtime: few.runtime },
        dispose,
      };
    } catch (error) {
      await dispose();
      throw error;
    }
  },
};

/** Applies copies of a flow under other names, and says where the last one of the first project is. */
async function applyFlows(world: World, flow: Record<string, unknown>, count: number): Promise<string> {
  for (let from = 0; from < count; from += PER_PROJECT) {
    const size = Math.min(PER_PROJECT, count - from);
    await world.admin.apply({
      sluice: 1,
      project: `many ${from / PER_PROJECT}`,
      flows: Array.from({ length: size }, (_, index) => ({ ...flow, flow: `since ${index}` })),
    });
  }
  return endpointUrl(world.direct, "phixflow", "many 0", {
    flow: `since ${Math.min(count, PER_PROJECT) - 1}`,
  });
}
