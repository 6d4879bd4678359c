import { z } from "zod";
import { ResourceName } from "./names";

/** Something that happens, which workflows register for. */
export const EventDeclaration = z
  .strictObject({
    event: ResourceName,
    description: z.string().max(10_000).optional(),
  })
  .meta({ id: "EventDeclaration" });
export type EventDeclaration = z.output<typeof EventDeclaration>;
