import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { startWitness, tells, witnessIntegration } from "./witness.mjs";
import { inLanes, startWorld } from "./world.mjs";

/*
 * Kills the runtime with SIGKILL at random moments while asynchronous runs are being started, and looks at what is left.
 * What each figure proves is told in docs/chaos.md.
 */

/** Time after the last restart within which every run must have ended, in milliseconds. */
const END_WITHIN_MS = 60_000;
/** Clients that start runs, and clients that poll them. */
const STARTERS = 8;
const POLLERS = 4;

/** Milliseconds for which the runtime is frozen each time. */
const FREEZE_MS = 10_000;

/** Eight nodes: six say so once in their console and to the witness outside or compute, two wait. */
const FLOW = {
  flow: "six",
  endpoint: { anonymous: true, mode: "async", timeout: "5s" },
  outputs: { out: "any" },
  start: "one",
  nodes: {
    one: {
      type: "calculate",
      value: { n: "=input.json.n", r: "=$random()", said: "=$debug('one')" },
      next: "first",
    },
    first: { ...tells("first", "pause"), into: "first" },
    pause: { type: "delay", for: "=$debug(40)", next: "work" },
    work: {
      type: "calculate",
      set: {
        sum: "=$sum($map([1..3000], function($i) { $i * 2 }))",
        s: "=$random()",
        said: "=$debug('work')",
      },
      next: "second",
    },
    second: { ...tells("second", "again"), into: "second" },
    again: { type: "delay", for: "=$debug(150)", next: "close" },
    close: { type: "calculate", set: { r: "=one.r", said: "=$debug('close')" }, next: "third" },
    third: { ...tells("third", "out"), into: "third" },
    out: {
      type: "output",
      to: "out",
      value: { n: "=item.n", r: "=item.r", s: "=item.s", said: "=$debug('out')" },
    },
  },
};
/** Nodes that say a line, and nodes that tell the witness. */
const STEPS = 6;
const TOLD = ["first", "second", "third"];

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
 * @property {number} freezes times that the runtime was stopped for ten seconds
 * @property {number} told calls that reached the witness
 * @property {number} told_again those that a step made once more, because it had not finished when the runtime died
 * @property {number} told_after_checkpoint those of a step that was stored as finished at an earlier kill
 * @property {number} untold steps of which the witness never heard
 * @property {number} other_keys steps whose calls did not all carry the same Idempotency-Key
 * @property {number} repeated_steps steps that were stored at a kill, and were stored otherwise later
 * @property {number} repeated_messages messages that a run has more often than once, or lacks
 * @property {number} twins keys that led to more than one run
 * @property {number} taken_back answers of a poll that a later one took back
 * @property {number} seconds
 */

/**
 * @param {{ kills: number, runs: number, freezes?: number, onKill?: (kill: number) => void }} options
 * @returns {Promise<Counts>}
 */
export async function chaos({ kills, runs: wanted, freezes = 0, onKill = () => {} }) {
  const began = Date.now();
  const witness = await startWitness();
  const world = await startWorld();
  const { state } = world;

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
    freezes: 0,
    told: 0,
    told_again: 0,
    told_after_checkpoint: 0,
    untold: 0,
    other_keys: 0,
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
  /** @type {Map<string, number>} the kill that first found each step finished */
  const checkpoints = new Map();
  let stopping = false;

  try {
    await world.apply("chaos", { flows: [FLOW], integrations: [witnessIntegration(witness)] });

    /** Starts one run, and asks again under the same key until it knows. @param {Run} run */
    const startRun = async (run) => {
      for (;;) {
        try {
          const response = await world.call("chaos/six/trigger", {
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
        response = await world.call(`chaos/six/poll/${run.id}`);
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
      // On a slow machine, too, there is a share of the runs before each kill.
      const share = (wanted * (counts.kills + 1)) / (kills + 1);
      for (const end = Date.now() + END_WITHIN_MS; runs.length < share && Date.now() < end; ) await delay(20);
      await world.kill();
      counts.kills += 1;
      witness.era = counts.kills;
      if (inspect(state, finished, counts).inside) counts.kills_inside_a_step += 1;
      for (const name of finished.keys()) if (!checkpoints.has(name)) checkpoints.set(name, counts.kills);
      onKill(counts.kills);
      await world.start();
    }
    while (counts.freezes < freezes) {
      await delay(500 + Math.random() * 1_000);
      await world.freeze(FREEZE_MS);
      counts.freezes += 1;
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
        const response = await world.call(`chaos/six/poll/${run.id}`);
        if (response.status === 404) counts.lost += 1;
        else counts.unfinished += 1;
        continue;
      }
      const { status, data } = JSON.parse(run.final);
      if (status === "Success" && data.out?.[0]?.n === run.n) continue;
      counts.wrong += 1;
      console.error(`not as it was to be: ${run.final}`);
    }
    await delay(2_000); // the history is gathered and written
    await world.kill();
    inspect(state, finished, counts);
    judge(witness.seen, runs, checkpoints, counts);
    counts.repeated_messages = wrongMessages(state, runs);
  } finally {
    stopping = true;
    await world.dispose();
    await witness.close();
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
          "SELECT run_id AS run, count(*) AS lines, count(DISTINCT node) AS nodes FROM run_messages WHERE level = 'debug' GROUP BY run_id",
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
 * What the witness saw, against what was stored.
 * @param {readonly import("./witness.mjs").Seen[]} seen
 * @param {readonly Run[]} runs
 * @param {ReadonlyMap<string, number>} checkpoints
 * @param {Counts} counts
 */
function judge(seen, runs, checkpoints, counts) {
  /** @type {Map<string, string | undefined>} the key of each step's first call */
  const keys = new Map();
  for (const { run, step, key, era } of seen) {
    const name = `${run} ${step}`;
    counts.told += 1;
    if (keys.has(name)) {
      counts.told_again += 1;
      if (keys.get(name) !== key) counts.other_keys += 1;
    } else keys.set(name, key);
    if (era >= (checkpoints.get(name) ?? Number.POSITIVE_INFINITY)) counts.told_after_checkpoint += 1;
  }
  for (const { id } of runs) for (const step of TOLD) if (!keys.has(`${id} ${step}`)) counts.untold += 1;
}
