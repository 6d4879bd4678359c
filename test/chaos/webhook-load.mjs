import { Agent, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { Webhooks } from "@octokit/webhooks";
import examples from "@octokit/webhooks-examples" with { type: "json" };
import { auditDeliveries } from "./deliveries.mjs";
import { startWorld } from "./world.mjs";

/*
 * Sends GitHub's own example payloads, signed by GitHub's own library, to one webhook at a fixed rate, however long answers
 * take, and looks what became of each. What the figures mean is told in docs/chaos.md.
 */

const SECRET = "It's a Secret to Everybody";
/** One delivery in so many is sent twice at the same moment, under its one id. */
const TWICE_EVERY = 20;
/** Deliveries that warm the runtime up, and are not timed. */
const WARM_UP = 20;
/** Time after the last answer within which every run must have ended, in milliseconds. */
const END_WITHIN_MS = 60_000;
/** Time after which a request that has no answer counts as unanswered, in milliseconds: what GitHub waits. */
const ANSWER_WITHIN_MS = 10_000;

const BUNDLE = {
  project: "load",
  flows: [
    {
      flow: "count",
      start: "say",
      nodes: {
        say: {
          type: "calculate",
          set: {
            said: "=$debug(input.header.`x-github-delivery` & ' ' & $string($exists(input.json.sender)))",
          },
          next: "end",
        },
      },
    },
  ],
  webhooks: [{ webhook: "github", flow: "count", signature: { scheme: "github", secret: "github-webhook" } }],
};

/**
 * @typedef {object} LoadCounts
 * @property {number} sent deliveries, those that were sent twice counted once
 * @property {number} accepted deliveries that were answered 201
 * @property {number} unanswered requests with another answer than 200 or 201, or none in 10 s
 * @property {number} p50 milliseconds from when a delivery was due to be sent to the end of its answer
 * @property {number} p99
 * @property {number} slowest
 * @property {number} drained_ms milliseconds from the last answer until all runs had ended
 * @property {number} lost accepted deliveries that are not kept, or whose run did not end in time
 * @property {number} wrong runs that did not end as Success with the delivery's own content
 * @property {number} twins deliveries that were stored, answered or run more than once
 */

/**
 * @param {{ perSecond: number, seconds: number }} options
 * @returns {Promise<LoadCounts>}
 */
export async function webhookLoad({ perSecond, seconds }) {
  const world = await startWorld();
  // Past Miniflare's own Workers, which are not what is measured.
  const { direct: target, manager: admin } = world;
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  try {
    await admin.put("/admin/v1/secrets/github-webhook", { value: SECRET });
    await admin.apply(BUNDLE);
    const payloads = await signedPayloads();
    const counts = { sent: 0, accepted: 0, unanswered: 0, twins: 0 };
    /** @type {Map<string, { run: string, line: string }>} what each delivery was answered with, and what it is to say */
    const runs = new Map();
    /** @type {number[]} */
    const waited = [];

    /** @param {number} n @param {number} due @param {boolean} timed */
    const send = async (n, due, timed) => {
      const payload = payloads[n % payloads.length];
      if (payload === undefined) throw new Error("there are no examples");
      const id = `d-${n}`;
      const answer = await post(agent, `${target}/v1/webhook/github`, payload.body, {
        "content-type": "application/json",
        "user-agent": "GitHub-Hookshot/044aadd",
        "x-github-event": payload.event,
        "x-github-delivery": id,
        "x-hub-signature-256": payload.signature,
      });
      if (timed) waited.push(performance.now() - due);
      if (answer.status !== 201 && answer.status !== 200) {
        counts.unanswered += 1;
        return;
      }
      if (answer.status === 201) counts.accepted += 1;
      const run = JSON.parse(answer.text).resource.process_id;
      const known = runs.get(id);
      if (known !== undefined && known.run !== run) counts.twins += 1;
      runs.set(id, { run, line: `${id} ${payload.hasSender}` });
    };

    let n = 0;
    for (; n < WARM_UP; n += 1) await send(n, performance.now(), false);
    const began = performance.now();
    const all = [];
    for (const last = n + perSecond * seconds; n < last; n += 1) {
      const due = began + ((n - WARM_UP) * 1_000) / perSecond;
      const early = due - performance.now();
      if (early > 0) await delay(early);
      all.push(send(n, due, true));
      if (n % TWICE_EVERY === 0) all.push(send(n, due, true));
    }
    await Promise.all(all);
    counts.sent = n;
    const answered = performance.now();
    const audit = await auditDeliveries(admin, "load", "github", runs, Date.now() + END_WITHIN_MS);
    waited.sort((a, b) => a - b);
    return {
      ...counts,
      p50: quantile(waited, 0.5),
      p99: quantile(waited, 0.99),
      slowest: quantile(waited, 1),
      drained_ms: Math.round(audit.endedAt - answered),
      lost: audit.lost,
      wrong: audit.wrong,
      twins: counts.twins + audit.twins,
    };
  } finally {
    agent.destroy();
    await world.dispose();
  }
}

/** All examples of all events, each as GitHub would send it. */
async function signedPayloads() {
  const signer = new Webhooks({ secret: SECRET });
  const payloads = [];
  for (const { name: event, examples: list } of examples) {
    for (const example of list) {
      const body = JSON.stringify(example);
      payloads.push({ event, body, hasSender: "sender" in example, signature: await signer.sign(body) });
    }
  }
  return payloads;
}

/** @param {number[]} sorted @param {number} part */
function quantile(sorted, part) {
  return Math.round(sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0);
}

/**
 * @param {Agent} agent
 * @param {string} url
 * @param {string} body
 * @param {Record<string, string>} headers
 * @returns {Promise<{ status: number, text: string }>} status 0 when there was no answer
 */
function post(agent, url, body, headers) {
  return new Promise((ended) => {
    const sent = request(
      url,
      {
        method: "POST",
        agent,
        headers: { ...headers, "content-length": Buffer.byteLength(body) },
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (piece) => {
          text += piece;
        });
        response.on("end", () => ended({ status: response.statusCode ?? 0, text }));
        response.on("error", () => ended({ status: 0, text: "" }));
      },
    );
    sent.on("error", () => ended({ status: 0, text: "" }));
    sent.end(body);
  });
}
