import { z } from "zod";
import { ResourceName } from "./names";

/** A registered client application of the v1 API. */
export const InterfaceDefinition = z
  .strictObject({
    interface: ResourceName,
    description: z.string().max(10_000).optional(),
  })
  .meta({ id: "InterfaceDefinition" });
export type InterfaceDefinition = z.output<typeof InterfaceDefinition>;
