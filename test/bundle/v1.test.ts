import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestRuntime, type TestRuntime } from "./support/runtime";

/** The v1 API as the seed's own commands call it: over a real connection, with what HTTP libraries will not send. */

let runtime: TestRuntime;
let apiKey: string;
let credentials: { client_id: string; client_secret: string; app_key: string };

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

function send(
  base: string,
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: string,
): Promise<Answer> {
  return new Promise((done, fail) => {
    const sent = request(new URL(path, base).href, { method, headers }, (response) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk));
      response.on("end", () =>
        done({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      );
    });
    sent.on("error", fail);
    sent.end(body);
  });
}

beforeAll(async () => {
  runtime = await startTestRuntime();
  const applied = await runtime.admin("PUT", "/admin/v1/projects/clients", {
    interfaces: [
      { interface: "demo", access: "both", scopes: ["record"], ipAllowList: ["127.0.0.0/8", "::1"] },
      { interface: "few", access: "both", scopes: ["record"], rateLimit: { limit: 3, window: "1h" } },
    ],
  });
  expect(applied.status).toBe(201);
  const made = async <T>(path: string, body: unknown): Promise<T> =>
    (await runtime.admin("POST", `/admin/v1${path}`, body)).json() as Promise<T>;
  ({ key: apiKey } = await made<{ key: string }>("/organizations/1/api-keys", { name: "test" }));
  credentials = await made("/interfaces/demo/credentials", {});
});
afterAll(async () => {
  await runtime?.dispose();
});

describe.each([
  ["through the local proxy", () => Promise.resolve(runtime.url)],
  ["directly", () => runtime.directUrl()],
])("%s", (_, base) => {
  test("a GET with its parameters as a form in the body, under a JSON content type", async () => {
    const form = `api_key=${apiKey}&app_key=demo&limit=2`;
    for (const type of ["application/json", "application/x-www-form-urlencoded"]) {
      const headers = { "content-type": type, "content-length": String(form.length) };
      const answer = await send(await base(), "GET", "/v1/record/search", headers, form);
      expect([answer.status, answer.body]).toEqual([200, expect.stringContaining('"limit":2')]);
    }
    const chunked = { "content-type": "application/json", "transfer-encoding": "chunked" };
    expect((await send(await base(), "GET", "/v1/record/search", chunked, form)).status).toBe(200);
    const broken = { "content-type": "application/json", "content-length": "6" };
    expect((await send(await base(), "GET", "/v1/record/search", broken, "a=%zz&")).status).toBe(400);
  });

  test("header names with underscores arrive, and the address is the loopback", async () => {
    const headers = {
      client_id: credentials.client_id,
      client_secret: credentials.client_secret,
      grant_type: "client_credentials",
    };
    const answer = await send(await base(), "GET", "/v1/checkauthentication", headers);
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)["request-ip"]).toMatch(/^(?:127\.0\.0\.1|::1|::ffff:127\.0\.0\.1)$/);
  });

  test("HEAD tells the length and sends nothing", async () => {
    const path = `/v1/record/search?api_key=${apiKey}&app_key=${credentials.app_key}`;
    const [get, head] = [
      await send(await base(), "GET", path, {}),
      await send(await base(), "HEAD", path, {}),
    ];
    expect([head.status, head.body, head.headers.etag]).toEqual([200, "", get.headers.etag]);
  });
});

test("a limit holds over a crash, but for the last moments' calls", async () => {
  const call = async () =>
    send(runtime.url, "GET", "/v1/record/search", { "x-apikey": apiKey, "x-app": "few" });
  expect((await call()).headers["x-ratelimit-remaining"]).toBe("2");
  // What was counted is on disk a moment later.
  await new Promise((done) => setTimeout(done, 1_000));
  await runtime.restart();
  expect((await call()).headers["x-ratelimit-remaining"]).toBe("1");
  expect((await call()).status).toBe(200);
  expect((await call()).status).toBe(429);
});
