import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { join, relative, resolve } from "node:path";
import { paths, ROOT } from "../../scripts/lib/paths.mjs";
import type { Side } from "./compare.ts";
import { inspect } from "./inspector.ts";
import { load } from "./load.ts";

/** Where our own side spends its processor time under load, by function: V8's sampling profiler, through the inspector. */

const CONNECTIONS = 16;
const WARM_UP_MS = 2_000;
const SAMPLE_MICROSECONDS = 200;
const LINES = 40;

interface Profile {
  nodes: Array<{
    id: number;
    callFrame: { functionName: string; url: string; lineNumber: number; columnNumber: number };
  }>;
  samples: number[];
}

export async function profile(side: Side, windowMs: number): Promise<string> {
  const inspector = await inspect(side.runtime);
  try {
    await load(side.target, { connections: CONNECTIONS, leadInMs: 0, windowMs: WARM_UP_MS });
    await inspector.call("Profiler.enable");
    await inspector.call("Profiler.setSamplingInterval", { interval: SAMPLE_MICROSECONDS });
    await inspector.call("Profiler.start");
    const { perSecond } = await load(side.target, { connections: CONNECTIONS, leadInMs: 0, windowMs });
    const { profile: taken } = (await inspector.call("Profiler.stop")) as { profile: Profile };
    return `${Math.round(perSecond)} requests/s while profiled\n${summary(taken)}`;
  } finally {
    inspector.close();
  }
}

function summary({ nodes, samples }: Profile): string {
  const counts = new Map<number, number>();
  for (const id of samples) counts.set(id, (counts.get(id) ?? 0) + 1);
  const place = placer();
  const self = new Map<string, number>();
  let busy = 0;
  for (const { id, callFrame } of nodes) {
    const count = counts.get(id) ?? 0;
    if (count === 0 || callFrame.functionName === "(idle)") continue;
    busy += count;
    const line = `${callFrame.functionName || "(anonymous)"}  ${place(callFrame)}`;
    self.set(line, (self.get(line) ?? 0) + count);
  }
  return [...self]
    .sort((a, b) => b[1] - a[1])
    .slice(0, LINES)
    .map(([line, count]) => `${((count / busy) * 100).toFixed(1).padStart(5)} %  ${line}`)
    .join("\n");
}

/** From a place in the bundle to one in the sources. */
function placer(): (frame: Profile["nodes"][number]["callFrame"]) => string {
  const { dist } = paths();
  const map = new SourceMap(JSON.parse(readFileSync(join(dist, "index.js.map"), "utf8")));
  return ({ url, lineNumber, columnNumber }) => {
    if (url === "") return "(runtime)";
    const entry = map.findEntry(lineNumber, columnNumber);
    if (!("originalSource" in entry)) return `${url}:${lineNumber + 1}`;
    return `${relative(ROOT, resolve(dist, entry.originalSource))}:${entry.originalLine + 1}`;
  };
}
