import { beforeAll, describe, expect, test } from "vitest";
import { type V1Credentials, v1, v1Credentials } from "../../support/v1";
import { call } from "../../support/worker";

let credentials: V1Credentials;
beforeAll(async () => {
  credentials = await v1Credentials();
});

const client = () => ({
  client_id: credentials.clientId,
  client_secret: credentials.clientSecret,
  grant_type: "client_credentials",
});

describe("GET /v1/checkauthentication", () => {
  test("gives tokens in the seed's shape", async () => {
    const response = await v1("GET", "/checkauthentication", client());
    const body = (await response.json()) as { resource: Record<string, unknown> };
    expect(response.status).toBe(200);
    expect(body).toEqual({
      id: "ok",
      code: 200,
      "request-ip": "127.0.0.1",
      resource: {
        access_token: expect.stringMatching(/^[0-9a-f]{64}$/),
        token_type: "bearer",
        refresh_token: expect.stringMatching(/^[0-9a-f]{64}$/),
        expires_in: expect.any(Number),
        scopes: null,
      },
      message: "The credentials are valid",
      error: null,
    });
    expect(body.resource.expires_in as number).toBeGreaterThan(Date.now() / 1_000 + 3_600);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-ratelimit-limit")).toBe("1000");
  });

  test("refuses a wrong secret, and a grant that there is not", async () => {
    const wrong = await v1("GET", "/checkauthentication", { ...client(), client_secret: "nonsense" });
    expect(wrong.status).toBe(401);
    expect(await wrong.json()).toMatchObject({
      id: "error",
      resource: [],
      error: { code: 401, message: "The credentials are not correct." },
    });
    const grant = await v1("GET", "/checkauthentication", { ...client(), grant_type: "password" });
    expect(grant.status).toBe(400);
    const { grant_type: _, ...without } = client();
    expect((await v1("GET", "/checkauthentication", without)).status).toBe(400);
  });

  test("a refresh token gives new access tokens, again and again", async () => {
    const first = (await (await v1("GET", "/checkauthentication", client())).json()) as {
      resource: { refresh_token: string };
    };
    for (let again = 0; again < 2; again++) {
      const response = await v1("GET", "/refreshtoken", {
        ...client(),
        refresh_token: first.resource.refresh_token,
      });
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({
        resource: { access_token: expect.stringMatching(/^[0-9a-f]{64}$/), expires_at: expect.any(Number) },
        message: "The token has been generated",
      });
    }
  });
});

describe("every path", () => {
  test("XML is written as asked for, and fields are selected", async () => {
    const response = await call("/v1/options/?fields=method", { headers: { accept: "application/xml" } });
    expect(response.headers.get("content-type")).toBe("application/xml; charset=utf-8");
    expect(await response.text()).toContain("<resource><item><method>GET</method></item>");
  });

  test("an answer that is known is not sent again", async () => {
    const first = await call("/v1/options");
    const again = await call("/v1/options", {
      headers: { "if-none-match": first.headers.get("etag") as string },
    });
    expect([again.status, await again.text()]).toEqual([304, ""]);
  });

  test("OPTIONS tells the methods; what is not there is 404, other methods 405", async () => {
    const options = await call("/v1/checkauthentication", { method: "OPTIONS" });
    expect([options.status, options.headers.get("allow")]).toEqual([204, "GET, HEAD, OPTIONS"]);
    const missing = await call("/v1/nothing");
    expect(missing.status).toBe(404);
    expect(await missing.json()).toMatchObject({
      id: "error",
      code: 404,
      resource: [],
      error: { code: 404 },
    });
    const method = await call("/v1/checkauthentication", { method: "PATCH" });
    expect([method.status, method.headers.get("allow")]).toEqual([405, "GET, HEAD, OPTIONS"]);
  });
});
