import { parseArgs } from "node:util";
import { CommandError } from "../../scripts/lib/command-error.mjs";
import { CASES } from "../cases/index.ts";
import type { BenchOptions, Case, Measurement } from "./case.ts";
import { compare } from "./compare.ts";
import { profile } from "./profile.ts";
import { head, table } from "./report.ts";

/** `npm run bench [-- --json] [--rounds 9] [--seconds 2] [<key> …]` */
export async function bench(argv: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
      rounds: { type: "string", default: "9" },
      seconds: { type: "string", default: "2" },
    },
  });
  const unknown = positionals.filter((key) => !CASES.some((benchmark) => benchmark.key === key));
  if (unknown.length > 0) {
    throw new CommandError(
      `There is no case ${unknown.join(", ")}. There are: ${CASES.map(({ key }) => key).join(", ")}.`,
    );
  }
  const chosen = CASES.filter(({ key, onRequest }) =>
    positionals.length === 0 ? onRequest !== true : positionals.includes(key),
  );
  const options: BenchOptions = {
    rounds: positive("rounds", values.rounds),
    windowMs: positive("seconds", values.seconds) * 1_000,
    inspect: values.profile,
    // Standard output is for the results.
    say: (text) => console.error(text),
  };
  if (!values.json) console.log(`${head()}\n`);
  if (values.profile) {
    for (const benchmark of chosen) console.log(await profiled(benchmark, options));
    return;
  }
  const results: Array<{ benchmark: Case; measurement: Measurement }> = [];
  for (const benchmark of chosen) {
    options.say(`${benchmark.key}: ${benchmark.title}`);
    results.push({ benchmark, measurement: await take(benchmark, options) });
  }
  if (values.json) {
    console.log(
      JSON.stringify(
        Object.fromEntries(results.map(({ benchmark, measurement }) => [benchmark.key, measurement])),
      ),
    );
  } else {
    console.log(`\n${table(results)}`);
  }
}

async function take(benchmark: Case, options: BenchOptions): Promise<Measurement> {
  if ("measure" in benchmark) return benchmark.measure(options);
  const { ours, theirs, dispose } = await benchmark.prepare(options);
  try {
    return await compare(ours, theirs, options);
  } finally {
    await dispose();
  }
}

async function profiled(benchmark: Case, options: BenchOptions): Promise<string> {
  if ("measure" in benchmark) throw new CommandError(`The case ${benchmark.key} has no profile.`);
  const { ours, dispose } = await benchmark.prepare(options);
  try {
    return `${benchmark.key}, our side:\n${await profile(ours, options.windowMs)}`;
  } finally {
    await dispose();
  }
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1_000))
    throw new CommandError(`--${name} must be a positive number; it is ${JSON.stringify(text)}.`);
  return value;
}
