import { setTimeout as delay } from "node:timers/promises";

/**
 * Looks what became of deliveries, through the management API alone.
 *
 * @param {import("../../scripts/lib/admin.mjs").AdminClient} admin
 * @param {string} project
 * @param {string} webhook
 * @param {ReadonlyMap<string, { run: string, line: string }>} expected by the sender's own id: the run that it was answered with, and the one line which that is to say
 * @param {number} until when every run must have ended, in milliseconds since 1970
 * @returns {Promise<{ lost: number, wrong: number, twins: number, endedAt: number }>} `endedAt` by `performance.now()`
 */
export async function auditDeliveries(admin, project, webhook, expected, until) {
  const ended = await endedRuns(admin, project, expected.size, until);
  const endedAt = performance.now();
  let lost = 0;
  let wrong = 0;
  for (const { run: id, line } of expected.values()) {
    if (!ended.has(id)) {
      lost += 1;
      continue;
    }
    const run = await admin.get(`/admin/v1/runs/${id}`);
    if (run.status !== "Success" || run.messages.length !== 1 || run.messages[0].text !== line) wrong += 1;
  }
  const stored = new Map();
  const known = new Set();
  for await (const { senderId, runId, state } of pages(
    admin,
    `/webhooks/${webhook}/deliveries?`,
    "deliveries",
  )) {
    stored.set(senderId, (stored.get(senderId) ?? 0) + 1);
    known.add(runId);
    if (state !== "started") lost += 1;
  }
  let twins = 0;
  for (const id of expected.keys()) if (!stored.has(id)) lost += 1;
  for (const times of stored.values()) twins += times - 1;
  // Runs that no delivery names: a second run of some delivery.
  for await (const { id } of pages(admin, `/runs?project=${project}&`, "runs")) {
    if (!known.has(id)) twins += 1;
  }
  return { lost, wrong, twins, endedAt };
}

/**
 * Ids of the runs that have ended, once there are `count` of them or the time is over.
 * @param {import("../../scripts/lib/admin.mjs").AdminClient} admin
 * @param {string} project
 * @param {number} count
 * @param {number} until
 */
async function endedRuns(admin, project, count, until) {
  for (;;) {
    /** @type {Set<string>} */
    const ended = new Set();
    for await (const { id, endedAt } of pages(admin, `/runs?project=${project}&`, "runs")) {
      if (endedAt !== null) ended.add(id);
    }
    if (ended.size >= count || Date.now() > until) return ended;
    await delay(100);
  }
}

/**
 * Every element of a list that comes in pages.
 * @param {import("../../scripts/lib/admin.mjs").AdminClient} admin
 * @param {string} path with its `?` or `&`
 * @param {string} name of the list in a page
 * @returns {AsyncGenerator<any>}
 */
async function* pages(admin, path, name) {
  for (let cursor = ""; ; ) {
    const page = await admin.get(`/admin/v1${path}limit=200${cursor}`);
    yield* page[name];
    if (page.next === null) return;
    cursor = `&cursor=${encodeURIComponent(page.next)}`;
  }
}
