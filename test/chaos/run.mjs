import { parseArgs } from "node:util";
import { chaos } from "./chaos.mjs";

// npm run chaos [-- --json --kills N --runs N]; see docs/chaos.md.
const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    kills: { type: "string", default: "20" },
    runs: { type: "string", default: "2000" },
  },
});
const kills = Number(values.kills);
const runs = Number(values.runs);
if (
  !Number.isInteger(kills) ||
  kills < 1 ||
  kills > 200 ||
  !Number.isInteger(runs) ||
  runs < 1 ||
  runs > 50_000
) {
  console.error("--kills is a number from 1 to 200, --runs one from 1 to 50000");
  process.exit(2);
}
const counts = await chaos({
  kills,
  runs,
  onKill: (kill) => {
    if (!values.json) console.log(`killed ${kill} of ${kills}`);
  },
});
if (!values.json)
  for (const [name, count] of Object.entries(counts)) console.log(`${name.padEnd(22)} ${count}`);
else console.log(JSON.stringify(counts));
const bad = ["lost", "unfinished", "wrong", "repeated_steps", "repeated_messages", "twins", "taken_back"];
process.exitCode = bad.some((name) => counts[/** @type {keyof typeof counts} */ (name)] > 0) ? 1 : 0;
