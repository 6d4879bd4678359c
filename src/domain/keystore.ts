import { z } from "zod";
import { ResourceName } from "./names";

/** A store of values by key. */
export const KeystoreDefinition = z
  .strictObject({
    keystore: ResourceName,
    description: z.string().max(10_000).optional(),
  })
  .meta({ id: "KeystoreDefinition" });
export type KeystoreDefinition = z.output<typeof KeystoreDefinition>;
