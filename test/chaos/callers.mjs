import { Agent, request } from "node:http";

/*
 * A process of its own that calls endpoints at the same moment as others do. Told by its parent: `{ urls, at }`; answers
 * `{ status, ms, id }` for each URL, in order.
 */

const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });

/**
 * @param {string} url
 * @returns {Promise<{ status: number, ms: number, id: string | undefined }>}
 */
function call(url) {
  const began = performance.now();
  return new Promise((ended) => {
    const failed = () => ended({ status: 0, ms: performance.now() - began, id: undefined });
    const sent = request(url, { method: "POST", agent, headers: { "content-length": 0 } }, (response) => {
      response.resume();
      response.on("end", () => {
        const ms = performance.now() - began;
        const id = response.headers["x-process-id"];
        ended({ status: response.statusCode ?? 0, ms, id: id === undefined ? undefined : String(id) });
      });
      response.on("error", failed);
    });
    sent.on("error", failed);
    sent.end();
  });
}

process.on("message", async (/** @type {{ urls: string[], at: number }} */ { urls, at }) => {
  await new Promise((due) => setTimeout(due, Math.max(0, at - Date.now())));
  process.send?.(await Promise.all(urls.map(call)));
});
process.on("disconnect", () => process.exit());
