import { setTimeout as delay } from "node:timers/promises";
import { inLanes, startWorld } from "./world.mjs";

/*
 * Two promises, each under the fault that would break it: keys under a kill, versions under a publication. What each figure
 * proves is told in docs/chaos.md.
 */

/** Time within which runs must have ended, in milliseconds. */
const END_WITHIN_MS = 90_000;

const KEYED = {
  flow: "keyed",
  endpoint: { anonymous: true, mode: "async", timeout: "10s" },
  outputs: { out: "any" },
  start: "out",
  nodes: { out: { type: "output", to: "out", value: { n: "=input.json.n" } } },
};

/**
 * @typedef {object} KeyCounts
 * @property {number} keys
 * @property {number} key_calls
 * @property {number} key_runs different runs that the calls led to: one for each key
 * @property {number} key_changed_refused of as many calls with another body, those answered 409
 */

/**
 * @param {{ keys: number, calls?: number }} options
 * @returns {Promise<KeyCounts>}
 */
export async function keyChaos({ keys, calls = 10 }) {
  const world = await startWorld();
  try {
    await world.apply("promises", { flows: [KEYED] });
    /** @type {Set<string>} */
    const runs = new Set();
    let sent = 0;
    let answered = 0;
    /** @param {number} key @param {number} n @returns {Promise<{ status: number, processId: string }>} */
    const ask = async (key, n) => {
      for (;;) {
        try {
          sent += 1;
          const response = await world.call("promises/keyed/trigger", {
            method: "POST",
            headers: { "content-type": "application/json", "idempotency-key": `key-${key}` },
            body: JSON.stringify({ n }),
          });
          const { processId } = /** @type {{ processId: string }} */ (await response.json());
          if (response.status === 200 || response.status === 409)
            return { status: response.status, processId };
        } catch {
          // A connection that was reset says nothing: the same key is asked again.
        }
        await delay(50);
      }
    };
    const each = Array.from({ length: keys * calls }, (_, index) => index % keys);
    const asking = inLanes(each, calls * 4, async (key) => {
      const { processId } = await ask(key, key);
      runs.add(processId);
      answered += 1;
    });
    while (answered < (keys * calls) / 3) await delay(5);
    await world.kill();
    await world.start();
    await asking;
    let refused = 0;
    await inLanes(
      Array.from({ length: keys }, (_, key) => key),
      8,
      async (key) => {
        if ((await ask(key, -1)).status === 409) refused += 1;
      },
    );
    return { keys, key_calls: sent, key_runs: runs.size, key_changed_refused: refused };
  } finally {
    await world.dispose();
  }
}

/** @param {number} version */
const waits = (version) => ({
  flow: "waits",
  endpoint: { anonymous: true, mode: "async", timeout: "30s" },
  outputs: { out: "any" },
  start: "before",
  nodes: {
    before: { type: "calculate", value: { began: version }, next: "hold" },
    hold: { type: "wait", timeout: "1h", reveal: true, results: { ok: "out", timeout: "out" } },
    out: { type: "output", to: "out", value: { began: "=item.began", ended: version } },
  },
});

/**
 * @typedef {object} VersionCounts
 * @property {number} waiting runs that waited while a changed flow was published, and the runtime was killed
 * @property {number} waiting_kept those that ended on the version they began with
 */

/**
 * @param {{ runs: number }} options
 * @returns {Promise<VersionCounts>}
 */
export async function versionChaos({ runs: wanted }) {
  const world = await startWorld();
  try {
    await world.apply("promises", { flows: [waits(1)] });
    /** @type {string[]} */
    const ids = [];
    await inLanes(
      Array.from({ length: wanted }, (_, index) => index),
      8,
      async () => {
        const response = await world.call("promises/waits/trigger", { method: "POST" });
        const { processId } = /** @type {{ processId: string }} */ (await response.json());
        ids.push(processId);
      },
    );
    const poll = async (/** @type {string} */ id) =>
      /** @type {any} */ (await (await world.call(`promises/waits/poll/${id}`)).json());
    const until = Date.now() + END_WITHIN_MS;
    /** @type {Map<string, string>} */
    const urls = new Map();
    while (urls.size < ids.length && Date.now() < until) {
      await inLanes(
        ids.filter((id) => !urls.has(id)),
        8,
        async (id) => {
          const url = (await poll(id)).waiting?.[0]?.url;
          if (url !== undefined) urls.set(id, url);
        },
      );
    }
    await world.apply("promises", { flows: [waits(2)] });
    await world.kill();
    await world.start();
    await inLanes([...urls.values()], 8, async (url) => {
      await (await fetch(url, { method: "POST" })).arrayBuffer();
    });
    let kept = 0;
    await inLanes(ids, 8, async (id) => {
      let answer = await poll(id);
      while (answer.status !== "Success" && Date.now() < until) {
        await delay(100);
        answer = await poll(id);
      }
      const [out] = answer.data?.out ?? [];
      if (out?.began === 1 && out?.ended === 1) kept += 1;
    });
    return { waiting: ids.length, waiting_kept: kept };
  } finally {
    await world.dispose();
  }
}
