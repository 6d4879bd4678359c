import { setTimeout as delay } from "node:timers/promises";
import type { Case } from "../harness/case.ts";
import { loadCount, requestBytes } from "../harness/load.ts";
import { cpuSeconds, residentMegabytes } from "../harness/process-stats.ts";
import { rounded } from "../harness/statistics.ts";
import { startWorld } from "../harness/world.ts";

const RUNS = 10_000;
const CONNECTIONS = 32;
/** Seconds for which the runtime is watched, without and with waiting runs. */
const IDLE_S = 30;

const FLOW = {
  flow: "waits",
  endpoint: { anonymous: true, mode: "async", timeout: "30s" },
  start: "hold",
  nodes: { hold: { type: "delay", for: "1d", next: "end" } },
};

export const waiting: Case = {
  key: "waiting",
  title: `processor time of an idle runtime with ${RUNS.toLocaleString("en")} waiting runs, against one without`,
  reach: 0.8,
  onRequest: true,
  async measure(options) {
    const world = await startWorld({ inspect: false });
    try {
      await world.admin.apply({ sluice: 1, project: "idle", flows: [FLOW] });
      const idle = async () => {
        const before = cpuSeconds(world.runtime.pid()) ?? Number.NaN;
        await delay(IDLE_S * 1_000);
        return (((cpuSeconds(world.runtime.pid()) ?? Number.NaN) - before) * 1_000) / IDLE_S;
      };
      const url = `${world.direct}/phixflow/api/1/action/idle/waits/trigger`;
      const target = requestBytes(url, "POST", {}, "");
      await loadCount(target, CONNECTIONS, 200, () => {});
      await delay(15_000);
      const without = await idle();
      const memoryBefore = residentMegabytes(world.runtime.pid()) ?? Number.NaN;
      options.say(`  starting ${RUNS} runs`);
      await loadCount(target, CONNECTIONS, RUNS, () => {});
      // Until objects that nobody calls are out of memory, and the heartbeat has found nothing to do.
      await delay(30_000);
      const memoryAfter = residentMegabytes(world.runtime.pid()) ?? Number.NaN;
      const with10k = await idle();
      return {
        // Less is better, so the ratio is turned over; a millisecond a second keeps it from being noise.
        ratio: rounded((without + 1) / (with10k + 1)),
        ours: rounded(with10k),
        theirs: rounded(without),
        unit: "ms/s of processor",
        cpu_ratio: null,
        note: `Memory of the whole runtime: ${rounded(memoryBefore)} MB before, ${rounded(memoryAfter)} MB with ${RUNS} waiting runs.`,
      };
    } finally {
      await world.dispose();
    }
  },
};
