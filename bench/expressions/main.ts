import { isDeepStrictEqual, parseArgs } from "node:util";
import { build } from "esbuild";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { median, rounded } from "../harness/statistics.ts";
import { CASES, type ExpressionCase } from "./cases.ts";

/**
 * Evaluations per second inside workerd: ours, plain JavaScript and the library, side by side in one run.
 * The clock is this process's: a request asks for so many evaluations that its own cost disappears in them.
 */
interface Result {
  /** Ours over plain JavaScript's evaluations per second. */
  ratio: number;
  ours: number;
  theirs: number;
  unit: "evaluations/s";
  /** The library's evaluations per second. */
  library: number;
}

type Side = "ours" | "theirs" | "library";

/** Milliseconds that one timed request should take: a hundred times what a request costs. */
const WINDOW_MS = 120;

export async function benchExpressions(argv: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      functions: { type: "boolean", default: false },
      rounds: { type: "string", default: "7" },
    },
  });
  const rounds = Math.max(1, Number(values.rounds));
  const wanted = (benchmark: ExpressionCase) =>
    positionals.length > 0
      ? positionals.includes(benchmark.key)
      : (benchmark.libraryOnly === true) === values.functions;
  const chosen = CASES.filter(wanted);
  const worker = await bundled();
  const results: Record<string, Result> = {};
  try {
    for (const benchmark of chosen) {
      const result = await take(worker, benchmark, benchmark.libraryOnly ? Math.min(rounds, 3) : rounds);
      results[benchmark.key] = result;
      if (!values.json) console.log(line(benchmark, result));
    }
  } finally {
    await worker.dispose();
  }
  if (values.json) console.log(JSON.stringify(results));
}

async function bundled(): Promise<Miniflare> {
  const { outputFiles } = await build({
    entryPoints: [new URL("worker.ts", import.meta.url).pathname],
    bundle: true,
    format: "esm",
    write: false,
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
  });
  return new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      log: new Log(LogLevel.NONE),
      compatibilityDate: "2026-10-20",
      compatibilityFlags: ["nodejs_compat"],
      modules: [{ type: "ESModule", path: "index.js", contents: outputFiles[0]?.text ?? "" }],
    }),
  );
}

async function ask(worker: Miniflare, key: string, side: Side, times: number) {
  const begun = performance.now();
  const response = await worker.dispatchFetch(`http://bench/?case=${key}&side=${side}&times=${times}`);
  const text = await response.text();
  const taken = performance.now() - begun;
  if (!response.ok) throw new Error(`${key}, ${side}: ${response.status} ${text}`);
  return { taken, answer: JSON.parse(text).answers as unknown };
}

async function take(worker: Miniflare, benchmark: ExpressionCase, rounds: number): Promise<Result> {
  const { key, libraryOnly } = benchmark;
  const sides: Side[] = libraryOnly ? ["ours", "library"] : ["ours", "theirs", "library"];
  const times = new Map<Side, number>();
  const expected = (await ask(worker, key, "library", 4)).answer;
  for (const side of sides) {
    const { answer } = await ask(worker, key, side, 4);
    if (!isDeepStrictEqual(answer, expected)) {
      throw new Error(
        `${key}: ${side} answers ${JSON.stringify(answer)}, and not ${JSON.stringify(expected)}`,
      );
    }
    times.set(side, await enough(worker, key, side));
  }
  const perSecond = new Map<Side, number[]>(sides.map((side) => [side, []]));
  for (let round = 0; round < rounds; round++) {
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      const count = times.get(side) as number;
      const { taken } = await ask(worker, key, side, count);
      perSecond.get(side)?.push((count / taken) * 1000);
    }
  }
  const of = (side: Side) => perSecond.get(side) ?? [];
  const ratios = of("ours").map((ours, round) => ours / (of("theirs")[round] ?? Number.NaN));
  return {
    ratio: libraryOnly ? Number.NaN : rounded(median(ratios)),
    ours: rounded(median(of("ours"))),
    theirs: libraryOnly ? Number.NaN : rounded(median(of("theirs"))),
    unit: "evaluations/s",
    library: rounded(median(of("library"))),
  };
}

/** How many evaluations fill the window, found by trying more and more, which also warms the side up. */
async function enough(worker: Miniflare, key: string, side: Side): Promise<number> {
  let times = 1;
  for (;;) {
    const { taken } = await ask(worker, key, side, times);
    if (taken >= WINDOW_MS) return times;
    const factor = taken < WINDOW_MS / 8 ? 8 : (WINDOW_MS / taken) * 1.1;
    times = Math.ceil(times * Math.max(factor, 1.1));
  }
}

function line({ key, title, libraryOnly }: ExpressionCase, result: Result): string {
  const micro = `${(1e6 / result.ours).toPrecision(3)} µs`;
  const overLibrary = `${rounded(result.ours / result.library)} × the library`;
  if (libraryOnly) return `${key.padEnd(22)} ${micro.padStart(10)}  ${overLibrary.padEnd(24)} ${title}`;
  return `${key.padEnd(16)} ${micro.padStart(10)}  ${result.ratio} × plain JavaScript (${(1e6 / result.theirs).toPrecision(3)} µs), ${overLibrary}  (${title})`;
}
