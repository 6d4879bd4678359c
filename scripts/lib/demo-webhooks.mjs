import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { writePrivate } from "./private-file.mjs";

/**
 * Secrets of the demo's webhooks; from `webhooks` in a `demo.yaml`:
 *
 *     webhooks:
 *       plain: { uri: plain }
 *       svix: { uri: svix, secret: { name: webhook-svix, form: whsec } }
 *
 * Each is made up once and set before the project that names it is applied. A secret cannot be read again, so its value is
 * remembered in a file; one that the server no longer has is set as it was.
 * @param {import("./admin.mjs").AdminClient} admin
 * @param {Record<string, DemoWebhook>} webhooks
 * @param {string} memory file that remembers the values
 * @returns {Promise<Record<string, { uri: string, url: string, secret?: string }>>} what goes into `.dev/demo.json`
 *
 * @typedef {{ uri: string, secret?: { name: string, form: "text" | "whsec" } }} DemoWebhook
 */
export async function seedWebhookSecrets(admin, webhooks, memory) {
  /** @type {Record<string, string>} */
  const known = existsSync(memory) ? JSON.parse(readFileSync(memory, "utf8")) : {};
  /** @type {Record<string, { uri: string, url: string, secret?: string }>} */
  const told = {};
  for (const [key, { uri, secret }] of Object.entries(webhooks)) {
    const url = `${admin.base}/v1/webhook/${encodeURIComponent(uri)}`;
    told[key] = { uri, url };
    if (secret === undefined) continue;
    const remembered = known[secret.name];
    const path = `/admin/v1/secrets/${encodeURIComponent(secret.name)}`;
    const value = remembered ?? newSecret(secret.form);
    if (remembered === undefined || (await admin.get(path)) === undefined) {
      await admin.put(path, { value });
      known[secret.name] = value;
      writePrivate(memory, known);
    }
    told[key].secret = value;
  }
  return told;
}

/** @param {"text" | "whsec"} form `whsec`: as Standard Webhooks writes its keys */
function newSecret(form) {
  return form === "whsec" ? `whsec_${randomBytes(24).toString("base64")}` : randomBytes(20).toString("hex");
}
