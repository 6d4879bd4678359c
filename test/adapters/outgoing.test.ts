import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ConnectionPools } from "../../src/adapters/http/connection-pools";
import { HttpOutgoing } from "../../src/adapters/http/outgoing";
import { IntegrationDefinition } from "../../src/domain/integration";
import type { ExclusionGroups } from "../../src/operations/ports";
import { FakeHost } from "../support/fake-host";
import { CALLED, REFUSED } from "../support/targets";
import { runLater, throughFlow } from "../support/trial";

/** Which targets are called. `fetch` is the canary: it must never hear of a target that is refused. */

const groups = { acquire: vi.fn(), renew: vi.fn(), release: vi.fn(), abandon: vi.fn() };

function outgoing(privateHosts = "", resolver?: string): HttpOutgoing {
  const pools = new ConnectionPools(groups as unknown as ExclusionGroups);
  return new HttpOutgoing({ privateHosts, resolver, pools });
}

const request = (url: URL) => ({ method: "GET", url, headers: [], body: undefined, responseLimit: 1_000 });

/** Sends to what may not even be a URL, which is refused by whoever reads it. */
async function send(port: HttpOutgoing, text: string, signal = never) {
  const url = URL.parse(text);
  return url === null ? ({ kind: "refused", reason: "no URL" } as const) : port.send(request(url), signal);
}

const never = new AbortController().signal;
let fetched: ReturnType<typeof vi.spyOn<typeof globalThis, "fetch">>;

beforeEach(() => {
  fetched = vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response("hello"));
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("66, 68 a target", () => {
  it.each(REFUSED)("%s is refused", async (url) => {
    expect(await send(outgoing(), url)).toMatchObject({ kind: "refused" });
    expect(fetched).not.toHaveBeenCalled();
  });

  it.each(CALLED)("%s is called", async (url) => {
    expect(await send(outgoing(), url)).toMatchObject({ kind: "answered", status: 200 });
    expect(fetched).toHaveBeenCalledTimes(1);
  });

  it.each(REFUSED)(
    "67 %s is refused behind a redirect, even where the integration names its host",
    async (url) => {
      fetched.mockImplementation(
        async () => new Response(null, { status: 302, headers: { location: encodeURI(decodeURI(url)) } }),
      );
      const host = new FakeHost();
      host.services = { ...host.services, outgoing: outgoing() };
      const named = URL.parse(url)?.host ?? "";
      const integration = IntegrationDefinition.parse({
        integration: "fx",
        baseUrl: "http://api.acme.org",
        hosts: named === "" ? [] : [named],
        endpoints: { list: { path: "/list" } },
      });
      const flow = throughFlow({
        call: {
          type: "api",
          call: "fx.list",
          results: { "200": "out", other: "out", error: "bad", timeout: "out", "max-connection": "out" },
        },
      });
      const ended = await runLater(flow, { host, uses: { integration: { fx: integration } } });
      // `http:127.0.0.1/` is relative to an http URL, and so leads in a circle on the integration's own host.
      expect(ended.outputs.bad?.[0]).toMatchObject({
        code: expect.stringMatching(/refused$|^too_many_redirects$/),
      });
      const hosts = fetched.mock.calls.map(([target]) => new URL(String(target)).host);
      expect(new Set(hosts)).toEqual(new Set(["api.acme.org"]));
    },
  );
});

describe("a private host", () => {
  it.each([
    ["127.0.0.1:8080", "http://127.0.0.1:8080/", true],
    ["127.0.0.1:8080", "http://127.1:8080/", true],
    ["127.0.0.1:8080", "http://127.0.0.1/", false],
    ["127.0.0.1:8080", "http://127.0.0.1:8081/", false],
    ["127.0.0.1", "http://127.0.0.1:9/", true],
    ["10.0.0.1, intranet", "http://intranet/", true],
    ["10.0.0.1, intranet:443", "https://INTRANET./", true],
    ["10.0.0.1, intranet", "http://10.0.0.2/", false],
    ["[::1]:80", "http://[0::1]/", true],
    ["*", "http://169.254.169.254/", true],
    ["*", "file:///etc/passwd", false],
    ["*", "http://u:p@x.org/", false],
  ])("with ALLOW_PRIVATE_HOSTS %s: %s", async (setting, url, called) => {
    const answer = await send(outgoing(setting), url);
    expect(answer.kind).toBe(called ? "answered" : "refused");
  });
});

describe("a name that is looked up", () => {
  const resolver = "https://dns.acme.org/query";
  const resolves = (answers: Record<string, string[]>) => {
    fetched.mockImplementation(async (target) => {
      const url = new URL(target instanceof Request ? target.url : String(target));
      if (url.host !== "dns.acme.org") return new Response("hello");
      const type = Number(url.searchParams.get("type"));
      const data = (answers[url.searchParams.get("name") ?? ""] ?? []).filter(
        (each) => each.includes(":") === (type === 28),
      );
      return Response.json({
        Status: 0,
        Answer: data.map((each) => ({ name: "x", type, TTL: 60, data: each })),
      });
    });
  };

  it("is called when all its addresses are public, and asked for once", async () => {
    resolves({ "api.acme.org": ["9.9.9.9", "2620:fe::fe"] });
    const port = outgoing("", resolver);
    for (let turn = 0; turn < 2; turn += 1) {
      expect(await send(port, "https://api.acme.org/")).toMatchObject({ kind: "answered" });
    }
    expect(fetched).toHaveBeenCalledTimes(4);
  });

  it.each([
    [["10.0.0.1"]],
    [["9.9.9.9", "127.0.0.1"]],
    [["9.9.9.9", "fd00::1"]],
    [["::ffff:10.0.0.1"]],
    [[]],
  ])("is refused with the addresses %j", async (addresses) => {
    resolves({ "api.acme.org": addresses });
    expect(await send(outgoing("", resolver), "https://api.acme.org/")).toMatchObject({
      kind: "refused",
    });
    expect(fetched).toHaveBeenCalledTimes(2);
  });

  it("is not called when the resolver does not answer, and the error says so", async () => {
    fetched.mockImplementation(async () => new Response("", { status: 500 }));
    expect(await send(outgoing("", resolver), "https://api.acme.org/")).toEqual({
      kind: "refused",
      reason: 'the address of "api.acme.org" could not be looked up (DOH_URL)',
    });
  });
});

describe("an answer", () => {
  it("is read up to its limit, and no further", async () => {
    const stream = (pieces: number) => {
      let left = pieces;
      return new ReadableStream({
        pull: (controller) => {
          if (left-- > 0) controller.enqueue(new Uint8Array(100));
          else controller.close();
        },
      });
    };
    fetched.mockImplementation(async () => new Response(stream(10)));
    expect(await send(outgoing(), "https://api.acme.org/")).toMatchObject({
      kind: "answered",
    });
    fetched.mockImplementation(async () => new Response(stream(Number.POSITIVE_INFINITY)));
    expect(await send(outgoing(), "https://api.acme.org/")).toEqual({ kind: "too_large" });
  });

  it("that does not come is told apart from a call that was given up", async () => {
    fetched.mockImplementation(async () => {
      throw new TypeError("Network connection lost.");
    });
    expect(await send(outgoing(), "https://api.acme.org/")).toEqual({
      kind: "failed",
      reason: "the connection was lost",
    });
    const reason = new Error("stop");
    await expect(send(outgoing(), "https://api.acme.org/", AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
