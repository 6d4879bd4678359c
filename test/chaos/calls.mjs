import { readdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { inLanes, startWorld } from "./world.mjs";

/*
 * Kills the runtime with SIGKILL while `api` nodes of durable runs have calls under way, and looks at which calls were made
 * again and what the runs say of them. What each figure proves is told in docs/chaos.md.
 */

/** Time after the last restart within which every run must have ended, in milliseconds. */
const END_WITHIN_MS = 60_000;
/** Clients that start runs. */
const STARTERS = 4;
/** Calls of each node of a run. */
const ITEMS = 4;
/** Milliseconds that the other side takes at the most. */
const SLOWEST_MS = 300;
/** Calls that are answered between two kills at the least: a run that gets nowhere ten times in a row is given up (MAX_WAKE_ATTEMPTS). */
const ENOUGH = 30;

/** The nodes in their order, with how each calls: `post` may not be repeated. */
const NODES = /** @type {const} */ (["get", "keyed", "post"]);

/** @param {(typeof NODES)[number]} node @param {string} next */
const calls = (node, next) => ({
  type: "api",
  call: `other.${node}`,
  query: { run: "=run.id", item: "=each" },
  into: node,
  results: { 200: next, other: next, error: next, timeout: next, "max-connection": next },
});

/**
 * Of each item, what its three calls said: their status, or the code of their failure. A failure is told by `last` to the node after
 * it, so each call is followed by one that keeps it.
 */
const FLOW = {
  flow: "calls",
  endpoint: { anonymous: true, mode: "async", timeout: "5s" },
  outputs: { out: "any" },
  start: "each",
  nodes: {
    each: { type: "split", over: `=[1..${ITEMS}]`, next: "get" },
    ...Object.fromEntries(
      NODES.flatMap((node, index) => {
        const next = NODES[index + 1] ?? "out";
        return [
          [node, calls(node, `${node}_said`)],
          [
            `${node}_said`,
            {
              type: "calculate",
              set: { [`${node}Said`]: `=item.${node}.status ? item.${node}.status : last.code` },
              next,
            },
          ],
        ];
      }),
    ),
    out: {
      type: "output",
      to: "out",
      value: { item: "=each", get: "=item.getSaid", keyed: "=item.keyedSaid", post: "=item.postSaid" },
    },
  },
};

/**
 * @typedef {object} Call as the other side saw it
 * @property {string} run
 * @property {string} node
 * @property {number} item
 * @property {string | undefined} key its Idempotency-Key
 * @property {number} era how often the runtime had been killed before
 * @property {boolean} answered whether the whole answer was taken
 *
 * @typedef {object} CallCounts
 * @property {number} kills
 * @property {number} kills_inside_a_call kills that cut off at least one call
 * @property {number} runs
 * @property {number} made calls that reached the other side
 * @property {number} cut_off of those, cut off by a kill
 * @property {number} stored calls whose answer was found stored at a kill
 * @property {number} lost runs that are no longer known
 * @property {number} unfinished runs without a final state 60 s after the last restart
 * @property {number} wrong runs that did not end as Success with an entry for each item
 * @property {number} repeated GETs and calls with a key that were made again
 * @property {number} repeated_after_storing calls made again although their answer was found stored at an earlier kill
 * @property {number} repeated_unsafely POSTs without a key that were made again
 * @property {number} other_keys calls whose repetitions did not all carry the same key
 * @property {number} left_out calls that a run says were answered, and that were never made
 * @property {number} interrupted POSTs without a key of which the run says that it does not know
 * @property {number} interrupted_received of those, ones that did reach the other side
 * @property {number} untold POSTs without a key that were cut off for good, and of which the run says that they were answered
 * @property {number} seconds
 */

/**
 * @param {{ kills: number, onKill?: (kill: number) => void }} options
 * @returns {Promise<CallCounts>}
 */
export async function callChaos({ kills, onKill = () => {} }) {
  const began = Date.now();
  const other = await startOtherSide();
  const world = await startWorld();
  /** @type {CallCounts} */
  const counts = {
    kills: 0,
    kills_inside_a_call: 0,
    runs: 0,
    made: 0,
    cut_off: 0,
    stored: 0,
    lost: 0,
    unfinished: 0,
    wrong: 0,
    repeated: 0,
    repeated_after_storing: 0,
    repeated_unsafely: 0,
    other_keys: 0,
    left_out: 0,
    interrupted: 0,
    interrupted_received: 0,
    untold: 0,
    seconds: 0,
  };
  /** @type {Map<string, { status: string, data?: { out?: Said[] } } | undefined>} runs, and how they ended */
  const runs = new Map();
  /** @type {Map<string, number>} the kill that first found each answer stored */
  const stored = new Map();
  let stopping = false;
  try {
    const integration = {
      integration: "other",
      baseUrl: other.url,
      idempotencyKey: false,
      endpoints: {
        get: { path: "/get" },
        keyed: { method: "POST", path: "/keyed", idempotencyKey: true },
        post: { method: "POST", path: "/post" },
      },
    };
    await world.apply("chaos", { flows: [FLOW], integrations: [integration] });

    let next = 0;
    /** Starts one run, and asks again under the same key until it knows. */
    const startRun = async () => {
      next += 1;
      const key = `calls-${next}`;
      for (;;) {
        try {
          const response = await world.call("chaos/calls/trigger", {
            method: "POST",
            headers: { "idempotency-key": key },
          });
          const { processId } = /** @type {{ processId: string }} */ (await response.json());
          if (response.status === 200) return void runs.set(processId, undefined);
        } catch {
          // Cut off by a kill: the run may have been accepted, and the same key finds it.
        }
        await delay(50);
      }
    };
    const starters = Array.from({ length: STARTERS }, async () => {
      while (!stopping) {
        await startRun();
        await delay(100 + Math.random() * 200);
      }
    });
    while (counts.kills < kills) {
      // A runtime that has just started on a busy machine has done nothing yet that a kill could disturb.
      while (other.seen.filter(({ era, answered }) => era === counts.kills && answered).length < ENOUGH) {
        await delay(20);
      }
      await delay(Math.random() * 1_000);
      await world.kill();
      if (other.seen.some(({ era, answered }) => era === counts.kills && !answered)) {
        counts.kills_inside_a_call += 1;
      }
      counts.kills += 1;
      other.era = counts.kills;
      for (const name of storedAnswers(world.state)) if (!stored.has(name)) stored.set(name, counts.kills);
      onKill(counts.kills);
      await world.start();
    }
    stopping = true;
    await Promise.all(starters);
    counts.runs = runs.size;
    counts.stored = stored.size;

    const until = Date.now() + END_WITHIN_MS;
    await inLanes([...runs.keys()], 16, async (id) => {
      for (;;) {
        const response = await world.call(`chaos/calls/poll/${id}`);
        const answer = /** @type {any} */ (await response.json());
        if (response.status !== 404 && answer.progress !== undefined && Date.now() <= until) {
          await delay(200);
          continue;
        }
        if (response.status === 404) counts.lost += 1;
        else if (answer.progress !== undefined) counts.unfinished += 1;
        else runs.set(id, answer);
        return;
      }
    });
    judge(other.seen, runs, stored, counts);
  } finally {
    stopping = true;
    await world.dispose();
    await other.close();
  }
  counts.seconds = Math.round((Date.now() - began) / 1_000);
  return counts;
}

/**
 * @typedef {{ item: number, get: unknown, keyed: unknown, post: unknown }} Said what a run says of the calls of one item
 */

/**
 * @param {readonly Call[]} seen
 * @param {ReadonlyMap<string, { status: string, data?: { out?: Said[] } } | undefined>} runs
 * @param {ReadonlyMap<string, number>} stored
 * @param {CallCounts} counts
 */
function judge(seen, runs, stored, counts) {
  /** @type {Map<string, Call[]>} */
  const byName = new Map();
  for (const call of seen) {
    counts.made += 1;
    if (!call.answered) counts.cut_off += 1;
    const name = nameOf(call.run, call.node, call.item);
    byName.set(name, [...(byName.get(name) ?? []), call]);
    if (call.era >= (stored.get(name) ?? Number.POSITIVE_INFINITY)) counts.repeated_after_storing += 1;
  }
  for (const made of byName.values()) {
    if (made.length < 2) continue;
    if (made[0]?.node === "post") counts.repeated_unsafely += 1;
    else counts.repeated += 1;
    if (new Set(made.map(({ key }) => key)).size > 1) counts.other_keys += 1;
  }
  for (const [id, ended] of runs) {
    if (ended === undefined) continue;
    const said = ended.data?.out ?? [];
    const numbers = new Set(said.map(({ item }) => item));
    if (ended.status !== "Success" || said.length !== ITEMS || numbers.size !== ITEMS) counts.wrong += 1;
    for (const entry of said) {
      for (const node of NODES) {
        const made = byName.get(nameOf(id, node, entry.item)) ?? [];
        if (entry[node] === 200) {
          if (made.length === 0) counts.left_out += 1;
          else if (node === "post" && !made.some(({ answered }) => answered)) counts.untold += 1;
        } else if (node === "post" && entry.post === "call_interrupted") {
          counts.interrupted += 1;
          if (made.length > 0) counts.interrupted_received += 1;
        } else counts.wrong += 1;
      }
    }
  }
}

/** @param {string} run @param {string} node @param {number} item */
function nameOf(run, node, item) {
  return `${run} ${node} ${item}`;
}

/**
 * Calls whose answers the shards have stored, read from their tables while nobody runs.
 * @param {string} state
 */
function storedAnswers(state) {
  /** @type {string[]} */
  const names = [];
  const folder = join(state, "v3");
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".sqlite") || !file.includes("RunShard")) continue;
    const db = new DatabaseSync(join(folder, file));
    try {
      if (db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'documents'").get() === undefined) continue;
      const rows = db
        .prepare(
          "SELECT run, name FROM documents WHERE name GLOB 'effect:*#[0-9]*' AND name NOT GLOB '* begun'",
        )
        .all();
      for (const { run, name } of rows) {
        const [, node, index] = /^effect:(\w+)#(\d+)$/.exec(String(name)) ?? [];
        if (node !== undefined) names.push(nameOf(String(run), node, Number(index) + 1));
      }
    } finally {
      db.close();
    }
  }
  return names;
}

/**
 * The other side: it outlives every kill, takes its time, and writes down what reaches it.
 * @returns {Promise<{ url: string, seen: Call[], era: number, close: () => Promise<void> }>}
 */
async function startOtherSide() {
  const server = createServer((request, response) => {
    request.resume();
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://other");
    const key = request.headers["idempotency-key"];
    /** @type {Call} */
    const call = {
      run: searchParams.get("run") ?? "",
      node: pathname.slice(1),
      item: Number(searchParams.get("item")),
      key: key === undefined ? undefined : String(key),
      era: other.era,
      answered: false,
    };
    other.seen.push(call);
    response.on("finish", () => {
      call.answered = true;
    });
    setTimeout(() => {
      if (response.destroyed) return;
      response.writeHead(200, { "content-type": "application/json" });
      response.end("{}");
    }, Math.random() * SLOWEST_MS);
  });
  await new Promise((listening) => void server.listen(0, "127.0.0.1", () => listening(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const other = {
    url: `http://127.0.0.1:${port}`,
    /** @type {Call[]} */
    seen: [],
    era: 0,
    close: () =>
      new Promise(
        (/** @type {(value: void) => void} */ closed) =>
          void server.close(() => closed()).closeAllConnections(),
      ),
  };
  return other;
}
