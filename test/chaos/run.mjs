import { parseArgs } from "node:util";
import { chaos } from "./chaos.mjs";
import { recordChaos } from "./records.mjs";
import { webhookChaos } from "./webhooks.mjs";

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
const webhooks = await webhookChaos({
  kills,
  onKill: (kill) => {
    if (!values.json) console.log(`killed after a webhook's answer ${kill} of ${kills}`);
  },
});
const records = await recordChaos({
  kills,
  onKill: (kill) => {
    if (!values.json) console.log(`killed after a record's answer ${kill} of ${kills}`);
  },
});
const figures = {
  ...counts,
  ...Object.fromEntries(Object.entries(webhooks).map(([name, count]) => [`webhooks_${name}`, count])),
  ...Object.fromEntries(Object.entries(records).map(([name, count]) => [`records_${name}`, count])),
};
if (!values.json)
  for (const [name, count] of Object.entries(figures)) console.log(`${name.padEnd(22)} ${count}`);
else console.log(JSON.stringify(figures));
const bad = ["lost", "unfinished", "wrong", "repeated_steps", "repeated_messages", "twins", "taken_back"];
const badWebhooks = ["lost", "wrong", "twins"];
const badRecords = ["lost", "torn", "wrong", "twins"];
process.exitCode =
  bad.some((name) => counts[/** @type {keyof typeof counts} */ (name)] > 0) ||
  badWebhooks.some((name) => webhooks[/** @type {keyof typeof webhooks} */ (name)] > 0) ||
  badRecords.some((name) => records[/** @type {keyof typeof records} */ (name)] > 0)
    ? 1
    : 0;
