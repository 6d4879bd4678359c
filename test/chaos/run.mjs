import { parseArgs } from "node:util";
import { callChaos } from "./calls.mjs";
import { chaos } from "./chaos.mjs";
import { dependencyChaos } from "./dependency.mjs";
import { exclusiveStorm, holderChaos } from "./exclusive.mjs";
import { orderChaos } from "./order.mjs";
import { keyChaos, versionChaos } from "./promises.mjs";
import { recordChaos } from "./records.mjs";
import { storeChaos } from "./stores.mjs";
import { webhookLoad } from "./webhook-load.mjs";
import { webhookChaos } from "./webhooks.mjs";

// npm run chaos [-- --json --kills N --runs N --rate N --seconds N <part> …]; see docs/chaos.md.
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    kills: { type: "string", default: "20" },
    runs: { type: "string", default: "2000" },
    rate: { type: "string", default: "50" },
    seconds: { type: "string", default: "60" },
  },
});
const kills = Number(values.kills);
const runs = Number(values.runs);
const rate = Number(values.rate);
const seconds = Number(values.seconds);
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
if (!(Number.isInteger(rate) && rate >= 1 && rate <= 1_000 && seconds >= 1 && seconds <= 600)) {
  console.error("--rate is a number from 1 to 1000, --seconds one from 1 to 600");
  process.exit(2);
}
const say = (/** @type {string} */ text) => {
  if (!values.json) console.log(text);
};
/** Milliseconds within which 99 of 100 deliveries must be answered. */
const ANSWER_MS = 1_000;
/** A quarter of the kills, five of twenty. */
const freezes = Math.ceil(kills / 4);
const share = Math.min(1, runs / 2_000);

/**
 * The parts, each with what it does and the counts that must be 0 or something else.
 * @type {Record<string, () => Promise<{ counts: Record<string, number>, bad: string[] }>>}
 */
const PARTS = {
  async steps() {
    const onKill = (/** @type {number} */ kill) => say(`killed ${kill} of ${kills}`);
    const counts = { ...(await chaos({ kills, runs, freezes, onKill })) };
    return {
      counts,
      bad: positive(counts, [
        "lost",
        "unfinished",
        "wrong",
        "told_after_checkpoint",
        "untold",
        "other_keys",
        "repeated_steps",
        "repeated_messages",
        "twins",
        "taken_back",
      ]),
    };
  },
  async keys() {
    const counts = { ...(await keyChaos({ keys: Math.max(5, Math.round(200 * share)) })) };
    const right = counts.key_runs === counts.keys && counts.key_changed_refused === counts.keys;
    return { counts, bad: right ? [] : ["key_runs"] };
  },
  async versions() {
    const counts = { ...(await versionChaos({ runs: Math.max(5, Math.round(500 * share)) })) };
    return { counts, bad: counts.waiting === counts.waiting_kept ? [] : ["waiting_kept"] };
  },
  async dependency() {
    const counts = {
      ...(await dependencyChaos({
        runs: Math.max(5, Math.round(200 * share)),
        downMs: Math.max(5_000, Math.round(300_000 * share)),
      })),
    };
    return {
      counts,
      bad: [
        ...positive(counts, ["down_answered_twice"]),
        ...(counts.down_ended === counts.down_runs ? [] : ["down_ended"]),
        ...(counts.down_attempts_max <= counts.down_attempts_bound ? [] : ["down_attempts_max"]),
      ],
    };
  },
  async exclusive() {
    const storm = await exclusiveStorm({
      calls: Math.max(40, Math.round(1_000 * share)),
      atOnce: Math.max(20, Math.round(200 * share)),
      queued: Math.max(20, Math.round(200 * share)),
    });
    const counts = { ...storm };
    return {
      counts,
      bad: [
        ...positive(counts, ["inside_twice", "other"]),
        ...(storm.queued === storm.queued_ran ? [] : ["queued_ran"]),
      ],
    };
  },
  async order() {
    const counts = {
      ...(await orderChaos({
        waiting: Math.max(6, Math.round(50 * share)),
        rounds: Math.max(1, Math.round(5 * share)),
      })),
    };
    const seen = counts.release_seen === counts.release_ends;
    return {
      counts,
      bad: [...positive(counts, ["order_wrong", "release_early"]), ...(seen ? [] : ["release_seen"])],
    };
  },
  async holder() {
    const onKill = (/** @type {number} */ kill) => say(`killed a holder ${kill} of ${kills}`);
    const counts = { ...(await holderChaos({ kills, onKill })) };
    return { counts, bad: positive(counts, ["holder_inside_twice", "holder_stuck"]) };
  },
  async webhooks() {
    const onKill = (/** @type {number} */ kill) => say(`killed after a webhook's answer ${kill} of ${kills}`);
    const counts = prefixed("webhooks", await webhookChaos({ kills, onKill }));
    return { counts, bad: positive(counts, ["webhooks_lost", "webhooks_wrong", "webhooks_twins"]) };
  },
  async calls() {
    const onKill = (/** @type {number} */ kill) => say(`killed with calls under way ${kill} of ${kills}`);
    const counts = prefixed("calls", await callChaos({ kills, onKill }));
    return {
      counts,
      bad: positive(
        counts,
        [
          "lost",
          "unfinished",
          "wrong",
          "repeated_after_storing",
          "repeated_unsafely",
          "other_keys",
          "left_out",
          "untold",
        ].map((name) => `calls_${name}`),
      ),
    };
  },
  async "webhook-load"() {
    const load = await webhookLoad({ perSecond: rate, seconds });
    const counts = Object.fromEntries(
      Object.entries(load).map(([name, count]) => [`webhook_load_${name}`, count]),
    );
    return {
      counts,
      bad: [
        ...positive(counts, [
          "webhook_load_unanswered",
          "webhook_load_lost",
          "webhook_load_wrong",
          "webhook_load_twins",
        ]),
        ...(load.p99 < ANSWER_MS ? [] : ["webhook_load_p99"]),
      ],
    };
  },
  async records() {
    const onKill = (/** @type {number} */ kill) => say(`killed after a record's answer ${kill} of ${kills}`);
    const counts = prefixed("records", await recordChaos({ kills, onKill }));
    return {
      counts,
      bad: positive(counts, ["records_lost", "records_torn", "records_wrong", "records_twins"]),
    };
  },
  async stores() {
    const onKill = (/** @type {number} */ kill) => say(`killed among writes ${kill} of ${kills}`);
    const counts = prefixed("stores", await storeChaos({ kills, onKill }));
    return {
      counts,
      bad: positive(counts, ["stores_unfinished", "stores_wrong", "stores_rows_wrong", "stores_keys_wrong"]),
    };
  },
};

/** @param {string} part @param {object} counts @returns {Record<string, number>} */
function prefixed(part, counts) {
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [`${part}_${name}`, count]));
}

/** @param {Record<string, number>} counts @param {string[]} names */
function positive(counts, names) {
  return names.filter((name) => Number(counts[name]) > 0);
}

const unknown = positionals.filter((name) => PARTS[name] === undefined);
if (unknown.length > 0) {
  console.error(`there is no part ${unknown.join(", ")}; there are ${Object.keys(PARTS).join(", ")}`);
  process.exit(2);
}
/** @type {Record<string, number>} */
const figures = {};
const bad = [];
for (const [name, part] of Object.entries(PARTS)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  say(`${name} …`);
  const ended = await part();
  Object.assign(figures, ended.counts);
  bad.push(...ended.bad);
}
if (values.json) console.log(JSON.stringify(figures));
else for (const [name, count] of Object.entries(figures)) console.log(`${name.padEnd(24)} ${count}`);
if (bad.length > 0) console.error(`not as promised: ${bad.join(", ")}`);
process.exit(bad.length > 0 ? 1 : 0);
