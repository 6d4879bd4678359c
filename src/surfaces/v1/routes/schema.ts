import type { Json } from "../../../domain/json";
import { writeDate } from "../../../domain/record-date";
import {
  createSchema,
  readSchema,
  removeSchema,
  updateSchema,
} from "../../../operations/records/data-schema";
import { created, defineV1Route, ok } from "../route";

const TAG = "Data schema";

export const insertDataSchema = defineV1Route({
  method: "POST",
  path: "/v1/schema",
  summary: "Insert the data schema that data records must satisfy",
  tag: TAG,
  authority: "interface",
  scope: "schema",
  body: "data",
  bodyRequired: true,
  async handle({ services, principal, body }) {
    const dates = await createSchema(services, principal.environment, body.value);
    return created(datesOnWire(dates), "Schema structure is created successfully");
  },
});

export const getDataSchema = defineV1Route({
  method: "GET",
  path: "/v1/schema",
  summary: "Get the data schema",
  tag: TAG,
  authority: "interface",
  scope: "schema.read",
  body: "none",
  async handle({ services, principal }) {
    const stored = await readSchema(services, principal.environment);
    const resource = {
      url: stored.url,
      schema: base64(stored.schema),
      data_record: base64(stored.dataRecord),
      ...datesOnWire(stored),
      customer: stored.customer,
    };
    return ok(resource, "Schema structure is retrieving successfully", { lastModified: stored.modifiedAt });
  },
});

export const updateDataSchema = defineV1Route({
  method: "PUT",
  path: "/v1/schema",
  summary: "Update the data schema",
  tag: TAG,
  authority: "interface",
  scope: "schema",
  body: "data",
  bodyRequired: true,
  async handle({ services, principal, body }) {
    const dates = await updateSchema(services, principal.environment, body.value);
    // The seed's status for an update, too.
    return created(datesOnWire(dates), "Schema structure is updated successfully");
  },
});

export const deleteDataSchema = defineV1Route({
  method: "DELETE",
  path: "/v1/schema",
  summary: "Remove the data schema",
  tag: TAG,
  authority: "interface",
  scope: "schema",
  body: "none",
  async handle({ services, principal }) {
    await removeSchema(services, principal.environment);
    // "201-OK" (seed).
    return ok({}, "Schema has been removed successfully", { status: 201 });
  },
});

function datesOnWire({ createdAt, modifiedAt }: { createdAt: number; modifiedAt: number }) {
  return { creation_date: writeDate(createdAt), modified_date: writeDate(modifiedAt) };
}

/** JSON in Base64, as it came in. */
function base64(value: Json): string {
  let binary = "";
  for (const byte of new TextEncoder().encode(JSON.stringify(value))) binary += String.fromCharCode(byte);
  return btoa(binary);
}
