import { setTimeout as delay } from "node:timers/promises";
import type { Runtime } from "../../scripts/lib/runtime.mjs";
import type { BenchOptions, Measurement } from "./case.ts";
import { type LoadResult, load, type Target } from "./load.ts";
import { cpuSeconds } from "./process-stats.ts";
import { median, quantile, rounded } from "./statistics.ts";

const CONNECTIONS = 16;
const LEAD_IN_MS = 500;
/** History is written up to a second after the answer; its cost belongs to the side that caused it. */
const SETTLE_MS = 1_500;

export interface Side {
  target: Target;
  runtime: Runtime;
}

interface Round {
  result: LoadResult;
  /** Processor seconds per request, what comes after the answers included. */
  cpu: number | undefined;
}

/** Both sides in turn, the order changing from round to round, so that a busy moment of the machine touches both. */
export async function compare(ours: Side, theirs: Side, options: BenchOptions): Promise<Measurement> {
  const { rounds, windowMs, say } = options;
  const done: Array<{ ours: Round; theirs: Round }> = [];
  for (let round = -1; round < rounds; round++) {
    const first = round % 2 === 0 ? ours : theirs;
    const second = first === ours ? theirs : ours;
    // The one before the first is for warming up: compilers and caches have seen everything once.
    const time = round < 0 ? 1_000 : windowMs;
    const a = await measure(first, time);
    const b = await measure(second, time);
    if (round < 0) continue;
    const pair = first === ours ? { ours: a, theirs: b } : { ours: b, theirs: a };
    done.push(pair);
    say(
      `  round ${round + 1}/${rounds}: ours ${Math.round(pair.ours.result.perSecond)}/s, theirs ${Math.round(pair.theirs.result.perSecond)}/s`,
    );
  }
  const of = (side: "ours" | "theirs", value: (round: Round) => number) =>
    rounded(median(done.map((pair) => value(pair[side]))));
  const both = (value: (round: Round) => number) => ({
    ours: of("ours", value),
    theirs: of("theirs", value),
  });
  const cpuRatios = done.flatMap(({ ours: a, theirs: b }) =>
    a.cpu === undefined || b.cpu === undefined || a.cpu === 0 ? [] : [b.cpu / a.cpu],
  );
  return {
    ratio: rounded(median(done.map((pair) => pair.ours.result.perSecond / pair.theirs.result.perSecond))),
    ...both((round) => round.result.perSecond),
    unit: "requests/s",
    cpu_ratio: cpuRatios.length === 0 ? null : rounded(median(cpuRatios)),
    p50: both((round) => quantile(round.result.latencies, 0.5)),
    p99: both((round) => quantile(round.result.latencies, 0.99)),
    cpu_us: cpuRatios.length === 0 ? null : both((round) => (round.cpu ?? Number.NaN) * 1e6),
  };
}

async function measure(side: Side, windowMs: number): Promise<Round> {
  const before = cpuSeconds(side.runtime.pid());
  const result = await load(side.target, { connections: CONNECTIONS, leadInMs: LEAD_IN_MS, windowMs });
  await delay(SETTLE_MS);
  const after = cpuSeconds(side.runtime.pid());
  return {
    result,
    cpu: before === undefined || after === undefined ? undefined : (after - before) / result.total,
  };
}
