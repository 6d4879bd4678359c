import { fork } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { startWitness, tells, witnessIntegration } from "./witness.mjs";
import { startWorld } from "./world.mjs";

/*
 * Many callers of one exclusion group at the same moment, from several processes, synchronous and not; and holders whose
 * runtime is killed. What each figure proves is told in docs/chaos.md.
 */

/** Time within which every run of a storm must have ended, in milliseconds. */
const END_WITHIN_MS = 90_000;

/**
 * enter ─ hold ─ leave, of which only one run may be inside at a time.
 * @param {string} flow
 * @param {{ mode?: string, onBusy?: string, hold?: string }} settings
 */
function inside(flow, { mode = "sync", onBusy = "reject", hold = "20ms" }) {
  return {
    flow,
    endpoint: {
      anonymous: true,
      mode,
      timeout: mode === "sync" ? "120s" : "30s",
      exclusion: {
        group: "One",
        onBusy,
        ...(onBusy === "queue" ? { maxQueue: 5_000, maxWait: "120s" } : {}),
      },
    },
    outputs: { out: "any" },
    start: "enter",
    nodes: {
      enter: { ...tells("enter", "hold", { light: mode === "sync" }), into: "entered" },
      hold: { type: "delay", for: hold, next: "leave" },
      leave: { ...tells("leave", "out"), into: "left" },
      out: { type: "output", to: "out" },
    },
  };
}

const FLOWS = [
  inside("sync", { hold: "300ms" }),
  inside("async", { mode: "async", hold: "300ms" }),
  inside("sync-queue", { onBusy: "queue", hold: "1ms" }),
  inside("async-queue", { mode: "async", onBusy: "queue", hold: "1ms" }),
  inside("held-light", { onBusy: "queue", hold: "2s" }),
  inside("held-durable", { mode: "async", onBusy: "queue", hold: "2s" }),
];

/**
 * @typedef {object} StormCounts
 * @property {number} processes
 * @property {number} calls
 * @property {number} inside_twice times that the witness saw a run come in while another was inside
 * @property {number} ran calls that went in
 * @property {number} refused 409
 * @property {number} other any other answer
 * @property {number} refused_ms_p50
 * @property {number} refused_ms_max of the second storm, of 200 at once
 * @property {number} queued calls of the third storm, that wait
 * @property {number} queued_ran those whose turn came
 */

/**
 * Calls of several processes at the same moment.
 * @param {readonly string[]} urls
 * @param {number} processes
 */
async function storm(urls, processes) {
  const at = Date.now() + 500;
  const parts = Array.from({ length: processes }, (_, part) =>
    urls.filter((_, index) => index % processes === part),
  );
  const answers = await Promise.all(
    parts.map(
      (part) =>
        /** @type {Promise<Array<{ status: number, ms: number, id: string | undefined }>>} */ (
          new Promise((answered, failed) => {
            const child = fork(join(import.meta.dirname, "callers.mjs"));
            child.once("error", failed);
            child.once("message", (message) => {
              answered(/** @type {any} */ (message));
              child.disconnect();
            });
            child.send({ urls: part, at });
          })
        ),
    ),
  );
  return answers.flat();
}

/**
 * @param {{ calls: number, atOnce: number, queued: number, processes?: number }} options
 * @returns {Promise<StormCounts>}
 */
export async function exclusiveStorm({ calls, atOnce, queued, processes = 4 }) {
  const witness = await startWitness();
  const world = await startWorld();
  try {
    await world.apply("storm", { flows: FLOWS, integrations: [witnessIntegration(witness)] });
    const url = (/** @type {string} */ flow) => `${world.direct}/phixflow/api/1/action/storm/${flow}/trigger`;
    const mixed = (/** @type {number} */ count, /** @type {string} */ a, /** @type {string} */ b) =>
      Array.from({ length: count }, (_, index) => url(index % 2 === 0 ? a : b));
    await storm(mixed(8, "sync", "async"), 2); // everything is loaded
    await settled(witness);

    const first = await storm(mixed(calls, "sync", "async"), processes);
    await settled(witness);
    const second = await storm(mixed(atOnce, "sync", "async"), processes);
    await settled(witness);
    const before = left(witness);
    const third = await storm(mixed(queued, "sync-queue", "async-queue"), processes);
    const until = Date.now() + END_WITHIN_MS;
    while (left(witness) - before < queued && Date.now() < until) await delay(50);

    const refusals = second
      .filter(({ status }) => status === 409)
      .map(({ ms }) => ms)
      .sort((a, b) => a - b);
    const all = [...first, ...second];
    return {
      processes,
      calls: all.length,
      inside_twice: witness.twice,
      ran: all.filter(({ status }) => status === 200).length,
      refused: all.filter(({ status }) => status === 409).length,
      other: all.filter(({ status }) => status !== 200 && status !== 409).length,
      refused_ms_p50: Math.round(refusals[Math.floor(refusals.length / 2)] ?? 0),
      refused_ms_max: Math.round(refusals.at(-1) ?? 0),
      queued: third.length,
      queued_ran: left(witness) - before,
    };
  } finally {
    await world.dispose();
    await witness.close();
  }
}

/** @param {import("./witness.mjs").Witness} witness */
async function settled(witness) {
  for (let count = -1; count !== witness.seen.length; ) {
    count = witness.seen.length;
    await delay(1_500);
  }
}

/**
 * How many runs have been inside and left.
 * @param {import("./witness.mjs").Witness} witness
 */
function left({ seen }) {
  return new Set(seen.filter(({ step }) => step === "leave").map(({ run }) => run)).size;
}

/**
 * @typedef {object} HolderCounts
 * @property {number} holder_kills
 * @property {number} holder_inside_twice
 * @property {number} holder_longest_dead_ms the longest time from a holder's death until the next run went in
 * @property {number} holder_stuck kills after which nobody went in within 30 s
 */

/**
 * Kills the runtime while a run is inside, and sees when the next one goes in.
 * @param {{ kills: number, onKill?: (kill: number) => void }} options
 * @returns {Promise<HolderCounts>}
 */
export async function holderChaos({ kills, onKill = () => {} }) {
  const witness = await startWitness();
  const world = await startWorld();
  /** @type {HolderCounts} */
  const counts = { holder_kills: 0, holder_inside_twice: 0, holder_longest_dead_ms: 0, holder_stuck: 0 };
  let stopping = false;
  const entries = () => witness.seen.filter(({ step }) => step === "enter");
  try {
    await world.apply("storm", { flows: FLOWS, integrations: [witnessIntegration(witness)] });
    const callers = ["held-light", "held-durable", "held-light", "held-durable"].map(async (flow) => {
      while (!stopping) {
        await world.call(`storm/${flow}/trigger`, { method: "POST" }).then(
          (response) => response.arrayBuffer(),
          () => undefined,
        );
        await delay(flow === "held-durable" ? 2_500 : 100);
      }
    });
    while (counts.holder_kills < kills) {
      const before = entries().length;
      while (entries().length === before) await delay(20);
      await delay(200 + Math.random() * 1_000); // someone is inside
      await world.kill();
      witness.died();
      counts.holder_kills += 1;
      const died = Date.now();
      const known = entries().length;
      await world.start();
      while (entries().length === known && Date.now() - died < 60_000) await delay(20);
      const dead = Date.now() - died;
      counts.holder_longest_dead_ms = Math.max(counts.holder_longest_dead_ms, dead);
      if (dead > 30_000) counts.holder_stuck += 1;
      onKill(counts.holder_kills);
    }
    stopping = true;
    await world.kill();
    await Promise.all(callers);
    counts.holder_inside_twice = witness.twice;
    return counts;
  } finally {
    stopping = true;
    await world.dispose();
    await witness.close();
  }
}
