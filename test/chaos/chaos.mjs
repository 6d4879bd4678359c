import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { buildWorker } from "../../scripts/lib/build.mjs";
import { migrateState, startRuntime } from "../../scripts/lib/runtime.mjs";

/*
 * Kills the runtime with SIGKILL at random moments while asynchronous runs are being started, and looks at what is left.
 * What each figure proves is told in docs/chaos.md.
 */

const ADMIN_TOKEN = "0123456789abcdef".repeat(4);
const SECRETS = { ADMIN_TOKEN, MASTER_KEY: Buffer.alloc(32, 7).toString("base64") };

/** Time after the last restart within which every run must have ended, in milliseconds. */
const END_WITHIN_MS = 60_000;
/** Clients that start runs, and clients that poll them. */
const STARTERS = 8;
const POLLERS = 4;

/** Six nodes, each of which says so once; two wait, one computes for some milliseconds. */
const FLOW = {
  flow: "six",
  endpoint: { anonymous: true, mode: "async", timeout: "5s" },
  outputs: { out: "any" },
  start: "one",
  nodes: {
    one: {
      type: "calculate",
      value: { n: "=input.json.n", r: "=$random()", said: "=$debug('one')" },
      next: "pause",
    },
    pause: { type: "delay", for: "=$debug(40)", next: "work" },
    work: {
      type: "calculate",
      set: {
        sum: "=$sum($map([1..3000], function($i) { $i * 2 }))",
        s: "=$random()",
        said: "=$debug('work')",
      },
      next: "again",
    },
    again: { type: "delay", for: "=$debug(150)", next: "close" },
    close: { type: "calculate", set: { r: "=one.r", said: "=$debug('close')" }, next: "out" },
    out: {
      type: "output",
      to: "out",
      value: { n: "=item.n", r: "=item.r", s: "=item.s", said: "=$debug('out')" },
    },
  },
};
const STEPS = 6;

/**
 * @typedef {object} Run
 * @property {number} n
 * @property {string} key its Idempotency-Key
 * @property {string | undefined} id once it was accepted
 * @property {string | undefined} final its first final answer, as text
 * @property {number} done the most steps that a poll told
 *
 * @typedef {object} Counts
 * @property {number} kills
 * @property {number} kills_inside_a_step kills at which some run had begun a step and not finished it
 * @property {number} accepted
 * @property {number} unknown calls cut off by a kill: asked again under their key
 * @property {number} polls
 * @property {number} lost accepted runs that are no longer known
 * @property {number} unfinished runs without a final state 60 s after the last restart
 * @property {number} wrong runs that did not end as Success with what they were to compute
 * @property {number} repeated_steps steps that were stored at a kill, and were stored otherwise later
 * @property {number} repeated_messages messages that a run has more often than once, or lacks
 * @property {number} twins keys that led to more than one run
 * @property {number} taken_back answers of a poll that a later one took back
 * @property {number} seconds
 */

/**
 * @param {{ kills: number, runs: number, onKill?: (kill: number) => void }} options
 * @returns {Promise<Counts>}
 */
export async function chaos({ kills, runs: wanted, onKill = () => {} }) {
  const began = Date.now();
  const state = mkdtempSync(join(tmpdir(), "sluice-chaos-"));
  const { bundle } = await buildWorker();
  await migrateState(state);
  let port = 0;
  const start = async () => {
    const started = await startRuntime({ bundle, state, port, secrets: SECRETS, supervise: false });
    port = started.port;
    return started;
  };
  let runtime = await start();
  const { url } = runtime;
  const endpoint = `${url}/phixflow/api/1/action/chaos/six`;

  /** @type {Counts} */
  const counts = {
    kills: 0,
    kills_inside_a_step: 0,
    accepted: 0,
    unknown: 0,
    polls: 0,
    lost: 0,
    unfinished: 0,
    wrong: 0,
    repeated_steps: 0,
    repeated_messages: 0,
    twins: 0,
    taken_back: 0,
    seconds: 0,
  };
  /** @type {Run[]} */
  const runs = [];
  /** @type {Map<string, string>} what each finished step was at the first kill that saw it */
  const finished = new Map();
  let stopping = false;

  try {
    const applied = await fetch(`${url}/admin/v1/projects/chaos`, {
      method: "PUT",
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify({ flows: [FLOW] }),
    });
    if (!applied.ok) throw new Error(`the flow was refused: ${await applied.text()}`);

    /** Starts one run, and asks again under the same key until it knows. @param {Run} run */
    const startRun = async (run) => {
      for (;;) {
        try {
          const response = await fetch(`${endpoint}/trigger`, {
            method: "POST",
            headers: { "content-type": "application/json", "idempotency-key": run.key },
            body: JSON.stringify({ n: run.n }),
          });
          const answer = /** @type {{ processId: string }} */ (await response.json());
          if (response.status === 200) {
            if (run.id !== undefined && run.id !== answer.processId) counts.twins += 1;
            run.id = answer.processId;
            return;
          }
        } catch {
          // A connection that was reset says nothing: the run may have been accepted.
          counts.unknown += 1;
        }
        await delay(50);
      }
    };

    /** Looks at one run, and compares with what was told before. @param {Run} run @returns {Promise<boolean>} whether it has ended */
    const look = async (run) => {
      let response;
      let text;
      try {
        response = await fetch(`${endpoint}/poll/${run.id}`);
        text = await response.text();
      } catch {
        return false; // the runtime is dead
      }
      counts.polls += 1;
      if (response.status === 404) {
        counts.taken_back += 1;
        return false;
      }
      if (response.status !== 200) return false;
      const answer = JSON.parse(text);
      if (answer.progress === undefined) {
        if (run.final !== undefined && run.final !== text) counts.taken_back += 1;
        run.final ??= text;
        return true;
      }
      if (run.final !== undefined || answer.progress.done < run.done) counts.taken_back += 1;
      run.done = Math.max(run.done, answer.progress.done);
      return false;
    };

    const starters = Array.from({ length: STARTERS }, async () => {
      while (!stopping) {
        const run = { n: runs.length, key: `chaos-${runs.length}`, id: undefined, final: undefined, done: 0 };
        runs.push(run);
        await startRun(run);
        // Spread over the kills, so that there is work at each of them.
        if (runs.length >= (wanted * (counts.kills + 1)) / (kills + 1)) await delay(20);
      }
    });
    const pollers = Array.from({ length: POLLERS }, async () => {
      while (!stopping) {
        const known = runs.filter(({ id }) => id !== undefined);
        const run = known[Math.floor(Math.random() * known.length)];
        if (run !== undefined) await look(run);
        await delay(5);
      }
    });

    while (counts.kills < kills) {
      await delay(200 + Math.random() * 1_000);
      await runtime.kill();
      counts.kills += 1;
      if (inspect(state, finished, counts).inside) counts.kills_inside_a_step += 1;
      onKill(counts.kills);
      runtime = await start();
    }
    const lastStart = Date.now();
    while (runs.length < wanted && Date.now() - lastStart < END_WITHIN_MS) await delay(50);
    stopping = true;
    await Promise.all([...starters, ...pollers]);
    counts.accepted = runs.length;

    /** Each run that was accepted has ended, and is asked twice under its key: the answer is the run's. */
    let open = runs;
    const until = Math.max(Date.now() + 20_000, lastStart + END_WITHIN_MS);
    while (open.length > 0 && Date.now() < until) {
      /** @type {Run[]} */
      const still = [];
      await inLanes(open, 16, async (run) => {
        if (!(await look(run))) still.push(run);
      });
      open = still;
      if (open.length > 0) await delay(200);
    }
    await inLanes(
      runs.filter((_, index) => index % 10 === 0),
      8,
      startRun,
    );
    // Told once more: a final state stays.
    await inLanes(runs, 16, async (run) => void (await look(run)));
    for (const run of runs) {
      if (run.final === undefined) {
        const response = await fetch(`${endpoint}/poll/${run.id}`);
        if (response.status === 404) counts.lost += 1;
        else counts.unfinished += 1;
        continue;
      }
      const { status, data } = JSON.parse(run.final);
      if (status !== "Success" || data.out?.[0]?.n !== run.n) counts.wrong += 1;
    }
    await delay(2_000); // the history is gathered and written
    await runtime.kill();
    inspect(state, finished, counts);
    counts.repeated_messages = wrongMessages(state, runs);
  } finally {
    stopping = true;
    await runtime.dispose().catch(() => {});
    rmSync(state, { recursive: true, force: true });
  }
  counts.seconds = Math.round((Date.now() - began) / 1_000);
  return counts;
}

/**
 * Reads the tables of all shards while nobody runs: counts steps that are no longer what they were.
 * @param {string} state
 * @param {Map<string, string>} finished
 * @param {Counts} counts
 */
function inspect(state, finished, counts) {
  let inside = false;
  const seen = new Set();
  for (const file of objectFiles(state)) {
    const db = new DatabaseSync(file);
    try {
      if (db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'steps'").get() === undefined) continue;
      for (const row of db.prepare("SELECT run, path, at, attempt, emission FROM steps").all()) {
        const name = `${row.run} ${row.path}`;
        const step = JSON.stringify([row.at, row.attempt, row.emission]);
        seen.add(name);
        const before = finished.get(name);
        if (before === undefined) finished.set(name, step);
        else if (before !== step) counts.repeated_steps += 1;
      }
      // A delay that has begun and not passed, or a run that was being executed.
      const open = db
        .prepare(
          `SELECT (SELECT count(*) FROM waits w WHERE NOT EXISTS (SELECT 1 FROM steps s WHERE s.run = w.run AND s.path = w.path))
             + (SELECT count(*) FROM runs WHERE status IN ('Queued', 'Running')) AS n`,
        )
        .get();
      if (Number(open?.n) > 0) inside = true;
    } finally {
      db.close();
    }
  }
  // Nothing is forgotten so soon, so a step that has gone would be computed again.
  for (const name of finished.keys()) if (!seen.has(name)) counts.repeated_steps += 1;
  return { inside };
}

/** @param {string} state */
function objectFiles(state) {
  return readdirSync(join(state, "v3"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".sqlite") && file.includes("RunShard"))
    .map((file) => join(state, "v3", file));
}

/**
 * Runs whose console, in the history, has not each step's line exactly once.
 * @param {string} state
 * @param {Run[]} runs
 */
function wrongMessages(state, runs) {
  /** @type {Map<string, number>} */
  const said = new Map();
  for (const file of readdirSync(join(state, "v3"), { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".sqlite")) continue;
    const db = new DatabaseSync(join(state, "v3", file));
    try {
      if (db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'run_messages'").get() === undefined) continue;
      const rows = db
        .prepare(
          "SELECT run_id AS run, count(*) AS lines, count(DISTINCT node) AS nodes FROM run_messages GROUP BY run_id",
        )
        .all();
      for (const { run, lines, nodes } of rows) said.set(String(run), lines === nodes ? Number(lines) : -1);
    } finally {
      db.close();
    }
  }
  return runs.filter(({ id }) => said.get(String(id)) !== STEPS).length;
}

/**
 * @template T
 * @param {readonly T[]} list
 * @param {number} lanes
 * @param {(element: T) => Promise<void>} visit
 */
async function inLanes(list, lanes, visit) {
  let next = 0;
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while (next < list.length) await visit(/** @type {T} */ (list[next++]));
    }),
  );
}
