import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CALLED, REFUSED } from "../support/targets";
import { admin, post } from "../support/worker";

/** Integrations in bundles, and flows that call them, as the outside sees them. `fetch` stands for the other side. */

const put = (project: string, bundle: object, query = "") =>
  admin("PUT", `/projects/${project}${query}`, bundle);

const FX = {
  integration: "fx",
  baseUrl: "https://api.acme.org/v2",
  headers: { Accept: "application/json" },
  endpoints: { rate: { path: "/rates/{base}" }, spare: { path: "/spare" } },
};

const RESULTS = { "200": "out", other: "bad", error: "bad", timeout: "bad", "max-connection": "bad" };

const flow = (node: object = {}, more: object = {}) => ({
  flow: "rate",
  endpoint: { anonymous: true, history: "strict" },
  outputs: { out: "any", bad: "any" },
  start: "call",
  nodes: {
    call: { type: "api", call: "fx.rate", params: { base: "=input.json.base" }, results: RESULTS, ...node },
    out: { type: "output", to: "out", value: "=call.body" },
    bad: { type: "output", to: "bad", value: "=last.message", respond: { statusCode: 502 } },
  },
  ...more,
});

let fetched: ReturnType<typeof vi.spyOn<typeof globalThis, "fetch">>;
beforeEach(() => {
  fetched = vi
    .spyOn(globalThis, "fetch")
    .mockImplementation(async (target) => Response.json({ called: String(target) }));
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function problems(response: Response): Promise<string[]> {
  expect(response.status).toBe(422);
  const { errors } = await response.json<{ errors: { path: string; detail?: string; reason?: string }[] }>();
  return errors.map(({ path, ...rest }) => `${path}: ${rest.reason ?? rest.detail}`);
}

describe("a bundle with integrations", () => {
  it("is applied, called, exported, and applied again without a change", async () => {
    expect((await put("calls", { integrations: [FX], flows: [flow()] })).status).toBe(201);
    const answer = await post("calls/rate", "{}").then(() => post("calls/rate/trigger", { base: "E/R" }));
    expect(await answer.json()).toMatchObject({
      data: { out: [{ called: "https://api.acme.org/v2/rates/E%2FR" }] },
    });
    const exported = await (await admin("GET", "/projects/calls")).json<Record<string, unknown>>();
    expect(exported.integrations).toEqual([FX]);
    expect(await (await put("calls", exported)).json()).toMatchObject({ changed: false });
  });

  it("publishes flows anew when the integration changes, but not for an endpoint that they do not call", async () => {
    await put("calls-again", { integrations: [FX], flows: [flow()] });
    const { spare: _, ...endpoints } = FX.endpoints;
    expect(
      await (await put("calls-again", { integrations: [{ ...FX, endpoints }], flows: [flow()] })).json(),
    ).toMatchObject({
      flows: { updated: [], unchanged: 1 },
    });
    const moved = { ...FX, baseUrl: "https://api2.acme.org" };
    expect(await (await put("calls-again", { integrations: [moved], flows: [flow()] })).json()).toMatchObject(
      {
        flows: { updated: ["rate"] },
      },
    );
    await post("calls-again/rate/trigger", { base: "X" });
    expect(String(fetched.mock.calls.at(-1)?.[0])).toBe("https://api2.acme.org/rates/X");
  });

  it("is refused with the place of every mistake", async () => {
    const found = await problems(
      await put("calls-wrong", {
        integrations: [
          { ...FX, headers: { Accept: "a", "X-Who": "=item.name" } },
          { integration: "b", baseUrl: "ftp://x.org", endpoints: {} },
          { integration: "c", baseUrl: "https://u:p@x.org", endpoints: {} },
          {
            integration: "d",
            baseUrl: "https://x.org",
            endpoints: { a: { path: "/../b" }, b: { path: "/{x}/{x}" } },
          },
          {
            integration: "e",
            baseUrl: "https://x.org",
            headers: { "X-A": "1" },
            endpoints: { a: { headers: { "x-a": "2" }, query: { k: "=_datasource" } } },
          },
          { ...FX, integration: "with.dot" },
        ],
        flows: [
          flow({ headers: { accept: "b" }, results: { ...RESULTS, Other: "bad" } }),
          { ...flow(), flow: "secret", endpoint: { anonymous: true, exclusion: "=_datasource.Key" } },
        ],
      }),
    );
    const expected = [
      /^\/integrations\/0\/headers\/X-Who: an integration sees secrets/,
      /^\/integrations\/1\/baseUrl: only https and http/,
      /^\/integrations\/2\/baseUrl: a URL carries no user/,
      /^\/integrations\/3\/endpoints\/a\/path: a path has no \. or \.\. segments/,
      /^\/integrations\/3\/endpoints\/b\/path: path parameters are written/,
      /^\/integrations\/4\/endpoints\/a\/headers\/x-a: the header "x-a" is set by the integration too/,
      /^\/integrations\/4\/endpoints\/a\/query\/k: name the secret/,
      /^\/integrations\/5\/integration: a name starts with a letter/,
      /^\/flows\/0\/nodes\/call\/headers\/accept: the header "accept" is set by the integration too/,
      /^\/flows\/0\/nodes\/call\/results\/Other: .*lower case/,
      /^\/flows\/1\/endpoint\/exclusion: .*_datasource/,
    ];
    for (const pattern of expected)
      expect(found, found.join("\n")).toContainEqual(expect.stringMatching(pattern));
  });

  describe("66, 68 with a target that may not be called", () => {
    it.each(REFUSED)(
      "%s as its base URL is refused, naming integration, field and what to change",
      async (url) => {
        const found = await problems(
          await put("calls-private", { integrations: [{ ...FX, baseUrl: url }] }, "?dryRun=true"),
        );
        expect(found).toEqual([
          expect.stringMatching(
            /^\/integrations\/0\/baseUrl: (?:the integration "fx" may not call .* (?:is not a public address|is a name of a private network); the deployment can allow it with ALLOW_PRIVATE_HOSTS\. Set `baseUrl`|only https and http can be called|a URL carries no user and password; set `auth`|write a complete URL)/,
          ),
        ]);
        const drafted = await put(
          "calls-private",
          { integrations: [{ ...FX, baseUrl: url }] },
          "?publish=false",
        );
        expect(drafted.status).toBe(422);
        expect(fetched).not.toHaveBeenCalled();
      },
    );

    it.each(CALLED)("%s is none of them", async (url) => {
      const bundle = { integrations: [{ ...FX, baseUrl: url }], flows: [flow()] };
      expect((await put("calls-public", bundle, "?dryRun=true")).status).toBe(200);
    });

    it("is refused as a token endpoint and as another host too", async () => {
      const oauth2 = { type: "oauth2", clientId: "a", clientSecret: "b", tokenUrl: "https://0x7f.1/token" };
      const integrations = [
        {
          ...FX,
          hosts: ["cdn.acme.org:8443", "[::ffff:10.0.0.1]:80", "017700000001", "a/b", "u@x.org"],
          auth: oauth2,
        },
      ];
      const found = await problems(await put("calls-private", { integrations }));
      expect(found).toEqual([
        expect.stringMatching(/^\/integrations\/0\/hosts\/3: write a host/),
        expect.stringMatching(/^\/integrations\/0\/hosts\/4: write a host/),
      ]);
      integrations[0]?.hosts.splice(3);
      expect(await problems(await put("calls-private", { integrations }))).toEqual([
        expect.stringMatching(
          /^\/integrations\/0\/hosts\/1: .*"fx" may not call \[::ffff:10\.0\.0\.1\]:80: .*Remove it/,
        ),
        expect.stringMatching(/^\/integrations\/0\/hosts\/2: .*127\.0\.0\.1 is not a public address/),
        expect.stringMatching(
          /^\/integrations\/0\/auth\/tokenUrl: .*"fx" may not call https:\/\/0x7f\.1\/token/,
        ),
      ]);
    });

    it.each(["http://127.1:3000", "http://localhost:3000/api", "https://0xa9fea9fe"])(
      "%s in an OpenAPI document is refused, and another can be given",
      async (url) => {
        const document = { openapi: "3.0.0", servers: [{ url }], paths: { "/a": { get: {} } } };
        for (const query of ["", "?apply=true"]) {
          const refused = await admin(
            "POST",
            `/projects/calls-private/integrations:import${query}`,
            document,
          );
          expect(refused.status).toBe(400);
          expect(await refused.text()).toMatch(/may not call .*ALLOW_PRIVATE_HOSTS.*parameter `baseUrl`/);
        }
        const given = "?baseUrl=https://api.acme.org";
        expect(
          (await admin("POST", `/projects/calls-private/integrations:import${given}`, document)).status,
        ).toBe(200);
        const private_ = "?baseUrl=http://0177.0.0.1";
        expect(
          (await admin("POST", `/projects/calls-private/integrations:import${private_}`, document)).status,
        ).toBe(400);
      },
    );
  });

  it("shows request and answer in the run's messages", async () => {
    await put("calls-shown", {
      integrations: [FX],
      flows: [flow({ headers: { Authorization: "=input.json.token" } })],
    });
    const answer = await post("calls-shown/rate/trigger", { base: "X", token: "very-private" });
    const { processId } = await answer.json<{ processId: string }>();
    const run = await (await admin("GET", `/runs/${processId}`)).text();
    expect(run).toContain("fx.rate: GET https://api.acme.org/v2/rates/X → 200 OK");
    expect(run).toContain("[masked]");
    expect(run).not.toContain("very-private");
  });
});

describe("a secret", () => {
  const keyed = { ...FX, auth: { type: "bearer", token: "${_datasource.FxToken}" } };
  const bundle = { integrations: [keyed], flows: [flow({ query: { k: "=_datasource.FxKey" } })] };

  it("that is missing stops publishing, but not a draft", async () => {
    expect((await put("calls-secret", bundle, "?publish=false")).ok).toBe(true);
    const found = await problems(await put("calls-secret", bundle));
    expect(found).toEqual([
      expect.stringMatching(/^\/flows\/0\/nodes\/call\/query\/k: there is no secret "FxKey"/),
      expect.stringMatching(/^\/flows\/0\/nodes\/call\/call: there is no secret "FxToken"/),
    ]);
  });

  it("goes to the other side, and nowhere else", async () => {
    await admin("PUT", "/secrets/FxToken", { value: "t0ken-of-mine" });
    await admin("PUT", "/secrets/FxKey", { value: "key/of mine" });
    expect((await put("calls-secret", bundle)).status).toBe(200);
    fetched.mockImplementation(async (target, init) =>
      Response.json({ url: String(target), headers: [...new Headers(init?.headers)] }),
    );
    const answer = await post("calls-secret/rate/trigger", { base: "X" });
    const text = await answer.text();
    expect(answer.status, text).toBe(200);
    expect(String(fetched.mock.calls[0]?.[0])).toBe("https://api.acme.org/v2/rates/X?k=key%2Fof%20mine");
    expect(new Headers(fetched.mock.calls[0]?.[1]?.headers).get("authorization")).toBe(
      "Bearer t0ken-of-mine",
    );
    const { processId } = JSON.parse(text) as { processId: string };
    const exported = await (await admin("GET", "/projects/calls-secret")).text();
    const run = await (await admin("GET", `/runs/${processId}`)).text();
    expect(run).toContain("[masked]");
    for (const told of [text, exported, run]) expect(told).not.toMatch(/t0ken-of-mine|key\/of mine|key%2Fof/);
  });
});

describe("POST /projects/{project}/integrations:import", () => {
  const DOCUMENT = `
openapi: 3.1.0
info: { title: Rates }
servers: [{ url: https://api.acme.org/v2 }]
paths:
  /rates/{base}:
    get:
      operationId: rate
      parameters: [{ in: path, name: base, required: true, schema: { type: integer, maximum: 9223372036854775807 } }]
`;
  const send = (query: string, body: string = DOCUMENT, type = "application/yaml") =>
    admin("POST", `/projects/imported/integrations:import${query}`, body, { "content-type": type });

  it("answers with the integration and changes nothing", async () => {
    const answer = await send("?name=fx");
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      integration: { integration: "fx", endpoints: { rate: { method: "GET", path: "/rates/{base}" } } },
      notes: [],
      secrets: [],
    });
    expect((await admin("GET", "/projects/imported")).status).toBe(404);
  });

  it("puts it into the project when asked, new or not, and leaves the rest as it is", async () => {
    expect(await (await send("?name=fx&apply=true")).json()).toMatchObject({
      applied: { version: 1, changed: true },
    });
    const exported = await (await admin("GET", "/projects/imported")).json<object>();
    await put("imported", { ...exported, flows: [flow()] });
    expect(await (await send("?name=other&apply=true")).json()).toMatchObject({ applied: { changed: true } });
    const after = await (await admin("GET", "/projects/imported")).json<{
      integrations: unknown[];
      flows: unknown[];
    }>();
    expect(after.integrations).toHaveLength(2);
    expect(after.flows).toHaveLength(1);
    expect((await send("?name=fx&apply=true&only=nope")).status).toBe(400);
    expect((await post("imported/rate/trigger", { base: "X" })).status).toBe(200);
  });

  it.each([
    ["", "{", "application/json", 400],
    ["", "a: [", "application/yaml", 400],
    ["", "", "application/json", 400],
    ["", '{"swagger":"2.0"}', "application/json", 400],
    ["?name=a.b", DOCUMENT, "application/yaml", 400],
    ["?nme=a", DOCUMENT, "application/yaml", 400],
    ["?baseUrl=ftp://x", DOCUMENT, "application/yaml", 400],
    [
      "",
      `a: &a [x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 9 }, (_, n) => `b${n}: &b${n} [${"*a,".repeat(9)}*a]`).join("\n")}`,
      "application/yaml",
      400,
    ],
    ["", `${"[".repeat(20_000)}`, "application/yaml", 400],
  ])("%s with what is no such document: %j", async (query, body, type, status) => {
    expect((await send(query, body, type)).status).toBe(status);
  });

  it("takes POST alone", async () => {
    const answer = await admin("GET", "/projects/imported/integrations:import");
    expect(answer.status).toBe(405);
    expect(answer.headers.get("allow")).toContain("POST");
  });
});
