import { z } from "zod";
import { ResourceName } from "./names";

/** A third-party API that flows call. */
export const IntegrationDefinition = z
  .strictObject({
    integration: ResourceName,
    description: z.string().max(10_000).optional(),
  })
  .meta({ id: "IntegrationDefinition" });
export type IntegrationDefinition = z.output<typeof IntegrationDefinition>;
