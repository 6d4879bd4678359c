import type { Json } from "../../domain/json";
import { mappedValues } from "../../domain/mapped-field";
import type { Resource } from "../../domain/resource";
import type { Catalog } from "../ports";
import type { RecordStore } from "./ports";

/** Records that one look fills in, and values that it removes. */
const PER_FILL = 200;
const PER_REMOVAL = 2_000;

/** What a field's values are kept under: another project or path makes it another field. */
export function fieldKey(field: Resource<"mappedField">): string {
  return JSON.stringify([field.name, field.projectId, field.definition.path]);
}

/** The values of all mapped fields of a project in a record. */
export function fieldValues(
  fields: readonly Resource<"mappedField">[],
  projectId: number,
  data: Json,
): (readonly [key: string, value: string])[] {
  return fields
    .filter((field) => field.projectId === projectId)
    .flatMap((field) =>
      mappedValues(field.definition.path, data).map((value): [string, string] => [fieldKey(field), value]),
    );
}

/**
 * Fills in mapped fields for records that were there before the field, and removes the values of fields that are gone, a
 * page at a time.
 * @returns whether nothing is left
 */
export async function fillMappedFields(
  { catalog, records }: { catalog: Catalog; records: RecordStore },
  environmentId: number,
): Promise<boolean> {
  const fields = new Map(
    (await catalog.resources(environmentId, "mappedField")).map((field) => [fieldKey(field), field]),
  );
  const known = new Map((await records.fills(environmentId)).map(({ key, upTo }) => [key, upTo]));
  const fresh = [...fields.keys()].filter((key) => !known.has(key) || known.get(key) === "gone");
  const gone = [...known].filter(([key, upTo]) => !fields.has(key) && upTo !== "gone").map(([key]) => key);
  if (fresh.length > 0 || gone.length > 0) {
    await records.beginFills(environmentId, fresh, gone);
    return false;
  }
  let done = true;
  for (const [key, upTo] of known) {
    const field = fields.get(key);
    if (upTo === "gone") {
      if (!(await records.forgetField(environmentId, key, PER_REMOVAL))) done = false;
    } else if (field !== undefined && upTo !== null) {
      const page = await records.toFill(environmentId, upTo, PER_FILL);
      const values = page
        .filter(({ projectId }) => projectId === field.projectId)
        .flatMap(({ id, createdAt, data }) =>
          mappedValues(field.definition.path, data).map((value) => ({ id, createdAt, value })),
        );
      const last = page.at(-1);
      const next = last === undefined || page.length < PER_FILL ? null : last.id - 1;
      await records.fill(environmentId, key, next, values);
      if (next !== null) done = false;
    }
  }
  return done;
}
