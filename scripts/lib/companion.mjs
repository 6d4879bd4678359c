import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname } from "node:path";

/**
 * The demo's other side: a small server of "someone else" on loopback, which the flow `call-out` calls. Its path `/answer`
 * meets every result that a call can have:
 *
 * - `?want=404`, any status: that status, with a JSON body;
 * - `?want=other`: 418, which the flow does not route by itself;
 * - `?want=error`: the connection is reset;
 * - `?want=timeout`: no answer while anyone waits for one.
 *
 * `/hold` answers after a while, so that a connection is in use meanwhile.
 */

/** The port that the demo's integration names; another one is taken, and remembered, where this one is not free. */
export const COMPANION_PORT = 8790;
/** Milliseconds that `/hold` takes. */
const HOLD_MS = 700;
/** Milliseconds after which a call that wants no answer is let go. */
const SILENT_MS = 30_000;

/**
 * @typedef {object} Companion
 * @property {string} url
 * @property {string} host with its port, for ALLOW_PRIVATE_HOSTS
 * @property {() => Promise<void>} stop
 */

/**
 * Starts it, on the port that it had the last time if it can.
 * @param {string} [memory] file that remembers the port
 * @returns {Promise<Companion>}
 */
export async function startCompanion(memory) {
  const server = createServer(answer);
  /** @type {number[]} */
  const ports = memory === undefined ? [0] : [rememberedPort(memory) ?? COMPANION_PORT, COMPANION_PORT, 0];
  for (const port of ports) if (await listens(server, port)) break;
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  if (memory !== undefined) {
    mkdirSync(dirname(memory), { recursive: true, mode: 0o700 });
    writeFileSync(memory, JSON.stringify({ port }));
  }
  return {
    url: `http://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/**
 * @param {import("node:http").Server} server
 * @param {number} port
 * @returns {Promise<boolean>} false when the port is taken
 */
function listens(server, port) {
  return new Promise((done, fail) => {
    const failed = (/** @type {NodeJS.ErrnoException} */ error) =>
      error.code === "EADDRINUSE" || error.code === "EACCES" ? done(false) : fail(error);
    server.once("error", failed);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", failed);
      done(true);
    });
  });
}

/** @param {string} memory */
function rememberedPort(memory) {
  if (!existsSync(memory)) return undefined;
  try {
    const { port } = JSON.parse(readFileSync(memory, "utf8"));
    return Number.isInteger(port) ? port : undefined;
  } catch {
    return undefined; // cut short by a crash
  }
}

/**
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 */
function answer(request, response) {
  request.resume();
  const url = new URL(request.url ?? "/", "http://companion");
  const want = url.searchParams.get("want") ?? "200";
  const key = request.headers["idempotency-key"];
  if (url.pathname === "/hold") {
    setTimeout(() => json(response, 200, { held: HOLD_MS }), HOLD_MS);
    return;
  }
  if (url.pathname !== "/answer") return json(response, 404, { problem: "there is nothing here" });
  if (want === "error") return void request.socket.resetAndDestroy();
  if (want === "timeout") return void setTimeout(() => response.destroy(), SILENT_MS).unref();
  const status = /^[2-5]\d\d$/.test(want) ? Number(want) : 418;
  json(response, status, { want, method: request.method, idempotencyKey: key });
}

/**
 * @param {import("node:http").ServerResponse} response
 * @param {number} status
 * @param {unknown} body
 */
function json(response, status, body) {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(status === 204 || status === 304 ? undefined : JSON.stringify(body));
}
