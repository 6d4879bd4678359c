import { setTimeout as delay } from "node:timers/promises";
import { startWitness, tells, witnessIntegration } from "./witness.mjs";
import { startWorld } from "./world.mjs";

/*
 * An exclusion group seen from outside: in which order those who wait go in, and how soon after the end of whoever was
 * inside, however that end came. What each figure proves is told in docs/chaos.md.
 */

/** Time that anything here may take, in milliseconds. */
const WITHIN_MS = 30_000;
/** Time for which a holder that ends by itself is inside, and after which one is timed out. */
const HOLD_MS = 400;

const LEAVES = { ...tells("leave", "out"), into: "left" };
const FAILS = { type: "calculate", value: "=$error('it went wrong')", next: "out" };

/**
 * enter ─ hold (query `ms`) ─ last ─ out
 * @param {string} flow
 * @param {{ mode?: string, onBusy?: string, last?: object }} settings
 */
function inside(flow, { mode = "sync", onBusy = "queue", last = LEAVES } = {}) {
  return {
    flow,
    endpoint: {
      anonymous: true,
      mode,
      timeout: "30s",
      exclusion: { group: "Order", onBusy, maxQueue: 1_000 },
    },
    outputs: { out: "any" },
    start: "enter",
    nodes: {
      enter: { ...tells("enter", "hold"), into: "entered" },
      hold: { type: "delay", for: "=$number(input.query.ms)", next: "close" },
      close: last,
      out: { type: "output", to: "out" },
    },
  };
}

const FLOWS = [
  inside("light"),
  inside("durable", { mode: "async" }),
  inside("light fails", { last: FAILS }),
  inside("durable fails", { mode: "async", last: FAILS }),
  inside("yields", { onBusy: "cancel" }),
  inside("probe", { onBusy: "reject" }),
];

/** Ways in which a holder ends: its flow, and what else its call says; how it is ended, if not by itself. */
const ENDS = [
  { end: "success", flow: "light" },
  { end: "success", flow: "durable" },
  { end: "error", flow: "light fails" },
  { end: "error", flow: "durable fails" },
  { end: "timeout", flow: "light", query: `&timeout=${HOLD_MS}`, ms: 20_000 },
  // A call under a key runs durably, within its own time.
  { end: "timeout", flow: "light", query: `&timeout=${HOLD_MS}`, ms: 20_000, keyed: true },
  { end: "cancel", flow: "durable", ms: 20_000 },
  { end: "cancel", flow: "yields", ms: 20_000 },
];

/**
 * @typedef {object} OrderCounts
 * @property {number} order_waited callers that waited for one group, every other one asynchronous
 * @property {number} order_wrong those that did not go in at their turn
 * @property {number} release_ends ends of a holder, of every kind
 * @property {number} release_seen those after which the next one went in
 * @property {number} release_early those that the witness heard before the holder had ended
 * @property {number} release_success_ms the longest from the end of a holder until the witness heard the next one
 * @property {number} release_error_ms
 * @property {number} release_timeout_ms
 * @property {number} release_cancel_ms
 * @property {number} release_ms_p50 of all
 */

/**
 * @param {{ waiting: number, rounds: number }} options
 * @returns {Promise<OrderCounts>}
 */
export async function orderChaos({ waiting, rounds }) {
  const witness = await startWitness();
  const world = await startWorld();
  const call = (/** @type {string} */ flow, ms = 1, query = "", headers = {}) =>
    fetch(
      `${world.direct}/phixflow/api/1/action/order/${encodeURIComponent(flow)}/trigger?ms=${ms}${query}`,
      {
        method: "POST",
        headers,
      },
    ).then(async (response) => {
      const answer = /** @type {any} */ (await response.json());
      return { status: response.status, id: answer.processId, place: answer.place, holder: answer.holder };
    });
  const entries = () => witness.seen.filter(({ step }) => step === "enter");
  /** @param {() => boolean | Promise<boolean>} seen */
  const until = async (seen) => {
    const end = Date.now() + WITHIN_MS;
    while (!(await seen())) {
      if (Date.now() > end) return false;
      await delay(10);
    }
    return true;
  };
  /** Waits until so many stand in the queue: the next would get the place after theirs. @param {number} count */
  const queued = (count) => until(async () => (await call("probe")).place === count + 1);

  try {
    await world.apply("order", { flows: FLOWS, integrations: [witnessIntegration(witness)] });
    await call("light"); // everything is loaded
    const { length: known } = entries();

    const { id } = await call("durable", WITHIN_MS);
    await until(() => entries().length === known + 1);
    /** @type {Promise<string>[]} in the order in which they asked */
    const asked = [];
    for (let n = 0; n < waiting; n += 1) {
      asked.push(call(n % 2 === 0 ? "light" : "durable").then((answer) => answer.id));
      await queued(n + 1);
    }
    await world.admin("DELETE", `/runs/${id}`);
    await until(() => entries().length === known + 1 + waiting);
    const went = entries()
      .slice(known + 1)
      .map(({ run }) => run);
    const order = await Promise.all(asked);
    const wrong = order.filter((id, place) => went[place] !== id).length;

    /** @type {Record<string, number[]>} */
    const took = { success: [], error: [], timeout: [], cancel: [] };
    let ends = 0;
    for (let round = 0; round < rounds; round += 1) {
      for (const { end, flow, query = "", ms = HOLD_MS, keyed = false } of ENDS) {
        const before = entries().length;
        const held = call(flow, ms, query, keyed ? { "idempotency-key": `${round}` } : {});
        await until(() => entries().length === before + 1);
        const { run } = /** @type {{ run: string }} */ (entries().at(-1));
        // Who wants `yields` stops whoever holds it, and is the next itself.
        const next = call(flow === "yields" ? flow : "light");
        if (flow !== "yields") await queued(1);
        if (end === "cancel" && flow !== "yields") await world.admin("DELETE", `/runs/${run}`);
        ends += 1;
        await Promise.all([held, next]);
        const entered = entries()[before + 1];
        const endedAt = await ended(world, run);
        if (entered !== undefined && endedAt !== undefined) took[end]?.push(entered.at - endedAt);
      }
    }
    const all = Object.values(took)
      .flat()
      .sort((a, b) => a - b);
    const longest = (/** @type {string} */ end) => Math.max(0, ...(took[end] ?? []));
    return {
      order_waited: waiting,
      order_wrong: wrong,
      release_ends: ends,
      release_seen: all.length,
      release_early: all.filter((ms) => ms < 0).length,
      release_success_ms: longest("success"),
      release_error_ms: longest("error"),
      release_timeout_ms: longest("timeout"),
      release_cancel_ms: longest("cancel"),
      release_ms_p50: all[Math.floor(all.length / 2)] ?? 0,
    };
  } finally {
    await world.dispose();
    await witness.close();
  }
}

/**
 * When a run ended, as its record says; that comes to the history a little later.
 * @param {import("./world.mjs").World} world
 * @param {string} run
 * @returns {Promise<number | undefined>}
 */
async function ended(world, run) {
  for (const end = Date.now() + WITHIN_MS; Date.now() < end; await delay(100)) {
    const response = await world.admin("GET", `/runs/${run}`);
    const { endedAt } = /** @type {any} */ (await response.json());
    if (response.ok && typeof endedAt === "string") return Date.parse(endedAt);
  }
  return undefined;
}
