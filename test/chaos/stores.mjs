import { setTimeout as delay } from "node:timers/promises";
import { unfinishedWrites } from "./store-state.mjs";
import { inLanes, startWorld } from "./world.mjs";

/*
 * Kills the runtime with SIGKILL while durable runs write into tables and a keystore, and looks whether each step's write
 * happened exactly once. Every write is one that would show it if it came twice. What each figure proves is told in
 * docs/chaos.md.
 */

/** Time after the last restart within which every run must have ended, in milliseconds. */
const END_WITHIN_MS = 60_000;
const STARTERS = 6;
/** Runs at the most: each takes a row of the pool and deletes one of another table. */
const MAX_RUNS = 5_000;
const ROWS_AT_ONCE = 1_000;
/** Runs that are accepted after a start before the runtime is killed again, so that there is work to hit. */
const RUNS_BETWEEN_KILLS = 12;

const both = (/** @type {string} */ next) => ({ ok: next, missing: "none" });

/** A run takes one free row of a pool, deletes one of another, adds a row of its own, and keeps three keys. */
const FLOW = {
  flow: "write",
  endpoint: { anonymous: true, mode: "async", timeout: "5s" },
  outputs: { out: "any" },
  start: "begin",
  nodes: {
    begin: {
      type: "calculate",
      value: { n: "=input.json.n", key: "='k' & $string(input.json.n)" },
      next: "row",
    },
    // No column is unique: a second insert would be a second row.
    row: { type: "table.insert", table: "entries", values: { n: "=item.n" }, into: "row", next: "once" },
    // Whoever inserts the key again finds it there.
    once: {
      type: "keystore.insert",
      keystore: "kept",
      key: "=item.key",
      value: { n: "=item.n" },
      results: { ok: "take", exists: "none" },
    },
    // Which row is free decides the database: a second change would take a second row.
    take: {
      type: "table.update",
      table: "pool",
      where: { field: "taken", operator: "=", value: 0 },
      limit: 1,
      set: { taken: "=item.n" },
      into: "taken",
      results: both("brief"),
    },
    brief: {
      type: "keystore.set",
      keystore: "kept",
      key: "='brief-' & item.key",
      value: "=item.n",
      next: "drop",
    },
    drop: {
      type: "table.delete",
      table: "spare",
      where: { field: "n", operator: ">", value: 0 },
      limit: 1,
      into: "deleted",
      results: both("named"),
    },
    // A unique value that this very step wrote is no conflict.
    named: {
      type: "table.insert",
      table: "named",
      values: { name: "=item.key" },
      into: "named",
      next: "gone",
    },
    // A second deletion would find nothing.
    gone: {
      type: "keystore.delete",
      keystore: "kept",
      key: "='brief-' & item.key",
      into: "was",
      next: "mark",
    },
    mark: {
      type: "table.update",
      table: "entries",
      where: { field: "n", operator: "=", value: "=item.n" },
      set: { done: true },
      into: "changed",
      results: both("out"),
    },
    out: {
      type: "output",
      to: "out",
      value: {
        n: "=item.n",
        taken: "=item.taken",
        deleted: "=item.deleted",
        was: "=item.was",
        changed: "=item.changed",
      },
    },
    none: { type: "error", message: "a write found what it had written before" },
  },
};

const BUNDLE = {
  flows: [FLOW],
  tables: [
    {
      table: "entries",
      columns: { n: { type: "integer", index: true }, done: { type: "boolean", default: false } },
    },
    { table: "pool", columns: { taken: { type: "integer", default: 0, index: true } } },
    { table: "spare", columns: { n: "integer" } },
    { table: "named", columns: { name: { type: "text", unique: true } } },
  ],
  keystores: [{ keystore: "kept" }],
};

/**
 * @typedef {object} StoreCounts
 * @property {number} kills
 * @property {number} accepted runs
 * @property {number} unknown calls cut off by a kill: asked again under their key
 * @property {number} left_tables writes into tables that a kill found committed, and their steps not finished
 * @property {number} left_keystores the same of keystores
 * @property {number} unfinished runs without a final state 60 s after the last restart
 * @property {number} wrong runs that did not end as Success, or were not told what their first write did
 * @property {number} rows_wrong runs whose rows are not there exactly once, and rows of no run
 * @property {number} keys_wrong runs whose keys do not hold exactly what they must, and keys of no run
 * @property {number} seconds
 */

/**
 * @param {{ kills: number, onKill?: (kill: number) => void }} options
 * @returns {Promise<StoreCounts>}
 */
export async function storeChaos({ kills, onKill = () => {} }) {
  const began = Date.now();
  const world = await startWorld();
  /** @type {StoreCounts} */
  const counts = {
    kills: 0,
    accepted: 0,
    unknown: 0,
    left_tables: 0,
    left_keystores: 0,
    unfinished: 0,
    wrong: 0,
    rows_wrong: 0,
    keys_wrong: 0,
    seconds: 0,
  };
  /** @type {{ n: number, id: string | undefined }[]} */
  const runs = [];
  let stopping = false;
  try {
    await world.apply("chaos", BUNDLE);
    const stores = await storeClient(world);
    for (let from = 0; from < MAX_RUNS; from += ROWS_AT_ONCE) {
      await stores.post("/tables/pool", new Array(ROWS_AT_ONCE).fill({}));
      await stores.post(
        "/tables/spare",
        Array.from({ length: ROWS_AT_ONCE }, (_, index) => ({ n: from + index + 1 })),
      );
    }

    /** Starts a run, and asks again under the same key until it is known. @param {{ n: number, id: string | undefined }} run */
    const start = async (run) => {
      for (;;) {
        try {
          const response = await world.call("chaos/write/trigger", {
            method: "POST",
            headers: { "content-type": "application/json", "idempotency-key": `store-${run.n}` },
            body: JSON.stringify({ n: run.n }),
          });
          const answer = /** @type {{ processId: string }} */ (await response.json());
          if (response.status === 200) {
            run.id = answer.processId;
            return;
          }
        } catch {
          counts.unknown += 1;
        }
        await delay(50);
      }
    };
    const starters = Array.from({ length: STARTERS }, async () => {
      while (!stopping && runs.length < MAX_RUNS) {
        const run = { n: runs.length + 1, id: undefined };
        runs.push(run);
        await start(run);
        await delay(10);
      }
    });
    const accepted = () => runs.filter(({ id }) => id !== undefined).length;
    while (counts.kills < kills) {
      for (const before = accepted(); accepted() < before + RUNS_BETWEEN_KILLS; ) await delay(10);
      await delay(Math.random() * 600);
      await world.kill();
      counts.kills += 1;
      const left = unfinishedWrites(world.state);
      counts.left_tables += left.tables;
      counts.left_keystores += left.keystores;
      onKill(counts.kills);
      await world.start();
    }
    const until = Date.now() + END_WITHIN_MS;
    stopping = true;
    await Promise.all(starters);
    counts.accepted = runs.length;
    await inLanes(runs, 8, async (run) => {
      const ended = await outcome(world, String(run.id), until);
      if (ended === undefined) counts.unfinished += 1;
      else if (!isRight(ended, run.n)) counts.wrong += 1;
    });
    counts.rows_wrong = await wrongRows(stores, runs.length);
    counts.keys_wrong = await wrongKeys(stores, runs.length);
  } finally {
    stopping = true;
    await world.dispose();
  }
  counts.seconds = Math.round((Date.now() - began) / 1_000);
  return counts;
}

/** @param {import("./world.mjs").World} world @param {string} id @param {number} until */
async function outcome(world, id, until) {
  for (;;) {
    const response = await world.call(`chaos/write/poll/${id}`);
    const answer = await response.json();
    if (response.ok && answer.progress === undefined) return answer;
    if (Date.now() > until) return undefined;
    await delay(200);
  }
}

/** Whether a run was told that its first writes did what they did. @param {any} answer @param {number} n */
function isRight({ status, data }, n) {
  const out = data?.out?.[0];
  return (
    status === "Success" &&
    out.n === n &&
    out.taken === 1 &&
    out.deleted === 1 &&
    out.was === true &&
    out.changed === 1
  );
}

/** @typedef {{ post: (path: string, body: unknown) => Promise<any> }} StoreClient */

/** @param {StoreClient} stores @param {number} runs */
async function wrongRows(stores, runs) {
  let wrong = 0;
  /** @param {string} table @param {unknown} where @param {string} field */
  const numbers = async (table, where, field) => {
    /** @type {Map<unknown, number>} */
    const found = new Map();
    for (let cursor = ""; ; ) {
      const page = await stores.post(`/tables/${table}/search`, { where, cursor });
      for (const row of page.data) found.set(row[field], (found.get(row[field]) ?? 0) + 1);
      if (page.next_cursor === null) return found;
      cursor = page.next_cursor;
    }
  };
  const done = { field: "done", operator: "=", value: true };
  const taken = { field: "taken", operator: ">", value: 0 };
  const entries = await numbers("entries", done, "n");
  const all = await numbers("entries", {}, "n");
  const pool = await numbers("pool", taken, "taken");
  const named = await numbers("named", {}, "name");
  const spare = await numbers("spare", {}, "n");
  for (const found of [entries, all, pool, named]) wrong += Math.abs(found.size - runs);
  for (let n = 1; n <= runs; n += 1) {
    for (const found of [entries, all, pool]) if (found.get(n) !== 1) wrong += 1;
    if (named.get(`k${n}`) !== 1) wrong += 1;
  }
  return wrong + Math.abs(spare.size - (MAX_RUNS - runs));
}

/** @param {StoreClient} stores @param {number} runs */
async function wrongKeys(stores, runs) {
  /** @type {{ key: string, n: string }[]} */
  const found = await stores.post("/keystore/kept", {
    select: [{ field: "keystore.key", alias: "key" }, { field: "n" }],
  });
  const values = new Map(found.map(({ key, n }) => [key, n]));
  let wrong = Math.abs(values.size - runs);
  for (let n = 1; n <= runs; n += 1) if (values.get(`k${n}`) !== String(n)) wrong += 1;
  return wrong;
}

/** @param {import("./world.mjs").World} world @returns {Promise<StoreClient>} */
async function storeClient(world) {
  const { key } = await world.client.post("/admin/v1/organizations/1/api-keys", {
    name: "chaos",
    kind: "data",
  });
  const headers = { "content-type": "application/json", "x-apikey": key };
  return {
    async post(path, body) {
      for (;;) {
        const response = await fetch(`${world.url}/v1${path}`, {
          method: "POST",
          headers,
          body: JSON.stringify(body),
        });
        const text = await response.text();
        // A thousand calls a minute: what is left is looked at in the next one.
        if (response.status === 429) await delay(1_000);
        else if (response.ok) return JSON.parse(text);
        else throw new Error(`${path}: ${response.status} ${text}`);
      }
    },
  };
}
