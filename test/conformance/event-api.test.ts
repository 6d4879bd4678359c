import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { credentialHash } from "../../src/domain/credential";
import { eventToken } from "../support/event-token";
import { admin, call } from "../support/worker";

/*
 * The event API (seed: Run Workflow; contract, section 4), over HTTP alone.
 *
 *   order.created (channel, source; order, note?) ─▶ any        order.total = 1
 *                                                  ─▶ channel 7  order.total = 7
 *                                                  ─▶ source 3   order.total = 3
 *                                                  ─▶ both 7, 3  order.total = 73, and a note
 *   quiet: no workflow            failing: $error()             broken: an output of another shape
 */

let token: string;

beforeAll(async () => {
  token = await eventToken("account");
});

type Body = Record<string, unknown>;

/** Each call has a token of its own unless the limit is what is looked at. */
async function happen(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return call("/workflow/run", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-api-token": await eventToken("source"),
      ...headers,
    },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

const totals = (flow: string, total: number, params?: Body, more: Body = {}) => ({
  flow,
  workflow: { event: "order.created", ...(params === undefined ? {} : { params }) },
  outputs: { objects: "any" },
  start: "sum",
  nodes: {
    sum: { type: "calculate", set: { "order.total": total, ...more }, next: "objects" },
    objects: { type: "output", to: "objects" },
  },
});

const events = [
  {
    event: "order.created",
    params: ["channel", "source"],
    objects: { order: { id: "integer", "total?": "number" }, "note?": "string" },
  },
  { event: "quiet", objects: { "thing?": "any" } },
  { event: "failing", objects: { "thing?": "any" } },
  { event: "silent", objects: { "thing?": "any" } },
];

const flows = [
  totals("any order", 1),
  totals("channel 7", 7, { channel: 7 }),
  totals("source 3", 3, { source: 3 }),
  totals("both", 73, { channel: 7, source: 3 }, { note: "both", stranger: "dropped" }),
  {
    flow: "fails",
    workflow: { event: "failing" },
    start: "no",
    nodes: { no: { type: "error", message: "no such thing" } },
  },
  {
    flow: "says nothing",
    workflow: { event: "silent" },
    outputs: { objects: "any" },
    start: "none",
    nodes: {
      none: { type: "filter", when: "=false", results: { kept: "objects", dropped: "end" } },
      objects: { type: "output", to: "objects" },
    },
  },
  { flow: "no workflow", start: "end-it", nodes: { "end-it": { type: "debug", message: "x", next: "end" } } },
];

const ids = new Map<string, number>();

beforeAll(async () => {
  const applied = await admin("PUT", "/projects/events", { events, flows });
  expect(await applied.text()).toContain('"changed":true');
  const listed = await (await admin("GET", "/projects/events/flows")).json<{
    flows: { id: number; name: string }[];
  }>();
  for (const { id, name } of listed.flows) ids.set(name, id);
});

describe("POST /workflow/run", () => {
  it("answers with the request's shape, and the objects as the workflow left them", async () => {
    const sent = {
      eventHandle: "order.created",
      draft: false,
      params: [{ key: "channel", value: 8 }],
      objects: { order: { id: 5, lines: ["a"] } },
    };
    const answer = await happen(sent);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toContain("application/json");
    expect(await answer.json()).toEqual({ ...sent, objects: { order: { id: 5, lines: ["a"], total: 1 } } });
  });

  it.each([
    [[], 1],
    [[{ key: "channel", value: 7 }], 7],
    [[{ key: "source", value: 3 }], 3],
    [
      [
        { key: "channel", value: 6 },
        { key: "source", value: 3 },
      ],
      3,
    ],
    [
      [
        { key: "channel", value: 7 },
        { key: "source", value: 4 },
      ],
      7,
    ],
    [
      [
        { key: "source", value: 3 },
        { key: "channel", value: 7 },
      ],
      73,
    ],
  ])("lets the most specific registration win: %j", async (params, total) => {
    const answer = await happen({ eventHandle: "order.created", params, objects: { order: { id: 5 } } });
    expect(await answer.json()).toMatchObject({ objects: { order: { id: 5, total } } });
  });

  it("takes new objects only of handles that the event declares", async () => {
    const params = [
      { key: "channel", value: 7 },
      { key: "source", value: 3 },
    ];
    const answer = await happen({ eventHandle: "order.created", params, objects: { order: { id: 5 } } });
    expect(await answer.json()).toMatchObject({ objects: { order: { id: 5, total: 73 }, note: "both" } });
  });

  it("finds a workflow by its id, without an event", async () => {
    const answer = await happen({ id: ids.get("channel 7"), objects: { order: { id: 5 } } });
    expect(await answer.json()).toEqual({
      id: ids.get("channel 7"),
      objects: { order: { id: 5, total: 7 } },
    });
  });

  it("gives the objects back as sent when no workflow listens, or the one that does returns nothing", async () => {
    for (const eventHandle of ["quiet", "silent"]) {
      const sent = { eventHandle, objects: { thing: { deep: [1, null, "ü"] } } };
      const answer = await happen(sent);
      expect(answer.status).toBe(200);
      expect(await answer.json()).toEqual(sent);
    }
  });

  it("runs the draft where it is asked for, and what is current where there is none", async () => {
    await admin("PUT", "/projects/events?publish=false", {
      events,
      flows: flows.map((flow) => (flow.flow === "any order" ? totals("any order", 1000) : flow)),
    });
    const run = async (draft: boolean, params: unknown[] = []) => {
      const answer = await happen({
        eventHandle: "order.created",
        draft,
        params,
        objects: { order: { id: 5 } },
      });
      return (await answer.json<{ objects: { order: { total: number } } }>()).objects.order.total;
    };
    expect(await run(false)).toBe(1);
    expect(await run(true)).toBe(1000);
    expect(await run(true, [{ key: "channel", value: 7 }])).toBe(7);
    const byId = await happen({ id: ids.get("any order"), draft: true, objects: { order: { id: 5 } } });
    expect(await byId.json()).toMatchObject({ objects: { order: { total: 1000 } } });
  });

  it("tells why a workflow failed, with its run", async () => {
    const answer = await happen({ eventHandle: "failing", objects: {} });
    expect(answer.status).toBe(400);
    const body = await answer.json<Body>();
    expect(body).toMatchObject({
      code: "invalid_request",
      message: expect.stringContaining("no such thing"),
    });
    expect(body.processId).toBe(answer.headers.get("x-process-id"));
  });

  it("is in the history under the token's name and the trigger `event`", async () => {
    const answer = await happen({ eventHandle: "order.created", objects: { order: { id: 6 } } });
    const id = answer.headers.get("x-process-id") as string;
    let found: Body | undefined;
    for (let turn = 0; found === undefined && turn < 100; turn += 1) {
      const run = await admin("GET", `/runs/${id}`);
      if (run.ok) found = await run.json<Body>();
      else await scheduler.wait(50);
    }
    expect(found).toMatchObject({ trigger: "event", status: "Success", flow: "any order" });
  });
});

describe("a request that cannot be served", () => {
  const order = { order: { id: 5 } };
  it.each([
    ["an unknown id", { id: 4_000_000, objects: order }, "4000000"],
    ["id 0", { id: 0, objects: order }, "id 0"],
    ["an unknown event", { eventHandle: "order.craeted", objects: order }, 'did you mean "order.created"'],
    ["neither", { objects: order }, "give `id`, or `eventHandle`"],
    [
      "an unknown parameter",
      { eventHandle: "order.created", params: [{ key: "x", value: 1 }], objects: order },
      '"x"',
    ],
    [
      "a parameter twice",
      {
        eventHandle: "order.created",
        params: [
          { key: "channel", value: 1 },
          { key: "channel", value: 2 },
        ],
        objects: order,
      },
      "twice",
    ],
    ["no objects", { eventHandle: "order.created" }, "objects"],
    ["objects that are a list", { eventHandle: "order.created", objects: [] }, "objects"],
    ["an object that is missing", { eventHandle: "order.created", objects: {} }, "order"],
    ["an object of another shape", { eventHandle: "order.created", objects: { order: { id: "5" } } }, "id"],
    ["an unknown object", { eventHandle: "order.created", objects: { ...order, oder: 1 } }, '"oder"'],
    [
      "a parameter that is no integer",
      { eventHandle: "order.created", params: [{ key: "channel", value: 1.5 }], objects: order },
      "value",
    ],
    [
      "a parameter that is text",
      { eventHandle: "order.created", params: [{ key: "channel", value: "7" }], objects: order },
      "value",
    ],
    ["a draft that is no boolean", { eventHandle: "order.created", draft: "yes", objects: order }, "draft"],
    ["broken JSON", '{"objects": {', "send the whole document"],
    ["no body", "", "body"],
    ["a number", "7", "body"],
  ])("%s → 400 that says so", async (_what, body, words) => {
    const answer = await happen(body);
    expect(answer.status).toBe(400);
    const { message } = await answer.json<{ message: string }>();
    expect(message).toContain(words);
  });

  it("with an id of a flow that is no workflow, or of another event, is told so", async () => {
    const plain = await happen({ id: ids.get("no workflow"), objects: {} });
    expect(plain.status).toBe(400);
    const other = await happen({ id: ids.get("any order"), eventHandle: "quiet", objects: order });
    expect(other.status).toBe(400);
    expect((await other.json<{ message: string }>()).message).toContain('"order.created"');
  });

  it("keeps prototypes out of the objects", async () => {
    const answer = await happen('{"eventHandle":"quiet","objects":{"thing":{"__proto__":{"a":1}}}}');
    expect(answer.status).toBe(200);
    expect(({} as Body).a).toBeUndefined();
  });

  it("with another method or path gets 405 with Allow, or 404", async () => {
    const get = await call("/workflow/run", { headers: { "x-api-token": token } });
    expect([get.status, get.headers.get("allow")]).toEqual([405, "POST, OPTIONS"]);
    const options = await call("/workflow/run", { method: "OPTIONS" });
    expect([options.status, options.headers.get("allow")]).toEqual([204, "POST, OPTIONS"]);
    expect((await call("/workflow/walk", { method: "POST" })).status).toBe(404);
  });

  it("with XML gets 415, with 20 MB 413", async () => {
    const xml = await happen("<a/>", { "content-type": "application/xml" });
    expect(xml.status).toBe(415);
    const large = await happen(
      JSON.stringify({ eventHandle: "quiet", objects: { thing: "x".repeat(20_000_000) } }),
    );
    expect(large.status).toBe(413);
  });
});

describe("the header X-API-TOKEN", () => {
  const body = { eventHandle: "quiet", objects: {} };

  it.each([
    ["missing", {}],
    ["empty", { "x-api-token": "" }],
    ["unknown", { "x-api-token": "f".repeat(64) }],
    ["7 kB", { "x-api-token": "f".repeat(7_000) }],
  ])("%s → 401, and nothing is told about events", async (_what, headers) => {
    const answer = await call("/workflow/run", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers } as Record<string, string>,
      body: JSON.stringify({ ...body, eventHandle: "never heard of" }),
    });
    expect(answer.status).toBe(401);
    expect(await answer.text()).not.toContain("never heard of");
  });

  it.each(["account", "source", "channel"] as const)("takes a token of the kind %s", async (kind) => {
    const answer = await happen(body, { "x-api-token": await eventToken(kind) });
    expect(answer.status).toBe(200);
  });

  it("allows 2 requests in a second, and answers 429 with Retry-After past them", async () => {
    const mine = await eventToken("channel");
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => happen(body, { "x-api-token": mine })),
    );
    const statuses = answers.map(({ status }) => status);
    // The calls may fall into two windows of a second, but into no more.
    const passed = statuses.filter((status) => status === 200).length;
    expect(passed).toBeGreaterThanOrEqual(2);
    expect(passed).toBeLessThanOrEqual(4);
    const refused = answers.find(({ status }) => status === 429) as Response;
    expect(Number(refused.headers.get("retry-after"))).toBe(1);
    expect(await refused.json()).toMatchObject({ code: "rate_limited" });
  });
});

describe("the limit of 2 requests in a second, with the clock in hand", () => {
  const body = { eventHandle: "quiet", objects: {} };
  const passed = (answers: readonly Response[]) => answers.map(({ status }) => status).sort();

  it("is exact: two of many at once pass, none of those up to its last millisecond, two of the next second", async () => {
    const mine = await eventToken("source");
    const theirs = await eventToken("source");
    let now = Date.now();
    const clock = vi.spyOn(Date, "now").mockImplementation(() => now);
    try {
      const send = (own = mine) => happen(body, { "x-api-token": own });
      expect(passed(await Promise.all([send(), send(), send(), send(), send()]))).toEqual([
        200, 200, 429, 429, 429,
      ]);
      now += 999;
      const late = await send();
      expect([late.status, late.headers.get("retry-after")]).toEqual([429, "1"]);
      // Every token has calls of its own.
      expect((await send(theirs)).status).toBe(200);
      now += 1;
      expect(passed(await Promise.all([send(), send(), send()]))).toEqual([200, 200, 429]);
    } finally {
      clock.mockRestore();
    }
  });

  it("does not run what it refuses", async () => {
    const mine = await eventToken("source");
    const sent = { eventHandle: "order.created", objects: { order: { id: 5 } } };
    let now = Date.now();
    const clock = vi.spyOn(Date, "now").mockImplementation(() => now);
    try {
      const send = () => happen(sent, { "x-api-token": mine });
      await send();
      await send();
      const refused = await send();
      expect([refused.status, refused.headers.get("x-process-id")]).toEqual([429, null]);
      now += 1_000;
      expect((await send()).headers.get("x-process-id")).not.toBeNull();
    } finally {
      clock.mockRestore();
    }
  });
});

describe("a token that no longer counts", () => {
  it.each([
    ["has expired", "expires_at"],
    ["was revoked", "revoked_at"],
  ])("since it %s → 401", async (_what, column) => {
    const mine = await eventToken("account");
    const hash = await credentialHash(mine);
    await env.DB.prepare(`UPDATE event_tokens SET ${column} = ? WHERE hash = ?`)
      .bind(Date.now() - 1, hash)
      .run();
    const answer = await happen({ eventHandle: "quiet", objects: {} }, { "x-api-token": mine });
    expect(answer.status).toBe(401);
  });
});

describe("a bundle with events", () => {
  it.each([
    ["an unknown event", { event: "order.craeted" }, "/flows/0/workflow/event"],
    ["an unknown parameter", { event: "quiet", params: { channel: 1 } }, "/flows/0/workflow/params/channel"],
    [
      "a parameter that is no integer",
      { event: "order.created", params: { channel: "x" } },
      "/flows/0/workflow/params/channel",
    ],
  ])("%s is refused", async (_what, workflow, path) => {
    const answer = await admin("PUT", "/projects/wrong-events?dryRun=true", {
      events: events.map((event) => ({
        ...event,
        event: event.event === "quiet" ? "quiet" : `${event.event}`,
      })),
      flows: [{ ...flows[0], workflow }],
    });
    expect(answer.status).toBe(422);
    const { errors } = await answer.json<{ errors: { path: string }[] }>();
    expect(errors.map((error) => error.path)).toContain(path);
  });

  it("two flows registered for the very same are refused", async () => {
    const answer = await admin("PUT", "/projects/events?dryRun=true", {
      events,
      flows: [flows[1], { ...flows[1], flow: "twin" }],
    });
    expect(answer.status).toBe(422);
    expect(await answer.text()).toContain('flow \\"channel 7\\" is registered for the same event');
  });
});
