import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { app } from "../../../src/app";
import type { Bindings } from "../../../src/bindings";
import { isActionCall } from "../../../src/surfaces/action";
import { call } from "../../support/worker";

describe("which URLs are the action API's", () => {
  test.each([
    "https://a.example/phixflow/api/1/action/p/f/trigger",
    "https://a.example:8443/other/api/1/action/x?timeout=5",
    "https://a.example/phixflow/api/1/action",
    "https://a.example/phixflow/api/1/action?x",
    "https://a.example/phixflow/%61pi/1/action/p/f/trigger",
    "https://a.example/phixflow/api/1/%61%63%74%69%6F%6e/p",
  ])("%s is", (url) => expect(isActionCall(url)).toBe(true));

  test.each([
    "https://a.example/",
    "https://a.example",
    "https://a.example//api/1/action/p/f/trigger",
    "https://a.example/api/1/action/p/f/trigger",
    "https://a.example/phixflow/api/1/actions",
    "https://a.example/phixflow/api/2/action/p",
    "https://a.example/a/b/api/1/action/p",
    "https://a.example/search?next=/api/1/action/p",
    "https://a.example/search?next=x/api/1/action/p",
    "https://a.example/phixflow/api/1/action%2Fp",
    "https://a.example/phixflow/%zzpi/1/action/p",
  ])("%s is not", (url) => expect(isActionCall(url)).toBe(false));
});

test("the path written with percent-encoding is the same path", async () => {
  const plain = await call("/phixflow/api/1/action/none/none/trigger");
  const encoded = await call("/phixflow/%61pi/1/action/none/non%65/trigger");
  expect([encoded.status, await encoded.json()]).toMatchObject([404, await plain.json()]);
});

test("a deployment whose settings are wrong says so to every caller", async () => {
  const wrong = { ...env, INSTANCE: "a/b" } as unknown as Bindings;
  for (const path of [
    "/phixflow/api/1/action/p/f/trigger",
    "/v1/records",
    "/v1/soap",
    "/oauth/token",
    "/nowhere",
  ]) {
    const request = new Request(`https://sluice.test${path}`, { method: "POST" });
    const response = await app.fetch(request, wrong, createExecutionContext());
    expect([path, response.status, await response.json()]).toMatchObject([
      path,
      503,
      { code: "not_configured", detail: expect.stringContaining("INSTANCE") },
    ]);
  }
});
