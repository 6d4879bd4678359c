import { createHash, createHmac } from "node:crypto";
import { Webhooks } from "@octokit/webhooks";
import { Webhook as StandardWebhook } from "standardwebhooks";
import Stripe from "stripe";
import { Webhook as SvixWebhook } from "svix";

/**
 * Signatures as senders make them: by their own libraries where there are such for JavaScript; Slack's, Twilio's and a
 * plain HMAC with Node's own cryptography, another code path than the one under test.
 */

/** Seconds since 1970, as of now unless it says otherwise. */
const seconds = (offset = 0) => Math.floor(Date.now() / 1_000) + offset;

const stripe = new Stripe("sk_test_nothing");

export const sign = {
  async github(secret: string, body: string, delivery: string = crypto.randomUUID()) {
    return {
      "content-type": "application/json",
      "x-github-event": "push",
      "x-github-delivery": delivery,
      "x-hub-signature-256": await new Webhooks({ secret }).sign(body),
    };
  },

  async stripe(secret: string, payload: string, offset = 0) {
    const timestamp = seconds(offset);
    return {
      "content-type": "application/json; charset=utf-8",
      "stripe-signature": await stripe.webhooks.generateTestHeaderStringAsync({ payload, secret, timestamp }),
    };
  },

  standard(secret: string, body: string, id: string = crypto.randomUUID(), offset = 0) {
    const at = seconds(offset);
    return {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": String(at),
      "webhook-signature": new StandardWebhook(secret).sign(id, new Date(at * 1_000), body),
    };
  },

  svix(secret: string, body: string, id: string = crypto.randomUUID(), offset = 0) {
    const at = seconds(offset);
    return {
      "content-type": "application/json",
      "svix-id": id,
      "svix-timestamp": String(at),
      "svix-signature": new SvixWebhook(secret).sign(id, new Date(at * 1_000), body),
    };
  },

  slack(secret: string, body: string, offset = 0) {
    const at = seconds(offset);
    return {
      "content-type": "application/json",
      "x-slack-request-timestamp": String(at),
      "x-slack-signature": `v0=${createHmac("sha256", secret).update(`v0:${at}:${body}`).digest("hex")}`,
    };
  },

  /** @param fields in the order in which they are sent */
  twilioForm(secret: string, url: string, fields: [string, string][], token?: string) {
    const sorted = [...fields].sort(([a], [b]) => (a < b ? -1 : 1));
    const signed = url + sorted.map(([name, value]) => name + value).join("");
    return {
      "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
      "x-twilio-signature": createHmac("sha1", secret).update(signed).digest("base64"),
      ...(token === undefined ? {} : { "i-twilio-idempotency-token": token }),
    };
  },

  /** The query that binds a body to the URL. */
  twilioQuery(body: string): string {
    return `?bodySHA256=${createHash("sha256").update(body).digest("hex")}`;
  },

  hmac(secret: string, body: string | Uint8Array, algorithm = "sha256") {
    return createHmac(algorithm, secret).update(body).digest("hex");
  },
};
