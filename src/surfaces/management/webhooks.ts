import { createRoute, z } from "@hono/zod-openapi";
import { DELIVERY_STATES, type Delivery } from "../../domain/delivery";
import {
  listDeliveries,
  readDelivery,
  readDeliveryBody,
  replayDelivery,
} from "../../operations/webhook-deliveries";
import { guarded, json, NoQuery, newRouter, problem, security, time } from "./router";
import { Cursor, Page } from "./schemas";

/** Webhooks and what they took. */
export const webhooks = newRouter();
const tags = ["Webhooks"];

const WebhookParams = z.object({
  webhook: z
    .string()
    .min(1)
    .max(100)
    .openapi({ param: { name: "webhook", in: "path" }, example: "github" }),
});
const DeliveryParams = WebhookParams.extend({
  id: z
    .string()
    .min(1)
    .max(200)
    .openapi({ param: { name: "id", in: "path" } }),
});

const WebhookList = z
  .object({
    webhooks: z.array(
      z.object({
        id: z.number().int(),
        name: z.string(),
        project: z.string(),
        flow: z.string(),
        url: z.string().describe("Where it takes deliveries, on this deployment's own host name."),
        scheme: z.string().nullable().describe("How its senders sign; null when it asks for no signature."),
      }),
    ),
  })
  .openapi("WebhookList");

const DeliveryState = z
  .object({
    id: z.string(),
    runId: z.string(),
    state: z
      .enum(DELIVERY_STATES)
      .describe("`waiting`: its run is still to be started. `failed`: none can be; `error` says why."),
    error: z.string().nullable(),
    attempts: z.number().int().describe("Times that starting its run was tried in vain."),
    nextAttemptAt: z.iso.datetime().nullable(),
    receivedAt: z.iso.datetime(),
    keptUntil: z.iso.datetime(),
    senderId: z.string().nullable().describe("The sender's own id of it."),
    replayOf: z.string().nullable().describe("The delivery that it repeats at someone's request."),
    flow: z.string(),
    contentType: z.string(),
    size: z.number().int().describe("Bytes of the body."),
  })
  .openapi("WebhookDelivery");

const DeliveryDetails = DeliveryState.extend({
  method: z.string(),
  url: z.string(),
  client: z.string(),
  headers: z.record(z.string(), z.string()).describe("As they came, without credentials."),
}).openapi("WebhookDeliveryDetails");

const DeliveryList = z
  .object({ deliveries: z.array(DeliveryState), next: Cursor })
  .openapi("WebhookDeliveryList");

const DeliveryQuery = z.strictObject({
  state: z.enum(DELIVERY_STATES).optional(),
  senderId: z.string().max(300).optional().openapi({ description: "The sender's own id." }),
  runId: z.string().max(100).optional(),
  from: z.iso.datetime({ offset: true }).optional().openapi({ description: "Received at or after." }),
  to: z.iso.datetime({ offset: true }).optional().openapi({ description: "Received before." }),
  ...Page,
});

const onWire = (delivery: Delivery) => ({
  id: delivery.id,
  runId: delivery.runId,
  state: delivery.state,
  error: delivery.error,
  attempts: delivery.attempts,
  nextAttemptAt: delivery.nextAttemptAt === null ? null : time(delivery.nextAttemptAt),
  receivedAt: time(delivery.receivedAt),
  keptUntil: time(delivery.keepUntil),
  senderId: delivery.senderId,
  replayOf: delivery.replayOf,
  flow: delivery.target.flow,
  contentType: delivery.request.contentType,
  size: delivery.size,
});

webhooks.openapi(
  createRoute({
    method: "get",
    path: "/webhooks",
    operationId: "listWebhooks",
    summary: "List the webhooks of the environment",
    tags,
    security,
    request: { query: NoQuery },
    responses: { 200: json(WebhookList, "All webhooks, by name."), ...guarded },
  }),
  async (context) => {
    const { catalog } = context.get("management");
    const { origin } = new URL(context.req.url);
    const all = await catalog.resources(context.get("environment").id, "webhook");
    return context.json(
      {
        webhooks: all.map(({ id, name, project, definition }) => ({
          id,
          name,
          project,
          flow: definition.flow,
          url: `${origin}/v1/webhook/${encodeURIComponent(name)}`,
          scheme: definition.signature?.scheme ?? null,
        })),
      },
      200,
    );
  },
);

webhooks.openapi(
  createRoute({
    method: "get",
    path: "/webhooks/{webhook}/deliveries",
    operationId: "listDeliveries",
    summary: "List what a webhook took, newest first",
    tags,
    security,
    request: { params: WebhookParams, query: DeliveryQuery },
    responses: {
      200: json(DeliveryList, "A page of deliveries."),
      ...guarded,
      404: problem("There is no such webhook."),
    },
  }),
  async (context) => {
    const { limit, cursor, from, to, ...filter } = context.req.valid("query");
    const page = await listDeliveries(
      context.get("management"),
      context.get("environment"),
      context.req.valid("param").webhook,
      {
        ...filter,
        from: from === undefined ? undefined : Date.parse(from),
        to: to === undefined ? undefined : Date.parse(to),
      },
      limit,
      cursor,
    );
    return context.json({ deliveries: page.deliveries.map(onWire), next: page.next }, 200);
  },
);

webhooks.openapi(
  createRoute({
    method: "get",
    path: "/webhooks/{webhook}/deliveries/{id}",
    operationId: "readDelivery",
    summary: "Read a delivery without its body",
    tags,
    security,
    request: { params: DeliveryParams, query: NoQuery },
    responses: {
      200: json(DeliveryDetails, "The delivery."),
      ...guarded,
      404: problem("There is no such delivery."),
    },
  }),
  async (context) => {
    const { webhook, id } = context.req.valid("param");
    const delivery = await readDelivery(context.get("management"), context.get("environment"), webhook, id);
    const { method, url, client, headers } = delivery.request;
    return context.json(
      { ...onWire(delivery), method, url, client, headers: Object.fromEntries(headers) },
      200,
    );
  },
);

webhooks.openapi(
  createRoute({
    method: "get",
    path: "/webhooks/{webhook}/deliveries/{id}/body",
    operationId: "readDeliveryBody",
    summary: "Read a delivery's body, byte for byte",
    tags,
    security,
    request: { params: DeliveryParams, query: NoQuery },
    responses: {
      200: {
        description: "The bytes, whatever they are; the delivery itself says of which content type.",
        content: { "application/octet-stream": { schema: { type: "string", format: "binary" } } },
      },
      ...guarded,
      404: problem("There is no such delivery."),
    },
  }),
  async (context) => {
    const { webhook, id } = context.req.valid("param");
    const { body } = await readDeliveryBody(
      context.get("management"),
      context.get("environment"),
      webhook,
      id,
    );
    // Never as the type that its sender chose: a browser would show it as a page of this host.
    return context.body(body as Uint8Array<ArrayBuffer>, 200, {
      "content-type": "application/octet-stream",
      "content-disposition": `attachment; filename="${id}"`,
      "x-content-type-options": "nosniff",
    });
  },
);

webhooks.openapi(
  createRoute({
    method: "post",
    path: "/webhooks/{webhook}/deliveries/{id}/replay",
    operationId: "replayDelivery",
    summary: "Start a new run from a delivery",
    description:
      "Stores the delivery once more and starts the webhook's flow as it is now, as if the same request had come again.",
    tags,
    security,
    request: { params: DeliveryParams, query: NoQuery },
    responses: {
      201: json(DeliveryState, "The new delivery."),
      ...guarded,
      404: problem("There is no such delivery."),
      409: problem("The webhook's flow takes no deliveries now."),
    },
  }),
  async (context) => {
    const { webhook, id } = context.req.valid("param");
    const delivery = await replayDelivery(context.get("management"), context.get("environment"), webhook, id);
    context.set("audited", { delivery: delivery.id, runId: delivery.runId });
    return context.json(onWire(delivery), 201);
  },
);
