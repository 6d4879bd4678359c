import { createHmac } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { startWorld } from "./world.mjs";

/*
 * Kills the runtime with SIGKILL right after a webhook has answered 201, while others are being taken, and looks whether
 * each delivery ran exactly once. What each figure proves is told in docs/chaos.md.
 */

/** Time after the last restart within which every run must have ended, in milliseconds. */
const END_WITHIN_MS = 60_000;
/** Deliveries under way when the runtime is killed. */
const SENDERS = 6;

const BUNDLE = {
  flows: [
    {
      flow: "count",
      start: "say",
      nodes: {
        say: { type: "calculate", set: { said: "=$debug($string(input.json.n))" }, next: "end" },
      },
    },
  ],
  webhooks: [{ webhook: "chaos", flow: "count", dedupe: { header: "X-Delivery" } }],
};

/**
 * @typedef {object} WebhookCounts
 * @property {number} kills
 * @property {number} accepted deliveries that were answered 201 or 200
 * @property {number} unknown requests cut off by a kill: sent again under their id
 * @property {number} lost accepted deliveries that are not kept, or whose run did not end within 60 s after the last restart
 * @property {number} wrong runs that did not end as Success with the delivery's own content
 * @property {number} twins deliveries that were stored or ran more than once
 * @property {number} seconds
 */

/**
 * @param {{ kills: number, onKill?: (kill: number) => void }} options
 * @returns {Promise<WebhookCounts>}
 */
export async function webhookChaos({ kills, onKill = () => {} }) {
  const began = Date.now();
  const world = await startWorld();
  const { url } = world;
  /** @type {WebhookCounts} */
  const counts = { kills: 0, accepted: 0, unknown: 0, lost: 0, wrong: 0, twins: 0, seconds: 0 };
  /** @type {Map<number, string>} the run that each delivery was answered with */
  const runs = new Map();
  let next = 0;

  /** Sends one delivery, and again under its id until it is answered. */
  const deliver = async () => {
    const n = next;
    next += 1;
    for (;;) {
      try {
        const response = await fetch(`${url}/v1/webhook/chaos`, {
          method: "POST",
          headers: { "content-type": "application/json", "x-delivery": `d-${n}` },
          body: JSON.stringify({ n, mark: createHmac("sha256", "mark").update(String(n)).digest("hex") }),
        });
        if (response.status === 200 || response.status === 201) {
          const { resource } = /** @type {{ resource: { process_id: string } }} */ (await response.json());
          counts.accepted += 1;
          const known = runs.get(n);
          if (known !== undefined && known !== resource.process_id) counts.twins += 1;
          runs.set(n, resource.process_id);
          return;
        }
      } catch {
        // A connection that was reset says nothing: the delivery may have been stored.
        counts.unknown += 1;
      }
      await delay(50);
    }
  };

  try {
    await world.apply("chaos", BUNDLE);
    for (let kill = 1; kill <= kills; kill += 1) {
      const others = Array.from({ length: SENDERS }, deliver);
      // The first to be answered: its run has hardly been started when the runtime dies.
      await Promise.race(others);
      await world.kill();
      counts.kills += 1;
      onKill(kill);
      await world.start();
      await Promise.all(others);
    }
    const until = Date.now() + END_WITHIN_MS;
    for (const [n, id] of runs) {
      let run;
      while (run === undefined && Date.now() < until) {
        const response = await world.admin("GET", `/runs/${id}`);
        const found = response.ok ? /** @type {any} */ (await response.json()) : undefined;
        if (found !== undefined && found.endedAt !== null) run = found;
        else await delay(100);
      }
      if (run === undefined) counts.lost += 1;
      else if (run.status !== "Success" || run.messages.length !== 1 || run.messages[0].text !== String(n))
        counts.wrong += 1;
    }
    /** @type {Map<string, number>} */
    const stored = new Map();
    for (let cursor = ""; ; ) {
      const response = await world.admin("GET", `/webhooks/chaos/deliveries?limit=200${cursor}`);
      const page = /** @type {any} */ (await response.json());
      for (const { senderId, state: stands } of page.deliveries) {
        stored.set(senderId, (stored.get(senderId) ?? 0) + 1);
        if (stands !== "started") counts.lost += 1;
      }
      if (page.next === null) break;
      cursor = `&cursor=${page.next}`;
    }
    for (const n of runs.keys()) if (!stored.has(`d-${n}`)) counts.lost += 1;
    for (const times of stored.values()) counts.twins += times - 1;
    counts.twins += await ranTwice(world.manager, runs);
  } finally {
    await world.dispose();
  }
  counts.seconds = Math.round((Date.now() - began) / 1_000);
  return counts;
}

/**
 * Runs in the history that no delivery was answered with: a second run of some delivery.
 * @param {import("../../scripts/lib/admin.mjs").AdminClient} admin
 * @param {Map<number, string>} runs
 */
async function ranTwice(admin, runs) {
  const expected = new Set(runs.values());
  let strangers = 0;
  for (let cursor = ""; ; ) {
    const page = await admin.get(`/admin/v1/runs?project=chaos&limit=200${cursor}`);
    for (const { id } of page.runs) if (!expected.has(id)) strangers += 1;
    if (page.next === null) return strangers;
    cursor = `&cursor=${page.next}`;
  }
}
