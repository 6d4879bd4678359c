import { z } from "zod";
import { ResourceName } from "./names";

/** A website that the environment serves. */
export const WebsiteDefinition = z
  .strictObject({
    website: ResourceName,
    description: z.string().max(10_000).optional(),
  })
  .meta({ id: "WebsiteDefinition" });
export type WebsiteDefinition = z.output<typeof WebsiteDefinition>;
