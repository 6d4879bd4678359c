import { createServer } from "node:http";

/**
 * A server outside the runtime that writes down what reaches it, so that it survives every kill.
 *
 * @typedef {{ run: string, step: string, key: string | undefined, era: number, at: number }} Seen
 * @typedef {object} Witness
 * @property {string} url
 * @property {Seen[]} seen in the order in which it came
 * @property {number} era how often the runtime was killed before; told by the test
 * @property {() => void} died whoever is inside and lived in memory alone is dead
 * @property {boolean} down whether it answers nobody: connections are cut; told by the test
 * @property {Map<string, number>} cut by run, the calls that were cut
 * @property {number} twice times that a run came in while another was inside
 * @property {() => Promise<void>} close
 */

/**
 * Takes `POST /step/{step}` with `{ run }`. The steps `enter` and `leave` bound what only one run at a time may do; a run whose
 * `enter` says `light: true` dies with the runtime.
 * @returns {Promise<Witness>}
 */
export async function startWitness() {
  /** @type {Map<string, boolean>} runs inside, and whether they die with the runtime */
  const inside = new Map();
  /** @type {Witness} */
  const witness = {
    url: "",
    seen: [],
    era: 0,
    down: false,
    cut: new Map(),
    twice: 0,
    died() {
      for (const [run, light] of inside) if (light) inside.delete(run);
    },
    close: () => new Promise((closed) => void server.close(() => closed()).closeAllConnections()),
  };
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (text) => {
      body += text;
    });
    request.on("end", () => {
      const step = decodeURIComponent(request.url?.split("/").at(-1) ?? "");
      const { run, light } = JSON.parse(body);
      if (witness.down) {
        witness.cut.set(run, (witness.cut.get(run) ?? 0) + 1);
        request.socket.destroy();
        return;
      }
      const key = request.headers["idempotency-key"];
      witness.seen.push({
        run,
        step,
        key: key === undefined ? key : String(key),
        era: witness.era,
        at: Date.now(),
      });
      if (step === "enter") {
        if (inside.size > 0 && !inside.has(run)) witness.twice += 1;
        inside.set(run, light === true);
      } else if (step === "leave") inside.delete(run);
      response.writeHead(200, { "content-type": "application/json" });
      response.end("{}");
    });
  });
  await new Promise((listening) => void server.listen(0, "127.0.0.1", () => listening(undefined)));
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  witness.url = `http://127.0.0.1:${address.port}`;
  return witness;
}

/**
 * The integration under which flows reach a witness.
 * @param {Witness} witness
 */
export function witnessIntegration({ url }) {
  return {
    integration: "witness",
    baseUrl: url,
    endpoints: { step: { method: "POST", path: "/step/{step}", body: "json" } },
  };
}

/**
 * A node that tells the witness of itself.
 * @param {string} step
 * @param {string} next
 * @param {object} more fields of the message
 */
export function tells(step, next, more = {}) {
  return {
    type: "api",
    call: "witness.step",
    params: { step },
    body: { json: { run: "=run.id", ...more } },
    retry: { on: ["error", "timeout"], max: 3, backoff: "100ms" },
    results: { 200: next, other: "end", error: "end", timeout: "end", "max-connection": "end" },
  };
}
