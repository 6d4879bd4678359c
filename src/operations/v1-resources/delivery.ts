import type { JsonObject } from "../../domain/json";
import type { Received } from "../receive-webhook";
import { atom } from "./atom";

/** What REST and SOAP both say of a delivery to a webhook that was kept. */
export function deliveryResource(
  { delivery, webhook, pointer }: Exclude<Received, { kind: "challenged" }>,
  organizationId: number,
): JsonObject {
  return {
    _id: { $id: delivery.id },
    customer_id: String(organizationId),
    plugin_id: String(webhook.id),
    application_id: String(webhook.projectId),
    date_created: atom(delivery.receivedAt),
    data: { flow_id: String(pointer.flowId) },
    process_id: delivery.runId,
  };
}
