import { connect, type Socket } from "node:net";

/**
 * A load generator that costs far less than what it measures: raw keep-alive sockets, the request's bytes made once, and
 * a reader that only looks for the end of a response. One request at a time on each connection.
 */

export interface Target {
  host: string;
  port: number;
  /** The whole HTTP/1.1 request. */
  request: Buffer;
  /** Requests by connection, in turn, where not all connections send the same. */
  requests?: Buffer[];
}

export interface LoadOptions {
  connections: number;
  /** Milliseconds at the start that are not counted: caches fill, connections open. */
  leadInMs: number;
  /** Milliseconds that are counted. */
  windowMs: number;
}

export interface LoadResult {
  /** Answers in the counted window. */
  counted: number;
  /** Answers in all. */
  total: number;
  perSecond: number;
  /** Milliseconds of each counted request. */
  latencies: Float64Array;
}

/** A request as it goes over the wire. */
export function requestBytes(
  url: string,
  method: string,
  headers: Record<string, string>,
  body: string,
): Target {
  const { hostname, port, pathname, search, host } = new URL(url);
  const lines = Object.entries({ Host: host, ...headers, "Content-Length": String(Buffer.byteLength(body)) });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return {
    host: hostname,
    port: Number(port),
    request: Buffer.from(`${method} ${pathname}${search} HTTP/1.1\r\n${head}\r\n${body}`),
  };
}

/** Keeps a target busy for a time. Any answer but a 200 or 201 ends the measurement: a fast error is not a result. */
export async function load(target: Target, options: LoadOptions): Promise<LoadResult> {
  const { connections, leadInMs, windowMs } = options;
  const begin = performance.now();
  const from = begin + leadInMs;
  const until = from + windowMs;
  const samples: number[] = [];
  let total = 0;
  await drive(target, connections, (started, now) => {
    total++;
    if (now >= from && now < until) samples.push(now - started);
    return now < until;
  });
  return {
    counted: samples.length,
    total,
    perSecond: (samples.length * 1000) / windowMs,
    latencies: Float64Array.from(samples),
  };
}

/** Sends a number of requests; `onAnswer` is told how many have been answered. */
export async function loadCount(
  target: Target,
  connections: number,
  count: number,
  onAnswer: (done: number) => void,
): Promise<void> {
  let sent = connections;
  let done = 0;
  await drive(target, connections, () => {
    onAnswer(++done);
    return sent++ < count;
  });
}

/** Every connection sends again for as long as `answered` says so. */
async function drive(
  target: Target,
  connections: number,
  answered: (started: number, now: number) => boolean,
): Promise<void> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(target)));
  try {
    const { requests = [target.request] } = target;
    await Promise.all(
      sockets.map((socket, index) => converse(socket, requests[index % requests.length] as Buffer, answered)),
    );
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

function open({ host, port }: Target): Promise<Socket> {
  return new Promise((done, fail) => {
    const socket = connect({ host, port, noDelay: true }, () => done(socket));
    socket.once("error", fail);
  });
}

function converse(
  socket: Socket,
  request: Buffer,
  answered: (started: number, now: number) => boolean,
): Promise<void> {
  return new Promise((done, fail) => {
    let started = performance.now();
    let held: Buffer | undefined;
    socket.on("error", fail);
    socket.on("close", () =>
      fail(new Error("the server closed a connection in the middle of the measurement")),
    );
    socket.on("data", (chunk: Buffer) => {
      const buffer = held === undefined ? chunk : Buffer.concat([held, chunk]);
      if (!isComplete(buffer)) {
        held = buffer;
        return;
      }
      held = undefined;
      const now = performance.now();
      if (!isOk(buffer)) {
        fail(new Error(`an answer was not a 200 or 201: ${buffer.toString("utf8", 0, 600)}`));
        return;
      }
      if (answered(started, now)) {
        started = now;
        socket.write(request);
      } else {
        socket.removeAllListeners("close");
        done();
      }
    });
    socket.write(request);
  });
}

const HEAD_END = Buffer.from("\r\n\r\n");
const LAST_CHUNK = Buffer.from("\r\n0\r\n\r\n");

function isComplete(buffer: Buffer): boolean {
  const headEnd = buffer.indexOf(HEAD_END);
  if (headEnd < 0) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(buffer.toString("latin1", 0, headEnd))?.[1];
  if (length !== undefined) return buffer.length >= headEnd + HEAD_END.length + Number(length);
  return buffer.length >= LAST_CHUNK.length && buffer.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK);
}

/** "HTTP/1.1 200", or 201 for what was made. */
function isOk(buffer: Buffer): boolean {
  return buffer[9] === 0x32 && buffer[10] === 0x30 && (buffer[11] === 0x30 || buffer[11] === 0x31);
}
