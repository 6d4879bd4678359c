import type { Case } from "../harness/case.ts";
import { inspect } from "../harness/inspector.ts";
import { loadCount } from "../harness/load.ts";
import { residentMegabytes } from "../harness/process-stats.ts";
import { checkSince, sinceTarget } from "../harness/since.ts";
import { rounded } from "../harness/statistics.ts";
import { demoProject, startWorld } from "../harness/world.ts";

const TRIGGERS = 100_000;
/** Before those: heaps and caches take their size. */
const WARM_UP = 25_000;
const CONNECTIONS = 16;
const SAMPLE_MS = 100;

interface Half {
  /** Largest size of the whole process: our Worker, the local database with its rows, queue and KV. */
  peak: number;
  /** Smallest size of what is in use on our Worker's heap, seen just after its garbage was collected. */
  heapFloor: number;
}

export const memory: Case = {
  key: "memory",
  title: `peak memory of the runtime in the second half of ${TRIGGERS.toLocaleString("en")} triggers, against the first half`,
  reach: 0.9,
  onRequest: true,
  async measure(options) {
    const { bundle, endpoint, flow } = await demoProject();
    const world = await startWorld({ inspect: true });
    try {
      await world.admin.apply({ sluice: 1, project: bundle.project, flows: [flow("since")] });
      const url = endpoint(world.direct, "since");
      await checkSince("our side", url);
      const target = sinceTarget(url);
      options.say(`  warming up with ${WARM_UP} triggers`);
      await loadCount(target, CONNECTIONS, WARM_UP, () => {});

      const inspector = await inspect(world.runtime);
      const halves: [Half, Half] = [
        { peak: 0, heapFloor: Number.POSITIVE_INFINITY },
        { peak: 0, heapFloor: Number.POSITIVE_INFINITY },
      ];
      let answered = 0;
      const timer = setInterval(async () => {
        const half = halves[answered * 2 < TRIGGERS ? 0 : 1];
        half.peak = Math.max(half.peak, residentMegabytes(world.runtime.pid()) ?? Number.NaN);
        const { usedSize } = (await inspector.call("Runtime.getHeapUsage")) as { usedSize: number };
        half.heapFloor = Math.min(half.heapFloor, usedSize / 2 ** 20);
      }, SAMPLE_MS);
      await loadCount(target, CONNECTIONS, TRIGGERS, (done) => {
        answered = done;
        if (done % 20_000 === 0) {
          options.say(
            `  ${done} triggers: ${Math.round(residentMegabytes(world.runtime.pid()) ?? Number.NaN)} MB`,
          );
        }
      });
      clearInterval(timer);
      inspector.close();
      const [first, second] = halves;
      return {
        // Less is better here, so the ratio is turned over: 1 is flat, less than 1 has grown.
        ratio: rounded(first.peak / second.peak),
        ours: rounded(second.peak),
        theirs: rounded(first.peak),
        unit: "MB",
        cpu_ratio: null,
        note: `In use on the Worker's own heap after its garbage was collected: ${rounded(first.heapFloor)} MB in the first half, ${rounded(second.heapFloor)} MB in the second.`,
      };
    } finally {
      await world.dispose();
    }
  },
};
