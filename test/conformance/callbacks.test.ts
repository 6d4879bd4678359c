import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { admin, apply, call, post, trigger } from "../support/worker";

/** Runs that wait to be called back, over HTTP. */

const ask = (reveal: boolean, timeout: string) => ({
  flow: `${reveal ? "shown" : "hidden"} ${timeout}`,
  endpoint: { anonymous: true, mode: "async" },
  outputs: { decided: "any", late: "any" },
  start: "ask",
  nodes: {
    ask: {
      type: "wait",
      about: "Approve ${input.json.order}?",
      timeout,
      reveal,
      results: { ok: "decided", timeout: "late" },
    },
    decided: { type: "output", to: "decided", value: "=item.callback" },
    late: { type: "output", to: "late", value: "late" },
  },
});

beforeAll(async () => {
  await apply("callbacks", [ask(true, "1h"), ask(true, "300ms"), ask(false, "1h")]);
});

interface Poll {
  status: string;
  data: { decided?: unknown[]; late?: unknown[] };
  waiting?: { node: string; url?: string; about: string; expiresAt: string }[];
}

async function started(flow: string): Promise<string> {
  const response = await post(`callbacks/${encodeURIComponent(flow)}/trigger`, { order: "A-1" });
  return ((await response.json()) as { processId: string }).processId;
}

async function poll(flow: string, id: string, prefer = ""): Promise<Poll> {
  const response = await trigger(`callbacks/${encodeURIComponent(flow)}/poll/${id}`, { headers: { prefer } });
  return response.json() as Promise<Poll>;
}

/** The path of the callback that a run waits for. */
async function waiting(flow: string, id: string): Promise<string> {
  return vi.waitFor(async () => {
    const url = (await poll(flow, id)).waiting?.[0]?.url;
    if (url === undefined) throw new Error("not yet");
    return new URL(url).pathname;
  });
}

describe("a callback", () => {
  test("is looked at without being used up, called once, and refused from then on", async () => {
    const id = await started("shown 1h");
    const path = await waiting("shown 1h", id);
    for (const _ of [1, 2]) {
      const seen = await call(path);
      expect(seen.status).toBe(200);
      expect(seen.headers.get("cache-control")).toBe("no-store");
      expect(await seen.json()).toMatchObject({
        project: "callbacks",
        flow: "shown 1h",
        node: "ask",
        about: "Approve A-1?",
        user: "system",
        expiresAt: expect.stringMatching(/Z$/),
      });
    }
    expect((await call(path, { method: "HEAD" })).status).toBe(200);
    const answer = await call(`${path}?by=ann`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer not-for-flows", "x-note": "hi" },
      body: '{"approved":true}',
    });
    expect([answer.status, await answer.json()]).toEqual([200, { status: "accepted" }]);
    expect(await poll("shown 1h", id, "wait=5")).toMatchObject({
      status: "Success",
      data: {
        decided: [
          {
            at: expect.stringMatching(/Z$/),
            contentType: "application/json",
            body: '{"approved":true}',
            json: { approved: true },
            query: { by: "ann" },
            header: { "x-note": "hi" },
          },
        ],
      },
    });
    expect(JSON.stringify(await poll("shown 1h", id))).not.toContain("not-for-flows");
    for (const method of ["POST", "GET"]) {
      const again = await call(path, { method });
      expect(again.status).toBe(409);
      expect(await again.json()).toMatchObject({
        code: "conflict",
        detail: expect.stringContaining("was used at"),
      });
    }
  });

  test.each([
    ["application/x-www-form-urlencoded", "approved=yes", { form: { approved: "yes" } }],
    ["application/xml", "<a>1</a>", { xml: { a: "1" } }],
    ["text/plain", "yes", { body: "yes" }],
    [undefined, undefined, { body: "" }],
  ])("takes a body of type %s", async (type, body, expected) => {
    const id = await started("shown 1h");
    const path = await waiting("shown 1h", id);
    const init: RequestInit = { method: "POST" };
    if (type !== undefined) Object.assign(init, { headers: { "content-type": type }, body });
    expect((await call(path, init)).status).toBe(200);
    expect((await poll("shown 1h", id, "wait=5")).data.decided).toMatchObject([expected]);
  });

  test("a body that is not taken uses nothing up", async () => {
    const id = await started("shown 1h");
    const path = await waiting("shown 1h", id);
    const json = { "content-type": "application/json" };
    expect((await call(path, { method: "POST", headers: json, body: "{" })).status).toBe(400);
    expect((await call(path, { method: "POST", headers: { "content-type": "?" }, body: "x" })).status).toBe(
      415,
    );
    const declared = { ...json, "content-length": String(11 * 1024 * 1024) };
    expect(
      (await call(path, { method: "POST", headers: declared, body: " ".repeat(11 * 1024 * 1024) })).status,
    ).toBe(413);
    const wrong = await call(path, { method: "PUT", headers: json, body: "{}" });
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET, HEAD, POST, OPTIONS"]);
    expect((await call(path, { method: "OPTIONS" })).status).toBe(204);
    expect((await call(path, { method: "POST", headers: json, body: "{}" })).status).toBe(200);
  });

  test("a URL that was changed in any place is not there", async () => {
    const id = await started("shown 1h");
    const path = await waiting("shown 1h", id);
    const [environment, run, step, mac] = path.slice("/callback/".length).split(".");
    const tampered = [
      `2.${run}.${step}.${mac}`,
      // Another last character than the run's own, whatever that is.
      `${environment}.${run?.slice(0, -1)}${run?.endsWith("0") ? "1" : "0"}.${step}.${mac}`,
      `${environment}.${run}.b3V0.${mac}`,
      `${environment}.${run}.${step}.${mac?.slice(1)}A`,
      `${environment}.${run}.${step}`,
      "junk",
      "%00",
    ];
    for (const token of tampered) {
      for (const method of ["GET", "POST"]) {
        const answer = await call(`/callback/${token}`, { method });
        expect(answer.status).toBe(404);
        expect(answer.headers.get("content-type")).toBe("application/problem+json");
      }
    }
    expect((await call(path)).status).toBe(200);
  });

  test("whose time is over, or whose run is, is gone", async () => {
    const id = await started("shown 300ms");
    const path = await waiting("shown 300ms", id);
    expect((await poll("shown 300ms", id, "wait=5")).data.late).toEqual(["late"]);
    const late = await call(path, { method: "POST" });
    expect([late.status, await late.json()]).toMatchObject([410, { code: "gone" }]);
    expect((await call(path)).status).toBe(410);

    const other = await started("shown 1h");
    const still = await waiting("shown 1h", other);
    expect((await admin("DELETE", `/runs/${other}`)).status).toBe(200);
    expect((await call(still, { method: "POST" })).status).toBe(410);
  });

  test("is told to whoever polls only where the flow says so; to administrators always", async () => {
    const id = await started("hidden 1h");
    const hidden = await vi.waitFor(async () => {
      const { waiting: found } = await poll("hidden 1h", id);
      if (found === undefined) throw new Error("not yet");
      return found;
    });
    expect(hidden).toEqual([{ node: "ask", about: "Approve A-1?", expiresAt: expect.any(String) }]);
    const read = await admin("GET", `/runs/${id}`);
    const { waiting: shown } = (await read.json()) as Required<Poll>;
    expect(shown[0]?.url).toMatch(/^http:\/\/sluice\.test\/callback\//);
    expect((await call(new URL(shown[0]?.url as string).pathname, { method: "POST" })).status).toBe(200);
    // The history keeps no URL.
    await poll("hidden 1h", id, "wait=5");
    await vi.waitFor(async () => {
      const stored = await env.DB.prepare("SELECT id FROM runs WHERE id = ?").bind(id).first();
      expect(stored).not.toBeNull();
    }, 5_000);
    expect(await (await admin("GET", `/runs/${id}`)).text()).not.toContain("/callback/");
  });

  test("a flow whose run ends with its call cannot have one", async () => {
    const flow = { ...ask(true, "1h"), endpoint: { anonymous: true } };
    const refused = await admin("PUT", "/projects/refused", { flows: [flow] });
    expect(refused.status).toBe(422);
    expect(await refused.text()).toContain("a run of this flow ends with its call");
  });
});
