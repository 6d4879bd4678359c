import { z } from "zod";
import { ResourceName } from "./names";

/** A table with typed columns. */
export const TableDefinition = z
  .strictObject({
    table: ResourceName,
    description: z.string().max(10_000).optional(),
  })
  .meta({ id: "TableDefinition" });
export type TableDefinition = z.output<typeof TableDefinition>;
