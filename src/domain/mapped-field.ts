import { z } from "zod";
import type { Json } from "./json";
import { parseJsonPath, valueAt } from "./json-path";
import { MAX_MAPPED_VALUE_CHARS, MAX_MAPPED_VALUES } from "./limits";
import { ResourceName } from "./names";

/** A name for a place in the data records of a project's flows, by which they can be searched. */
export const MappedFieldDefinition = z
  .strictObject({
    field: ResourceName.describe("The name that a search gives as `datafield_name`."),
    description: z.string().max(10_000).optional(),
    path: z
      .string()
      .max(1_000)
      .refine((path) => parseJsonPath(path) !== undefined, {
        error:
          "a mapped field leads to one place, or to the elements of one list: `$.client[0].uuid`, `$['order no']`, `$.tags[*]`",
      })
      .describe("JSON path of the value in a record; the elements of a list count each by itself."),
  })
  .meta({ id: "MappedFieldDefinition" });
export type MappedFieldDefinition = z.output<typeof MappedFieldDefinition>;

/** A value as it is compared: text as it is, numbers and booleans as JSON writes them; cut where it is long. */
export function comparable(value: string): string {
  return value.slice(0, MAX_MAPPED_VALUE_CHARS);
}

/** The values that a record is found by: none where the path leads nowhere, or to an object. */
export function mappedValues(path: string, data: Json): string[] {
  const found = valueAt(data, parseJsonPath(path) ?? []);
  const list = Array.isArray(found) ? found.slice(0, MAX_MAPPED_VALUES) : [found];
  const values = new Set<string>();
  for (const value of list) {
    if (value === undefined || value === null || typeof value === "object") continue;
    values.add(comparable(String(value)));
  }
  return [...values];
}
