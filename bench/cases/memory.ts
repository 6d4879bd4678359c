import type { Case } from "../harness/case.ts";
import { loadCount } from "../harness/load.ts";
import { residentMegabytes } from "../harness/process-stats.ts";
import { checkSince, sinceTarget } from "../harness/since.ts";
import { rounded } from "../harness/statistics.ts";
import { demoProject, startWorld } from "../harness/world.ts";

const TRIGGERS = 100_000;
const CONNECTIONS = 16;
const SAMPLE_MS = 50;

export const memory: Case = {
  key: "memory",
  title: `peak memory of the runtime in the second half of ${TRIGGERS.toLocaleString("en")} triggers, against the first half`,
  reach: 0.9,
  onRequest: true,
  async measure(options) {
    const { bundle, endpoint } = await demoProject();
    const world = await startWorld(options);
    try {
      await world.admin.apply(bundle);
      const url = endpoint(world.direct, "since");
      await checkSince("our side", url);
      let answered = 0;
      const peaks = [0, 0];
      const sample = setInterval(() => {
        const half = answered * 2 < TRIGGERS ? 0 : 1;
        peaks[half] = Math.max(peaks[half]!, residentMegabytes(world.runtime.pid()) ?? Number.NaN);
      }, SAMPLE_MS);
      await loadCount(sinceTarget(url), CONNECTIONS, TRIGGERS, (done) => {
        answered = done;
        if (done % 20_000 === 0)
          options.say(
            `  ${done} triggers: ${Math.round(residentMegabytes(world.runtime.pid()) ?? Number.NaN)} MB`,
          );
      });
      clearInterval(sample);
      const [first, second] = peaks as [number, number];
      // Less is better here, so the ratio is turned over: 1 is flat, less than 1 has grown.
      return {
        ratio: rounded(first / second),
        ours: rounded(second),
        theirs: rounded(first),
        unit: "MB",
        cpu_ratio: null,
      };
    } finally {
      await world.dispose();
    }
  },
};
