import { request } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestRuntime, type TestRuntime } from "./support/runtime";

/** What only the real server shows: requests that HTTP libraries will not send, and what a crash leaves behind. */

let runtime: TestRuntime;
/** Past Miniflare's proxy, which has ways of its own with odd requests. */
let direct: URL;

const echo = (history = "buffered") => ({
  flow: `echo ${history}`,
  endpoint: { anonymous: true, history },
  outputs: { out: { body: "string", url: "string", method: "string" } },
  start: "out",
  nodes: {
    out: {
      type: "output",
      to: "out",
      value: { body: "=input.body", url: "=input.url", method: "=input.method" },
    },
  },
});

beforeAll(async () => {
  runtime = await startTestRuntime();
  direct = new URL(await runtime.directUrl());
  const applied = await runtime.admin("PUT", "/admin/v1/projects/http", { flows: [echo(), echo("strict")] });
  expect(applied.status, await applied.clone().text()).toBe(201);
});
afterAll(async () => {
  await runtime?.dispose();
});

const ECHO = "/phixflow/api/1/action/http/echo%20buffered/trigger";

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** A request of any method and path, with a body in pieces; `content-length` only when it is given. */
function send(
  method: string,
  path: string,
  body: readonly (string | Uint8Array)[] = [],
  headers: Record<string, string> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: direct.hostname, port: direct.port, method, path, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      );
    });
    sent.on("error", reject);
    for (const part of body) sent.write(part);
    sent.end();
  });
}

/** Bytes on a socket, and what came back until the other side closed or `ms` passed. */
function raw(text: string, ms: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(direct.port), direct.hostname, () => socket.write(text));
    let answer = "";
    const ended = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(ended, ms);
    socket.on("data", (data) => {
      answer += data.toString();
    });
    socket.on("end", ended);
    socket.on("error", reject);
  });
}

const out = ({ body }: Answer): unknown => (JSON.parse(body) as { data: { out: unknown[] } }).data.out[0];

describe("requests", () => {
  test("6 a GET's body is read, declared or in pieces", async () => {
    const declared = await send("GET", ECHO, ["hello"], { "content-length": "5" });
    expect(out(declared)).toMatchObject({ body: "hello", method: "GET" });
    const chunked = await send("GET", ECHO, ["hel", "lo"], { "transfer-encoding": "chunked" });
    expect(out(chunked)).toMatchObject({ body: "hello", method: "GET" });
  });

  test("the URL is complete, and as it was sent", async () => {
    const answer = await send("GET", `${ECHO}?a=%20b&a=c+d`);
    expect(out(answer)).toMatchObject({ url: `http://${direct.host}${ECHO}?a=%20b&a=c+d` });
  });

  test.each(["TRACE", "PUT", "DELETE", "PATCH", "PROPFIND"])("2 %s is not allowed", async (method) => {
    const answer = await send(method, ECHO);
    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toBe("GET, POST, OPTIONS");
  });

  test.each([
    ["/phixflow/api/1/action/http/../http/echo%20buffered/trigger", [200, 404]],
    ["/phixflow/api/1/action/http/%2e%2e/trigger", [404]],
    ["/phixflow/api/1/action/http%2Fecho%20buffered/trigger", [404]],
    ["/phixflow/api/1/action/http/echo%20buffered%00/trigger", [404]],
    ["/phixflow/api/1/action/http/%zz/trigger", [400]],
    ["/phixflow/api/1/action/http//trigger", [404]],
    ["//phixflow/api/1/action/http/echo%20buffered/trigger", [404]],
    ["/phixflow/api/1/action/http/echo%20buffered/poll/..%2f..%2fx", [404]],
    ["/phixflow/api/1/action/http/echo%20buffered/poll/'", [404]],
  ])("3, 5 the path %s", async (path, statuses) => {
    expect(statuses).toContain((await send("GET", path)).status);
  });

  test("413 for a body over the limit, declared or in pieces", async () => {
    const piece = new Uint8Array(1024 * 1024);
    const pieces = new Array<Uint8Array>(11).fill(piece);
    for (const headers of [
      { "content-length": String(11 * 1024 * 1024) },
      { "transfer-encoding": "chunked" },
    ]) {
      const answer = await send("POST", ECHO, pieces, headers as Record<string, string>).catch(
        // The answer may come, and the connection end, while the rest is still being sent.
        (error: NodeJS.ErrnoException) => ({ status: 413, code: error.code }),
      );
      expect(answer.status).toBe(413);
    }
    expect((await send("GET", ECHO)).status).toBe(200);
  });

  test("7 a body that is shorter than it says starts no run", async () => {
    const path = ECHO.replace("buffered", "strict");
    const before = await runs();
    const answer = await raw(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc`, 500);
    expect(answer).not.toMatch(/^HTTP\/1\.1 [25]/);
    const broken = await raw(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab`,
      500,
    );
    expect(broken).not.toMatch(/^HTTP\/1\.1 [25]/);
    expect(await runs()).toEqual(before);
    expect((await send("GET", ECHO)).status).toBe(200);
  });

  test("what is no HTTP at all does not disturb the others", async () => {
    for (const text of [
      "\u0000\u0001\u0002\r\n\r\n",
      "GET / HTTP/9.9\r\n\r\n",
      `GET ${"/x".repeat(50_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    ]) {
      expect(await raw(text, 300).catch(() => "")).not.toMatch(/^HTTP\/1\.1 [25]\d\d/);
    }
    expect((await send("GET", ECHO)).status).toBe(200);
  });

  async function runs(): Promise<unknown[]> {
    const response = await runtime.admin("GET", "/admin/v1/runs?flow=echo%20strict&limit=200");
    return ((await response.json()) as { runs: unknown[] }).runs;
  }
});

test("a SIGKILL under load: what was answered with success is there, and no project is half applied", async () => {
  const FLOWS = 20;
  const bundle = (generation: number) => ({
    flows: Array.from({ length: FLOWS }, (_, index) => ({
      ...echo(),
      flow: `f${index}`,
      description: `generation ${generation}`,
    })),
  });
  let acknowledged = { version: 0, generation: 0 };
  let attempted = 0;
  const answered: string[] = [];

  for (let kill = 0; kill < 3; kill += 1) {
    let alive = true;
    const applying = (async () => {
      while (alive) {
        attempted += 1;
        const generation = attempted;
        try {
          const response = await runtime.admin("PUT", "/admin/v1/projects/crash", bundle(generation));
          if (response.ok)
            acknowledged = { version: ((await response.json()) as { version: number }).version, generation };
        } catch {
          // Unknown: it may have been applied or not.
        }
      }
    })();
    const calling = (async () => {
      while (alive) {
        try {
          const response = await fetch(`${runtime.url}${ECHO.replace("buffered", "strict")}`);
          const id = response.headers.get("x-process-id");
          await response.text();
          if (response.ok && id !== null) answered.push(id);
        } catch {
          // The same.
        }
      }
    })();
    const enough = answered.length + 20;
    const applied = acknowledged.version + 3;
    await expect
      .poll(() => answered.length >= enough && acknowledged.version >= applied, { timeout: 30_000 })
      .toBe(true);
    await runtime.kill();
    alive = false;
    await Promise.all([applying, calling]);
    await runtime.restart();

    const response = await runtime.admin("GET", "/admin/v1/projects/crash");
    const exported = (await response.json()) as { version: number; flows: { description: string }[] };
    expect(exported.version).toBeGreaterThanOrEqual(acknowledged.version);
    expect(exported.flows).toHaveLength(FLOWS);
    const generations = new Set(exported.flows.map(({ description }) => description));
    expect(generations.size).toBe(1);
    const [generation] = [...generations].map((text) => Number(text.split(" ")[1]));
    expect(generation).toBeGreaterThanOrEqual(acknowledged.generation);
    for (const id of answered)
      expect((await runtime.admin("GET", `/admin/v1/runs/${id}`)).status, id).toBe(200);
    expect((await fetch(`${runtime.url}/phixflow/api/1/action/crash/f7/trigger`)).status).toBe(200);
  }
}, 180_000);
