import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestRuntime, type TestRuntime } from "./support/runtime";
import { json, pause, ThirdParty } from "./support/third-party";

/** Outgoing calls of the built bundle, to a real server that misbehaves as the real ones do. */

let runtime: TestRuntime;
let party: ThirdParty;

const RESULTS = { "200": "out", other: "out", error: "bad", timeout: "late", "max-connection": "full" };

/** A flow that calls `fx.{call}` once for each element of its body, and tells how each left. */
function calling(
  flow: string,
  call: string,
  node: object = {},
  endpoint: object = {},
  results: object = RESULTS,
): object {
  return {
    flow,
    endpoint: { anonymous: true, history: "strict", ...endpoint },
    outputs: { out: "any" },
    start: "each",
    nodes: {
      each: { type: "split", over: "=input.json", results: { each: "call" } },
      call: { type: "api", call: `fx.${call}`, query: { n: "=item" }, results, ...node },
      out: { type: "output", to: "out" },
      bad: { type: "output", to: "out", value: "='error: ' & last.message" },
      late: { type: "output", to: "out", value: "='timeout: ' & last.message" },
      full: { type: "output", to: "out", value: "='max-connection: ' & last.message" },
    },
  };
}

const paths = [
  "echo",
  "status",
  "endless",
  "trickle",
  "huge",
  "reset",
  "drop",
  "lies",
  "slow",
  "busy",
  "order",
  "cookies",
  "picture",
];

beforeAll(async () => {
  party = await ThirdParty.start();
  runtime = await startTestRuntime({ bindings: { ALLOW_PRIVATE_HOSTS: party.host } });
  party
    .on("/echo", (seen, response) =>
      json(response, 200, { url: seen.url, key: seen.headers["idempotency-key"] }),
    )
    .on("/order", (seen, response) => json(response, 200, { method: seen.method, body: seen.body }))
    .on("/status", (seen, response) =>
      json(response, Number(new URL(seen.url, "http://x").searchParams.get("n")), {}),
    )
    .on("/endless", (_, response) => {
      const more = () =>
        void response.write("x".repeat(1_000), () => response.destroyed || setTimeout(more, 1));
      more();
    })
    .on("/trickle", (_, response) => {
      response.write("{");
      const timer = setInterval(() => response.write(" "), 200);
      response.on("close", () => clearInterval(timer));
    })
    .on("/huge", (_, response) => {
      const piece = Buffer.alloc(1024 * 1024);
      let sent = 0;
      const more = () => {
        while (sent < 1024 && !response.destroyed) {
          sent += 1;
          if (!response.write(piece)) return void response.once("drain", more);
        }
        response.end();
      };
      more();
    })
    .on("/reset", (_, __, socket) => void socket.resetAndDestroy())
    .on("/drop", (_, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "100" });
      response.write('{"a":');
      setTimeout(() => response.destroy(), 20);
    })
    .on("/lies", (_, __, socket) => {
      void socket.end(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: application/json\r\n\r\n[1,2,3,4,5]",
      );
    })
    .on("/slow", async (_, response) => {
      await pause(10_000);
      json(response, 200, {});
    })
    .on("/cookies", (_, response) => {
      response.writeHead(200, [
        ["Set-Cookie", "a=1; Path=/"],
        ["Set-Cookie", "b=2, 3"],
        ["X-Twice", "1"],
        ["X-Twice", "2"],
      ] as never);
      response.end();
    })
    .on("/picture", (_, response) => {
      response.writeHead(200, { "content-type": "image/png" });
      response.end(Buffer.from([0x89, 0x50, 0, 0xff]));
    })
    .on("/busy", async (_, response) => {
      await pause(300);
      json(response, 200, {});
    });
  const endpoints = Object.fromEntries(
    paths.map((path) => [path, { path: `/${path}`, ...(path === "order" ? { method: "POST" } : {}) }]),
  );
  const fx = { integration: "fx", baseUrl: `http://${party.host}`, endpoints };
  const applied = await runtime.admin("PUT", "/admin/v1/projects/calls", {
    integrations: [fx, { ...fx, integration: "two", maxConnections: 2 }],
    flows: [
      ...paths.map((path) => calling(path, path, { timeout: "1500ms" }, { timeout: "30s" })),
      calling("short", "slow", {}, { timeout: "1s" }),
      calling("durable", "echo", {}, { mode: "async" }),
      calling("long", "slow", { timeout: "60s" }, { mode: "async" }),
      calling("pooled", "busy", { call: "two.busy" }),
    ],
  });
  expect(applied.status, await applied.clone().text()).toBe(201);
});
afterAll(async () => {
  await runtime?.dispose();
  await party?.stop();
});

async function call(flow: string, items: unknown[], query = ""): Promise<unknown[]> {
  const response = await fetch(`${runtime.url}/phixflow/api/1/action/calls/${flow}/trigger${query}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(items),
  });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return (JSON.parse(text) as { data: { out: unknown[] } }).data.out;
}

describe("a call", () => {
  test("brings its answer, with a key of its own", async () => {
    const out = (await call("echo", ["a b", 2])) as { status: number; body: { url: string; key: string } }[];
    expect(out.map(({ status, body }) => [status, body.url])).toEqual([
      [200, "/echo?n=a%20b"],
      [200, "/echo?n=2"],
    ]);
    expect(new Set(out.map(({ body }) => body.key)).size).toBe(2);
  });

  test("runs in a durable run too", async () => {
    const started = await fetch(`${runtime.url}/phixflow/api/1/action/calls/durable/trigger`, {
      method: "POST",
      headers: { "content-type": "application/json", prefer: "wait=20" },
      body: JSON.stringify([1, 2, 3]),
    });
    const answer = (await started.json()) as { status: string; data: { out: { body: { url: string } }[] } };
    expect(answer.status).toBe("Success");
    expect(answer.data.out.map(({ body }) => body.url)).toEqual(["/echo?n=1", "/echo?n=2", "/echo?n=3"]);
  });

  test.each([
    ["endless", /^(timeout|error): /],
    ["trickle", /^timeout: fx\.trickle did not answer within 1500 ms/],
    ["huge", /^error: fx\.huge answered with more than 10485760 bytes/],
    ["reset", /^error: fx\.reset gave no answer/],
    ["drop", /^error: fx\.drop gave no answer/],
    ["slow", /^timeout: fx\.slow did not answer within 1500 ms/],
  ])("69 to a server that is %s ends", async (path, expected) => {
    const hungUp = party.hungUp;
    expect((await call(path, [1]))[0]).toMatch(expected);
    if (path !== "reset" && path !== "drop")
      await expect.poll(() => party.hungUp, { timeout: 5_000 }).toBe(hungUp + 1);
    expect((await call("echo", [1]))[0]).toMatchObject({ status: 200 });
  });

  test("has its headers by name, those that repeat as a list, and bytes as base64", async () => {
    expect(await call("cookies", [1])).toMatchObject([
      { headers: { "set-cookie": ["a=1; Path=/", "b=2, 3"], "x-twice": "1, 2" }, body: null },
    ]);
    expect(await call("picture", [1])).toMatchObject([
      { contentType: "image/png", body: { base64: "iVAA/w==", contentType: "image/png" } },
    ]);
  });

  test("is given up, and its connection closed, when its run is cancelled", async () => {
    const hungUp = party.hungUp;
    const before = party.to("/slow").length;
    const started = await fetch(`${runtime.url}/phixflow/api/1/action/calls/long/trigger`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify([1, 2, 3]),
    });
    const { processId } = (await started.json()) as { processId: string };
    await expect.poll(() => party.to("/slow").length, { timeout: 10_000 }).toBe(before + 3);
    expect((await runtime.admin("DELETE", `/admin/v1/runs/${processId}`)).status).toBeLessThan(300);
    await expect.poll(() => party.hungUp, { timeout: 5_000 }).toBe(hungUp + 3);
    const poll = await fetch(`${runtime.url}/phixflow/api/1/action/calls/long/poll/${processId}`);
    expect(await poll.json()).toMatchObject({ status: "Cancelled" });
  });

  test("an answer that is longer than it says is cut or refused, never mixed up with the next", async () => {
    const [first] = await call("lies", [1]);
    expect(JSON.stringify(first)).toMatch(/error: /);
    expect((await call("echo", [1]))[0]).toMatchObject({ status: 200 });
  });

  test("is cut so that the flow still answers, and its connection is closed", async () => {
    const hungUp = party.hungUp;
    expect((await call("short", [1]))[0]).toMatch(/^timeout: .*which is what the run has left/);
    await expect.poll(() => party.hungUp, { timeout: 5_000 }).toBe(hungUp + 1);
  });

  test("of fifty from one set goes six at a time, so in nine turns", async () => {
    party.mostUnderWay = 0;
    const fifty = Array.from({ length: 50 }, (_, n) => n);
    expect(await call("busy", fifty)).toHaveLength(50);
    expect(party.mostUnderWay).toBe(6);
  });

  test("leaves by max-connection when all connections of its integration are in use", async () => {
    party.mostUnderWay = 0;
    const all = (await Promise.all([1, 2, 3, 4, 5].map((n) => call("pooled", [n])))).flat();
    expect(party.mostUnderWay).toBeLessThanOrEqual(2);
    const full = all.filter((each) => typeof each === "string" && each.startsWith("max-connection: "));
    expect(full.length).toBeGreaterThanOrEqual(1);
    expect(full.length + all.filter((each) => typeof each === "object").length).toBe(5);
    expect(await call("pooled", [6, 7, 8, 9])).toMatchObject(new Array(4).fill({ status: 200 }));
  });
});
