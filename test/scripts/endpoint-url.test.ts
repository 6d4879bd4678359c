import { expect, test } from "vitest";
import { curlLines } from "../../scripts/lib/curl-lines.mjs";
import { endpointUrl } from "../../scripts/lib/endpoint-url.mjs";

test.each([
  [{ flow: "My API" }, "http://h/phixflow/api/1/action/demo/My%20API/trigger"],
  [{ flow: "x", project: "other" }, "http://h/phixflow/api/1/action/other/x/trigger"],
  [{ alias: "shop orders" }, "http://h/phixflow/api/1/action/shop%20orders/trigger"],
  [{ legacy: "companies" }, "http://h/phixflow/api/1/action/companies/trigger"],
])("%j is triggered at %s", (target, url) => {
  expect(endpointUrl("http://h", "phixflow", "demo", target)).toBe(url);
});

test("there is a line to paste for each well-known endpoint that is there, and none shows the token", () => {
  const demo = {
    base: "http://h",
    admin_token: "secret-token",
    endpoints: { since: "http://h/s/trigger", other: "http://h/o" },
  };
  const lines = curlLines(demo);
  expect(lines).toHaveLength(2);
  expect(lines[0]).toContain("'http://h/s/trigger'");
  expect(lines.join("\n")).not.toContain("secret-token");
});
