import { MAX_WEBHOOK_BYTES } from "../../../domain/limits";
import { requestTarget } from "../../../http/request-target";
import { findWebhook, type Received, receiveWebhook } from "../../../operations/receive-webhook";
import { deliveryResource } from "../../../operations/v1-resources/delivery";
import { checkSenderCredentials } from "../../../operations/webhook-credentials";
import { created, defineV1Route, ok, plain, type V1Answer, type V1Call } from "../route";

/** Webhooks (seed: Webhooks; contract, section 3). Their senders have no credentials of ours; a signature stands for them. */

const common = {
  path: "/v1/webhook/{uri}",
  tag: "Webhooks",
  authority: "none",
  // Senders are not interfaces: what bounds them is the signature.
  limited: false,
} as const;

export const postWebhook = defineV1Route({
  ...common,
  method: "POST",
  summary: "Insert an external structure: keep it, then start the webhook's flow",
  body: "bytes",
  maxBytes: { bytes: MAX_WEBHOOK_BYTES, limit: "MAX_WEBHOOK_BYTES" },
  handle: receive,
});

export const getWebhook = defineV1Route({
  ...common,
  method: "GET",
  summary: "Answer a sender's challenge",
  body: "none",
  handle: receive,
});

async function receive(call: V1Call): Promise<V1Answer> {
  const { services, principal } = call;
  const webhook = await findWebhook(services, principal.environment, call.path.uri as string);
  await checkSenderCredentials(services, webhook, call.credentials, {
    method: call.method,
    host: requestTarget(call.url).host,
    client: call.client,
  });
  const { query } = requestTarget(call.url);
  const received = await receiveWebhook(services, webhook, {
    method: call.method,
    url: call.url,
    query: new URLSearchParams(query),
    headers: call.headers,
    client: call.client,
    readBody: () => Promise.resolve(call.body.bytes),
    signal: call.signal,
  });
  return answerOf(received, principal.organizationId);
}

function answerOf(received: Received, organizationId: number): V1Answer {
  if (received.kind === "challenged") {
    const { body, contentType } = received.answer;
    return plain(body, { contentType, headers: { "cache-control": "no-store" } });
  }
  const resource = deliveryResource(received, organizationId);
  return received.kind === "stored"
    ? created(resource, "Data stored successfully")
    : ok(resource, "Data was stored before; nothing runs again");
}
