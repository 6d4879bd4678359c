import { parseArgs } from "node:util";
import { CommandError } from "../../scripts/lib/command-error.mjs";
import { CASES } from "../cases/index.ts";
import type { BenchOptions, Measurement } from "./case.ts";
import { head, table } from "./report.ts";

/** `npm run bench [-- --json] [--rounds 9] [--seconds 2] [<key> …]` */
export async function bench(argv: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
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
    // Standard output is for the results.
    say: (text) => console.error(text),
  };
  if (!values.json) console.log(`${head()}\n`);
  const results: Array<{ benchmark: (typeof CASES)[number]; measurement: Measurement }> = [];
  for (const benchmark of chosen) {
    options.say(`${benchmark.key}: ${benchmark.title}`);
    results.push({ benchmark, measurement: await benchmark.run(options) });
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

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1_000))
    throw new CommandError(`--${name} must be a positive number; it is ${JSON.stringify(text)}.`);
  return value;
}
