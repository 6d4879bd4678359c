import {
  createSchema,
  readSchema,
  removeSchema,
  updateSchema,
} from "../../../operations/records/data-schema";
import { schemaDates, schemaResource } from "../../../operations/v1-resources/schema";
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
    return created(schemaDates(dates), "Schema structure is created successfully");
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
    return ok(schemaResource(stored), "Schema structure is retrieving successfully", {
      lastModified: stored.modifiedAt,
    });
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
    return created(schemaDates(dates), "Schema structure is updated successfully");
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
