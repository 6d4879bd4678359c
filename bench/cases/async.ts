import { setTimeout as delay } from "node:timers/promises";
import type { BenchOptions, Case, Measurement } from "../harness/case.ts";
import { loadCount, type Target } from "../harness/load.ts";
import { cpuSeconds } from "../harness/process-stats.ts";
import { sinceBody, sinceSummary, sinceTarget } from "../harness/since.ts";
import { median, quantile, rounded } from "../harness/statistics.ts";
import { demoProject, startWorld, type World } from "../harness/world.ts";

const RUNS = 2_000;
/** Runs that are waited for at the same time. */
const CONNECTIONS = 64;
const ROUNDS = 3;
/** Runs one after the other, to see what one takes alone. */
const ALONE = 50;
const SETTLE_MS = 3_000;

interface Sides {
  world: World;
  ours: string;
  theirs: string;
}

/** Both sides, which have proved to accept the same input and to come to the same result. */
async function sides(options: Pick<BenchOptions, "inspect">): Promise<Sides> {
  const { bundle, endpoint, flow } = await demoProject();
  const world = await startWorld(options, "bare-async", { RUNS: "Runs" });
  await world.admin.apply({ sluice: 1, project: bundle.project, flows: [flow("since_async")] });
  const found = { world, ours: endpoint(world.direct, "since_async"), theirs: world.bare as string };
  await check("our side", found.ours, { prefer: "wait=10" });
  await check("the bare Worker", `${found.theirs}/done`, {});
  return found;
}

async function check(name: string, url: string, headers: Record<string, string>): Promise<void> {
  const ask = (body: string) =>
    fetch(url, { method: "POST", headers: { "content-type": "application/json", ...headers }, body });
  const answer = (await (await ask(sinceBody)).json()) as { status: string; data: { summary: unknown[] } };
  const [summary] = answer.data.summary;
  if (answer.status !== "Success" || JSON.stringify(summary) !== JSON.stringify(sinceSummary)) {
    throw new Error(`${name} answers ${JSON.stringify(answer)}`);
  }
  const refused = await ask('{"since":1,"companies":[]}');
  await refused.text();
  if (refused.status !== 400) throw new Error(`${name} answers ${refused.status} to a wrong body`);
}

export const asyncStart: Case = {
  key: "async_start",
  title:
    "accept an asynchronous run, against a bare Worker that makes one call to one shared Durable Object with one storage write",
  reach: 0.6,
  async prepare(options) {
    const { world, ours, theirs } = await sides(options);
    return {
      ours: { target: sinceTarget(ours), runtime: world.runtime },
      theirs: { target: sinceTarget(`${theirs}/start`), runtime: world.runtime },
      dispose: world.dispose,
    };
  },
};

interface Batch {
  perSecond: number;
  cpu: number | undefined;
}

/** Sends so many runs and waits for the end of each. */
async function toTheEnd(target: Target, world: World): Promise<Batch> {
  const before = cpuSeconds(world.runtime.pid());
  const began = performance.now();
  await loadCount(target, CONNECTIONS, RUNS, () => {});
  const perSecond = (RUNS * 1_000) / (performance.now() - began);
  await delay(SETTLE_MS);
  const after = cpuSeconds(world.runtime.pid());
  return {
    perSecond,
    cpu: before === undefined || after === undefined ? undefined : (after - before) / RUNS,
  };
}

/** Milliseconds from POST to Success, one run at a time. */
async function alone(url: string): Promise<Float64Array> {
  const took = new Float64Array(ALONE);
  for (let index = 0; index < ALONE; index += 1) {
    const began = performance.now();
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", prefer: "wait=30" },
      body: sinceBody,
    });
    await response.text();
    took[index] = performance.now() - began;
  }
  return took.sort();
}

export const asyncDone: Case = {
  key: "async_done",
  title: `${RUNS.toLocaleString("en")} asynchronous runs of \`since\` to their end, against a bare Worker whose Durable Object writes once per node`,
  reach: 0.5,
  async measure(options): Promise<Measurement> {
    const { world, ours, theirs } = await sides(options);
    try {
      const waiting = sinceTarget(ours, { Prefer: "wait=60" });
      const bare = sinceTarget(`${theirs}/done`);
      await toTheEnd(waiting, world);
      await toTheEnd(bare, world);
      const pairs: { ours: Batch; theirs: Batch }[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const pair = { ours: await toTheEnd(waiting, world), theirs: await toTheEnd(bare, world) };
        pairs.push(pair);
        options.say(
          `  round ${round + 1}/${ROUNDS}: ours ${Math.round(pair.ours.perSecond)}/s, theirs ${Math.round(pair.theirs.perSecond)}/s`,
        );
      }
      const of = (side: "ours" | "theirs") => rounded(median(pairs.map((pair) => pair[side].perSecond)));
      const cpu = pairs.flatMap((pair) =>
        pair.ours.cpu === undefined || pair.theirs.cpu === undefined ? [] : [pair.theirs.cpu / pair.ours.cpu],
      );
      const single = await alone(ours);
      return {
        ratio: rounded(median(pairs.map((pair) => pair.ours.perSecond / pair.theirs.perSecond))),
        ours: of("ours"),
        theirs: of("theirs"),
        unit: "runs/s",
        cpu_ratio: cpu.length === 0 ? null : rounded(median(cpu)),
        note: `From POST to Success a run alone takes ${rounded(quantile(single, 0.5))} ms (p50) and ${rounded(quantile(single, 0.99))} ms (p99); under this load, ${CONNECTIONS} at a time, ${rounded((CONNECTIONS * 1_000) / of("ours"))} ms on average.`,
      };
    } finally {
      await world.dispose();
    }
  },
};
