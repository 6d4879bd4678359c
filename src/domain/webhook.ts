import { z } from "zod";
import { ResourceName } from "./names";

/** A URL that takes other systems' notifications. */
export const WebhookDefinition = z
  .strictObject({
    webhook: ResourceName,
    description: z.string().max(10_000).optional(),
  })
  .meta({ id: "WebhookDefinition" });
export type WebhookDefinition = z.output<typeof WebhookDefinition>;
