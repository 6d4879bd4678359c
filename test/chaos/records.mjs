import { setTimeout as delay } from "node:timers/promises";
import { untakenRecords } from "./record-state.mjs";
import { startWorld } from "./world.mjs";

/*
 * Kills the runtime with SIGKILL right after POST /v1/record has answered 201, while other records are being taken, and looks
 * whether each was executed exactly once. What each figure proves is told in docs/chaos.md.
 */

/** Time after the last restart within which every record must have finished, in milliseconds. */
const END_WITHIN_MS = 60_000;
/** Requests at a time: by turns one record, a list of `LIST`, and one that is scheduled `LATER_MS` ahead. */
const SENDERS = 6;
const LIST = 100;
const LATER_MS = 2_000;

const BUNDLE = {
  project: "chaos",
  flows: [
    {
      flow: "count",
      start: "first",
      nodes: {
        first: { type: "calculate", set: { said: "=$debug('first ' & $string(item.n))" }, next: "wait" },
        wait: { type: "delay", for: "150ms", next: "second" },
        second: { type: "calculate", set: { said: "=$debug('second ' & $string(item.n))" }, next: "end" },
      },
    },
  ],
  interfaces: [{ interface: "chaos", access: "both", scopes: ["record"], rateLimit: { limit: 1_000_000 } }],
};

/**
 * @typedef {object} RecordCounts
 * @property {number} kills
 * @property {number} accepted records that were answered 201, or found to be stored when they were sent again
 * @property {number} unknown requests cut off by a kill: sent again with their uuids
 * @property {number} left_due records that a kill found stored, due, and in no shard: the sweeper's
 * @property {number} left_scheduled records that a kill found stored and scheduled: the sweeper's
 * @property {number} lost accepted records that are not found, or have not finished 60 s after the last restart
 * @property {number} torn lists of which only a part was stored
 * @property {number} wrong runs that did not say each of their two lines once, with the record's own content
 * @property {number} twins records that ran more than once
 * @property {number} seconds
 */

/**
 * @param {{ kills: number, onKill?: (kill: number) => void }} options
 * @returns {Promise<RecordCounts>}
 */
export async function recordChaos({ kills, onKill = () => {} }) {
  const began = Date.now();
  const world = await startWorld();
  const { url, manager: admin } = world;
  /** @type {RecordCounts} */
  const counts = {
    kills: 0,
    accepted: 0,
    unknown: 0,
    left_due: 0,
    left_scheduled: 0,
    lost: 0,
    torn: 0,
    wrong: 0,
    twins: 0,
    seconds: 0,
  };
  /** @type {string[][]} uuids of what was accepted together */
  const accepted = [];
  let next = 0;
  let requests = 0;

  try {
    await admin.apply(BUNDLE);
    const headers = { "content-type": "application/json", "x-flow": "count", ...(await credentials(admin)) };
    /** Sends records, and again with their uuids until it is known that they are stored. */
    const send = async () => {
      requests += 1;
      const many = requests % 3 === 0 ? LIST : 1;
      const scheduled = requests % 3 === 1;
      const numbers = Array.from({ length: many }, () => {
        next += 1;
        return next;
      });
      const uuids = numbers.map((n) => `r-${n}`);
      const body = numbers.map((n) => ({ n }));
      for (;;) {
        try {
          const response = await fetch(`${url}/v1/record`, {
            method: "POST",
            headers: {
              ...headers,
              "x-uuid": uuids.join(","),
              ...(scheduled ? { "x-executiontime": new Date(Date.now() + LATER_MS).toISOString() } : {}),
            },
            body: JSON.stringify(many === 1 ? body[0] : body),
          });
          await response.text();
          // 409: the call that was cut off had stored them.
          if (response.status === 201 || response.status === 409) {
            counts.accepted += many;
            accepted.push(uuids);
            return;
          }
        } catch {
          counts.unknown += 1;
        }
        await delay(50);
      }
    };
    for (let kill = 1; kill <= kills; kill += 1) {
      const first = Array.from({ length: SENDERS }, send);
      const others = first.map((sent) => sent.then(send));
      // The first to be answered: hardly anything of it has been executed when the runtime dies, and others are under way.
      await Promise.race(first);
      await world.kill();
      counts.kills += 1;
      onKill(kill);
      const { due, scheduled } = untakenRecords(world.state);
      counts.left_due += due;
      counts.left_scheduled += scheduled;
      await world.start();
      await Promise.all(others);
    }
    const until = Date.now() + END_WITHIN_MS;
    /** @param {string} path */
    const read = async (path) => {
      const response = await fetch(`${url}/v1${path}`, { headers });
      return response.ok ? /** @type {any} */ (await response.json()).resource : undefined;
    };
    for (const uuids of accepted) {
      let stored = 0;
      for (const uuid of uuids) {
        let record;
        for (;;) {
          record = await read(`/record/${uuid}`);
          if (record?.info.flow_status === "2" || Date.now() > until) break;
          await delay(100);
        }
        if (record !== undefined) stored += 1;
        if (record?.info.flow_status !== "2") counts.lost += 1;
        else if (record.flow_process.num_runs !== "1") counts.twins += 1;
      }
      if (stored !== uuids.length) counts.torn += 1;
    }
    const said = await lines(admin, until, counts.accepted);
    const expected = accepted.flat().flatMap((uuid) => [`first ${uuid.slice(2)}`, `second ${uuid.slice(2)}`]);
    for (const line of expected) if (said.get(line) !== 1) counts.wrong += 1;
    if (said.size !== expected.length) counts.wrong += 1;
  } finally {
    await world.dispose();
  }
  counts.seconds = Math.round((Date.now() - began) / 1_000);
  return counts;
}

/**
 * How often each line was said in the history of runs, once that is complete.
 * @param {import("../../scripts/lib/admin.mjs").AdminClient} admin
 * @param {number} until
 * @param {number} runs
 */
async function lines(admin, until, runs) {
  /** @type {string[]} */
  let ids = [];
  do {
    ids = [];
    for (let cursor = ""; ; ) {
      const page = await admin.get(`/admin/v1/runs?project=chaos&limit=200${cursor}`);
      for (const { id, endedAt } of page.runs) if (endedAt !== null) ids.push(id);
      if (page.next === null) break;
      cursor = `&cursor=${page.next}`;
    }
    if (ids.length < runs) await delay(200);
  } while (ids.length < runs && Date.now() < until);
  /** @type {Map<string, number>} */
  const said = new Map();
  for (const id of ids) {
    const run = await admin.get(`/admin/v1/runs/${id}`);
    for (const { text } of run.messages) said.set(text, (said.get(text) ?? 0) + 1);
  }
  return said;
}

/** @param {import("../../scripts/lib/admin.mjs").AdminClient} admin */
async function credentials(admin) {
  const { key } = await admin.post("/admin/v1/organizations/1/api-keys", { name: "chaos", kind: "data" });
  return { "x-apikey": key, "x-app": "chaos" };
}
