import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AdminClient } from "../../scripts/lib/admin.mjs";
import { COMPANION_PORT } from "../../scripts/lib/companion.mjs";
import { describeDemo, seedDemo } from "../../scripts/lib/demo.mjs";
import { paths } from "../../scripts/lib/paths.mjs";
import { startTestRuntime, type TestRuntime } from "../bundle/support/runtime";
import { sign } from "../support/signers";

/** The demo's webhooks, in the built bundle, called as `.dev/demo.json` says. */

interface DemoWebhook {
  uri: string;
  url: string;
  secret?: string;
}

let runtime: TestRuntime;
let admin: AdminClient;
let memory: string;
let webhooks: Record<string, DemoWebhook>;

beforeAll(async () => {
  // The demo has integrations with its companion, which nobody calls here.
  runtime = await startTestRuntime({ bindings: { ALLOW_PRIVATE_HOSTS: `127.0.0.1:${COMPANION_PORT}` } });
  admin = new AdminClient(runtime.url, runtime.adminToken);
  memory = join(mkdtempSync(join(tmpdir(), "sluice-webhooks-demo-")), "seeded.json");
  const { projects, credentials } = await seedDemo(admin, paths().examples, memory);
  webhooks = (await describeDemo(admin, "phixflow", projects, credentials)).webhooks;
});
afterAll(async () => {
  await runtime?.dispose();
  if (memory !== undefined) rmSync(join(memory, ".."), { recursive: true, force: true });
});

const BODY = JSON.stringify({ id: "evt_demo", event_id: "Ev1", type: "demo" });
const JSON_TYPE = { "content-type": "application/json" };

const SIGNED: Record<string, (secret: string) => Record<string, string> | Promise<Record<string, string>>> = {
  plain: () => ({ ...JSON_TYPE, "idempotency-key": "demo" }),
  github: (secret) => sign.github(secret, BODY),
  stripe: (secret) => sign.stripe(secret, BODY),
  standard: (secret) => sign.standard(secret, BODY),
  svix: (secret) => sign.svix(secret, BODY),
  slack: (secret) => sign.slack(secret, BODY),
};

async function post(url: string, body: string, headers: Record<string, string>) {
  const response = await fetch(url, { method: "POST", headers, body });
  const text = await response.text();
  return { status: response.status, text, run: JSON.parse(text).resource?.process_id as string };
}

test.each(Object.entries(SIGNED))(
  "%s takes what its sender signs, once, and nothing else",
  async (key, headersFor) => {
    const { url, uri, secret } = webhooks[key] as DemoWebhook;
    expect(url).toBe(`${runtime.url}/v1/webhook/${uri}`);
    const headers = await headersFor(secret ?? "");
    const first = await post(url, BODY, headers);
    expect(first.status, first.text).toBe(201);
    const again = await post(url, BODY, headers);
    expect([again.status, again.run]).toEqual([200, first.run]);
    if (key !== "plain") expect((await post(url, `${BODY} `, headers)).status).toBe(401);
    const run = await expect
      .poll(() => admin.get(`/admin/v1/runs/${first.run}`), { timeout: 30_000, interval: 250 })
      .toMatchObject({ status: "Success", flow: "webhook-received" })
      .then(() => admin.get(`/admin/v1/runs/${first.run}`));
    expect(run.messages[0].text).toMatch(/^application\/json/);
    expect(JSON.stringify(run)).not.toContain(secret ?? "no secret");
  },
);

test("twilio takes a form that its sender signs for the URL that it calls", async () => {
  const { url, secret = "" } = webhooks.twilio as DemoWebhook;
  const fields: [string, string][] = [
    ["From", "+14158675309"],
    ["Body", "größe"],
  ];
  const headers = sign.twilioForm(secret, url, fields);
  const form = new URLSearchParams(fields).toString();
  const taken = await post(url, form, headers);
  expect(taken.status, taken.text).toBe(201);
  expect((await post(url, `${form}&x=1`, headers)).status).toBe(401);
});

test("seeding again changes no secret, and one that was lost comes back as it was", async () => {
  const before = readFileSync(join(memory, "..", "seeded-secrets.json"), "utf8");
  const response = await runtime.admin("DELETE", "/admin/v1/secrets/webhook-github");
  expect(response.ok).toBe(true);
  const { projects, credentials } = await seedDemo(admin, paths().examples, memory);
  const demo = await describeDemo(admin, "phixflow", projects, credentials);
  expect(demo.webhooks).toEqual(webhooks);
  expect(readFileSync(join(memory, "..", "seeded-secrets.json"), "utf8")).toBe(before);
  const { url, secret = "" } = webhooks.github as DemoWebhook;
  expect((await post(url, BODY, await sign.github(secret, BODY))).status).toBe(201);
});
