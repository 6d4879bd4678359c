import { base64OfText } from "../../domain/base64-text";
import type { JsonObject } from "../../domain/json";
import { writeDate } from "../../domain/record-date";
import type { StoredSchema } from "../records/ports";

/* What REST and SOAP both say of the data schema. */

/** The schema; it and its example record are JSON in Base64, as they came in. */
export function schemaResource(stored: StoredSchema): JsonObject {
  return {
    url: stored.url,
    schema: base64OfText(JSON.stringify(stored.schema)),
    data_record: base64OfText(JSON.stringify(stored.dataRecord)),
    ...schemaDates(stored),
    customer: stored.customer,
  };
}

export function schemaDates({
  createdAt,
  modifiedAt,
}: Pick<StoredSchema, "createdAt" | "modifiedAt">): JsonObject {
  return { creation_date: writeDate(createdAt), modified_date: writeDate(modifiedAt) };
}
