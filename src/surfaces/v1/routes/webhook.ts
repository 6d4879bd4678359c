import { SluiceError } from "../../../domain/errors";
import { MAX_WEBHOOK_BYTES } from "../../../domain/limits";
import { requestTarget } from "../../../http/request-target";
import { authenticateCall } from "../../../operations/access/authenticate-call";
import {
  findWebhook,
  type Received,
  receiveWebhook,
  type Webhook,
} from "../../../operations/receive-webhook";
import { atom } from "../atom";
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
  if (webhook.definition.credentials === "required") await checkCredentials(call, webhook);
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
  const { delivery, webhook, pointer } = received;
  const resource = {
    _id: { $id: delivery.id },
    customer_id: String(organizationId),
    plugin_id: String(webhook.id),
    application_id: String(webhook.projectId),
    date_created: atom(delivery.receivedAt),
    data: { flow_id: String(pointer.flowId) },
    process_id: delivery.runId,
  };
  return received.kind === "stored"
    ? created(resource, "Data stored successfully")
    : ok(resource, "Data was stored before; nothing runs again");
}

/** For webhooks that ask for an interface's credentials, in any of their three forms. */
async function checkCredentials(call: V1Call, webhook: Webhook): Promise<void> {
  const { services, credentials, method, client, url } = call;
  const principal = await authenticateCall(services, credentials, {
    authority: "interface",
    scope: "webhook",
    method,
    host: requestTarget(url).host,
    client,
  });
  // Another organization's credentials, good as they are, open nothing here.
  if (principal.environment.id !== webhook.environmentId) {
    throw new SluiceError("not_found", "There is no webhook at this URL.");
  }
  const { rate } = principal;
  const state = await services.limiter.take(rate.key, rate);
  if (state.allowed) return;
  throw new SluiceError("rate_limited", "Too many requests.", {
    retryAfter: Math.max(1, Math.ceil(state.resetMs / 1_000)),
  });
}
