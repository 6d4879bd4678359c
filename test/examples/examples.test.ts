import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadModel } from "../../scripts/generate-docs/model.mjs";
import { AdminClient } from "../../scripts/lib/admin.mjs";
import { startCompanion } from "../../scripts/lib/companion.mjs";
import { demoBundle, describeDemo, seedDemo } from "../../scripts/lib/demo.mjs";
import { packProject } from "../../scripts/lib/pack.mjs";
import { paths } from "../../scripts/lib/paths.mjs";
import { startTestRuntime, type TestRuntime } from "../bundle/support/runtime";

/** The examples as `npm start` applies them, in the built bundle, called over HTTP. */

let runtime: TestRuntime;
let companion: Awaited<ReturnType<typeof startCompanion>>;
let admin: AdminClient;
let memory: string;
let demo: Awaited<ReturnType<typeof describeDemo>>;

beforeAll(async () => {
  companion = await startCompanion();
  runtime = await startTestRuntime({ bindings: { ALLOW_PRIVATE_HOSTS: companion.host } });
  admin = new AdminClient(runtime.url, runtime.adminToken);
  memory = join(mkdtempSync(join(tmpdir(), "sluice-examples-")), "seeded.json");
  const { projects, credentials } = await seedDemo(admin, paths().examples, memory, companion);
  demo = await describeDemo(admin, "phixflow", projects, credentials);
});
afterAll(async () => {
  await runtime?.dispose();
  await companion?.stop();
  if (memory !== undefined) rmSync(join(memory, ".."), { recursive: true, force: true });
});

interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: compared as a whole
  json: any;
}

/** Calls an endpoint of the demo. A body that is no text is sent as JSON. */
async function call(
  key: string,
  {
    query = "",
    body,
    headers = {},
  }: { query?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const url = demo.endpoints[key];
  if (url === undefined) throw new Error(`the demo has no endpoint ${key}`);
  const isText = typeof body === "string";
  const response = await fetch(url + query, {
    method: body === undefined ? "GET" : "POST",
    headers: { ...(body === undefined || isText ? {} : { "Content-Type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = (response.headers.get("Content-Type") ?? "").startsWith("application/json");
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? JSON.parse(text) : undefined,
  };
}

const PROCESS_ID = /^[0-9A-Za-z]{20,}$/;

/** The usual answer of a run that succeeded. */
function success(data: unknown, errors?: unknown): unknown {
  return {
    processId: expect.stringMatching(PROCESS_ID),
    status: "Success",
    data,
    ...(errors === undefined ? {} : { errors }),
  };
}

test("the keys of .dev/demo.json: ids, and endpoints whose URLs end in /trigger", () => {
  expect(demo).toMatchObject({
    base: runtime.url,
    admin_token: runtime.adminToken,
    environment_id: "1",
    project_id: expect.stringMatching(/^\d+$/),
    spare_project_id: expect.stringMatching(/^\d+$/),
    flows: {
      cheap: { name: "no-output", id: expect.stringMatching(/^\d+$/) },
      failing: { name: "always-fails", id: expect.stringMatching(/^\d+$/) },
    },
  });
  expect(Object.keys(demo.endpoints).sort()).toEqual(
    [
      "alias approval call_out companies countries echo_page error exclusive exclusive_other exclusive_queue handed_over keyed legacy my_api no_output",
      "no_record order_announce order_backorder order_hold order_intake order_label order_stock page records report since since_async slow weather",
    ].flatMap((names) => names.split(" ")),
  );
  for (const url of Object.values(demo.endpoints)) expect(url).toMatch(/\/trigger$/);
});

test("seeding twice changes nothing", async () => {
  const again = await seedDemo(admin, paths().examples, memory, companion);
  expect(again.applied).toEqual([]);
  expect(demo).toMatchObject(again.credentials);
  for (const user of ["api-user", "staff-user"])
    expect((await admin.get(`/admin/v1/users/${user}/keys`)).keys).toHaveLength(1);
  for (const folder of ["demo", "every-node", "spare"]) {
    expect(await admin.apply(await demoBundle(join(paths().examples, folder), companion))).toMatchObject({
      changed: false,
    });
  }
});

test("the demo's credentials open the v1 API, by key and by token", async () => {
  const { api_key, organization_api_key, event_token, interface: demoInterface } = demo;
  for (const secret of [api_key, organization_api_key, event_token]) expect(secret).toMatch(/^[0-9a-f]{64}$/);
  const { name, app_key, client_id, client_secret } = demoInterface;
  expect([name, app_key, client_id]).toEqual([
    "demo",
    expect.stringMatching(/^[0-9a-f]{64}$/),
    expect.stringMatching(/^[0-9a-f]{32}$/),
  ]);
  const answer = await fetch(`${runtime.url}/v1/checkauthentication`, {
    headers: { client_id, client_secret, grant_type: "client_credentials" },
  });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ message: "The credentials are valid" });
});

test("a key of the demo that no longer counts is issued anew", async () => {
  const [{ id }] = (await admin.get("/admin/v1/users/staff-user/keys")).keys;
  await fetch(`${runtime.url}/admin/v1/users/staff-user/keys/${id}`, {
    method: "DELETE",
    headers: { Authorization: `Bearer ${runtime.adminToken}` },
  });
  const { credentials } = await seedDemo(admin, paths().examples, memory, companion);
  expect(credentials.action_key).toBe(demo.action_key);
  expect(credentials.action_key_without_privilege).not.toBe(demo.action_key_without_privilege);
  Object.assign(demo, credentials);
});

describe("demo", () => {
  test("keyed: wants a key of a user with the privilege, and says whose it is", async () => {
    const by = (authorization: string) => call("keyed", { headers: { Authorization: authorization } });
    const answer = await by(demo.action_key);
    expect([answer.status, answer.json]).toEqual([200, success({ who: [{ user: "api-user" }] })]);
    expect((await by(`Bearer ${demo.action_key}`)).status).toBe(200);
    expect((await call("keyed")).status).toBe(401);
    expect((await by(`${demo.action_key}x`)).status).toBe(401);
    expect((await by(demo.action_key_without_privilege)).status).toBe(403);
  });

  test("countries: by region and population, from the query, a JSON body, or the body of a GET", async () => {
    const expected = success({
      countries: [
        { name: "Australia", code: "AUS", population: 24_982_688 },
        { name: "Papua New Guinea", code: "PNG", population: 8_606_316 },
        { name: "New Zealand", code: "NZL", population: 4_841_000 },
      ].map((country) => expect.objectContaining({ ...country, region: "Oceania" })),
      summary: [{ count: 3, total: 38_430_004 }],
    });
    const byQuery = await call("countries", { query: "?region=Oceania&minPopulation=1000000" });
    expect(byQuery.status).toBe(200);
    expect(byQuery.json).toEqual(expected);
    const byBody = await call("countries", { body: { region: "oceania", minPopulation: 1_000_000 } });
    expect(byBody.json).toEqual(expected);
  });

  test("countries: all of them without criteria, and none for a region that is not there", async () => {
    const all = await call("countries");
    expect(all.json.data.summary[0].count).toBe(250);
    expect(all.json.data.countries).toHaveLength(250);
    const none = await call("countries", { query: "?region=Atlantis" });
    expect(none.status).toBe(200);
    expect(none.json).toEqual(success({ countries: [], summary: [{ count: 0, total: 0 }] }));
  });

  test("countries: a wrong number is refused before anything runs", async () => {
    const refused = await call("countries", { query: "?minPopulation=many" });
    expect(refused.status).toBe(400);
    expect(refused.json).toMatchObject({
      status: "Fail",
      code: "invalid_request",
      errors: [{ path: "query.minPopulation" }],
    });
  });

  test("companies: onboarded on or after a date, from the query or the body, and at the version-10 URL", async () => {
    const expected = success({
      companies: [
        { id: 7, name: "Proseware", onboarded: "2023-05-05", amount: 15 },
        { id: 8, name: "Woodgrove Bank", onboarded: "2024-12-24", amount: 20_800 },
      ],
    });
    expect((await call("companies", { query: "?since=2023-05-05" })).json).toEqual(expected);
    expect((await call("companies", { body: { since: "2023-05-05" } })).json).toEqual(expected);
    expect((await call("companies")).json.data.companies).toHaveLength(8);

    const legacy = await call("legacy", { query: "?since=2023-05-05" });
    expect(legacy.json).toEqual(expected);
    expect(legacy.headers.get("Deprecation")).toMatch(/^@\d+$/);
    expect(legacy.headers.get("Link")).toBe(
      '</phixflow/api/1/action/demo/companies/trigger>; rel="successor-version"',
    );
  });

  test("companies: none left is 400, and so is what is no date", async () => {
    const none = await call("companies", { query: "?since=2099-01-01" });
    expect(none.status).toBe(400);
    expect(none.json).toMatchObject({ status: "Fail", data: { companies: [] } });
    const unreadable = await call("companies", { body: { since: "yesterday" } });
    expect(unreadable.status).toBe(400);
    expect(unreadable.json).toMatchObject({
      status: "Fail",
      message:
        'The input is not what this endpoint takes: body.since: expected a date YYYY-MM-DD, got the string "yesterday".',
    });
  });

  test("since_async, report, handed_over: a process id at once, the result by polling", async () => {
    const poll = async (key: string, id: string, headers: Record<string, string> = {}) => {
      const url = (demo.endpoints[key] as string).replace(/\/trigger$/, `/poll/${id}`);
      return (await (await fetch(url, { headers })).json()) as Record<string, unknown>;
    };
    const companies = [{ id: 7, name: "A", onboarded: "2024-01-01", amount: 2.5 }];
    const since = await call("since_async", { body: { since: "2020-01-01", companies } });
    expect(since.json).toMatchObject({ data: {}, processId: expect.stringMatching(PROCESS_ID) });
    expect(await poll("since_async", since.json.processId, { prefer: "wait=20" })).toMatchObject({
      status: "Success",
      data: { summary: [{ count: 1, total: 2.5, ids: [7] }] },
    });

    const report = await call("report", { query: "?title=May" });
    await expect
      .poll(() => poll("report", report.json.processId))
      .toMatchObject({ status: "Waiting", progress: { of: 6 }, nextWakeAt: expect.any(String) });
    expect(await poll("report", report.json.processId, { prefer: "wait=20" })).toMatchObject({
      status: "Success",
      data: { report: [{ title: "May", sales: [120, 80, 200], total: 400 }] },
    });

    const handed = await call("handed_over", { query: "?ms=900" });
    expect(handed.status).toBe(202);
    expect(await poll("handed_over", handed.json.processId, { prefer: "wait=20" })).toMatchObject({
      status: "Success",
      data: { done: [{ waited: 900 }] },
    });
    expect((await call("handed_over", { query: "?ms=1" })).status).toBe(200);
  });

  test("since: exactly its own body", async () => {
    const companies = [
      { id: 1, name: "Acme", onboarded: "2024-03-01", amount: 120 },
      { id: 2, name: "Umbrella", onboarded: "2019-07-15", amount: 80 },
    ];
    const answer = await call("since", { body: { since: "2020-01-01", companies } });
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({ count: 1, total: 120, ids: [1] });
    const none = await call("since", { body: { since: "2025-01-01", companies } });
    expect(none.json).toEqual({ count: 0, total: 0, ids: [] });
  });

  test("my_api: the four input attributes as texts", async () => {
    const answer = await call("my_api", {
      query: "?from=test",
      body: '{"a": 1}',
      headers: { "Content-Type": "application/json", "X-Own": "yes" },
    });
    expect(answer.json).toEqual(
      success({
        echo: [
          {
            body: '{"a": 1}',
            contentType: "application/json",
            url: `${demo.endpoints.my_api}?from=test`,
            headers: expect.any(String),
          },
        ],
      }),
    );
    expect(JSON.parse(answer.json.data.echo[0].headers)).toMatchObject({ "x-own": "yes" });
  });

  test("echo_page: the request as the answer, and the URL in a header", async () => {
    const answer = await call("echo_page", {
      query: "?a=b",
      body: "Grüße",
      headers: { "Content-Type": "text/x-own; charset=utf-8", "X-Own": "yes" },
    });
    expect(answer.status).toBe(200);
    expect(answer.text).toBe("Grüße");
    expect(answer.headers.get("Content-Type")).toBe("text/x-own; charset=utf-8");
    expect(answer.headers.get("X-Own")).toBe("yes");
    expect(answer.headers.get("X-Request-Url")).toBe(`${demo.endpoints.echo_page}?a=b`);
  });

  test("records: an order without lines fails alone", async () => {
    const answer = await call("records", {
      body: [
        { id: 1, lines: [{ price: 1.1, quantity: 3 }, { price: 2 }] },
        { id: 2, lines: [] },
        { id: "C", lines: [{ price: 0.5, quantity: 2 }] },
        { id: 4 },
        { id: 5, lines: [{ quantity: 1 }] },
      ],
    });
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual(
      success(
        {
          orders: [
            { id: 1, lines: 2, total: 5.3 },
            { id: "C", lines: 1, total: 1 },
          ],
        },
        [
          { index: 1, message: "order 2 has no lines", code: "no_lines", node: "none" },
          { index: 3, message: "order 4 has no lines", code: "no_lines", node: "none" },
          { index: 4, message: expect.stringContaining("lines[0].price"), code: "input_shape" },
        ],
      ),
    );
    const all = await call("records", { body: [{ id: 2, lines: [] }] });
    expect(all.status).toBe(400);
    expect(all.json).toMatchObject({ status: "Fail", message: "order 2 has no lines" });
  });

  test("error, no_record, no_output", async () => {
    const error = await call("error");
    expect(error.status).toBe(400);
    expect(error.json).toMatchObject({ status: "Fail", message: "this flow always fails" });
    const none = await call("no_record");
    expect(none.status).toBe(400);
    expect(none.json).toMatchObject({ status: "Fail", data: { nothing: [] } });
    const unconnected = await call("no_output");
    expect(unconnected.status).toBe(200);
    expect(unconnected.json).toEqual(success({}));
  });

  test("page: status, type, headers and body of its own", async () => {
    const page = await call("page");
    expect(page.status).toBe(201);
    expect(page.headers.get("Content-Type")).toBe("text/html; charset=utf-8");
    expect(page.headers.get("X-Demo")).toBe("Sluice");
    expect(page.headers.get("Cache-Control")).toBe("no-store");
    expect(page.text).toBe("<!doctype html>\n<title>Sluice</title>\n<h1>Made by a flow</h1>\n");
  });

  test("slow: as long as `ms` says; cut off by `timeout`", async () => {
    const begun = performance.now();
    expect((await call("slow", { query: "?ms=120" })).json).toEqual(success({ slow: [{ waited: 120 }] }));
    expect(performance.now() - begun).toBeGreaterThanOrEqual(110);
    const cut = await call("slow", { query: "?timeout=100" });
    expect(cut.status).toBe(504);
    expect(cut.json).toMatchObject({ status: "Timeout", data: {} });
  });

  test("weather: keeps a city's weather, and finds the warm ones", async () => {
    const cold = await call("weather", { body: { city: "Tromsø", temp: { max: 4 } } });
    expect(cold.json).toEqual(success({ weather: [{ city: "Tromsø", warm: [] }] }));
    const warm = await call("weather", { body: { city: "Sevilla", temp: { max: 34.5, average: 27 } } });
    expect(warm.json).toEqual(
      success({ weather: [{ city: "Sevilla", warm: [{ city: "Sevilla", max: "34.5" }] }] }),
    );
    expect(demo).toMatchObject({ keystore: "weather", raw_keystore: "notes" });
  });

  test("alias: answers there, and no longer at its name", async () => {
    expect(demo.endpoints.alias).toMatch(/\/action\/shop%20orders\/trigger$/);
    const answer = await call("alias");
    expect(answer.json).toEqual(
      success({
        orders: [
          { id: "A-1001", customer: "Contoso", total: 129.9 },
          { id: "A-1002", customer: "Fabrikam", total: 18.5 },
          { id: "A-1003", customer: "Contoso", total: 640 },
        ],
      }),
    );
    const byName = await fetch(`${runtime.url}/phixflow/api/1/action/demo/open-orders/trigger`);
    expect(byName.status).toBe(404);
  });
});

/** The URL at which a waiting run is called back. */
async function callbackOf(key: string, processId: string): Promise<string> {
  const poll = (demo.endpoints[key] as string).replace(/trigger$/, `poll/${processId}`);
  for (let tries = 0; tries < 200; tries += 1) {
    const { waiting } = (await (await fetch(poll)).json()) as { waiting?: { url: string }[] };
    if (waiting !== undefined) return waiting[0]?.url as string;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("the run does not wait");
}

async function pollEnd(key: string, processId: string): Promise<unknown> {
  const poll = (demo.endpoints[key] as string).replace(/trigger$/, `poll/${processId}`);
  return (await fetch(poll, { headers: { prefer: "wait=20" } })).json();
}

describe("callbacks", () => {
  test("approval: waits for one answer", async () => {
    const { json } = await call("approval", { body: { what: "a chair", amount: 90 } });
    const url = await callbackOf("approval", json.processId);
    expect(await (await fetch(url)).json()).toMatchObject({ about: "a chair for 90: approve it?" });
    const body = JSON.stringify({ approved: true, by: "Ann" });
    const answer = () =>
      fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    expect((await answer()).status).toBe(200);
    expect((await answer()).status).toBe(409);
    expect(await pollEnd("approval", json.processId)).toMatchObject({
      status: "Success",
      data: { approval: [{ what: "a chair", approved: true, by: "Ann" }] },
    });
  });

  test("backorder: looks three times, then asks", async () => {
    const few = await call("order_backorder", { body: { order: "7", quantity: 20 } });
    expect(await pollEnd("order_backorder", few.json.processId)).toMatchObject({
      data: { decided: [{ order: "7", decision: "deliver" }] },
    });
    const many = await call("order_backorder", { body: { order: "8", quantity: 31 } });
    const url = await callbackOf("order_backorder", many.json.processId);
    await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: '{"decision":"wait"}',
    });
    expect(await pollEnd("order_backorder", many.json.processId)).toMatchObject({
      data: { decided: [{ order: "8", decision: "wait" }] },
    });
  });
});

describe("call_out", () => {
  test.each(["200", "400", "401", "404", "503", "other", "error", "timeout", "max-connection"])(
    "meets %s",
    async (want) => {
      const { status, json } = await call("call_out", { query: `?want=${want}` });
      expect(status).toBe(200);
      expect(json).toMatchObject(
        success({ met: [{ result: want, message: expect.stringMatching(/./) }] }) as object,
      );
    },
  );

  test("meets 200 unless something else is wanted, and the other side sees a key", async () => {
    const { json } = await call("call_out");
    expect(json.data.met[0]).toMatchObject({
      result: "200",
      answer: { want: "200", idempotencyKey: expect.stringMatching(/^[0-9a-f]{32}$/) },
    });
  });
});

describe("every-node", () => {
  test("stock: books goods in and out, and knows the last movement", async () => {
    const book = async (sku: string, change: number) =>
      (await call("order_stock", { body: { sku, change } })).json.data.stock;
    expect(await book("BOLT-8", -100)).toEqual([{ sku: "BOLT-8", quantity: 4_900, movement: "1" }]);
    expect(await book("BOLT-8", 50)).toEqual([{ sku: "BOLT-8", quantity: 4_950, movement: "2" }]);
    expect(await book("WASHER", 10)).toEqual([{ sku: "WASHER", quantity: 10, movement: "3" }]);
  });

  test("every registered node type occurs", async () => {
    const { flows } = await packProject(join(paths().examples, "every-node"));
    const { registry } = await loadModel();
    const types = new Set<string>();
    const collect = (value: unknown): void => {
      if (typeof value !== "object" || value === null) return;
      if ("nodes" in value)
        for (const node of Object.values(value.nodes as Record<string, { type: string }>))
          types.add(node.type);
      for (const inner of Object.values(value)) collect(inner);
    };
    collect(flows);
    expect([...types].sort()).toEqual([...registry.keys()].sort());
  });

  test("intake: accepted orders with freight, the largest first, and rejected lines with reasons", async () => {
    const csv = [
      "order,customer,sku,quantity",
      "8,Dale Ltd,NUT-8,50",
      "8,Dale Ltd,SPOON,1",
      "7,Hill & Sons,ANVIL,1",
      "7,Hill & Sons,BOLT-8,100",
      "9,Fen,NUT-8,none",
      "9,Fen,BOLT-8,0",
    ].join("\n");
    const answer = await call("order_intake", { body: csv, headers: { "Content-Type": "text/csv" } });
    expect(answer.status).toBe(201);
    expect(answer.headers.get("X-Orders")).toBe("7");
    expect(answer.json).toEqual(
      success({
        orders: [
          {
            order: "7",
            customer: "Hill & Sons",
            lines: [
              { sku: "ANVIL", name: "Anvil", quantity: 1, amount: 189 },
              { sku: "BOLT-8", name: "Bolt M8", quantity: 100, amount: 35 },
            ],
            goods: 224,
            freight: 62.5,
            total: 286.5,
            confirmation: "<confirmation><number>7</number><total>286.5</total></confirmation>",
          },
          {
            order: "8",
            customer: "Dale Ltd",
            lines: [{ sku: "NUT-8", name: "Nut M8", quantity: 50, amount: 10 }],
            goods: 10,
            freight: 4.9,
            total: 14.9,
            confirmation: "<confirmation><number>8</number><total>14.9</total></confirmation>",
          },
        ],
        rejected: [
          { order: "9", sku: "NUT-8", reason: "quantity is not a number" },
          { order: "9", sku: "BOLT-8", reason: "quantity must be more than 0" },
          { order: "8", sku: "SPOON", reason: "there is no product SPOON" },
        ],
      }),
    );
  });

  test("intake: a file that cannot be read, or has no lines, fails with the reason", async () => {
    const headers = { "Content-Type": "text/csv" };
    const broken = await call("order_intake", { body: 'order,sku\n1,"x', headers });
    expect(broken.status).toBe(400);
    expect(broken.json.message).toMatch(/^The file cannot be taken\. .*never closed/);
    const empty = await call("order_intake", { body: "order,customer,sku,quantity\n", headers });
    expect(empty.status).toBe(400);
    expect(empty.json.message).toBe("The file has no lines");
  });

  test("label: a form, or the answer of the flow that it hands over to", async () => {
    const label = await call("order_label", { body: { order: "7", customer: "Hill & Sons", weight: 47.5 } });
    expect(label.headers.get("Content-Type")).toBe("application/x-www-form-urlencoded");
    expect(label.text).toBe("order=7&customer=Hill+%26+Sons&weight=47.5");
    const unweighed = await call("order_label", { body: { order: "7", customer: "Hill & Sons" } });
    expect(unweighed.status).toBe(409);
    expect(unweighed.json).toEqual(success({ problem: [{ reason: "order 7 was not weighed yet" }] }));
  });

  test("hold: stock is held once for an order, and given back", async () => {
    const hold = (body: object) =>
      call("order_hold", { body: { order: "7", sku: "ANVIL", quantity: 2, ...body } });
    expect((await hold({})).json).toEqual(
      success({ held: [{ sku: "ANVIL", orders: 1, quantity: 2 }], problem: [] }),
    );
    expect((await hold({ order: "8", quantity: 3 })).json.data.held).toEqual([
      { sku: "ANVIL", orders: 2, quantity: 5 },
    ]);
    expect((await hold({})).json.data.held).toEqual([{ sku: "ANVIL", orders: 2, quantity: 5 }]);
    const refused = await hold({ quantity: 9 });
    expect([refused.status, refused.json.data.problem]).toEqual([
      409,
      [{ reason: "order 7 holds 2 of ANVIL already" }],
    ]);
    expect((await hold({ release: true })).json.data.held).toEqual([
      { sku: "ANVIL", orders: 1, quantity: 3 },
    ]);
  });

  test("intake logs its requests: the run's messages tell", async () => {
    const { processId } = (
      await call("order_intake", {
        body: "order,customer,sku,quantity\n1,A,NUT-8,1",
        headers: { "Content-Type": "text/csv", Cookie: "a=secret" },
      })
    ).json;
    const run = await expect
      .poll(() => admin.get(`/admin/v1/runs/${processId}`), { timeout: 15_000, interval: 250 })
      .toBeDefined()
      .then(() => admin.get(`/admin/v1/runs/${processId}`));
    expect(run).toMatchObject({ project: "order-intake", flow: "intake", status: "Success", user: "system" });
    expect(run.messages[0].text).toMatch(/^Request POST http/);
    expect(JSON.stringify(run)).not.toContain("a=secret");
    expect(
      run.messages.some(({ text }: { text: string }) => text === "intake of 39 characters by system"),
    ).toBe(true);
  });
});
