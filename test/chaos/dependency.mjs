import { setTimeout as delay } from "node:timers/promises";
import { startWitness, witnessIntegration } from "./witness.mjs";
import { inLanes, startWorld } from "./world.mjs";

/*
 * Runs whose other side is away for a while, and come back to it by themselves. What each figure proves is told in
 * docs/chaos.md.
 */

/** Time after the other side is back within which every run must have ended, in milliseconds. */
const DRAINED_WITHIN_MS = 60_000;
/** Turns after which a run gives up: far more than it needs. */
const MAX_TURNS = 100;

/**
 * ask (call; again, with growing pauses, until it is answered) ─ out
 * @param {number} wait the first pause, in milliseconds
 * @param {number} longest the longest one
 */
const asking = (wait, longest) => ({
  flow: "asking",
  endpoint: { anonymous: true, mode: "async", timeout: "10s" },
  outputs: { out: "any" },
  start: "ask",
  nodes: {
    ask: {
      type: "repeat",
      until: "=item.done",
      max: MAX_TURNS,
      backoff: { wait: `${wait}ms`, factor: 2, longest: `${longest}ms` },
      do: {
        start: "call",
        nodes: {
          call: {
            type: "api",
            call: "witness.step",
            params: { step: "asked" },
            body: { json: { run: "=run.id" } },
            results: { 200: "yes", other: "no", error: "no", timeout: "no", "max-connection": "no" },
          },
          yes: { type: "calculate", value: { done: true }, next: "return" },
          no: { type: "calculate", value: { done: false }, next: "return" },
        },
      },
      results: { ok: "out", exhausted: "end" },
    },
    out: { type: "output", to: "out", value: { n: "=input.json.n" } },
  },
});

/**
 * @typedef {object} DependencyCounts
 * @property {number} down_ms for how long the other side answered nobody
 * @property {number} down_runs runs that were started while it did
 * @property {number} down_ended those that ended as Success within 60 s after it was back
 * @property {number} down_drained_ms until the last of them had, from when it was back
 * @property {number} down_attempts_max calls that one run made in vain at the most
 * @property {number} down_attempts_bound as many as its pauses leave room for
 * @property {number} down_answered_twice runs that were answered more than once
 */

/**
 * @param {{ runs: number, downMs: number }} options
 * @returns {Promise<DependencyCounts>}
 */
export async function dependencyChaos({ runs: wanted, downMs }) {
  const witness = await startWitness();
  const world = await startWorld();
  const wait = Math.max(50, Math.round(downMs / 300));
  const longest = Math.max(100, Math.round(downMs / 15));
  try {
    await world.apply("dependency", {
      flows: [asking(wait, longest)],
      integrations: [witnessIntegration(witness)],
    });
    witness.down = true;
    const wentDown = Date.now();
    /** @type {Set<string>} */
    const open = new Set();
    await inLanes(
      Array.from({ length: wanted }, (_, n) => n),
      8,
      async (n) => {
        const response = await world.call("dependency/asking/trigger", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ n }),
        });
        open.add(/** @type {{ processId: string }} */ (await response.json()).processId);
      },
    );
    await delay(wentDown + downMs / 2 - Date.now());
    // The runtime dies, too, while everybody waits.
    await world.kill();
    await world.start();
    await delay(Math.max(0, wentDown + downMs - Date.now()));
    witness.down = false;
    const back = Date.now();
    let ended = 0;
    let drained = back;
    while (open.size > 0 && Date.now() - back < DRAINED_WITHIN_MS) {
      await inLanes([...open], 8, async (id) => {
        const { status } = /** @type {any} */ (
          await (await world.call(`dependency/asking/poll/${id}`)).json()
        );
        if (status === "Queued" || status === "Running" || status === "Waiting") return;
        open.delete(id);
        if (status === "Success") ended += 1;
        drained = Date.now();
      });
      await delay(100);
    }
    /** @type {Map<string, number>} */
    const answered = new Map();
    for (const { run } of witness.seen) answered.set(run, (answered.get(run) ?? 0) + 1);
    return {
      down_ms: back - wentDown,
      down_runs: wanted,
      down_ended: ended,
      down_drained_ms: drained - back,
      down_attempts_max: Math.max(0, ...witness.cut.values()),
      down_attempts_bound: turnsWithin(back - wentDown, wait, longest),
      down_answered_twice: [...answered.values()].filter((times) => times > 1).length,
    };
  } finally {
    await world.dispose();
    await witness.close();
  }
}

/**
 * Calls that fit into a time, pauses between them; and one more that a kill may have cut off.
 * @param {number} ms
 * @param {number} wait
 * @param {number} longest
 */
function turnsWithin(ms, wait, longest) {
  let turns = 1;
  for (let pause = wait, at = wait; at <= ms; pause = Math.min(longest, pause * 2), at += pause) turns += 1;
  return turns + 1;
}
