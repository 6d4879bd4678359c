import { z } from "zod";
import { ResourceName } from "./names";

/** A name for a place in data records, by which they can be searched. */
export const MappedFieldDefinition = z
  .strictObject({
    field: ResourceName,
    description: z.string().max(10_000).optional(),
  })
  .meta({ id: "MappedFieldDefinition" });
export type MappedFieldDefinition = z.output<typeof MappedFieldDefinition>;
