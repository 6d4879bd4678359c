import { exports } from "cloudflare:workers";
import * as oauth from "oauth4webapi";
import { beforeAll, describe, expect, test } from "vitest";
import { accessToken, issueInterface, type V1Credentials, v1 } from "../support/v1";
import { call, ORIGIN } from "../support/worker";

/** The token endpoints, as an OAuth client library and as attackers use them (RFC 6749, 7009, 7662, 8414, 9700). */

type Client = Pick<V1Credentials, "clientId" | "clientSecret">;
let demo: Client;
let server: oauth.AuthorizationServer;
const options = {
  [oauth.customFetch]: (url: string, init: unknown) => exports.default.fetch(url, init as RequestInit),
  [oauth.allowInsecureRequests]: true,
} as const;

beforeAll(async () => {
  demo = await issueInterface("demo", { scopes: ["record", "schema.read"] });
  const issuer = new URL(ORIGIN);
  const discovered = await oauth.discoveryRequest(issuer, { ...options, algorithm: "oauth2" });
  server = await oauth.processDiscoveryResponse(issuer, discovered);
});

function post(
  path: string,
  form: Record<string, string> | string,
  headers: Record<string, string> = {},
): Promise<Response> {
  return call(path, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    body: typeof form === "string" ? form : new URLSearchParams(form).toString(),
  });
}
const secret = ({ clientId, clientSecret }: Client) => ({ client_id: clientId, client_secret: clientSecret });
const basic = ({ clientId, clientSecret }: Client) => ({
  authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}`,
});
async function tokens(form: Record<string, string> = {}): Promise<Record<string, string>> {
  const response = await post("/oauth/token", { grant_type: "client_credentials", ...secret(demo), ...form });
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, string>;
}
async function failure(response: Response): Promise<[number, string]> {
  const body = (await response.json()) as { error: string; error_description: string };
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(body.error_description).toMatch(/^[\x20-\x7e]+$/);
  return [response.status, body.error];
}
async function active(token: string | undefined): Promise<boolean> {
  const response = await post("/oauth/introspect", { token: token ?? "", ...secret(demo) });
  return ((await response.json()) as { active: boolean }).active;
}

describe("with a client library", () => {
  test.each([
    ["HTTP Basic", () => oauth.ClientSecretBasic(demo.clientSecret)],
    ["the form", () => oauth.ClientSecretPost(demo.clientSecret)],
  ])("client credentials by %s, introspection, refresh and revocation", async (_, authentication) => {
    const client: oauth.Client = { client_id: demo.clientId };
    const granted = await oauth.processClientCredentialsResponse(
      server,
      client,
      await oauth.clientCredentialsGrantRequest(
        server,
        client,
        authentication(),
        new URLSearchParams({ scope: "record.read" }),
        options,
      ),
    );
    expect(granted).toMatchObject({ token_type: "bearer", scope: "record.read", expires_in: 86_400 });
    const introspected = await oauth.processIntrospectionResponse(
      server,
      client,
      await oauth.introspectionRequest(server, client, authentication(), granted.access_token, options),
    );
    expect(introspected).toMatchObject({ active: true, client_id: demo.clientId, scope: "record.read" });
    const refreshed = await oauth.processRefreshTokenResponse(
      server,
      client,
      await oauth.refreshTokenGrantRequest(
        server,
        client,
        authentication(),
        granted.refresh_token as string,
        options,
      ),
    );
    expect(refreshed.access_token).not.toBe(granted.access_token);
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(server, client, authentication(), refreshed.access_token, options),
    );
    expect(await active(refreshed.access_token)).toBe(false);
    expect(await active(granted.access_token)).toBe(true);
  });
});

describe("POST /oauth/token", () => {
  test("answers as RFC 6749 prints it, and nothing may keep it", async () => {
    const response = await post("/oauth/token", { grant_type: "client_credentials", ...secret(demo) });
    expect(await response.json()).toEqual({
      access_token: expect.stringMatching(/^[0-9a-f]{64}$/),
      token_type: "Bearer",
      expires_in: 86_400,
      refresh_token: expect.stringMatching(/^[0-9a-f]{64}$/),
      scope: "record schema.read",
    });
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("pragma")).toBe("no-cache");
    expect(response.headers.get("x-ratelimit-limit")).toBe("1000");
  });

  test("errors have the RFC's codes", async () => {
    const grant = { grant_type: "client_credentials" };
    const cases: [Promise<Response>, number, string][] = [
      [post("/oauth/token", { ...grant, ...secret(demo), client_secret: "wrong" }), 401, "invalid_client"],
      [post("/oauth/token", { ...grant, client_id: "nobody", client_secret: "x" }), 401, "invalid_client"],
      [post("/oauth/token", grant), 401, "invalid_client"],
      [post("/oauth/token", grant, { authorization: "Basic %%%" }), 401, "invalid_client"],
      [post("/oauth/token", grant, { authorization: `Bearer ${"0".repeat(64)}` }), 401, "invalid_client"],
      [post("/oauth/token", { ...grant, ...secret(demo) }, basic(demo)), 400, "invalid_request"],
      [post("/oauth/token", secret(demo)), 400, "invalid_request"],
      [post("/oauth/token", { ...secret(demo), grant_type: "password" }), 400, "unsupported_grant_type"],
      [post("/oauth/token", { ...grant, ...secret(demo), scope: "*" }), 400, "invalid_scope"],
      [post("/oauth/token", { ...grant, ...secret(demo), scope: "tables" }), 400, "invalid_scope"],
      [post("/oauth/token", { ...grant, ...secret(demo), scope: "schema" }), 400, "invalid_scope"],
      [post("/oauth/token", { ...secret(demo), grant_type: "refresh_token" }), 400, "invalid_request"],
      [
        post("/oauth/token", { ...secret(demo), grant_type: "refresh_token", refresh_token: "0" }),
        400,
        "invalid_grant",
      ],
      [post("/oauth/token", "grant_type=client_credentials&grant_type=x"), 400, "invalid_request"],
      [post("/oauth/token", "{}", { "content-type": "application/json" }), 400, "invalid_request"],
      [post("/oauth/token", `a=${"x".repeat(70_000)}`), 413, "invalid_request"],
      [call("/oauth/token"), 405, "invalid_request"],
      [call("/oauth/nothing"), 404, "invalid_request"],
    ];
    for (const [response, status, error] of cases)
      expect(await failure(await response)).toEqual([status, error]);
    const refused = await post("/oauth/token", grant);
    expect(refused.headers.get("www-authenticate")).toMatch(/^Basic /);
  });

  test("a refresh token used again takes the whole family with it", async () => {
    const first = await tokens();
    const refresh = (token: string | undefined) =>
      post("/oauth/token", { ...secret(demo), grant_type: "refresh_token", refresh_token: token ?? "" });
    const second = (await (await refresh(first.refresh_token)).json()) as Record<string, string>;
    expect(await active(second.access_token)).toBe(true);
    expect(await failure(await refresh(first.refresh_token))).toEqual([400, "invalid_grant"]);
    for (const token of [first.access_token, second.access_token, second.refresh_token]) {
      expect(await active(token)).toBe(false);
    }
    expect(await failure(await refresh(second.refresh_token))).toEqual([400, "invalid_grant"]);
  });

  test("of many who use a refresh token at once, one at the most goes on", async () => {
    const { refresh_token: token = "" } = await tokens();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () =>
        post("/oauth/token", { ...secret(demo), grant_type: "refresh_token", refresh_token: token }),
      ),
    );
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
    for (const answer of answers) {
      const { access_token } = (await answer.json()) as Record<string, string>;
      if (access_token !== undefined) expect(await active(access_token)).toBe(false);
    }
  });

  test("a refresh narrows the access token, not what the next refresh may ask for", async () => {
    const { refresh_token } = await tokens();
    const narrowed = await tokens({
      grant_type: "refresh_token",
      refresh_token: refresh_token ?? "",
      scope: "record.read",
    });
    expect(narrowed.scope).toBe("record.read");
    const wide = await tokens({ grant_type: "refresh_token", refresh_token: narrowed.refresh_token ?? "" });
    expect(wide.scope).toBe("record schema.read");
    const limited = await tokens({ scope: "schema.read" });
    const escalated = await post("/oauth/token", {
      ...secret(demo),
      grant_type: "refresh_token",
      refresh_token: limited.refresh_token ?? "",
      scope: "record",
    });
    expect(await failure(escalated)).toEqual([400, "invalid_scope"]);
  });
});

describe("tokens of others", () => {
  test("are unknown to a client: not introspected, not refreshed, not revoked", async () => {
    const other = await issueInterface("other", { scopes: ["record"] });
    const mine = await tokens();
    const theirs = secret(other);
    const asked = await post("/oauth/introspect", { ...theirs, token: mine.access_token ?? "" });
    expect(await asked.json()).toEqual({ active: false });
    const refresh = await post("/oauth/token", {
      ...theirs,
      grant_type: "refresh_token",
      refresh_token: mine.refresh_token ?? "",
    });
    expect(await failure(refresh)).toEqual([400, "invalid_grant"]);
    expect((await post("/oauth/revoke", { ...theirs, token: mine.access_token ?? "" })).status).toBe(200);
    expect((await post("/oauth/revoke", { ...theirs, token: mine.refresh_token ?? "" })).status).toBe(200);
    expect(await active(mine.access_token)).toBe(true);
    expect(await active(mine.refresh_token)).toBe(true);
  });

  test("revoking a refresh token ends its access tokens; revoking junk is fine", async () => {
    const mine = await tokens();
    expect((await post("/oauth/revoke", { token: mine.refresh_token ?? "" }, basic(demo))).status).toBe(200);
    expect(await active(mine.access_token)).toBe(false);
    expect((await post("/oauth/revoke", { token: "junk" }, basic(demo))).status).toBe(200);
    expect(await failure(await post("/oauth/revoke", secret(demo)))).toEqual([400, "invalid_request"]);
  });
});

describe("GET /v1/refreshtoken", () => {
  const headers = (client: Client, token: string) => ({
    ...{ client_id: client.clientId, client_secret: client.clientSecret },
    grant_type: "client_credentials",
    refresh_token: token,
  });

  test("takes no access token, no junk and no token of another, with 403 and code 436", async () => {
    const { access, refresh } = await accessToken(demo);
    const other = await issueInterface("third", { scopes: ["record"] });
    for (const [client, token] of [
      [demo, access],
      [demo, "0".repeat(64)],
      [demo, "x".repeat(10_000)],
      [other, refresh],
    ] as const) {
      const response = await v1("GET", "/refreshtoken", headers(client, token));
      expect(response.status).toBe(403);
      expect(await response.json()).toMatchObject({ error: { code: 436 } });
    }
    expect((await v1("GET", "/refreshtoken", headers(demo, refresh))).status).toBe(200);
  });

  test("a token that /oauth/token has spent ends its family here, too", async () => {
    const { access, refresh } = await accessToken(demo);
    await tokens({ grant_type: "refresh_token", refresh_token: refresh });
    expect((await v1("GET", "/refreshtoken", headers(demo, refresh))).status).toBe(403);
    expect(await active(access)).toBe(false);
  });
});
